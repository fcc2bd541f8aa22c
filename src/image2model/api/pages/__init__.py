"""The web app and the API reference as pages."""
