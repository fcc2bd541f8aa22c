"""The HTTP server: uvicorn, its protocol and its connections."""
