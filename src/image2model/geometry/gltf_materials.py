"""Materials of a glTF file: factors, textures, and how those lie on the mesh."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf_accessors import GltfData
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
from image2model.geometry.mesh import AlphaMode, EncodedImage, Material, Wrap
from image2model.geometry.texture import KTX2, KTX2_MAGIC, texture_size_px

_WHITE = (1.0, 1.0, 1.0, 1.0)
_WRAPS: Mapping[int, Wrap] = {33071: "clamp", 33648: "mirror", 10497: "repeat"}
_KTX2 = "KHR_texture_basisu"
_SPECULAR = "KHR_materials_pbrSpecularGlossiness"
_EXPRESSED = frozenset({_SPECULAR, "KHR_materials_emissive_strength", "KHR_materials_unlit"})


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lie:
    """How a texture lies on the mesh: which coordinates, moved, turned, scaled; how it repeats."""

    coordinates: int
    transform: tuple[tuple[float, ...], ...] | None
    wrap: tuple[Wrap, Wrap]


class MaterialReader:
    """
    Reads each material and each picture of a file once, however many meshes share it.

    Attributes:
        left_out: What the materials read so far have that a `Material` does not, in plain words.
    """

    def __init__(self, data: GltfData) -> None:
        self._data = data
        self._document = data.container.document
        self._looks: dict[int, Look] = {}
        self._images: dict[int, EncodedImage | None] = {}
        self.left_out: set[str] = set()

    def read(self, index: int | None) -> Look:
        """
        Read a material.

        Args:
            index: Which; None: glTF's default.

        Returns:
            How the surface looks.

        Raises:
            InvalidMesh: It is malformed, or refers to what is not there.
        """
        if index is None:
            return Look(material=Material())
        if index not in self._looks:
            self._looks[index] = self._look(entry(self._document, "materials", index))
        return self._looks[index]

    def _look(self, source: Object) -> Look:
        surface, extensions = child(source, "pbrMetallicRoughness"), child(source, "extensions")
        specular = child(extensions, _SPECULAR)
        self._note_extensions(extensions)
        tint, metallic, roughness = _factors(surface, specular)
        strength = number(
            child(extensions, "KHR_materials_emissive_strength"), "emissiveStrength", 1.0
        )
        red, green, blue = (
            part * strength for part in numbers(source, "emissiveFactor", (0.0, 0.0, 0.0))
        )
        textures, lie = self._textures(_references(source))
        material = Material(
            name=text(source, "name", "material"),
            base_color=tint,
            metallic=metallic,
            roughness=roughness,
            normal_scale=number(child(source, "normalTexture"), "scale", 1.0),
            occlusion_strength=number(child(source, "occlusionTexture"), "strength", 1.0),
            emissive=(red, green, blue),
            wrap=lie.wrap,
            double_sided=source.get("doubleSided") is True,
            alpha_mode=_alpha_mode(source),
            alpha_cutoff=number(source, "alphaCutoff", 0.5),
            unlit="KHR_materials_unlit" in extensions,
        )
        return Look(
            material=material.with_textures(textures),
            texture_coordinates=lie.coordinates,
            transform=None if lie.transform is None else np.array(lie.transform),
        )

    def _note_extensions(self, extensions: Object) -> None:
        for name in extensions:
            if name.startswith("KHR_materials_") and name not in _EXPRESSED:
                what = name.removeprefix("KHR_materials_").replace("_", " ")[:40]
                self.left_out.add(f"the material's {what} was left out")
        if "specularGlossinessTexture" in child(extensions, _SPECULAR):
            self.left_out.add("the material's specular texture was left out")

    def _textures(self, references: Mapping[str, Object]) -> tuple[dict[str, EncodedImage], _Lie]:
        """Return the textures that lie on the mesh like the first one of them, and how."""
        found: dict[str, EncodedImage] = {}
        leading: _Lie | None = None
        for slot, reference in references.items():
            image = self._texture(reference) if reference else None
            if image is None:
                continue
            lie = self._lie(reference)
            leading = leading or lie
            if lie == leading:
                found[slot] = image
            else:
                what = slot.replace("_", " ")
                self.left_out.add(
                    f"the {what} texture was left out: it lies on other texture coordinates"
                )
        return found, leading or _Lie(coordinates=0, transform=None, wrap=("repeat", "repeat"))

    def _lie(self, reference: Object) -> _Lie:
        moved = child(child(reference, "extensions"), "KHR_texture_transform")
        coordinates = integer(reference, "texCoord", 0)
        texture = entry(self._document, "textures", integer(reference, "index"))
        sampler = optional_integer(texture, "sampler")
        how = {} if sampler is None else entry(self._document, "samplers", sampler)
        wraps = [_WRAPS.get(integer(how, key, 10497)) for key in ("wrapS", "wrapT")]
        if wraps[0] is None or wraps[1] is None:
            raise InvalidMesh(reason="a sampler wraps in an unknown way")
        return _Lie(
            coordinates=integer(moved, "texCoord", coordinates),
            transform=_transform(moved) if moved else None,
            wrap=(wraps[0], wraps[1]),
        )

    def _texture(self, reference: Object) -> EncodedImage | None:
        texture = entry(self._document, "textures", integer(reference, "index"))
        extensions = child(texture, "extensions")
        offered = [
            child(extensions, "EXT_texture_webp"),
            texture,
            child(extensions, _KTX2),
        ]
        sources = (optional_integer(one, "source") for one in offered)
        source = next((one for one in sources if one is not None), None)
        if source is None:
            others = ", ".join(sorted(extensions))[:80]
            if others:
                self.left_out.add(f"a texture was left out: it is in a format of {others} only")
            return None
        if source not in self._images:
            self._images[source] = self._image(entry(self._document, "images", source))
        return self._images[source]

    def _image(self, source: Object) -> EncodedImage | None:
        """Return a picture that lies in the file; None for one that lies elsewhere or is none."""
        view = optional_integer(source, "bufferView")
        if view is not None:
            content = bytes(self._data.view(view)[0])
        else:
            found = self._data.file(text(source, "uri", ""))
            if found is None:
                self.left_out.add("a texture that lies in another file was left out")
                return None
            content = found
        try:
            image = EncodedImage(data=content, media_type=media_type(content))
            texture_size_px(image)
        except InvalidMesh as error:
            # The shape is worth more than one of its textures.
            self.left_out.add(f"a texture was left out: {error.details['reason']}")
            return None
        return image


def _references(source: Object) -> dict[str, Object]:
    """Return a material's references to textures by slot; the base colour's comes first."""
    surface, extensions = child(source, "pbrMetallicRoughness"), child(source, "extensions")
    specular = child(extensions, _SPECULAR)
    base = child(specular, "diffuseTexture") if specular else child(surface, "baseColorTexture")
    return {
        "base_color": base,
        "metallic_roughness": {} if specular else child(surface, "metallicRoughnessTexture"),
        "normal": child(source, "normalTexture"),
        "occlusion": child(source, "occlusionTexture"),
        "emissive": child(source, "emissiveTexture"),
    }


def _factors(
    surface: Object, specular: Object
) -> tuple[tuple[float, float, float, float], float, float]:
    """Return base colour, metallic and roughness; shiny plastic stands in for the older model."""
    if specular:
        red, green, blue, alpha = numbers(specular, "diffuseFactor", _WHITE)
        return (red, green, blue, alpha), 0.0, 1.0 - number(specular, "glossinessFactor", 1.0)
    red, green, blue, alpha = numbers(surface, "baseColorFactor", _WHITE)
    metallic = number(surface, "metallicFactor", 1.0)
    return (red, green, blue, alpha), metallic, number(surface, "roughnessFactor", 1.0)


def media_type(content: bytes) -> str:
    """
    Tell a texture's type by its bytes.

    Raises:
        InvalidMesh: It is no JPEG, PNG, WebP or KTX2 picture.
    """
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(KTX2_MAGIC):
        return KTX2
    raise InvalidMesh(reason="a texture is no JPEG, PNG or WebP picture")


def _alpha_mode(source: Object) -> AlphaMode:
    match text(source, "alphaMode", "OPAQUE"):
        case "OPAQUE" | "MASK" | "BLEND" as known:
            return known
        case _:
            raise InvalidMesh(reason="a material has an unknown alpha mode")


def _transform(source: Object) -> tuple[tuple[float, ...], ...]:
    """Return offset × rotation × scale, as KHR_texture_transform defines them."""
    angle = number(source, "rotation", 0.0)
    scale_u, scale_v = numbers(source, "scale", (1.0, 1.0))
    offset_u, offset_v = numbers(source, "offset", (0.0, 0.0))
    cosine, sine = math.cos(angle), math.sin(angle)
    return (
        (cosine * scale_u, sine * scale_v, offset_u),
        (-sine * scale_u, cosine * scale_v, offset_v),
    )
