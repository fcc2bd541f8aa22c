"""Triangles with their material: what the shapes make and the file formats carry."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

AlphaMode = Literal["OPAQUE", "MASK", "BLEND"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedImage:
    """
    A picture as it stands in a file.

    Attributes:
        data: The encoded bytes.
        media_type: `image/jpeg`, `image/png` or `image/webp`.
    """

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """
    A glTF metallic-roughness material, base colour only.

    Attributes:
        name: Shown by 3D programs.
        base_color: Linear RGBA factor, each 0.0–1.0; multiplies the texture.
        base_color_texture: sRGB texture, or None: the factor alone colours the mesh.
        metallic: 0.0 (dielectric) to 1.0 (metal).
        roughness: 0.0 (mirror) to 1.0 (matte).
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
    double_sided: bool = False
    alpha_mode: AlphaMode = "OPAQUE"
    alpha_cutoff: float = 0.5
    unlit: bool = False


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
        colors: uint8 linear RGBA (as glTF COLOR_0), shape (vertices, 4), or None.
        material: How the surface looks.
    """

    name: str
    positions: NDArray[np.float32]
    faces: NDArray[np.uint32]
    normals: NDArray[np.float32] | None = None
    uvs: NDArray[np.float32] | None = None
    colors: NDArray[np.uint8] | None = None
    material: Material = field(default_factory=Material)
