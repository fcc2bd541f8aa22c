"""Triangles with their material: what the shapes make and the file formats carry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

AlphaMode = Literal["OPAQUE", "MASK", "BLEND"]
Wrap = Literal["clamp", "repeat", "mirror"]
"""What lies beyond the border of a texture: its last texels, itself again, or its mirror image."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedImage:
    """
    A picture as it stands in a file.

    Attributes:
        data: The encoded bytes.
        media_type: `image/jpeg`, `image/png`, `image/webp`, or `image/ktx2`, which only glTF holds.
    """

    data: bytes
    media_type: str


Affine = tuple[tuple[float, float, float], tuple[float, float, float]]
"""The rows of a matrix that moves, turns and scales homogeneous u, v."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """
    How a texture lies on a mesh.

    Attributes:
        uv_set: Which texture coordinates it goes by, as `Mesh.uv_sets` lists them.
        transform: What moves them for this texture (KHR_texture_transform); None: nothing.
        wrap: What lies beyond its borders, along u and along v.
    """

    uv_set: int = 0
    transform: Affine | None = None
    wrap: tuple[Wrap, Wrap]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """
    A glTF metallic-roughness material; its textures lie on the mesh in the same way by default.

    Attributes:
        name: Shown by 3D programs.
        base_color: Linear RGBA factor, each 0.0–1.0; multiplies the texture.
        base_color_texture: sRGB texture, or None: the factor alone colours the mesh.
        metallic: 0.0 (dielectric) to 1.0 (metal); multiplies the texture.
        roughness: 0.0 (mirror) to 1.0 (matte); multiplies the texture.
        metallic_roughness_texture: Roughness in green, metallic in blue, or None.
        normal_texture: Directions in tangent space, green up, or None.
        normal_scale: How strongly *normal_texture* bends the surface.
        occlusion_texture: How much ambient light arrives, in red, or None.
        occlusion_strength: How much of *occlusion_texture* is applied, 0.0–1.0.
        emissive: Linear RGB of the light sent out; beyond 1.0 it outshines its surroundings.
        emissive_texture: sRGB texture that multiplies *emissive*, or None.
        wrap: What lies beyond the textures' borders, along u and along v.
        placements: By what they are for, the textures that lie otherwise; never the base colour's.
        pixelated: Whether enlarged texels stay sharp squares.
        double_sided: Whether back faces are drawn.
        alpha_mode: What alpha means, as in glTF: nothing (`OPAQUE`), a cut at *alpha_cutoff*
            (`MASK`), or transparency (`BLEND`).
        alpha_cutoff: Least alpha that is drawn when *alpha_mode* is `MASK`.
        unlit: Whether the base colour is shown as it is (KHR_materials_unlit).
    """

    name: str = "material"
    base_color: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    base_color_texture: EncodedImage | None = None
    metallic: float = 0.0
    roughness: float = 0.9
    metallic_roughness_texture: EncodedImage | None = None
    normal_texture: EncodedImage | None = None
    normal_scale: float = 1.0
    occlusion_texture: EncodedImage | None = None
    occlusion_strength: float = 1.0
    emissive: tuple[float, float, float] = (0.0, 0.0, 0.0)
    emissive_texture: EncodedImage | None = None
    wrap: tuple[Wrap, Wrap] = ("clamp", "clamp")
    placements: Mapping[str, Placement] = field(default_factory=dict)
    pixelated: bool = False
    double_sided: bool = False
    alpha_mode: AlphaMode = "OPAQUE"
    alpha_cutoff: float = 0.5
    unlit: bool = False

    def textures(self) -> dict[str, EncodedImage]:
        """Return the textures there are, by what they are for: `base_color`, `normal`, …."""
        slots = {
            "base_color": self.base_color_texture,
            "metallic_roughness": self.metallic_roughness_texture,
            "normal": self.normal_texture,
            "occlusion": self.occlusion_texture,
            "emissive": self.emissive_texture,
        }
        return {slot: image for slot, image in slots.items() if image is not None}

    def placement(self, slot: str) -> Placement:
        """Return how the texture for *slot* lies on the mesh."""
        return self.placements.get(slot) or Placement(wrap=self.wrap)

    def with_textures(self, textures: Mapping[str, EncodedImage]) -> "Material":
        """Return this material with *textures*, as `textures` names them, instead of its own."""
        return replace(
            self,
            placements={slot: how for slot, how in self.placements.items() if slot in textures},
            base_color_texture=textures.get("base_color"),
            metallic_roughness_texture=textures.get("metallic_roughness"),
            normal_texture=textures.get("normal"),
            occlusion_texture=textures.get("occlusion"),
            emissive_texture=textures.get("emissive"),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """
    One triangle mesh: metres, Y up, the front facing +Z, counter-clockwise faces outward.

    Attributes:
        name: Shown by 3D programs.
        positions: float32, shape (vertices, 3).
        faces: uint32, shape (faces, 3).
        normals: float32 unit vectors, shape (vertices, 3), or None.
        uvs: float32, shape (vertices, 2), origin at the texture's top left (as glTF), or None.
        more_uvs: Further texture coordinates for textures that do not lie like the others, two
            columns each: float32, shape (vertices, 2 × sets), or None; only beside *uvs*.
        colors: uint8 linear RGBA (as glTF COLOR_0), shape (vertices, 4), or None.
        material: How the surface looks.
    """

    name: str
    positions: NDArray[np.float32]
    faces: NDArray[np.uint32]
    normals: NDArray[np.float32] | None = None
    uvs: NDArray[np.float32] | None = None
    more_uvs: NDArray[np.float32] | None = None
    colors: NDArray[np.uint8] | None = None
    material: Material = field(default_factory=Material)

    def select(
        self, vertices: NDArray[np.integer], faces: NDArray[np.uint32], **changes: Any
    ) -> "Mesh":
        """
        Return this mesh with some of its vertices, in another order or several times.

        Args:
            vertices: The index that each vertex of the new mesh has in this one.
            faces: Of the new mesh.
            changes: Other fields that are to be different.
        """
        fields = {
            "positions": self.positions[vertices],
            "normals": None if self.normals is None else self.normals[vertices],
            "uvs": None if self.uvs is None else self.uvs[vertices],
            "more_uvs": None if self.more_uvs is None else self.more_uvs[vertices],
            "colors": None if self.colors is None else self.colors[vertices],
        }
        return replace(self, faces=faces, **{**fields, **changes})

    def uv_sets(self) -> Sequence[NDArray[np.float32]]:
        """List the texture coordinates, each of shape (vertices, 2)."""
        if self.uvs is None:
            return []
        if self.more_uvs is None:
            return [self.uvs]
        count = self.more_uvs.shape[1] // 2
        return [self.uvs, *np.split(self.more_uvs, count, axis=1)]

    def coordinates(self, slot: str) -> NDArray[np.float32] | None:
        """Return the texture coordinates for the texture *slot* of the material; None: none."""
        if self.uvs is None:
            return None
        how = self.material.placement(slot)
        found = self.uv_sets()[how.uv_set]
        return found if how.transform is None else transformed(found, how.transform)


def transformed(uvs: NDArray[np.floating], transform: Affine) -> NDArray[np.float32]:
    """Return *uvs* as *transform* moves them."""
    matrix = np.array(transform, np.float64)
    return np.asarray(uvs @ matrix[:, :2].T + matrix[:, 2], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """
    What a file holds.

    Attributes:
        meshes: In world space, at least one; each has a face.
        left_out: What the file has that meshes do not, one plain sentence each, without a stop.
    """

    meshes: Sequence[Mesh]
    left_out: Sequence[str] = ()
