"""The document and the buffer of a glTF file, built mesh by mesh."""

import functools
import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import JsonValue
from image2model.geometry.gltf.material_writer import MaterialBuilder
from image2model.geometry.mesh.types import EncodedImage, Mesh

_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_UNSIGNED_BYTE, _UNSIGNED_SHORT, _UNSIGNED_INT, _FLOAT = 5121, 5123, 5125, 5126
_SHORT_INDEX_VERTICES = 65535
"""Up to here indices fit 16 bits: the largest value, 65535, means "restart" and is forbidden."""


class GltfBuilder:
    """
    Collects meshes; every view on the buffer starts at a multiple of four bytes.

    Args:
        embed_images: Whether textures become part of the buffer, or files beside it: see `images`.

    Attributes:
        pieces: The buffer so far.
        size_bytes: Its length.
        images: The textures so far, each once.
    """

    def __init__(self, *, embed_images: bool = True) -> None:
        self._embed_images = embed_images
        self._nodes: list[dict[str, Any]] = []
        self._meshes: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._views: list[dict[str, Any]] = []
        self._image_json: list[dict[str, Any]] = []
        self._materials = MaterialBuilder(self._add_image)
        self._material_of: dict[tuple[int, bool], int] = {}
        self.pieces: list[bytes] = []
        self.size_bytes = 0
        self.images: list[EncodedImage] = []

    def add_mesh(self, mesh: Mesh) -> None:
        """Add a node with *mesh*."""
        attributes = {"POSITION": self._add_vertices(mesh.positions, bounds=True)}
        if mesh.normals is not None:
            attributes["NORMAL"] = self._add_vertices(mesh.normals)
        for number, uvs in enumerate(mesh.uv_sets()):
            attributes[f"TEXCOORD_{number}"] = self._add_vertices(uvs)
        if mesh.colors is not None:
            attributes["COLOR_0"] = self._add_colors(mesh.colors)
        primitive = {
            "attributes": attributes,
            "indices": self._add_faces(mesh.faces, len(mesh.positions)),
            "material": self._material(mesh),
        }
        self._nodes.append({"name": mesh.name, "mesh": len(self._meshes)})
        self._meshes.append({"name": mesh.name, "primitives": [primitive]})

    def document(
        self, *, extras: Mapping[str, JsonValue] | None, made_by: str = ""
    ) -> dict[str, Any]:
        """Return the glTF JSON of all that was added, but for `buffers`."""
        scene: dict[str, Any] = {"nodes": list(range(len(self._nodes)))}
        if extras:
            scene["extras"] = dict(extras)
        document: dict[str, Any] = {
            "asset": {
                "version": "2.0",
                "generator": _generator() + (f" ({made_by})" if made_by else ""),
            },
            "scene": 0,
            "scenes": [scene],
            "nodes": self._nodes,
            "meshes": self._meshes,
            **self._materials.document(),
        }
        if self._image_json:
            document["images"] = self._image_json
        document["accessors"] = self._accessors
        document["bufferViews"] = self._views
        return document

    def _material(self, mesh: Mesh) -> int:
        # Textures without coordinates are an error of the format; nobody could see them.
        key = (id(mesh.material), mesh.uvs is None)
        if key not in self._material_of:
            material = mesh.material if mesh.uvs is not None else mesh.material.with_textures({})
            self._material_of[key] = self._materials.add(material, name=mesh.name)
        return self._material_of[key]

    def _add_image(self, image: EncodedImage, name: str) -> int:
        told: dict[str, Any] = {"name": name, "mimeType": image.media_type}
        if self._embed_images:
            told = {"name": name, "bufferView": self._add_bytes(image.data), **told}
        self._image_json.append(told)
        self.images.append(image)
        return len(self._image_json) - 1

    def name_images(self, uris: Mapping[int, str]) -> None:
        """Say which files the textures are, by their place in `images`."""
        for place, uri in uris.items():
            told = self._image_json[place]
            # With a URI the type is found by looking; the specification wants either.
            told.pop("mimeType")
            told["uri"] = uri

    def _add_bytes(self, data: bytes, **view: Any) -> int:
        self._views.append(
            {"buffer": 0, "byteOffset": self.size_bytes, "byteLength": len(data), **view}
        )
        padded = data + bytes(-len(data) % 4)
        self.pieces.append(padded)
        self.size_bytes += len(padded)
        return len(self._views) - 1

    def _add_vertices(self, values: NDArray[np.float32], *, bounds: bool = False) -> int:
        data = np.ascontiguousarray(values, "<f4")
        accessor: dict[str, Any] = {
            "bufferView": self._add_bytes(data.tobytes(), target=_ARRAY_BUFFER),
            "componentType": _FLOAT,
            "count": len(data),
            "type": f"VEC{data.shape[1]}",
        }
        if bounds:
            accessor["min"] = data.min(axis=0).tolist()
            accessor["max"] = data.max(axis=0).tolist()
        return self._add_accessor(accessor)

    def _add_colors(self, values: NDArray[np.uint8]) -> int:
        data = np.ascontiguousarray(values, np.uint8)
        accessor = {
            "bufferView": self._add_bytes(data.tobytes(), target=_ARRAY_BUFFER),
            "componentType": _UNSIGNED_BYTE,
            "normalized": True,
            "count": len(data),
            "type": "VEC4",
        }
        return self._add_accessor(accessor)

    def _add_faces(self, faces: NDArray[np.uint32], vertex_count: int) -> int:
        short = vertex_count <= _SHORT_INDEX_VERTICES
        data = np.ascontiguousarray(faces, "<u2" if short else "<u4")
        accessor = {
            "bufferView": self._add_bytes(data.tobytes(), target=_ELEMENT_ARRAY_BUFFER),
            "componentType": _UNSIGNED_SHORT if short else _UNSIGNED_INT,
            "count": data.size,
            "type": "SCALAR",
        }
        return self._add_accessor(accessor)

    def _add_accessor(self, accessor: dict[str, Any]) -> int:
        self._accessors.append(accessor)
        return len(self._accessors) - 1


def encode_json(document: Mapping[str, Any]) -> bytes:
    """Encode a document; file names may hold bytes that are no text and must not spoil it."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace")


@functools.cache
def _generator() -> str:
    return f"image2model {importlib.metadata.version('image2model')}"
