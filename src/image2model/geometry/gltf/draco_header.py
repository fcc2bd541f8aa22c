"""Read how many faces and vertices Draco data holds, before anything is made of them."""

from dataclasses import dataclass

from image2model.core.errors import InvalidMesh

_SIGNATURE = b"DRACO"
_VERSION = (2, 2)
"""The only one that glTF allows."""

_MESH = 1
_SEQUENTIAL, _EDGEBREAKER = 0, 1
_METADATA_FLAG = 0x8000
_LONGEST_VARINT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DracoCounts:
    """
    What Draco data says of itself.

    Attributes:
        faces: Triangles.
        vertices: Vertices; fewer than come out where attributes have seams.
    """

    faces: int
    vertices: int


def read_draco_counts(data: bytes) -> DracoCounts:
    """
    Read the beginning of Draco data, after the Draco bitstream specification 2.2 (Google, 2017).

    A decoder makes room for what is said here, so a few bytes can ask it for any amount.

    Raises:
        InvalidMesh: It is no mesh of version 2.2, or ends too soon.
    """
    reader = _Reader(data)
    try:
        return _counts(reader)
    except IndexError:
        raise InvalidMesh(reason="its Draco data is damaged") from None


def _counts(reader: "_Reader") -> DracoCounts:
    signature = bytes(reader.byte() for _ in _SIGNATURE)
    version = (reader.byte(), reader.byte())
    if signature != _SIGNATURE or version != _VERSION or reader.byte() != _MESH:
        raise InvalidMesh(reason="its Draco data is no mesh of Draco 2.2")
    method = reader.byte()
    flags = reader.byte() | reader.byte() << 8
    if flags & _METADATA_FLAG:
        reader.skip_metadata()
    if method == _SEQUENTIAL:
        return DracoCounts(faces=reader.varint(), vertices=reader.varint())
    if method != _EDGEBREAKER:
        raise InvalidMesh(reason="its Draco data is packed in an unknown way")
    # The kind of traversal, which the decoder looks at.
    reader.byte()
    vertices = reader.varint()
    return DracoCounts(faces=reader.varint(), vertices=vertices)


class _Reader:
    """Reads from the front; reading beyond the end raises `IndexError`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def varint(self) -> int:
        number = 0
        for place in range(_LONGEST_VARINT):
            part = self.byte()
            number |= (part & 0x7F) << (7 * place)
            if part < 0x80:
                return number
        raise IndexError

    def skip_metadata(self) -> None:
        for _ in range(self.varint()):
            # The number of the attribute it belongs to.
            self.varint()
            self._skip_entries()
        self._skip_entries()

    def _skip_entries(self) -> None:
        """Skip names with values, and what is nested below them, which has a name of its own."""
        left, named = 1, False
        while left:
            if named:
                self._skip(self.byte())
            named = True
            for _ in range(self.varint()):
                self._skip(self.byte())
                self._skip(self.varint())
            left += self.varint() - 1

    def _skip(self, count: int) -> None:
        self._at += count
        if self._at > len(self._data):
            raise IndexError
