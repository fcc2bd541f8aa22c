"""The outside of a GLB file: its header and its two chunks."""

import json
import struct
from dataclasses import dataclass
from typing import NoReturn

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf.json import Object, child, text

_HEADER, _CHUNK_HEADER = struct.Struct("<4sII"), struct.Struct("<I4s")
_LARGEST_JSON_BYTES = 64_000_000
_MOST_JSON_VALUES = 3_000_000
"""Each takes about a hundred bytes once it is read, and may be two characters long."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GlbContainer:
    """
    The parts of a GLB file.

    Attributes:
        document: The glTF JSON; only its outermost shape is checked.
        binary: The binary chunk; empty if there is none.
    """

    document: Object
    binary: memoryview


def parse_glb(data: bytes) -> GlbContainer:
    """
    Take a GLB file apart, after the glTF 2.0 specification, section 4.4.

    Args:
        data: The whole file.

    Returns:
        Its JSON and its binary chunk, which is not copied.

    Raises:
        InvalidMesh: It is no GLB file of version 2, is truncated, or has no readable JSON.
    """
    if data[:4] != b"glTF":
        raise InvalidMesh(reason="it is no GLB file")
    if len(data) < _HEADER.size:
        raise InvalidMesh(reason="it ends within its header")
    _, version, size_bytes = _HEADER.unpack_from(data)
    if version != 2:
        raise InvalidMesh(reason=f"it is GLB version {version}, not 2; export it as glTF 2.0")
    if size_bytes != len(data):
        raise InvalidMesh(
            reason=f"its header promises {size_bytes} bytes, the file has {len(data)}"
        )
    chunks = _chunks(memoryview(data))
    if not chunks or chunks[0][0] != b"JSON":
        raise InvalidMesh(reason="its first chunk is no JSON")
    binary = [content for kind, content in chunks[1:2] if kind == b"BIN\0"]
    return GlbContainer(
        document=parse_gltf_json(chunks[0][1]), binary=binary[0] if binary else memoryview(b"")
    )


def _chunks(data: memoryview) -> list[tuple[bytes, memoryview]]:
    """Return kind and content of the first two chunks; further ones mean nothing to us."""
    found: list[tuple[bytes, memoryview]] = []
    at = _HEADER.size
    while at < len(data) and len(found) < 2:
        if at + _CHUNK_HEADER.size > len(data):
            raise InvalidMesh(reason="it ends within a chunk header")
        size_bytes, kind = _CHUNK_HEADER.unpack_from(data, at)
        at += _CHUNK_HEADER.size
        if at + size_bytes > len(data):
            raise InvalidMesh(reason="a chunk is longer than the file")
        found.append((kind, data[at : at + size_bytes]))
        at += size_bytes
    return found


def parse_gltf_json(content: memoryview | bytes) -> Object:
    """
    Read the JSON of a glTF file.

    Raises:
        InvalidMesh: It is not JSON, or not glTF 2.
    """
    if len(content) > _LARGEST_JSON_BYTES:
        raise InvalidMesh(reason="its JSON is too long")
    text_bytes = bytes(content)
    # Every value but the first follows a comma or a bracket.
    if sum(text_bytes.count(mark) for mark in (b",", b"[", b"{")) > _MOST_JSON_VALUES:
        raise InvalidMesh(reason="its JSON holds too much")
    try:
        document = json.loads(text_bytes, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidMesh(reason="its JSON cannot be read") from error
    if not isinstance(document, dict):
        raise InvalidMesh(reason="its JSON is no object")
    version = text(child(document, "asset"), "version", "")
    if not version.startswith("2."):
        raise InvalidMesh(
            reason=f"it is glTF version '{version[:16]}', not 2; export it as glTF 2.0"
        )
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
