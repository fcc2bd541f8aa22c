"""Materials as Wavefront MTL writes them, with the PBR lines that 3D programs agree on."""

import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from image2model.geometry.formats.texture_files import TextureFiles
from image2model.geometry.mesh.textures.recoding import channel_of, without_webp
from image2model.geometry.mesh.textures.srgb import to_srgb
from image2model.geometry.mesh.types import EncodedImage, Material

_GREEN, _BLUE, _ALPHA = 1, 2, 3


class MaterialLibrary:
    """
    Collects materials, each once, under names that no reader trips over.

    Base colours are written in sRGB, as the format's readers take them. Metallic and roughness go
    by `Pm` and `Pr`, normal maps by `norm` (Clara.io's PBR extension, 2014), the two channels of
    glTF's texture split into grey pictures of their own. There is no occlusion in the format.
    """

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._blocks: list[str] = []
        self._recoded: dict[tuple[int, str], EncodedImage] = {}
        self._textures = TextureFiles("textures/")

    def add(self, material: Material) -> str:
        """Return the name to use *material* by."""
        if id(material) not in self._names:
            plain = re.sub(r"[^\w.-]+", "_", material.name) or "material"
            name, count = plain, 1
            while name in self._names.values():
                count += 1
                name = f"{plain}_{count}"
            self._names[id(material)] = name
            self._blocks.append("\n".join([f"newmtl {name}", *self._lines(material), ""]))
        return self._names[id(material)]

    @property
    def text(self) -> str:
        """The library."""
        return "\n".join(self._blocks)

    @property
    def files(self) -> Mapping[str, bytes]:
        """The content of the textures by their path."""
        return self._textures.files

    def _lines(self, material: Material) -> Iterator[str]:
        yield f"Kd {_encoded(material.base_color[:3])}"
        yield f"Ke {_encoded(material.emissive)}"
        yield f"d {material.base_color[3]:.6g}"
        yield f"Pm {material.metallic:.6g}"
        yield f"Pr {material.roughness:.6g}"
        # What readers without PBR show instead: no highlight, or a soft one.
        yield "illum 1" if material.unlit or material.roughness > 0.5 else "illum 2"
        if image := material.base_color_texture:
            yield f"map_Kd {self._file(image, 'base_color', without_webp)}"
            if material.alpha_mode != "OPAQUE":
                yield f"map_d {self._file(image, 'alpha', lambda one: channel_of(one, _ALPHA))}"
        if image := material.metallic_roughness_texture:
            metallic, roughness = material.metallic, material.roughness

            def metallic_of(packed: EncodedImage) -> EncodedImage:
                return channel_of(packed, _BLUE, factor=metallic)

            def roughness_of(packed: EncodedImage) -> EncodedImage:
                return channel_of(packed, _GREEN, factor=roughness)

            yield f"map_Pm {self._file(image, 'metallic', metallic_of)}"
            yield f"map_Pr {self._file(image, 'roughness', roughness_of)}"
        if image := material.normal_texture:
            strength = f"-bm {material.normal_scale:.6g} " if material.normal_scale != 1 else ""
            yield f"norm {strength}{self._file(image, 'normal', without_webp)}"
        if image := material.emissive_texture:
            yield f"map_Ke {self._file(image, 'emissive', without_webp)}"

    def _file(
        self, image: EncodedImage, slot: str, recode: Callable[[EncodedImage], EncodedImage]
    ) -> str:
        key = (id(image), slot)
        if key not in self._recoded:
            self._recoded[key] = recode(image)
        return self._textures.add(self._recoded[key], slot)


def _encoded(light: tuple[float, ...]) -> str:
    shares = to_srgb(np.array(light, np.float32)) / 255
    return " ".join(f"{share:.6g}" for share in shares.tolist())
