"""Write meshes as a binary glTF 2.0 file."""

import struct
from collections.abc import Mapping

from image2model.core.errors import JsonValue
from image2model.geometry.gltf.builder import GltfBuilder, encode_json
from image2model.geometry.mesh.types import Mesh

_MAGIC, _VERSION = b"glTF", 2
_JSON_CHUNK, _BINARY_CHUNK = b"JSON", b"BIN\0"


def write_glb(
    *meshes: Mesh, extras: Mapping[str, JsonValue] | None = None, made_by: str = ""
) -> bytes:
    """
    Encode *meshes* as GLB: one scene, a node and a primitive per mesh, everything embedded.

    Args:
        meshes: One or more, with at least one face each; their indices in range.
        extras: What else to tell about the model; stands in the scene's `extras`.
        made_by: The id of the generator that made the model; named beside this program.

    Returns:
        The file, after the glTF 2.0 specification (Khronos, 2021), section 4.4. The same meshes
        give the same bytes.
    """
    builder = GltfBuilder()
    for mesh in meshes:
        builder.add_mesh(mesh)
    document = builder.document(extras=extras, made_by=made_by)
    document["buffers"] = [{"byteLength": builder.size_bytes}]
    text = encode_json(document)
    text += b" " * (-len(text) % 4)
    size_bytes = 12 + 8 + len(text) + 8 + builder.size_bytes
    return b"".join(
        [
            struct.pack("<4sII", _MAGIC, _VERSION, size_bytes),
            struct.pack("<I4s", len(text), _JSON_CHUNK),
            text,
            struct.pack("<I4s", builder.size_bytes, _BINARY_CHUNK),
            *builder.pieces,
        ]
    )
