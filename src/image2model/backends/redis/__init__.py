"""Ports over Redis."""
