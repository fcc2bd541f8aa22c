"""Read the model in a ZIP: the one that is in it, with the files beside it."""

import io
import posixpath
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from image2model.core.errors import InvalidMesh
from image2model.core.values.zip_damage import ZIP_DAMAGE
from image2model.geometry.formats.archives.linked_files import legacy_spellings

_MAIN_FORMATS = ("glb", "gltf", "obj", "3mf", "ply", "stl")
"""What is taken for the model, the most faithful first."""

_PARTS_OF_3MF = frozenset({"model", "rels", "png", "jpg", "jpeg", "config"})

_MOST_ENTRIES = 2_000
_MOST_BYTES = 600_000_000
"""Unpacked; a ZIP of a few kilobytes can hold any amount."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unpacked:
    """
    A model and what it refers to.

    Attributes:
        format: Its format, by its name.
        content: Its bytes; none where the archive itself is the model, as of 3MF.
        files: The other files, by their path from its folder; one whose name can be read in
            several ways is there under each of them.
        left_out: What else is in the archive and was not read, in plain words.
    """

    format: str
    content: bytes
    files: Mapping[str, bytes]
    left_out: Sequence[str] = ()


_UTF8_NAMES = 0x800
"""The bit of an entry's flags that says so."""


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
    except (*ZIP_DAMAGE, OSError) as error:
        raise InvalidMesh(reason="its ZIP archive is damaged or encrypted") from error


def _unpack(archive: zipfile.ZipFile) -> Unpacked:
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.filename.endswith(("/", "\\")) and not _is_clutter(_path(entry))
    ]
    if len(entries) > _MOST_ENTRIES or sum(entry.file_size for entry in entries) > _MOST_BYTES:
        raise InvalidMesh(reason="its ZIP archive holds too much")
    if _is_3mf(entries):
        parts = [entry for entry in entries if _format_of(entry) in _PARTS_OF_3MF]
        files = {_path(entry): archive.read(entry) for entry in parts}
        return Unpacked(format="3mf", content=b"", files=files)
    models = sorted(
        (entry for entry in entries if _format_of(entry) in _MAIN_FORMATS),
        key=lambda entry: (_MAIN_FORMATS.index(_format_of(entry)), -entry.file_size),
    )
    if not models:
        raise InvalidMesh(reason=f"its ZIP archive holds none of {', '.join(_MAIN_FORMATS)}")
    main = models[0]
    return Unpacked(
        format=_format_of(main),
        content=archive.read(main),
        files=_files_beside(archive, main, [one for one in entries if one not in models]),
        left_out=_other_models(main, models[1:]),
    )


def _files_beside(
    archive: zipfile.ZipFile, main: zipfile.ZipInfo, entries: Sequence[zipfile.ZipInfo]
) -> Mapping[str, bytes]:
    folders = {spelling: posixpath.dirname(path) for spelling, path in _spellings(main)}
    files: dict[str, bytes] = {}
    for entry in entries:
        content = archive.read(entry)
        for spelling, path in _spellings(entry):
            folder = folders.get(spelling, posixpath.dirname(_path(main)))
            files.setdefault(posixpath.relpath(path, folder or "."), content)
    return files


def _other_models(main: zipfile.ZipInfo, others: Sequence[zipfile.ZipInfo]) -> Sequence[str]:
    """Name models of which *main* is not just another format."""
    stem = _stem(main)
    count = len({_path(entry) for entry in others if _stem(entry) != stem})
    if not count:
        return []
    shown = posixpath.basename(_path(main))[:60]
    more = "another model" if count == 1 else f"{count} other models"
    return [f"of its ZIP archive only '{shown}' was read; {more} in it left out"]


def _spellings(entry: zipfile.ZipInfo) -> Iterator[tuple[str, str]]:
    """
    Read the path of an entry in all ways, each with the encoding.

    An archive that does not say that its names are UTF-8 has them in code page 437 by the
    standard, and in the encoding of the machine that made it by custom (PKWARE, "APPNOTE.TXT",
    appendix D). In some of those a backslash is a part of other letters.
    """
    yield "", _path(entry)
    if not entry.flag_bits & _UTF8_NAMES and not entry.orig_filename.isascii():
        raw = entry.orig_filename.encode("cp437", "replace")
        yield from (
            (encoding, _with_slashes(spelling)) for encoding, spelling in legacy_spellings(raw)
        )


def _path(entry: zipfile.ZipInfo) -> str:
    return _with_slashes(entry.filename)


def _with_slashes(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))


def _is_3mf(entries: Sequence[zipfile.ZipInfo]) -> bool:
    """Tell whether it is an OPC package with a model in it."""
    names = {_path(entry).lower() for entry in entries}
    return "[content_types].xml" in names and any(name.endswith(".model") for name in names)


def _stem(entry: zipfile.ZipInfo) -> str:
    return posixpath.basename(_path(entry)).rpartition(".")[0].lower()


def _is_clutter(path: str) -> bool:
    """Tell whether macOS put it there, which names its notes on a file like the file."""
    return path.startswith("__MACOSX/") or posixpath.basename(path).startswith("._")


def _format_of(entry: zipfile.ZipInfo) -> str:
    return entry.filename.rpartition(".")[2].lower()
