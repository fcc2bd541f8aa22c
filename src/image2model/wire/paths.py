"""Where the HTTP API is on a server."""

API_PREFIX = "/api/v1"
