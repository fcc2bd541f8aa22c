"""Ports over HTTP."""
