"""Read the model in a ZIP: the one that is in it, with the files beside it."""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from image2model.core.errors import InvalidMesh

_MAIN_FORMATS = ("glb", "gltf", "obj", "ply", "stl")
"""What is taken for the model, the most faithful first."""

_MOST_ENTRIES = 2_000
_MOST_BYTES = 600_000_000
"""Unpacked; a ZIP of a few kilobytes can hold any amount."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)
"""All that `zipfile` raises on archives that are broken, encrypted or packed in rare ways."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unpacked:
    """
    A model and what it refers to.

    Attributes:
        format: Its format, by its name.
        content: Its bytes.
        files: The other files, by their path from its folder.
    """

    format: str
    content: bytes
    files: Mapping[str, bytes]


def unpack_model(data: bytes) -> Unpacked:
    """
    Find the model in a ZIP and unpack it with the files beside it.

    Args:
        data: The whole archive.

    Returns:
        The model: of several, the most faithful format; of that, the largest.

    Raises:
        InvalidMesh: The archive is damaged, too large, or holds no model that can be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _unpack(archive)
    except _DAMAGED as error:
        raise InvalidMesh(reason="its ZIP archive is damaged or encrypted") from error


def _unpack(archive: zipfile.ZipFile) -> Unpacked:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    entries = [entry for entry in entries if not _is_clutter(entry.filename)]
    if len(entries) > _MOST_ENTRIES or sum(entry.file_size for entry in entries) > _MOST_BYTES:
        raise InvalidMesh(reason="its ZIP archive holds too much")
    main = min(
        (entry for entry in entries if _format_of(entry) in _MAIN_FORMATS),
        key=lambda entry: (_MAIN_FORMATS.index(_format_of(entry)), -entry.file_size),
        default=None,
    )
    if main is None:
        if any(_format_of(entry) == "model" for entry in entries):
            raise InvalidMesh(reason="it is 3MF, which can be written but not read here")
        raise InvalidMesh(reason=f"its ZIP archive holds none of {', '.join(_MAIN_FORMATS)}")
    folder = posixpath.dirname(main.filename)
    files = {
        posixpath.relpath(entry.filename, folder or "."): archive.read(entry)
        for entry in entries
        if entry is not main and _format_of(entry) not in _MAIN_FORMATS
    }
    return Unpacked(format=_format_of(main), content=archive.read(main), files=files)


def _is_clutter(path: str) -> bool:
    """Tell whether macOS put it there, which names its notes on a file like the file."""
    return path.startswith("__MACOSX/") or posixpath.basename(path).startswith("._")


def _format_of(entry: zipfile.ZipInfo) -> str:
    return entry.filename.rpartition(".")[2].lower()
