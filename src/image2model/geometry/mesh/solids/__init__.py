"""Closed solids: check whether they print, and repair them."""
