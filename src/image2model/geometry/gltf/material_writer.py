"""Materials as glTF writes them, with their textures, samplers and extensions."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from image2model.geometry.mesh.textures.decoding import KTX2
from image2model.geometry.mesh.types import Affine, EncodedImage, Material, Placement, Wrap

_NEAREST, _LINEAR, _LINEAR_MIPMAP_LINEAR = 9728, 9729, 9987
_TRANSFORM = "KHR_texture_transform"
_WRAPS: Mapping[Wrap, int] = {"clamp": 33071, "mirror": 33648, "repeat": 10497}
_WEBP = "EXT_texture_webp"
_BASISU = "KHR_texture_basisu"
_IN_EXTENSIONS: Mapping[str, str] = {"image/webp": _WEBP, KTX2: _BASISU}
_UNLIT = "KHR_materials_unlit"
_EMISSIVE_STRENGTH = "KHR_materials_emissive_strength"


class MaterialBuilder:
    """
    Collects materials; a picture that several share is written once.

    Args:
        add_image: Takes a picture and its name into the file, and returns its index.
    """

    def __init__(self, add_image: Callable[[EncodedImage, str], int]) -> None:
        self._add_image = add_image
        self._images: dict[int, int] = {}
        self._kept: list[EncodedImage] = []
        self._materials: list[dict[str, Any]] = []
        self._textures: list[dict[str, Any]] = []
        self._samplers: list[dict[str, int]] = []
        self._used: set[str] = set()

    def add(self, material: Material, *, name: str) -> int:
        """Add *material*, its textures named after *name*; returns its index."""
        refer = {
            slot: self._reference(image, material, slot, f"{name} {slot}")
            for slot, image in material.textures().items()
        }
        surface: dict[str, Any] = {
            "baseColorFactor": list(material.base_color),
            "metallicFactor": material.metallic,
            "roughnessFactor": material.roughness,
        }
        told: dict[str, Any] = {"name": material.name, "pbrMetallicRoughness": surface}
        if "base_color" in refer:
            surface["baseColorTexture"] = refer["base_color"]
        if "metallic_roughness" in refer:
            surface["metallicRoughnessTexture"] = refer["metallic_roughness"]
        if "normal" in refer:
            told["normalTexture"] = {**refer["normal"], "scale": material.normal_scale}
        if "occlusion" in refer:
            strength = material.occlusion_strength
            told["occlusionTexture"] = {**refer["occlusion"], "strength": strength}
        if "emissive" in refer:
            told["emissiveTexture"] = refer["emissive"]
        told.update(self._emission(material))
        told["doubleSided"] = material.double_sided
        if material.alpha_mode != "OPAQUE":
            told["alphaMode"] = material.alpha_mode
        if material.alpha_mode == "MASK":
            told["alphaCutoff"] = material.alpha_cutoff
        if material.unlit:
            self._used.add(_UNLIT)
            told.setdefault("extensions", {})[_UNLIT] = {}
        self._materials.append(told)
        return len(self._materials) - 1

    def document(self) -> dict[str, Any]:
        """Return the parts of the glTF JSON that speak of materials."""
        document: dict[str, Any] = {"materials": self._materials}
        if self._textures:
            document["textures"] = self._textures
            document["samplers"] = self._samplers
        if self._used:
            document["extensionsUsed"] = sorted(self._used)
        if required := sorted(self._used & {_WEBP, _BASISU}):
            document["extensionsRequired"] = required
        return document

    def _emission(self, material: Material) -> dict[str, Any]:
        brightest = max(material.emissive)
        if brightest == 0:
            return {}
        if brightest <= 1:
            return {"emissiveFactor": list(material.emissive)}
        self._used.add(_EMISSIVE_STRENGTH)
        return {
            "emissiveFactor": [part / brightest for part in material.emissive],
            "extensions": {_EMISSIVE_STRENGTH: {"emissiveStrength": brightest}},
        }

    def _reference(
        self, image: EncodedImage, material: Material, slot: str, name: str
    ) -> dict[str, Any]:
        how = material.placement(slot)
        refer: dict[str, Any] = {"index": self._texture(image, material, how, name)}
        if how.uv_set:
            refer["texCoord"] = how.uv_set
        if how.transform is not None:
            self._used.add(_TRANSFORM)
            refer["extensions"] = {_TRANSFORM: _transform_json(how.transform)}
        return refer

    def _texture(self, image: EncodedImage, material: Material, how: Placement, name: str) -> int:
        if id(image) not in self._images:
            # Kept, so that no other picture gets the same id.
            self._kept.append(image)
            self._images[id(image)] = self._add_image(image, name)
        source = self._images[id(image)]
        texture: dict[str, Any] = {"sampler": self._sampler(material, how)}
        if extension := _IN_EXTENSIONS.get(image.media_type):
            self._used.add(extension)
            texture["extensions"] = {extension: {"source": source}}
        else:
            texture["source"] = source
        if texture not in self._textures:
            self._textures.append(texture)
        return self._textures.index(texture)

    def _sampler(self, material: Material, how: Placement) -> int:
        along_u, along_v = how.wrap
        sampler = {
            "magFilter": _NEAREST if material.pixelated else _LINEAR,
            "minFilter": _LINEAR_MIPMAP_LINEAR,
            "wrapS": _WRAPS[along_u],
            "wrapT": _WRAPS[along_v],
        }
        if sampler not in self._samplers:
            self._samplers.append(sampler)
        return self._samplers.index(sampler)


def _transform_json(transform: Affine) -> dict[str, Any]:
    """Take a matrix apart into offset, rotation and scale, as KHR_texture_transform has them."""
    (a, b, u), (d, e, v) = transform
    angle = math.atan2(-d, a) if (a, d) != (0.0, 0.0) else math.atan2(b, e)
    cosine, sine = math.cos(angle), math.sin(angle)
    return {
        "offset": [u, v],
        "rotation": angle,
        "scale": [a * cosine - d * sine, b * sine + e * cosine],
    }
