"""Bring models of millions of faces down to what can be worked on, fast and in little memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.types import Mesh

_TEXTURE_CELLS = 24
"""Vertices farther apart on the texture than a share of this belong to different patches of it."""

_MOST_CELLS = 1 << 20
"""Along each axis, so that the three numbers of a cell fit one of 64 bits."""

_FACES_PER_CELL = 2.0
"""On a lattice over a surface there are about twice as many triangles as vertices."""

_MOST_ROUNDS = 8
_COARSER = 1.25


def thin(meshes: Sequence[Mesh], *, faces: int) -> Sequence[Mesh]:
    """
    Join the vertices that lie in one cell of a lattice, and drop the faces that vanish.

    After Rossignac and Borrel (Multi-resolution 3D approximations for rendering complex scenes,
    1993): in time and memory linear in the size of the model, where collapsing edges takes many
    times of both. Closed surfaces need not stay closed.

    Args:
        meshes: At least one.
        faces: The most that may remain, in all.

    Returns:
        The meshes, those without a face left out. Vertices at one place with different texture
        coordinates stay apart, and move together; so do those of different meshes.
    """
    if sum(len(mesh.faces) for mesh in meshes) <= faces:
        return meshes
    low = np.min([mesh.positions.min(axis=0) for mesh in meshes], axis=0)
    high = np.max([mesh.positions.max(axis=0) for mesh in meshes], axis=0)
    finest = max(float((high - low).max()) / (_MOST_CELLS - 1), 1e-30)
    cell = max(np.sqrt(_FACES_PER_CELL * _area(meshes) / faces), finest)
    found = _joined(meshes, low, cell)
    for _ in range(_MOST_ROUNDS):
        if sum(len(mesh.faces) for mesh in found) <= faces:
            break
        cell *= _COARSER
        found = _joined(meshes, low, cell)
    return found


def _area(meshes: Sequence[Mesh]) -> float:
    area = 0.0
    for mesh in meshes:
        a, b, c = (mesh.positions[corner] for corner in mesh.faces.T)
        area += float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum(dtype=np.float64)) / 2
    return area


def _joined(meshes: Sequence[Mesh], low: NDArray[np.float32], cell: float) -> Sequence[Mesh]:
    offsets = np.cumsum([0, *(len(mesh.positions) for mesh in meshes)])
    cell_of = np.empty(int(offsets[-1]), np.int64)
    for mesh, start in zip(meshes, offsets[:-1], strict=True):
        steps = ((mesh.positions - low) / np.float32(cell)).astype(np.int64)
        cell_of[start : start + len(steps)] = steps[:, 0] << 40 | steps[:, 1] << 20 | steps[:, 2]
    _, cell_of = np.unique(cell_of, return_inverse=True)
    counts = np.bincount(cell_of)
    sums = np.stack(
        [
            np.bincount(cell_of, np.concatenate([mesh.positions[:, axis] for mesh in meshes]))
            for axis in range(3)
        ],
        axis=1,
    )
    middles: NDArray[np.float64] = sums / counts[:, None]
    found = [
        _part(mesh, cell_of[start : start + len(mesh.positions)], middles)
        for mesh, start in zip(meshes, offsets[:-1], strict=True)
    ]
    return [mesh for mesh in found if len(mesh.faces)]


def _part(mesh: Mesh, cell_of: NDArray[np.int64], middles: NDArray[np.float64]) -> Mesh:
    a, b, c = (cell_of[corner] for corner in mesh.faces.T)
    left = mesh.faces[(a != b) & (b != c) & (c != a)]
    key = cell_of
    if mesh.uvs is not None:
        patch = np.floor(mesh.uvs * np.float32(_TEXTURE_CELLS)).astype(np.int64) & 0xFFF
        key = cell_of << 24 | patch[:, 0] << 12 | patch[:, 1]
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    # Those of the vertices that a face still uses.
    used, corners = np.unique(place[left], return_inverse=True)
    kept = first[used]
    normals = None
    if mesh.normals is not None:
        sums = np.stack([np.bincount(place, column) for column in mesh.normals.T], axis=1)[used]
        size = np.linalg.norm(sums, axis=1, keepdims=True)
        normals = np.where(size > 1e-6, sums / np.maximum(size, 1e-6), mesh.normals[kept])
        normals = normals.astype(np.float32)
    return mesh.select(
        kept,
        corners.reshape(-1, 3).astype(np.uint32),
        positions=middles[cell_of[kept]].astype(np.float32),
        normals=normals,
    )
