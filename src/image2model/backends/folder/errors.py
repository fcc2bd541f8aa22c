"""What an error of the file system means to a store."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from image2model.core.errors import StorageFull, StorageUnavailable

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The disk is full, or the user's share of it is used up."""


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """
    Report errors of the file system as errors of the store *where*.

    Raises:
        StorageFull: No space is left there.
        StorageUnavailable: Anything else the file system refused.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(where=where) from error
        reason = error.strerror or type(error).__name__
        raise StorageUnavailable(where=where, reason=reason) from error
