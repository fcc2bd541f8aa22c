"""Limits on what is done or stored at once."""
