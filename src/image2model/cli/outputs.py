"""Put files into the output folder: each whole or not at all, and none written twice."""

import errno
import hashlib
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from image2model.core.errors import StorageFull, StorageUnavailable
from image2model.core.platform import process_lives

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class OutputFolder:
    """
    The folder where models go; made if it is not there.

    Raises:
        StorageUnavailable: It cannot be made or written.
        StorageFull: Not even a small file fits in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        with _explained(path):
            path.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(path)
            with tempfile.NamedTemporaryFile(dir=path, prefix=".", suffix=".part") as probe:
                probe.write(bytes(4096))

    def keep(self, name: str, save: Callable[[Path], None], *, sha256: str | None) -> bool:
        """
        See to it that the file *name* has the content that *save* writes.

        Args:
            name: The file's name within the folder.
            save: Writes the content to the path it is given.
            sha256: Of the content, hex, where it is known; a file that has it is left alone.

        Returns:
            Whether anything was written.

        Raises:
            StorageFull, StorageUnavailable: It could not be written; nothing is left behind.
        """
        target = self.path / name
        with _explained(self.path):
            if sha256 is not None and _hash_of(target) == sha256:
                return False
            part = self.path / f"{_prefix(os.getpid())}{uuid4().hex}.part"
            try:
                save(part)
                if _hash_of(part) == _hash_of(target):
                    return False
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
        return True


def _prefix(process: int | str) -> str:
    """Begin the name of a half-written file with who writes it: which machine, which process."""
    machine = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return f".{machine}-{process}-"


def _remove_leftovers(folder: Path) -> None:
    """Remove what processes of this machine that were killed left half-written."""
    for path in folder.glob(f"{_prefix('*')}*.part"):
        process = path.name.split("-")[1]
        if not (process.isdecimal() and process_lives(int(process))):
            path.unlink(missing_ok=True)


def _hash_of(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(where=str(folder)) from error
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StorageUnavailable(
            where=str(folder), reason=f"{reason}; choose another folder with -o"
        ) from error
