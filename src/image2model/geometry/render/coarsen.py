"""Scenes with as much detail as a small picture can show."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.render.scene import Scene

_TEXTURE_CELLS = 24
"""Corners farther apart on the texture than a share of this belong to different patches of it."""

_MOST_CELLS = 1 << 16


def coarsen(scene: Scene, *, cell: float) -> Scene:
    """
    Draw corners that lie in one cell of a lattice together, and drop the faces that vanish.

    After Rossignac and Borrel (Multi-resolution 3D approximations for rendering complex scenes,
    1993). Only for looking at from afar: the result is not watertight.

    Args:
        scene: What to make simpler; it is not changed.
        cell: Side of the lattice's cells, in the scene's units: about what one or two pixels of
            the picture show.

    Returns:
        A scene that looks the same at that size. Corners at one place with different texture
        coordinates stay apart, and move together.
    """
    low, high = scene.positions.min(axis=0), scene.positions.max(axis=0)
    size = max(cell, float((high - low).max()) / (_MOST_CELLS - 1), 1e-30)
    steps = ((scene.positions - low) / np.float32(size)).astype(np.int64)
    place = (steps[:, 0] << 32) | (steps[:, 1] << 16) | steps[:, 2]
    _, cell_of, counts = np.unique(place, return_inverse=True, return_counts=True)
    patch = np.floor(scene.uvs * _TEXTURE_CELLS).astype(np.int64) % _MOST_CELLS
    material = np.zeros(len(place), np.int64)
    material[scene.faces] = scene.material_of_face[:, None]
    owner = cell_of * len(scene.materials) + material
    key = (owner << 32) | (patch[:, 0] << 16) | patch[:, 1]
    _, first, corner_of = np.unique(key, return_index=True, return_inverse=True)
    middles = _means(scene.positions, cell_of, counts)
    sums = _sums(scene.normals, corner_of, len(first))
    corners = corner_of[scene.faces]
    a, b, c = cell_of[scene.faces].T
    left = np.flatnonzero((a != b) & (b != c) & (c != a))
    return replace(
        scene,
        positions=middles[cell_of[first]],
        normals=sums,
        uvs=scene.uvs[first],
        glow_uvs=None if scene.glow_uvs is None else scene.glow_uvs[first],
        colors=None if scene.colors is None else scene.colors[first],
        faces=corners[left],
        material_of_face=scene.material_of_face[left],
    )


def _sums(
    values: NDArray[np.float32], groups: NDArray[np.int64], count: int
) -> NDArray[np.float32]:
    columns = [np.bincount(groups, weights=column, minlength=count) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)


def _means(
    values: NDArray[np.float32], groups: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float32]:
    return (_sums(values, groups, len(counts)) / counts[:, None]).astype(np.float32)
