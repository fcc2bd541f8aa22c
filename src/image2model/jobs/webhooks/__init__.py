"""Webhooks that we send: manage them, and deliver events to them."""
