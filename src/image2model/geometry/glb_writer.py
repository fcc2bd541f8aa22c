"""Write one mesh as a binary glTF 2.0 file."""

import functools
import importlib.metadata
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh import Material, Mesh

_MAGIC, _VERSION = b"glTF", 2
_JSON_CHUNK, _BINARY_CHUNK = b"JSON", b"BIN\0"
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_UNSIGNED_BYTE, _UNSIGNED_SHORT, _UNSIGNED_INT, _FLOAT = 5121, 5123, 5125, 5126
_LINEAR, _LINEAR_MIPMAP_LINEAR, _CLAMP_TO_EDGE = 9729, 9987, 33071
_SHORT_INDEX_VERTICES = 65535
"""Up to here indices fit 16 bits: the largest value, 65535, means "restart" and is forbidden."""


def write_glb(mesh: Mesh) -> bytes:
    """
    Encode *mesh* as GLB: one scene, one node, one primitive, everything embedded.

    Args:
        mesh: At least one face; its indices in range.

    Returns:
        The file, after the glTF 2.0 specification (Khronos, 2021), section 4.4. The same mesh
        gives the same bytes.
    """
    binary = _Binary()
    attributes = {"POSITION": binary.add_vertices(mesh.positions, bounds=True)}
    if mesh.normals is not None:
        attributes["NORMAL"] = binary.add_vertices(mesh.normals)
    if mesh.uvs is not None:
        attributes["TEXCOORD_0"] = binary.add_vertices(mesh.uvs)
    if mesh.colors is not None:
        attributes["COLOR_0"] = binary.add_colors(mesh.colors)
    primitive = {
        "attributes": attributes,
        "indices": binary.add_faces(mesh.faces, len(mesh.positions)),
        "material": 0,
    }
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": _generator()},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": mesh.name, "mesh": 0}],
        "meshes": [{"name": mesh.name, "primitives": [primitive]}],
        "materials": [_material(mesh.material)],
    }
    texture = mesh.material.base_color_texture
    if texture is not None:
        view = binary.add_bytes(texture.data)
        image = {"name": mesh.name, "bufferView": view, "mimeType": texture.media_type}
        document["images"] = [image]
        document["textures"] = [{"source": 0, "sampler": 0}]
        document["samplers"] = [_sampler()]
    document["accessors"] = binary.accessors
    document["bufferViews"] = binary.views
    document["buffers"] = [{"byteLength": binary.size_bytes}]
    return _pack(document, binary)


@dataclass(slots=True, kw_only=True)
class _Binary:
    """The binary chunk as it grows; every view starts at a multiple of four bytes."""

    pieces: list[bytes] = field(default_factory=list)
    size_bytes: int = 0
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def add_bytes(self, data: bytes, **view: Any) -> int:
        self.views.append(
            {"buffer": 0, "byteOffset": self.size_bytes, "byteLength": len(data), **view}
        )
        padded = data + bytes(-len(data) % 4)
        self.pieces.append(padded)
        self.size_bytes += len(padded)
        return len(self.views) - 1

    def add_vertices(self, values: NDArray[np.float32], *, bounds: bool = False) -> int:
        data = np.ascontiguousarray(values, "<f4")
        accessor: dict[str, Any] = {
            "bufferView": self.add_bytes(data.tobytes(), target=_ARRAY_BUFFER),
            "componentType": _FLOAT,
            "count": len(data),
            "type": f"VEC{data.shape[1]}",
        }
        if bounds:
            accessor["min"] = data.min(axis=0).tolist()
            accessor["max"] = data.max(axis=0).tolist()
        return self._add_accessor(accessor)

    def add_colors(self, values: NDArray[np.uint8]) -> int:
        data = np.ascontiguousarray(values, np.uint8)
        accessor = {
            "bufferView": self.add_bytes(data.tobytes(), target=_ARRAY_BUFFER),
            "componentType": _UNSIGNED_BYTE,
            "normalized": True,
            "count": len(data),
            "type": "VEC4",
        }
        return self._add_accessor(accessor)

    def add_faces(self, faces: NDArray[np.uint32], vertex_count: int) -> int:
        short = vertex_count <= _SHORT_INDEX_VERTICES
        data = np.ascontiguousarray(faces, "<u2" if short else "<u4")
        accessor = {
            "bufferView": self.add_bytes(data.tobytes(), target=_ELEMENT_ARRAY_BUFFER),
            "componentType": _UNSIGNED_SHORT if short else _UNSIGNED_INT,
            "count": data.size,
            "type": "SCALAR",
        }
        return self._add_accessor(accessor)

    def _add_accessor(self, accessor: dict[str, Any]) -> int:
        self.accessors.append(accessor)
        return len(self.accessors) - 1


@functools.cache
def _generator() -> str:
    return f"image2model {importlib.metadata.version('image2model')}"


def _material(material: Material) -> dict[str, Any]:
    surface: dict[str, Any] = {
        "baseColorFactor": list(material.base_color),
        "metallicFactor": material.metallic,
        "roughnessFactor": material.roughness,
    }
    if material.base_color_texture is not None:
        surface["baseColorTexture"] = {"index": 0}
    return {
        "name": material.name,
        "pbrMetallicRoughness": surface,
        "doubleSided": material.double_sided,
    }


def _sampler() -> dict[str, int]:
    return {
        "magFilter": _LINEAR,
        "minFilter": _LINEAR_MIPMAP_LINEAR,
        "wrapS": _CLAMP_TO_EDGE,
        "wrapT": _CLAMP_TO_EDGE,
    }


def _pack(document: dict[str, Any], binary: _Binary) -> bytes:
    # File names may hold bytes that are no text; they must not spoil the file.
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
    text += b" " * (-len(text) % 4)
    size_bytes = 12 + 8 + len(text) + 8 + binary.size_bytes
    return b"".join(
        [
            struct.pack("<4sII", _MAGIC, _VERSION, size_bytes),
            struct.pack("<I4s", len(text), _JSON_CHUNK),
            text,
            struct.pack("<I4s", binary.size_bytes, _BINARY_CHUNK),
            *binary.pieces,
        ]
    )
