"""Numbers in a glTF file: buffers, views on them, accessors; every length is checked."""

import base64
import binascii
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf import meshopt
from image2model.geometry.gltf.container import GlbContainer
from image2model.geometry.gltf.json import (
    Object,
    child,
    entry,
    integer,
    optional_integer,
    text,
)

_COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_ELSEWHERE = "a part of it lies in another file; put the model and all its files into one ZIP"
_MOST_ELEMENTS = 36_000_000
"""Elements that any file may ask for in all: over ten times what generators make, about 1 GB."""

_BYTES_PER_ELEMENT = 4
"""A file may ask for one more for so many of its bytes: no element that it holds is smaller."""


@dataclass(slots=True, kw_only=True)
class GltfData:
    """
    Reads the accessors of one file.

    Attributes:
        container: The file.
        files: The files beside it, by the URI that it names them with.
        elements_left: How many more elements will be read; a few bytes of JSON can ask for
            any number of them.
    """

    container: GlbContainer
    files: Mapping[str, bytes] = field(default_factory=dict)
    elements_left: int = _MOST_ELEMENTS
    _decoded: dict[int, memoryview] = field(default_factory=dict)
    _unpacked: dict[int, memoryview] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size_bytes = len(self.container.binary) + sum(map(len, self.files.values()))
        self.elements_left += size_bytes // _BYTES_PER_ELEMENT

    def spend(self, elements: int) -> None:
        """
        Count *elements* that are about to be made.

        Raises:
            InvalidMesh: That would be more than the limit.
        """
        if elements > self.elements_left:
            raise InvalidMesh(reason="it has too many vertices or faces")
        self.elements_left -= elements

    def read(self, index: int) -> NDArray[Any]:
        """
        Read an accessor.

        Args:
            index: Which.

        Returns:
            Shape (count, width), not writable for sure: the file's own numbers, or float32 if
            they are normalised integers.

        Raises:
            InvalidMesh: It reaches beyond its data, or is malformed.
        """
        accessor = entry(self.container.document, "accessors", index)
        count = integer(accessor, "count")
        dtype = component_type(accessor)
        width = _WIDTHS.get(text(accessor, "type", ""))
        if width is None:
            raise InvalidMesh(reason=f"accessor {index} has an unknown type")
        self.spend(count * max(1, width // 4))
        view = optional_integer(accessor, "bufferView")
        if view is None:
            values = np.zeros((count, width), dtype)
        else:
            values = self._elements(accessor, view, (count, width), dtype)
        if sparse := child(accessor, "sparse"):
            values = self._overlaid(values, sparse)
        return normalised(values) if accessor.get("normalized") is True else values

    def file(self, uri: str) -> bytes | None:
        """
        Return what *uri* names: bytes within it, or a file beside; None: there is no such file.

        Raises:
            InvalidMesh: The bytes within it are damaged.
        """
        return decode_data_uri(uri) if uri.startswith("data:") else self.files.get(unquote(uri))

    def view(self, index: int) -> tuple[memoryview, int]:
        """
        Return the bytes of a buffer view and its stride; a stride of 0 means packed.

        Raises:
            InvalidMesh: It reaches beyond its buffer.
        """
        view = entry(self.container.document, "bufferViews", index)
        stride = integer(view, "byteStride", 0)
        packed = child(child(view, "extensions"), meshopt.EXTENSION)
        if not packed:
            return self._slice(view, index), stride
        if index not in self._unpacked:
            data = self._slice(packed, index)
            self._unpacked[index] = meshopt.decode_view(packed, data, self.spend)
        return self._unpacked[index], stride

    def _slice(self, view: Object, index: int) -> memoryview:
        buffer = self._buffer(integer(view, "buffer"))
        start, size = integer(view, "byteOffset", 0), integer(view, "byteLength")
        if start + size > len(buffer):
            raise InvalidMesh(reason=f"buffer view {index} reaches beyond its buffer")
        return buffer[start : start + size]

    def _elements(
        self, source: Object, view: int, shape: tuple[int, int], dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        data, stride = self.view(view)
        start, (count, width) = integer(source, "byteOffset", 0), shape
        packed = dtype.itemsize * width
        stride = stride or packed
        if stride < packed or stride > sys.maxsize // max(count, 1) // 2:
            raise InvalidMesh(reason=f"buffer view {view} has an impossible stride")
        if count and start + stride * (count - 1) + packed > len(data):
            raise InvalidMesh(reason=f"an accessor reaches beyond buffer view {view}")
        if not count:
            return np.zeros(shape, dtype)
        return np.ndarray(shape, dtype, data, start, (stride, dtype.itemsize))

    def _overlaid(self, values: NDArray[Any], sparse: Object) -> NDArray[Any]:
        count, where, what = (
            integer(sparse, "count"),
            child(sparse, "indices"),
            child(sparse, "values"),
        )
        self.spend(count)
        places = self._elements(
            where, integer(where, "bufferView"), (count, 1), component_type(where)
        )
        if places.dtype.kind != "u" or (count and int(places.max()) >= len(values)):
            raise InvalidMesh(reason="a sparse accessor has indices out of range")
        given = self._elements(
            what, integer(what, "bufferView"), (count, values.shape[1]), values.dtype
        )
        changed = values.copy()
        changed[places[:, 0]] = given
        return changed

    def _buffer(self, index: int) -> memoryview:
        if index not in self._decoded:
            self._decoded[index] = self._load(index)
        return self._decoded[index]

    def _load(self, index: int) -> memoryview:
        buffer = entry(self.container.document, "buffers", index)
        if "uri" in buffer:
            found = self.file(text(buffer, "uri", ""))
            if found is None:
                raise InvalidMesh(reason=_ELSEWHERE)
            data = memoryview(found)
        elif index == 0:
            data = self.container.binary
        else:
            raise InvalidMesh(reason=f"buffer {index} has no data")
        size = integer(buffer, "byteLength")
        if size > len(data):
            raise InvalidMesh(reason=f"buffer {index} is shorter than it says")
        return data[:size]


def decode_data_uri(uri: str) -> bytes:
    """
    Return the bytes that a `data:` URI holds.

    Args:
        uri: `data:<type>;base64,<content>`.

    Returns:
        The content.

    Raises:
        InvalidMesh: It is another kind of URI, or damaged.
    """
    head, comma, content = uri.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64") or not comma:
        raise InvalidMesh(reason=_ELSEWHERE)
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidMesh(reason="embedded base64 data is damaged") from error


def component_type(source: Object) -> np.dtype[Any]:
    """
    Return of which type an accessor's numbers are.

    Raises:
        InvalidMesh: It says nothing, or something unknown.
    """
    kind = _COMPONENTS.get(integer(source, "componentType"))
    if kind is None:
        raise InvalidMesh(reason="an accessor has an unknown component type")
    return np.dtype(kind)


def normalised(values: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers as shares of the largest of their type; others as they are."""
    if values.dtype.kind == "f":
        return values
    largest = np.float32(np.iinfo(values.dtype).max)
    shares: NDArray[np.float32] = values.astype(np.float32) / largest
    return np.maximum(shares, np.float32(-1), out=shares)
