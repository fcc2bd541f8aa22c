"""Public fakes and simulators for plug-in authors and for our own tests."""
