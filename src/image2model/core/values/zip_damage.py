"""What reading a damaged ZIP archive raises."""

import errno
import lzma
import struct
import zipfile
import zlib

ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)
"""What `zipfile` raises on archives that are broken, encrypted or packed in rare ways."""


def is_zip_damage(error: Exception) -> bool:
    """
    Tell whether *error* is the fault of an archive.

    An `OSError` is one only where the archive names a place before its own beginning: all others
    are the disk's.
    """
    if isinstance(error, OSError):
        return error.errno == errno.EINVAL
    return isinstance(error, ZIP_DAMAGE)
