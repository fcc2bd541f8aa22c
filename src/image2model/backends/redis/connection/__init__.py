"""Connections to Redis, and changes that are written as a whole."""
