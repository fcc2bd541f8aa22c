"""Which item the code that runs now works for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from image2model.ports.dispatcher import ItemRef

_CURRENT: ContextVar[ItemRef | None] = ContextVar("image2model_item", default=None)


@contextmanager
def working_on(ref: ItemRef) -> Iterator[None]:
    """Have `current_item` tell *ref* within, and in tasks started there."""
    token = _CURRENT.set(ref)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_item() -> ItemRef | None:
    """Tell the item that is worked on here; None: none."""
    return _CURRENT.get()
