"""Do beside the work what must never undo it: counting, telling, tidying up."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_log = logging.getLogger(__name__)


@contextmanager
def aside(what: str) -> Iterator[None]:
    """Log any error of the block and go on after it; *what* says what could not be done."""
    try:
        yield
    except Exception:  # noqa: BLE001 - whatever it is, the work goes on
        _log.exception("%s", what)
