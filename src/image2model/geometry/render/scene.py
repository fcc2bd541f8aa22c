"""Meshes made ready to be drawn any number of times."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.mesh.simplification.vertex_clustering import thin
from image2model.geometry.mesh.textures.decoding import check_texture_load, decode_texture
from image2model.geometry.mesh.types import Material, Mesh

_MOST_FACES = 2_000_000
"""More are smaller than a pixel, each, and take memory by the gigabyte."""

_MOST_DECODED_PX = 64_000_000
"""Of all textures of a scene together, as they are held to be drawn: 256 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """
    Several meshes as one, with their textures decoded.

    Attributes:
        positions: float32, shape (vertices, 3).
        normals: float32, shape (vertices, 3).
        uvs: float32, shape (vertices, 2).
        colors: float32 linear RGBA factors, shape (vertices, 4), or None: all white.
        faces: int64, shape (faces, 3).
        material_of_face: int64, shape (faces,): index into *materials* and *textures*.
        materials: One per mesh.
        textures: Decoded base colour textures, uint8 RGBA, or None where a mesh has none.
        glow: float32 linear RGB that each mesh sends out, shape (meshes, 3).
        glow_textures: What multiplies it, as *textures*.
        glow_uvs: float32, shape (vertices, 2): where; None: as *uvs*.
    """

    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    uvs: NDArray[np.float32]
    colors: NDArray[np.float32] | None
    faces: NDArray[np.int64]
    material_of_face: NDArray[np.int64]
    materials: Sequence[Material]
    textures: Sequence[NDArray[np.uint8] | None]
    glow: NDArray[np.float32]
    glow_textures: Sequence[NDArray[np.uint8] | None]
    glow_uvs: NDArray[np.float32] | None = None


def prepare_scene(meshes: Sequence[Mesh], *, texture_px: int = 1024) -> Scene:
    """
    Join *meshes* and decode their textures; of millions of faces so many as can be seen.

    Args:
        meshes: What to draw. A mesh without normals is drawn with flat faces, as glTF asks.
        texture_px: Longest side of a texture worth keeping, in pixels; about twice the size of
            the pictures to be drawn.

    Returns:
        The scene.

    Raises:
        InvalidMesh: There is no triangle, or the textures are too many together.
    """
    shown = thin([mesh for mesh in meshes if len(mesh.faces)], faces=_MOST_FACES)
    ready = [_with_normals(mesh) for mesh in shown]
    if not ready:
        raise InvalidMesh(reason="it has no triangles")
    first_vertex = np.cumsum([0, *(len(mesh.positions) for mesh in ready)])
    face_counts = [len(mesh.faces) for mesh in ready]
    offsets = first_vertex[:-1, None]
    faces = [np.add(mesh.faces, at) for mesh, at in zip(ready, offsets, strict=True)]
    textures, glow_textures = _textures(ready, texture_px)
    return Scene(
        positions=np.concatenate([mesh.positions for mesh in ready]),
        normals=np.concatenate([_normals(mesh) for mesh in ready]),
        uvs=np.concatenate([_uvs(mesh) for mesh in ready]),
        colors=_colors(ready),
        faces=np.concatenate(faces),
        material_of_face=np.repeat(np.arange(len(ready)), face_counts),
        materials=[mesh.material for mesh in ready],
        textures=textures,
        glow=np.array([_glow(mesh.material) for mesh in ready], np.float32),
        glow_textures=glow_textures,
        glow_uvs=_glow_uvs(ready),
    )


def _with_normals(mesh: Mesh) -> Mesh:
    """Return the mesh itself, or with its faces taken apart so that each has one normal."""
    if mesh.normals is not None:
        return mesh
    corners = mesh.faces.ravel()
    positions = mesh.positions[corners].reshape(-1, 3, 3)
    across = np.cross(positions[:, 1] - positions[:, 0], positions[:, 2] - positions[:, 0])
    return mesh.select(
        corners,
        np.arange(len(corners), dtype=np.uint32).reshape(-1, 3),
        normals=np.repeat(across, 3, axis=0).astype(np.float32),
    )


def _normals(mesh: Mesh) -> NDArray[np.float32]:
    assert mesh.normals is not None
    return mesh.normals


def _uvs(mesh: Mesh) -> NDArray[np.float32]:
    return np.zeros((len(mesh.positions), 2), np.float32) if mesh.uvs is None else mesh.uvs


def _colors(meshes: Sequence[Mesh]) -> NDArray[np.float32] | None:
    if all(mesh.colors is None for mesh in meshes):
        return None
    white = [np.full((len(mesh.positions), 4), 255, np.uint8) for mesh in meshes]
    given = [
        plain if mesh.colors is None else mesh.colors
        for mesh, plain in zip(meshes, white, strict=True)
    ]
    return np.concatenate(given).astype(np.float32) / np.float32(255)


def _glow(material: Material) -> tuple[float, float, float]:
    """Return the light that a material sends out: none where it is shown as it is."""
    return (0.0, 0.0, 0.0) if material.unlit else material.emissive


def _glow_uvs(meshes: Sequence[Mesh]) -> NDArray[np.float32] | None:
    """Return where on their emissive textures the vertices lie; None: as on the others."""
    if not any("emissive" in mesh.material.placements for mesh in meshes):
        return None
    found = [mesh.coordinates("emissive") for mesh in meshes]
    return np.concatenate(
        [_uvs(mesh) if uvs is None else uvs for mesh, uvs in zip(meshes, found, strict=True)]
    )


_Textures = list[NDArray[np.uint8] | None]


def _textures(meshes: Sequence[Mesh], texture_px: int) -> tuple[_Textures, _Textures]:
    """
    Decode every picture once, though meshes may share it; many ones coarser than few.

    One that cannot be decoded is left out: who sees the shape in plain colours sees the most.

    Returns:
        For each mesh that of its base colour, and that of its glow.
    """
    wanted = [
        (
            mesh.material.base_color_texture if mesh.uvs is not None else None,
            mesh.material.emissive_texture
            if mesh.uvs is not None and any(_glow(mesh.material))
            else None,
        )
        for mesh in meshes
    ]
    images = {id(image): image for both in wanted for image in both if image is not None}
    check_texture_load(images.values())
    # Decoded they may be twice as long, and as wide.
    share_px = math.isqrt(_MOST_DECODED_PX // (4 * max(1, len(images))))
    texture_px = max(1, min(texture_px, share_px))
    decoded: dict[int, NDArray[np.uint8]] = {}
    for key, image in images.items():
        with contextlib.suppress(InvalidMesh):
            decoded[key] = decode_texture(image, longest_px=texture_px)
    return (
        [decoded.get(id(base)) for base, _ in wanted],
        [decoded.get(id(glow)) for _, glow in wanted],
    )
