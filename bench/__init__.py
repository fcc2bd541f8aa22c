"""Measurements of what the product promises; run them with `make bench`."""
