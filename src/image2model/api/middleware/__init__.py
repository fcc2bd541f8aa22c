"""What surrounds every request: host names, proxies, response headers."""
