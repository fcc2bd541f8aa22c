"""Which pictures in the folders that the command line names are not taken, and why."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from image2model.cli.arguments.pictures import EXTENSIONS, SourcePicture, hash_of_file, natural_key

_OTHER_PICTURES = frozenset(
    f".{name}"
    for name in (
        *("tif", "tiff", "bmp", "dib", "gif", "apng", "svg", "psd", "psb", "xcf", "ai", "eps"),
        *("jp2", "j2k", "jxl", "hif", "ico", "tga", "exr", "hdr", "dds", "pcx", "pbm", "pgm"),
        *("ppm", "pnm", "raw", "dng", "cr2", "cr3", "nef", "nrw", "arw", "orf", "rw2", "raf"),
        *("pef", "srw"),
    )
)
"""Pictures that no generator is sent."""

_MOST_FILES = 20_000
"""In all folders within a folder; further ones are not looked at."""

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """
    A picture, or a folder, that was not taken.

    Attributes:
        path: Where it is.
        reason: Why; goes on after its name.
    """

    path: Path
    reason: str


def find_skipped(places: Sequence[Path], taken: Sequence[SourcePicture]) -> Sequence[Skipped]:
    """
    List what looks like a picture in *places* and is none of *taken*, in natural order.

    Args:
        places: Files and folders, as they were given to `find_pictures`.
        taken: What it found.
    """
    known = {one.path.resolve(): one for one in taken}
    by_hash = {one.sha256: one for one in taken}
    found: dict[Path, Skipped] = {}
    for place in places:
        for path, trouble in _candidates(place):
            if path.resolve() in known or path in found:
                continue
            reason = trouble or _reason(path, place, by_hash)
            found[path] = Skipped(path=path, reason=reason)
    return sorted(found.values(), key=lambda one: natural_key(one.path))


def skipped_lines(skipped: Sequence[Skipped]) -> Iterator[str]:
    """Tell how many were skipped, a line for each reason, with some of their names."""
    by_reason: dict[str, list[str]] = {}
    for one in skipped:
        by_reason.setdefault(one.reason, []).append(one.path.name)
    for reason, names in by_reason.items():
        some = ", ".join(names[:_MOST_NAMED])
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        yield f"Skipped {len(names)} ({reason}): {some}{more}"


def skipped_json(skipped: Iterable[Skipped]) -> list[dict[str, str]]:
    """Describe what was skipped for `--json`."""
    return [{"path": str(one.path), "reason": one.reason} for one in skipped]


def _candidates(place: Path) -> Iterator[tuple[Path, str]]:
    """Yield what looks like a picture, and what is wrong with it where that is clear."""
    if not place.is_dir():
        yield place, ""
        return
    closed: list[OSError] = []
    count = 0
    for parent, folders, files in os.walk(place, onerror=closed.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            count += 1
            # macOS keeps its own notes on a picture in a file that is called like it.
            if not name.startswith("._") and _suffix(name) in EXTENSIONS | _OTHER_PICTURES:
                yield Path(parent, name), ""
        if count > _MOST_FILES:
            break
    for error in closed:
        yield Path(error.filename), f"a folder that cannot be opened: {error.strerror}"


def _reason(path: Path, place: Path, by_hash: Mapping[str, SourcePicture]) -> str:
    if path.name.startswith("."):
        return "hidden"
    if not path.is_file():
        return "no file" if path.exists() else "a link to nothing"
    if _suffix(path.name) in _OTHER_PICTURES:
        return f"{_suffix(path.name)[1:].upper()} is not taken; save it as PNG or JPEG"
    try:
        twin = by_hash.get(hash_of_file(path))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if twin is not None:
        return f"the same picture as {twin.path.name}"
    return f"in a folder within {place.name or place}; add --recursive"


def _suffix(name: str) -> str:
    """Return the extension; that of `.hidden.png`, but not of `.png`, is one."""
    return Path(name.lstrip(".")).suffix.lower()
