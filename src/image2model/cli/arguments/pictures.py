"""Find the pictures that the command line names: files, and folders of them."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Never

from image2model.core.errors import InvalidRequest, NoPictures

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif"}
)
"""What is looked for in folders; a file that is named itself may be called anything."""

_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePicture:
    """
    A picture's file.

    Attributes:
        path: Where it is.
        sha256: Of its bytes, hex: says whether two are the same.
    """

    path: Path
    sha256: str


def find_pictures(places: Sequence[Path], *, recursive: bool) -> Sequence[SourcePicture]:
    """
    List the pictures at *places*, each once, however often and by whatever name it is given.

    Args:
        places: Files, taken as they are, and folders, of which files with a picture's extension
            are taken in natural order; hidden ones, and those that cannot be read, are not.
        recursive: Also look into folders within folders, not only where the folder itself has no
            pictures.

    Raises:
        InvalidRequest: A place does not exist or cannot be read.
        NoPictures: A folder has none.
    """
    found: dict[str, SourcePicture] = {}
    for place in places:
        for path in _files_at(place, recursive=recursive):
            try:
                digest = hash_of_file(path)
            except OSError as error:
                # In a folder, what cannot be read is skipped; see `find_skipped`.
                if path != place:
                    continue
                _refuse(error, path)
            found.setdefault(digest, SourcePicture(path=path, sha256=digest))
    if not found:
        raise NoPictures(where=_named(places))
    return list(found.values())


def _named(places: Sequence[Path]) -> str:
    return " and ".join(f"The folder {place}" for place in places)


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Sort key under which `cup2` comes before `cup10`, and case does not matter."""
    # Every other part is a number.
    parts = enumerate(_DIGITS.split(str(path).casefold()))
    return [(int(part), "") if place % 2 else (-1, part) for place, part in parts]


def _files_at(place: Path, *, recursive: bool) -> Sequence[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        state = "is neither a file nor a folder" if place.exists() else "does not exist"
        raise InvalidRequest(field="PICTURES", reason=f"names {place}, which {state}.")
    files = list(_pictures_in(place, recursive=recursive))
    # As `examples/`, which has its pictures in folders: there is nothing else it could mean.
    files = files or list(_pictures_in(place, recursive=True))
    if not files:
        raise NoPictures(where=f"The folder {place}")
    return sorted(files, key=natural_key)


def _pictures_in(folder: Path, *, recursive: bool) -> Iterator[Path]:
    def refuse_the_first(error: OSError) -> None:
        if error.filename == str(folder):
            _refuse(error)

    for parent, folders, files in os.walk(folder, onerror=refuse_the_first):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in files:
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix.lower() in EXTENSIONS and path.is_file():
                yield path


def hash_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse(error: OSError, path: Path | None = None) -> Never:
    place = path or error.filename
    raise InvalidRequest(
        field="PICTURES", reason=f"names {place}, which cannot be read: {error.strerror}."
    ) from error
