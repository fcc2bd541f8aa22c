"""Tell the facts about a model that a person asks before using it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.gltf.reader import read_glb
from image2model.geometry.mesh.textures.decoding import texture_size_px
from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.mesh.types import EncodedImage, Mesh

_MM_PER_UNIT = 1000.0
"""glTF's unit is the metre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshFacts:
    """
    What a model is made of.

    Attributes:
        faces: Triangles, all meshes together.
        vertices: Vertices as stored; more than corners where texture seams double them.
        meshes: Parts with a material each.
        low: Lower corner of the bounding box, in the file's units (metres): x, y, z.
        high: Upper corner.
        size_mm: Width (x), height (y) and depth (z), in millimetres.
        watertight: Whether the surface is closed, so that it can be printed as it is.
        textures: Different base colour textures.
        texture_px: Longest side of the largest texture, in pixels; 0 without textures.
        vertex_colors: Whether a mesh has colours at its vertices.
    """

    faces: int
    vertices: int
    meshes: int
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    size_mm: tuple[float, float, float]
    watertight: bool
    textures: int
    texture_px: int
    vertex_colors: bool


def inspect_glb(glb: bytes) -> MeshFacts:
    """
    Read the facts about a GLB file.

    Args:
        glb: The whole file.

    Returns:
        The facts.

    Raises:
        InvalidMesh: The file cannot be read.
    """
    return inspect_meshes(read_glb(glb))


def inspect_meshes(meshes: Sequence[Mesh]) -> MeshFacts:
    """
    Read the facts about meshes.

    Args:
        meshes: In world space, at least one.

    Returns:
        The facts.

    Raises:
        InvalidMesh: A texture is no picture that can be read.
    """
    used = [_used_positions(mesh) for mesh in meshes]
    low = np.min([positions.min(axis=0) for positions in used], axis=0).astype(np.float64)
    high = np.max([positions.max(axis=0) for positions in used], axis=0).astype(np.float64)
    images = _textures(meshes)
    return MeshFacts(
        faces=sum(len(mesh.faces) for mesh in meshes),
        vertices=sum(len(mesh.positions) for mesh in meshes),
        meshes=len(meshes),
        low=_triple(low),
        high=_triple(high),
        size_mm=_triple((high - low) * _MM_PER_UNIT),
        watertight=is_watertight(weld_faces(meshes)),
        textures=len(images),
        texture_px=max((max(texture_size_px(image)) for image in images), default=0),
        vertex_colors=any(mesh.colors is not None for mesh in meshes),
    )


def weld_faces(meshes: Sequence[Mesh]) -> NDArray[np.int64]:
    """
    Join the meshes where their corners lie at exactly the same place.

    Texture seams and hard edges store a corner several times; for the surface it is one.

    Args:
        meshes: Any number.

    Returns:
        Faces as indices of different places, shape (n, 3), those with two equal corners left out.
    """
    positions = np.concatenate([mesh.positions for mesh in meshes])
    first = np.cumsum([0, *(len(mesh.positions) for mesh in meshes)])[:-1, None]
    faces = np.concatenate([np.add(mesh.faces, at) for mesh, at in zip(meshes, first, strict=True)])
    _, place = np.unique(_hashes(positions), return_inverse=True)
    welded: NDArray[np.int64] = place[faces]
    a, b, c = welded.T
    proper: NDArray[np.int64] = welded[(a != b) & (b != c) & (c != a)]
    return proper


def _hashes(positions: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Mix each place's bits into one number: sorting those is far faster than sorting rows."""
    # Adding zero makes −0.0 the same place as 0.0.
    bits = np.ascontiguousarray(positions + np.float32(0)).view(np.uint32).astype(np.uint64)
    mixed = bits[:, 0] | (bits[:, 1] << np.uint64(32))
    # The finaliser of SplitMix64 (Steele, Lea, Flood, 2014): with n places the chance that two
    # get one number is about n² / 2⁶⁵.
    for factor, extra in ((0xBF58476D1CE4E5B9, bits[:, 2]), (0x94D049BB133111EB, np.uint64(0))):
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(factor) + extra
        mixed = mixed ^ (mixed >> np.uint64(27))
    return mixed


def _used_positions(mesh: Mesh) -> NDArray[np.float32]:
    """Return the vertices that faces refer to: a stray one is not part of the object."""
    used = np.zeros(len(mesh.positions), bool)
    used[mesh.faces.ravel()] = True
    return mesh.positions[used]


def _textures(meshes: Sequence[Mesh]) -> list[EncodedImage]:
    images = (mesh.material.base_color_texture for mesh in meshes)
    return list({id(image): image for image in images if image is not None}.values())


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z
