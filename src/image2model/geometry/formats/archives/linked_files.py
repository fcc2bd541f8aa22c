"""The files that belong to a model, found as forgivingly as other programs find them."""

import posixpath
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from image2model.core.errors import InvalidMesh
from image2model.core.text.names import same_file
from image2model.geometry.gltf.material_reader import media_type
from image2model.geometry.mesh.types import EncodedImage

_ENCODINGS = ("utf-8", "cp932", "gbk", "cp949", "big5", "cp437", "cp1252", "cp1251")
"""How names may be written where nothing says it, the least ambiguous first."""

_SHOWN_CHARACTERS = 60


class FilesBeside(Mapping[str, bytes]):
    """
    The files beside a model, by the names that the model has for them.

    Names are compared without regard to case, folders, kind of slash or Unicode form; of several
    files with one name the one whose folders fit best is taken.

    Args:
        files: Their content by their path from the model's folder. None: there is only the model.

    Attributes:
        left_out: What was named and could not be used, in plain words.
    """

    def __init__(self, files: Mapping[str, bytes] | None) -> None:
        self._alone = files is None
        self._files = files if files is not None else {}
        self._by_name: dict[str, list[str]] = {}
        for path in self._files:
            self._by_name.setdefault(same_file(posixpath.basename(path)), []).append(path)
        self._images: dict[str, EncodedImage | None] = {}
        self.left_out: set[str] = set()

    def __getitem__(self, name: str) -> bytes:
        path = self.find(name)
        if path is None:
            raise KeyError(name)
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def find(self, name: str) -> str | None:
        """
        Return the path of the file that is meant; None: there is none.

        Args:
            name: As the model has it. Bytes that are no UTF-8 stand in it as `decode_name`
                leaves them.
        """
        for spelling in _spellings(name):
            plain = posixpath.normpath(spelling.replace("\\", "/"))
            if plain in self._files:
                return plain
            known = self._by_name.get(same_file(posixpath.basename(plain)), [])
            if known:
                return max(known, key=lambda path: (_common_end(path, plain), -len(path)))
        return None

    def miss(self, what: str, name: str) -> None:
        """Remember that a file was named and is not there; *what* is singular or plural."""
        verb = "are" if what.endswith("s") else "is"
        advice = "; put the model and its files into one ZIP" if self._alone else ""
        self.left_out.add(f"the {what} '{shown_name(name)}' {verb} not there{advice}")

    def image(self, name: str) -> EncodedImage | None:
        """Return a texture; None: it is not there, or of a kind that cannot be read."""
        if name not in self._images:
            self._images[name] = self._image(name)
        return self._images[name]

    def _image(self, name: str) -> EncodedImage | None:
        found = self.get(name)
        if found is None:
            self.miss("texture", name)
            return None
        try:
            return EncodedImage(data=found, media_type=media_type(found))
        except InvalidMesh:
            shown = shown_name(name)
            self.left_out.add(f"the texture '{shown}' is no JPEG, PNG or WebP and was left out")
            return None


def decode_name(name: bytes) -> str:
    """Read a name as UTF-8; bytes that are none stay as they are, for `FilesBeside.find`."""
    return name.decode("utf-8", "surrogateescape")


def readable_name(name: str) -> str:
    """Make a name that `decode_name` read fit to be written and shown."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def shown_name(name: str) -> str:
    """Return the end of a path, short and in one encoding, for a message."""
    plain = readable_name(name).replace("\\", "/")
    return posixpath.basename(plain)[:_SHOWN_CHARACTERS]


def legacy_spellings(raw: bytes) -> Iterator[tuple[str, str]]:
    """Read a name in every encoding in which it can be read; yields encoding and name."""
    for encoding in _ENCODINGS:
        try:
            yield encoding, raw.decode(encoding)
        except UnicodeDecodeError:
            continue


def _spellings(name: str) -> Iterator[str]:
    name = name.strip().strip('"').strip()
    raw = name.encode("utf-8", "surrogateescape")
    yield from (spelling for _, spelling in legacy_spellings(raw))
    if "%" in name:
        yield unquote(name)


def _common_end(first: str, second: str) -> int:
    """Count the last parts that two paths have in common."""
    pairs = zip(
        reversed(same_file(first).split("/")), reversed(same_file(second).split("/")), strict=False
    )
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count
