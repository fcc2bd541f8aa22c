"""The HTTP API: translates between the web and the use cases, decides nothing."""
