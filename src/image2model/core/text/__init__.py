"""Texts that people or other programs wrote: names, addresses, control characters."""
