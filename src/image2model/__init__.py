"""Turn batches of pictures into 3D models."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from image2model.client.client import Client

__all__ = ["Client"]


def __getattr__(name: str) -> object:
    """Import `Client` when it is asked for, so that importing the package stays cheap."""
    if name == "Client":
        from image2model.client.client import Client  # noqa: PLC0415

        return Client
    raise AttributeError(f"module 'image2model' has no attribute {name!r}")
