"""The colour of a surface at its vertices: factor, texture and vertex colour in one."""

import math

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.textures.decoding import decode_texture, sample_texture
from image2model.geometry.mesh.textures.srgb import to_linear, to_srgb
from image2model.geometry.mesh.types import EncodedImage, Mesh

_TEXELS_PER_VERTEX = 9
"""A texture much finer than the vertices would give each the colour of a random speck."""

_LEAST_PX = 256


def surface_colors(mesh: Mesh, *, glow: bool = True) -> NDArray[np.uint8] | None:
    """
    Read what colour *mesh* has at each vertex.

    Args:
        mesh: The mesh.
        glow: Whether light that the surface sends out is added, for formats that know of none.

    Returns:
        uint8 sRGB and alpha, shape (vertices, 4), alpha 255 where the material is opaque; None: it
        is white without texture or vertex colours.

    Raises:
        InvalidMesh: A texture cannot be decoded.
    """
    material, texture = mesh.material, mesh.material.base_color_texture
    textured = texture is not None and mesh.uvs is not None
    if not textured and mesh.colors is None and material.base_color == (1.0, 1.0, 1.0, 1.0):
        return None
    glows = glow and any(material.emissive) and not material.unlit
    light = np.tile(np.array(material.base_color, np.float32), (len(mesh.positions), 1))
    if texture is not None and mesh.uvs is not None:
        texels = _texels(texture, mesh.uvs)
        if _is_plain(mesh) and not glows:
            return texels
        light[:, :3] *= to_linear(texels[:, :3])
        light[:, 3] *= texels[:, 3] / np.float32(255)
    if mesh.colors is not None:
        light *= mesh.colors.astype(np.float32) / np.float32(255)
    if glows:
        light[:, :3] += _glow(mesh)
    found = np.empty(light.shape, np.uint8)
    found[:, :3] = to_srgb(light[:, :3])
    opaque = material.alpha_mode == "OPAQUE"
    found[:, 3] = 255 if opaque else np.clip(light[:, 3] * 255 + 0.5, 0, 255)
    return found


def _texels(texture: EncodedImage, uvs: NDArray[np.float32]) -> NDArray[np.uint8]:
    fine_px = int(math.sqrt(_TEXELS_PER_VERTEX * len(uvs)))
    decoded = decode_texture(texture, longest_px=max(_LEAST_PX, fine_px))
    return sample_texture(decoded, uvs[:, 0], uvs[:, 1])


def _glow(mesh: Mesh) -> NDArray[np.float32]:
    """Return the light that each vertex sends out, linear RGB."""
    light = np.array(mesh.material.emissive, np.float32)
    texture, uvs = mesh.material.emissive_texture, mesh.coordinates("emissive")
    if texture is None or uvs is None:
        return light
    return np.asarray(light * to_linear(_texels(texture, uvs)[:, :3]), np.float32)


def _is_plain(mesh: Mesh) -> bool:
    """Tell whether the texture alone makes the colour, and is a JPEG, which has no alpha."""
    texture = mesh.material.base_color_texture
    return (
        mesh.colors is None
        and mesh.material.base_color == (1.0, 1.0, 1.0, 1.0)
        and texture is not None
        and texture.media_type == "image/jpeg"
    )
