"""What an error of an object store means."""

from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError

from image2model.core.errors import StorageUnavailable

NO_BUCKET = "there is no such bucket"


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """
    Report errors of the object store *where* as errors of ours; what is not found stays so.

    Raises:
        StorageUnavailable: It refused, or did not answer.
        FileNotFoundError: It has no such object, or no such bucket.
    """
    try:
        yield
    except BaseError as error:
        raise StorageUnavailable(where=where, reason=_reason(error)) from error


@contextmanager
def bucket_errors(where: str) -> Iterator[None]:
    """
    Report errors of the object store *where*, asked for what is there if its bucket is.

    Raises:
        StorageUnavailable: It refused, did not answer, or has no such bucket.
    """
    try:
        with storage_errors(where):
            yield
    except FileNotFoundError as error:
        raise StorageUnavailable(where=where, reason=NO_BUCKET) from error


def _reason(error: BaseError) -> str:
    # What follows the first line is the library's own notes, and pages of XML.
    line = str(error).strip().partition("\n")[0]
    if "404 Not Found" in line:
        return NO_BUCKET
    return line.partition(": <?xml")[0].strip().rstrip(".")
