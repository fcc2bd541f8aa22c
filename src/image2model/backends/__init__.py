"""Ports over real storage, queues and processes."""
