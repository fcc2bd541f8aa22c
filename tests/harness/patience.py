"""How long tests wait for what must come."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

PATIENCE_S = 120.0
"""On a slow and busy machine, too, only what is broken takes this long."""


@contextmanager
def waiting_for(what: str, *, limit_s: float = PATIENCE_S) -> Iterator[None]:
    """Fail, saying *what* was waited for, unless the block ends within *limit_s* seconds."""
    with anyio.move_on_after(limit_s) as scope:
        yield
    if scope.cancelled_caught:
        pytest.fail(f"waited {limit_s:g} s for {what}")
