"""Names of things for people, made safe to show and to use as file names."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import count

MAX_NAME_CHARACTERS = 80
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
_SPACES = re.compile(r"\s+")
_EXTENSIONS = re.compile(r"(?:\.(?:obj|gltf|preview))?\.[^. ]{1,8}$", re.IGNORECASE)
_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{device}{number}" for device in ("com", "lpt") for number in "123456789¹²³"
}
"""Names that Windows keeps for devices, whatever their extension (Microsoft, "Naming Files")."""


def clean_name(text: str, *, fallback: str) -> str:
    """
    Make a name of *text* that every file system and every page can show.

    Path separators, control characters and those that Windows forbids become `-`; leading and
    trailing dots, spaces and dashes go; at most 80 characters (and 200 UTF-8 bytes) remain.

    Args:
        text: Anything a user typed, or a file's stem.
        fallback: Returned when nothing is left.
    """
    visible = "".join(
        "-" if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} and c != "\u200d" else c
        for c in unicodedata.normalize("NFC", text)
    )
    name = _SPACES.sub(" ", _UNSAFE.sub("-", visible)).strip(" .-")[:MAX_NAME_CHARACTERS]
    name = name.encode()[:200].decode(errors="ignore").strip(" .-")
    if not name:
        return fallback
    if is_reserved_name(name):
        device, dot, rest = name.partition(".")
        return f"{device.rstrip(' ')}_{dot}{rest}"
    return name


def is_reserved_name(name: str) -> bool:
    """Tell whether Windows takes *name* for a device."""
    return name.partition(".")[0].rstrip(" ").lower() in _RESERVED


def name_of_file(file_name: str, *, fallback: str) -> str:
    """Make an item's name of an uploaded file's name: without folders and extension."""
    last = re.split(r"[/\\]", file_name)[-1]
    stem, dot, extension = last.rpartition(".")
    return clean_name(stem if dot and 1 <= len(extension) <= 5 else last, fallback=fallback)


def name_of_upload(file_name: str) -> str:
    """Tell what a file was called that somebody sent: without folders, with its extension."""
    last = re.split(r"[/\\]", file_name)[-1]
    stem, dot, extension = last.rpartition(".")
    if not stem or not dot:
        return clean_name(last, fallback="")
    return f"{clean_name(stem, fallback='')}.{clean_name(extension, fallback='')}".strip(".")


def same_file(name: str) -> str:
    """
    Reduce *name* to what is the same for all names of one file on Windows and macOS.

    That is a canonical caseless match (Unicode 16, definition D145), a little wider than either.
    """
    decomposed = unicodedata.normalize("NFD", name)
    return unicodedata.normalize("NFD", decomposed.casefold())


def numbered_names(file_name: str) -> Iterator[str]:
    """
    Yield *file_name*, and then the same with `-2`, `-3`, … before its extension.

    `mug.obj.zip` becomes `mug-2.obj.zip`: all that follows the name of a model is extension.
    """
    yield file_name
    match = _EXTENSIONS.search(file_name)
    stem, extension = file_name, ""
    if match is not None and match.start():
        stem, extension = file_name[: match.start()], match[0]
    for number in count(2):
        yield f"{stem}-{number}{extension}"


def unique_name(name: str, taken: set[str]) -> str:
    """
    Return *name*, or *name* with `-2`, `-3`, … so that it is not in *taken*.

    Compared without regard to case, as Windows and macOS compare file names.
    """
    folded = {same_file(other) for other in taken}
    number, candidate = 1, name
    while same_file(candidate) in folded:
        number += 1
        candidate = f"{name}-{number}"
    return candidate
