"""Write meshes as glTF with separate files, in one ZIP."""

from collections.abc import Mapping, Sequence

from image2model.core.errors import JsonValue
from image2model.geometry.formats.archives.packing import pack_zip
from image2model.geometry.formats.texture_files import TextureFiles
from image2model.geometry.gltf.builder import GltfBuilder, encode_json
from image2model.geometry.mesh.types import Mesh


def write_gltf_zip(
    meshes: Sequence[Mesh], *, name: str, extras: Mapping[str, JsonValue] | None = None
) -> bytes:
    """
    Encode *meshes* as `NAME.gltf`, `model.bin` and their textures as the files they are.

    Args:
        meshes: At least one, with at least one face each.
        name: Of the document; safe as a file name.
        extras: What else to tell about the model; stands in the scene's `extras`.

    Returns:
        The ZIP.
    """
    builder = GltfBuilder(embed_images=False)
    for mesh in meshes:
        builder.add_mesh(mesh)
    textures = TextureFiles("textures/")
    slots = {id(image): slot for mesh in meshes for slot, image in mesh.material.textures().items()}
    uris = {
        place: textures.add(image, slots[id(image)]) for place, image in enumerate(builder.images)
    }
    builder.name_images(uris)
    document = builder.document(extras=extras)
    document["buffers"] = [{"uri": "model.bin", "byteLength": builder.size_bytes}]
    return pack_zip(
        {
            f"{name}.gltf": encode_json(document),
            "model.bin": b"".join(builder.pieces),
            **textures.files,
        }
    )
