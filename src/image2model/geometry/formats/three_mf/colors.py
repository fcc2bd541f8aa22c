"""What gives a 3MF object its colours: textures, colours of vertices, base materials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.formats.number_formatting import format_rows
from image2model.geometry.formats.texture_files import TextureFiles
from image2model.geometry.mesh.textures.recoding import lit_up, tinted, without_webp
from image2model.geometry.mesh.textures.srgb import to_srgb
from image2model.geometry.mesh.textures.surface_colors import surface_colors
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh, Wrap

_TILES: Mapping[Wrap, str] = {"clamp": "clamp", "mirror": "mirror", "repeat": "wrap"}
_WHITE = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coloring:
    """
    How the triangles of a mesh name their colours.

    Attributes:
        group: The id of the group of properties.
        first: The entry for an object or triangle that has but one.
        of_vertex: For each vertex its entry in the group; None: all have *first*.
    """

    group: int
    first: int = 0
    of_vertex: NDArray[np.int64] | None = None


def glow_of(material: Material) -> tuple[float, float, float]:
    """Return the light that a material sends out."""
    return (0.0, 0.0, 0.0) if material.unlit else material.emissive


def lies_alike(material: Material) -> bool:
    """Tell whether the texture of the glow lies as that of the base colour does."""
    how = material.placement("emissive")
    return how.uv_set == 0 and how.transform is None


class Resources:
    """
    Collects groups of properties.

    Args:
        folder: Where textures lie in the package, ending with a slash.

    Attributes:
        elements: The XML of each.
        next_id: The first id that none has.
    """

    def __init__(self, folder: str) -> None:
        self._textures = TextureFiles(folder)
        self._recoded: dict[tuple[int, int, tuple[float, ...]], EncodedImage] = {}
        self.elements: list[str] = []
        self.next_id = 1

    @property
    def files(self) -> Mapping[str, bytes]:
        """The content of the textures by their path."""
        return self._textures.files

    def add_all(self, meshes: Sequence[Mesh]) -> Sequence[Coloring | None]:
        """Add what *meshes* need; None for all of them: everything is white."""
        found = [self._add(mesh) for mesh in meshes]
        if None not in found or not any(found):
            return found
        white = self._add_base(Material(name="white"))
        return [one or white for one in found]

    def _add(self, mesh: Mesh) -> Coloring | None:
        """Add what *mesh* needs; None: it is white."""
        if mesh.colors is not None:
            return self._add_colors(mesh)
        image = None if mesh.uvs is None else self._picture(mesh.material)
        if image is not None and mesh.uvs is not None:
            return self._add_texture(image, mesh.uvs, mesh.material)
        if mesh.material.base_color != _WHITE:
            return self._add_base(mesh.material)
        return None

    def _add_texture(
        self, image: EncodedImage, uvs: NDArray[np.float32], material: Material
    ) -> Coloring:
        path = self._textures.add(image, "base_color")
        texture_id, group_id = self._take_id(), self._take_id()
        kind = "image/png" if path.endswith(".png") else "image/jpeg"
        along_u, along_v = (_TILES[wrap] for wrap in material.wrap)
        upwards = uvs * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)
        self.elements.append(
            f'<m:texture2d id="{texture_id}" path="/{path}" contenttype="{kind}"'
            f' tilestyleu="{along_u}" tilestylev="{along_v}"/>\n'
            f'<m:texture2dgroup id="{group_id}" texid="{texture_id}">\n'
            + format_rows('<m:tex2coord u="%.6g" v="%.6g"/>\n', upwards)
            + "</m:texture2dgroup>\n"
        )
        return Coloring(group=group_id, of_vertex=np.arange(len(uvs)))

    def _picture(self, material: Material) -> EncodedImage | None:
        """Return what a material looks like as one picture, without WebP; None: it has none."""
        image, factor, glow = material.base_color_texture, material.base_color, glow_of(material)
        shine = material.emissive_texture if any(glow) and lies_alike(material) else None
        if image is None and shine is None:
            return None
        key = (id(image), id(shine), (*factor, *glow))
        if key not in self._recoded:
            if any(glow) and (shine is not None or material.emissive_texture is None):
                self._recoded[key] = lit_up(image, factor, shine, glow)
            elif image is not None:
                plain = factor == _WHITE
                self._recoded[key] = without_webp(image) if plain else tinted(image, factor)
        return self._recoded.get(key)

    def _add_colors(self, mesh: Mesh) -> Coloring:
        colors = surface_colors(mesh)
        assert colors is not None
        words = np.ascontiguousarray(colors).view(">u4")[:, 0]
        different, entries = np.unique(words, return_inverse=True)
        group_id = self._take_id()
        self.elements.append(
            f'<m:colorgroup id="{group_id}">\n'
            + format_rows('<m:color color="#%08X"/>\n', different[:, None])
            + "</m:colorgroup>\n"
        )
        return Coloring(group=group_id, of_vertex=entries)

    def _add_base(self, material: Material) -> Coloring:
        # A texture of the glow that lies otherwise is not one light for all of the surface.
        glow = glow_of(material) if material.emissive_texture is None else (0.0, 0.0, 0.0)
        light = np.array(material.base_color[:3], np.float32) + np.array(glow, np.float32)
        red, green, blue = to_srgb(light).tolist()
        alpha = 255 if material.alpha_mode == "OPAQUE" else round(material.base_color[3] * 255)
        group_id = self._take_id()
        self.elements.append(
            f'<basematerials id="{group_id}"><base name={quoteattr(material.name or "material")}'
            f' displaycolor="#{red:02X}{green:02X}{blue:02X}{alpha:02X}"/></basematerials>\n'
        )
        return Coloring(group=group_id)

    def _take_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1
