"""Public fakes and contract suites for plug-in authors and for our own tests."""
