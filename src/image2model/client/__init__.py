"""The Python SDK: talks to a server over HTTP."""

from image2model.client.webhooks import verify_webhook

__all__ = ["verify_webhook"]
