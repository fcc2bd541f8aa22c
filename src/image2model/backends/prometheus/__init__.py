"""Counting for Prometheus and whatever reads its text format."""
