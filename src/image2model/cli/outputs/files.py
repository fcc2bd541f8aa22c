"""Put files into the output folder: each whole or not at all, and none in place of another's."""

import errno
import hashlib
import os
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from image2model.cli.outputs.own_files import OwnFiles
from image2model.core.errors import StorageFull, StorageUnavailable
from image2model.core.platform import process_lives
from image2model.core.text.names import numbered_names, same_file

_CHUNK_BYTES = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    A file of the output folder.

    Attributes:
        name: What it is called.
        is_new: Whether it was written; else it was there already, as it should be.
        instead_of: The name it was to have, which a file has that is not ours; "": it has it.
    """

    name: str
    is_new: bool
    instead_of: str = ""

    @property
    def note(self) -> str:
        """Say where the file is if that is not where it was to be; "": it is there."""
        if not self.instead_of:
            return ""
        return f"{self.instead_of} was there already and is kept; this one is {self.name}"


class _New:
    """Content that is saved to *part* once it is needed."""

    def __init__(self, part: Path, save: Callable[[Path], None], *, sha256: str | None) -> None:
        self._part = part
        self._save = save
        self._promised = sha256
        self._saved = ""

    def saved_sha256(self) -> str:
        if not self._saved:
            self._save(self._part)
            self._saved = _hash_of(self._part) or ""
        return self._saved

    def sha256(self) -> str:
        return self._promised or self.saved_sha256()

    def begins_with(self, path: Path) -> bool:
        """Tell whether a file is a copy of this one that was cut off, so that nothing is lost."""
        self.saved_sha256()
        size_bytes = path.stat().st_size
        if not 0 < size_bytes < self._part.stat().st_size:
            return False
        with path.open("rb") as short, self._part.open("rb") as whole:
            while chunk := short.read(_CHUNK_BYTES):
                if chunk != whole.read(len(chunk)):
                    return False
        return True


class OutputFolder:
    """
    The folder where models go; made if it is not there.

    Args:
        path: Where it is.
        overwrite: Also replace files that are not ours.
        sources: Files that are never replaced, since something is made of them.
        records: Where it is recorded which files are ours; None: nowhere.

    Raises:
        StorageUnavailable: It cannot be made or written.
        StorageFull: Not even a small file fits in.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool = False,
        sources: Iterable[Path] = (),
        records: Path | None = None,
    ) -> None:
        self.path = path.absolute()
        self._overwrite = overwrite
        self._sources = {source.resolve() for source in sources}
        self._taken: dict[str, str] = {}
        with _explained(path):
            path.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(path)
            with tempfile.NamedTemporaryFile(dir=path, prefix=".", suffix=".part") as probe:
                probe.write(bytes(4096))
        self._own = OwnFiles(records, self.path)

    def keep(
        self, name: str, save: Callable[[Path], None], *, sha256: str | None, of: str = ""
    ) -> Kept:
        """
        See to it that there is a file with the content that *save* writes.

        A file called *name* that this program has not written, or that was changed since, stays
        as it is, and the new one gets a number. One that was only cut off is replaced.

        Args:
            name: The file's name within the folder.
            save: Writes the content to the path it is given.
            sha256: Of the content, hex, where it is known; a file that has it is left alone.
            of: Says what the content is made of; a file of ours that was made of something else
                is not replaced either. "": not known.

        Returns:
            The file.

        Raises:
            StorageFull, StorageUnavailable: It could not be written; nothing is left behind.
        """
        part = self.path / f"{_prefix(os.getpid())}{uuid4().hex}.part"
        new = _New(part, save, sha256=sha256)
        with _explained(self.path):
            try:
                chosen, is_there = self._choose(name, new, of=of)
                if not is_there:
                    # Before it has its name: after a kill in between the file is still ours.
                    self._own.add(chosen, sha256=new.saved_sha256(), asked=name, of=of)
                    part.replace(self.path / chosen)
            finally:
                part.unlink(missing_ok=True)
        self._taken[same_file(chosen)] = name
        return Kept(name=chosen, is_new=not is_there, instead_of="" if chosen == name else name)

    def _choose(self, name: str, new: "_New", *, of: str) -> tuple[str, bool]:
        """Return the first name that is free or ours, and whether the content is there already."""
        for candidate in numbered_names(name):
            target = self.path / candidate
            if self._taken.get(same_file(candidate), name) != name:
                continue
            if not os.path.lexists(target):
                return candidate, False
            found = _hash_of(target)
            if found is None:
                continue
            if found == new.sha256():
                return candidate, True
            may_replace = (
                self._overwrite
                or self._own.has(candidate, sha256=found, asked=name, of=of)
                or new.begins_with(target)
            )
            if may_replace and target.resolve() not in self._sources:
                return candidate, False
        raise AssertionError("numbers do not end")


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
    """Hash a file; None: there is none, or none that can be read."""
    # Reading from a pipe or a device might never end.
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, PermissionError):
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
