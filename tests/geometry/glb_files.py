"""GLB files by hand: every field is the test's own, right or wrong."""

import copy
import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

SQUARE = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], "<f4")
COMPONENT_TYPES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
WIDTHS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


def pack(document: dict[str, Any], binary: bytes = b"") -> bytes:
    """Wrap JSON and a binary chunk as a correct GLB file."""
    return pack_text(json.dumps(document).encode(), binary)


def pack_text(text: bytes, binary: bytes = b"") -> bytes:
    """Wrap any bytes in place of the JSON."""
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    if binary:
        chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


class Builder:
    """Collects arrays and JSON; `document` may be changed at will before `glb`."""

    def __init__(self) -> None:
        self.binary = b""
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"name": "thing", "primitives": []}],
            "accessors": [],
            "bufferViews": [],
            "buffers": [],
        }

    def view(self, data: bytes, **fields: Any) -> int:
        """Add a buffer view of *data*."""
        self.binary += bytes(-len(self.binary) % 4)
        self.document["bufferViews"].append(
            {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data), **fields}
        )
        self.binary += data
        return len(self.document["bufferViews"]) - 1

    def accessor(self, values: NDArray[Any], **fields: Any) -> int:
        """Add an accessor of *values*, shape (n,) or (n, width), by their own type."""
        width = 1 if values.ndim == 1 else values.shape[1]
        self.document["accessors"].append(
            {
                "bufferView": self.view(values.tobytes()),
                "componentType": COMPONENT_TYPES[values.dtype.str[1:]],
                "count": len(values),
                "type": WIDTHS[width],
                **fields,
            }
        )
        return len(self.document["accessors"]) - 1

    def primitive(self, *, indices: NDArray[Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Add a primitive; arrays among *fields* become attributes of that name."""
        made: dict[str, Any] = {"attributes": {}}
        for key, value in fields.items():
            if isinstance(value, np.ndarray):
                made["attributes"][key] = self.accessor(value)
            else:
                made[key] = value
        if indices is not None:
            made["indices"] = self.accessor(indices)
        self.document["meshes"][0]["primitives"].append(made)
        return made

    def glb(self) -> bytes:
        """Return the file."""
        document = copy.deepcopy(self.document)
        if not document["buffers"]:
            document["buffers"] = [{"byteLength": len(self.binary)}]
        return pack(document, self.binary)


def square(**fields: Any) -> Builder:
    """Return a builder that holds one square of two triangles."""
    builder = Builder()
    indices = np.array([0, 1, 2, 0, 2, 3], "<u2")
    builder.primitive(POSITION=SQUARE, indices=indices, **fields)
    return builder
