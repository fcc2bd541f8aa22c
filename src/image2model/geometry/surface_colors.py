"""The colour of a surface at its vertices: factor, texture and vertex colour in one."""

import math

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh import Mesh
from image2model.geometry.shading import to_linear, to_srgb
from image2model.geometry.texture import decode_texture, sample_texture

_TEXELS_PER_VERTEX = 9
"""A texture much finer than the vertices would give each the colour of a random speck."""

_LEAST_PX = 256


def surface_colors(mesh: Mesh) -> NDArray[np.uint8] | None:
    """
    Read what colour *mesh* has at each vertex.

    Args:
        mesh: The mesh.

    Returns:
        uint8 sRGB and alpha, shape (vertices, 4), alpha 255 where the material is opaque; None: it
        is white without texture or vertex colours.

    Raises:
        InvalidMesh: Its texture cannot be decoded.
    """
    material, texture = mesh.material, mesh.material.base_color_texture
    textured = texture is not None and mesh.uvs is not None
    if not textured and mesh.colors is None and material.base_color == (1.0, 1.0, 1.0, 1.0):
        return None
    light = np.tile(np.array(material.base_color, np.float32), (len(mesh.positions), 1))
    if texture is not None and mesh.uvs is not None:
        fine_px = int(math.sqrt(_TEXELS_PER_VERTEX * len(mesh.positions)))
        decoded = decode_texture(texture, longest_px=max(_LEAST_PX, fine_px))
        texels = sample_texture(decoded, mesh.uvs[:, 0], mesh.uvs[:, 1])
        if _is_plain(mesh):
            return texels
        light[:, :3] *= to_linear(texels[:, :3])
        light[:, 3] *= texels[:, 3] / np.float32(255)
    if mesh.colors is not None:
        light *= mesh.colors.astype(np.float32) / np.float32(255)
    found = np.empty(light.shape, np.uint8)
    found[:, :3] = to_srgb(light[:, :3])
    opaque = material.alpha_mode == "OPAQUE"
    found[:, 3] = 255 if opaque else np.clip(light[:, 3] * 255 + 0.5, 0, 255)
    return found


def _is_plain(mesh: Mesh) -> bool:
    """Tell whether the texture alone makes the colour, and is a JPEG, which has no alpha."""
    texture = mesh.material.base_color_texture
    return (
        mesh.colors is None
        and mesh.material.base_color == (1.0, 1.0, 1.0, 1.0)
        and texture is not None
        and texture.media_type == "image/jpeg"
    )
