"""Fetch the results of requests, and recognise the files in them."""
