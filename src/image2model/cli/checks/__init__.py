"""What `doctor` and `serve` check before anything runs."""
