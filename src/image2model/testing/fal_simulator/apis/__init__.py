"""The HTTP APIs of the simulated hosts."""
