"""Faults that a test can order."""
