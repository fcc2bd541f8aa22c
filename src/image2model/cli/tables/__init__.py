"""Tables of jobs and of what operators see."""
