"""What happens to jobs after they were submitted: control, sharing, expiry, administration."""
