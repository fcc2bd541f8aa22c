"""A file that comes into being whole or not at all."""

import os
import threading
from pathlib import Path


class PartFile:
    """
    A file being written at *path*, to be renamed to its final name when it is complete.

    Its methods block, so they run in threads, one at a time. The lock is there for a task that is
    cancelled while such a thread works: `discard` waits for the thread to come back, and what the
    thread would do next on a discarded file does nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._over = False

    def write(self, data: bytes | bytearray) -> None:
        """
        Append *data*, creating the file and its folder at the first call.

        Raises:
            OSError: The file system refused; the file is for `discard` now.
        """
        with self._lock:
            if self._over:
                return
            if self._descriptor is None:
                self._descriptor = _create(self._path)
            left = memoryview(data)
            while left:
                left = left[os.write(self._descriptor, left) :]

    def commit(self, target: Path) -> None:
        """
        Flush the file to the disk and rename it to *target*, replacing what was there.

        When this returns, the file outlives a power cut: its content was flushed before the
        rename, and the folder that now names it after.

        Raises:
            OSError: The file system refused; the file is for `discard` now.
        """
        with self._lock:
            if self._over or self._descriptor is None:
                return
            os.fsync(self._descriptor)
            _make_folder(target.parent)
            self._path.replace(target)
            self._close()
            _flush_folder(target.parent)

    def discard(self) -> None:
        """Remove the file unless it was committed. May be called twice."""
        with self._lock:
            if self._descriptor is not None:
                # Unlinked first: closing may fail on a full network disk.
                self._path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        self._over = True
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _create(path: Path) -> int:
    # Windows would write line ends of its own into what is not opened as binary.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, flags, mode=0o600)
    except FileNotFoundError:
        _make_folder(path.parent)
        return os.open(path, flags, mode=0o600)


def _make_folder(folder: Path) -> None:
    # Only the last level: a missing store folder means a disk that is not
    # mounted, and files must not go to the disk below it.
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows opens no folders, and its file systems keep a journal of names.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
