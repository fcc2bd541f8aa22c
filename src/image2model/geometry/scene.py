"""Meshes made ready to be drawn any number of times."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.mesh import Material, Mesh
from image2model.geometry.texture import check_texture_load, decode_texture
from image2model.geometry.thinning import thin

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
    """

    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    uvs: NDArray[np.float32]
    colors: NDArray[np.float32] | None
    faces: NDArray[np.int64]
    material_of_face: NDArray[np.int64]
    materials: Sequence[Material]
    textures: Sequence[NDArray[np.uint8] | None]


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
    return Scene(
        positions=np.concatenate([mesh.positions for mesh in ready]),
        normals=np.concatenate([_normals(mesh) for mesh in ready]),
        uvs=np.concatenate([_uvs(mesh) for mesh in ready]),
        colors=_colors(ready),
        faces=np.concatenate(faces),
        material_of_face=np.repeat(np.arange(len(ready)), face_counts),
        materials=[mesh.material for mesh in ready],
        textures=_textures(ready, texture_px),
    )


def _with_normals(mesh: Mesh) -> Mesh:
    """Return the mesh itself, or with its faces taken apart so that each has one normal."""
    if mesh.normals is not None:
        return mesh
    corners = mesh.faces.ravel()
    positions = mesh.positions[corners].reshape(-1, 3, 3)
    across = np.cross(positions[:, 1] - positions[:, 0], positions[:, 2] - positions[:, 0])
    return Mesh(
        name=mesh.name,
        positions=positions.reshape(-1, 3),
        faces=np.arange(len(corners), dtype=np.uint32).reshape(-1, 3),
        normals=np.repeat(across, 3, axis=0).astype(np.float32),
        uvs=None if mesh.uvs is None else mesh.uvs[corners],
        colors=None if mesh.colors is None else mesh.colors[corners],
        material=mesh.material,
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


def _textures(meshes: Sequence[Mesh], texture_px: int) -> list[NDArray[np.uint8] | None]:
    """
    Decode every picture once, though meshes may share it; many ones coarser than few.

    One that cannot be decoded is left out: who sees the shape in plain colours sees the most.
    """
    shown = [mesh.material.base_color_texture for mesh in meshes if mesh.uvs is not None]
    images = {id(image): image for image in shown if image is not None}
    check_texture_load(images.values())
    # Decoded they may be twice as long, and as wide.
    share_px = math.isqrt(_MOST_DECODED_PX // (4 * max(1, len(images))))
    texture_px = max(1, min(texture_px, share_px))
    decoded: dict[int, NDArray[np.uint8] | None] = {}
    found: list[NDArray[np.uint8] | None] = []
    for mesh in meshes:
        image = mesh.material.base_color_texture
        if image is None or mesh.uvs is None:
            found.append(None)
            continue
        if id(image) not in decoded:
            try:
                decoded[id(image)] = decode_texture(image, longest_px=texture_px)
            except InvalidMesh:
                decoded[id(image)] = None
        found.append(decoded[id(image)])
    return found
