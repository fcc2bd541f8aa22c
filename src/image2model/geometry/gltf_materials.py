"""Materials of a glTF file: base colour, its texture, how it lies on the mesh."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf_accessors import GltfData, decode_data_uri
from image2model.geometry.gltf_json import (
    Object,
    child,
    entry,
    integer,
    number,
    numbers,
    optional_integer,
    text,
)
from image2model.geometry.mesh import AlphaMode, EncodedImage, Material

_WHITE = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """
    A material and which texture coordinates it wants.

    Attributes:
        material: The material.
        texture_coordinates: The number in TEXCOORD_n.
        transform: Matrix for homogeneous u, v (KHR_texture_transform), or None.
    """

    material: Material
    texture_coordinates: int = 0
    transform: NDArray[np.float64] | None = None


class MaterialReader:
    """Reads each material and each picture of a file once, however many meshes share it."""

    def __init__(self, data: GltfData) -> None:
        self._data = data
        self._document = data.container.document
        self._looks: dict[int, Look] = {}
        self._images: dict[int, EncodedImage | None] = {}

    def read(self, index: int | None) -> Look:
        """
        Read a material.

        Args:
            index: Which; None: glTF's default.

        Returns:
            How the surface looks.

        Raises:
            InvalidMesh: It is malformed or refers to what is not there.
        """
        if index is None:
            return Look(material=Material())
        if index not in self._looks:
            self._looks[index] = self._look(entry(self._document, "materials", index))
        return self._looks[index]

    def _look(self, source: Object) -> Look:
        surface, extensions = child(source, "pbrMetallicRoughness"), child(source, "extensions")
        color, texture = "baseColorFactor", child(surface, "baseColorTexture")
        tint = surface
        if specular := child(extensions, "KHR_materials_pbrSpecularGlossiness"):
            color, texture, tint = "diffuseFactor", child(specular, "diffuseTexture"), specular
        red, green, blue, alpha = numbers(tint, color, _WHITE)
        moved = child(child(texture, "extensions"), "KHR_texture_transform")
        coordinates = integer(texture, "texCoord", 0)
        return Look(
            material=Material(
                name=text(source, "name", "material"),
                base_color=(red, green, blue, alpha),
                base_color_texture=self._texture(texture),
                metallic=number(surface, "metallicFactor", 1.0),
                roughness=number(surface, "roughnessFactor", 1.0),
                double_sided=source.get("doubleSided") is True,
                alpha_mode=_alpha_mode(source),
                alpha_cutoff=number(source, "alphaCutoff", 0.5),
                unlit="KHR_materials_unlit" in extensions,
            ),
            texture_coordinates=integer(moved, "texCoord", coordinates),
            transform=_transform(moved) if moved else None,
        )

    def _texture(self, reference: Object) -> EncodedImage | None:
        if not reference:
            return None
        texture = entry(self._document, "textures", integer(reference, "index"))
        webp = child(child(texture, "extensions"), "EXT_texture_webp")
        source = optional_integer(webp or texture, "source")
        if source is None:
            return None
        if source not in self._images:
            self._images[source] = self._image(entry(self._document, "images", source))
        return self._images[source]

    def _image(self, source: Object) -> EncodedImage | None:
        """Return a picture that lies in the file; None for one that lies elsewhere."""
        view = optional_integer(source, "bufferView")
        if view is not None:
            content = bytes(self._data.view(view)[0])
        elif (uri := text(source, "uri", "")).startswith("data:"):
            content = decode_data_uri(uri)
        else:
            return None
        return EncodedImage(data=content, media_type=_media_type(content))


def _media_type(content: bytes) -> str:
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise InvalidMesh(reason="a texture is no JPEG, PNG or WebP picture")


def _alpha_mode(source: Object) -> AlphaMode:
    match text(source, "alphaMode", "OPAQUE"):
        case "OPAQUE" | "MASK" | "BLEND" as known:
            return known
        case _:
            raise InvalidMesh(reason="a material has an unknown alpha mode")


def _transform(source: Object) -> NDArray[np.float64]:
    """Return offset × rotation × scale, as KHR_texture_transform defines them."""
    angle = number(source, "rotation", 0.0)
    scale_u, scale_v = numbers(source, "scale", (1.0, 1.0))
    offset_u, offset_v = numbers(source, "offset", (0.0, 0.0))
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array(
        [
            [cosine * scale_u, sine * scale_v, offset_u],
            [-sine * scale_u, cosine * scale_v, offset_v],
        ]
    )
