"""Use cases: all that happens to a job, in terms of ports."""
