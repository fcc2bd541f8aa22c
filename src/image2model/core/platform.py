"""What is not there on every platform."""

from importlib.util import find_spec


def has_uvloop() -> bool:
    """Tell whether the faster event loop is installed: there is none for Windows, among others."""
    return find_spec("uvloop") is not None
