"""Requests to fal's hosts: the queue, the platform API, uploads."""
