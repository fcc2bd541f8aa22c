"""Take faces away from a model where they are missed least, and keep its textures in place."""

import ctypes
from collections.abc import Sequence
from dataclasses import replace

import meshoptimizer
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh import Mesh

_NORMAL_WEIGHT, _UV_WEIGHT, _COLOR_WEIGHT = 0.5, 0.1, 0.5
"""How much a turned normal, a shifted texture or another colour counts against a moved surface;
found by comparing pictures of a textured sphere and of cut-outs before and after."""

_ANY_ERROR = 1.0
"""As large as the model: the number of faces decides, not how far the surface moves."""

_ENOUGH = 1.05


def simplify(meshes: Sequence[Mesh], *, faces: int) -> Sequence[Mesh]:
    """
    Bring *meshes* down to about *faces* triangles in all.

    Edges collapse in the order of the error they cause in shape, texture coordinates, normals and
    colours (M. Garland, P. Heckbert, "Simplifying Surfaces with Color and Texture using Quadric
    Error Metrics", 1998, as meshoptimizer does it). Vertices only vanish, none moves, so textures
    stay as they are; seams and open borders collapse along themselves, and parts stay joined.

    Args:
        meshes: At least one; the faces of each shrink by what the whole can spare.
        faces: The most wanted, in all.

    Returns:
        The meshes, those without a face left out. Where seams leave no other way, more faces may
        remain than wanted: count them.
    """
    if sum(len(mesh.faces) for mesh in meshes) <= faces:
        return meshes
    offsets = np.cumsum([0, *(len(mesh.positions) for mesh in meshes)])
    indices = np.concatenate(
        [mesh.faces.ravel() + np.uint32(at) for mesh, at in zip(meshes, offsets, strict=False)]
    ).astype(np.uint32)
    positions = np.concatenate([mesh.positions for mesh in meshes])
    attributes, weights = _attributes(meshes, positions)
    kept = _collapse(indices, positions, attributes, weights, faces=faces)
    if len(kept) > faces * 3 * _ENOUGH:
        # What is left hangs on its seams: let the shape alone decide.
        kept = _collapse(kept, positions, attributes[:, :1], weights[:1] * 0, faces=faces)
    triangles = kept.reshape(-1, 3)
    # A face has all its corners in one mesh, since edges collapse along faces.
    owner = np.searchsorted(offsets, triangles[:, 0], side="right") - 1
    found = [
        _compact(mesh, triangles[owner == index] - np.uint32(offsets[index]))
        for index, mesh in enumerate(meshes)
    ]
    return [mesh for mesh in found if len(mesh.faces)]


def _attributes(
    meshes: Sequence[Mesh], positions: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return per vertex all that is not its place, and how much each number counts."""
    columns = [
        _column(meshes, [mesh.uvs for mesh in meshes], 2),
        _column(meshes, [mesh.normals for mesh in meshes], 3),
        _column(meshes, [_shares(mesh) for mesh in meshes], 4),
        np.zeros((len(positions), 1), np.float32),
    ]
    weights = [_UV_WEIGHT] * 2 + [_NORMAL_WEIGHT] * 3 + [_COLOR_WEIGHT] * 4 + [0.0]
    table = np.concatenate(columns, axis=1)
    used = np.ptp(table, axis=0) > 0
    used[-1] = not used.any()
    return np.ascontiguousarray(table[:, used]), np.array(weights, np.float32)[used]


def _column(
    meshes: Sequence[Mesh], found: Sequence[NDArray[np.float32] | None], width: int
) -> NDArray[np.float32]:
    return np.concatenate(
        [
            np.zeros((len(mesh.positions), width), np.float32) if values is None else values
            for mesh, values in zip(meshes, found, strict=True)
        ]
    )


def _shares(mesh: Mesh) -> NDArray[np.float32] | None:
    return None if mesh.colors is None else mesh.colors.astype(np.float32) / np.float32(255)


def _collapse(
    indices: NDArray[np.uint32],
    positions: NDArray[np.float32],
    attributes: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    faces: int,
) -> NDArray[np.uint32]:
    kept = np.empty_like(indices)
    # The binding does not say of which types this function's arguments are, so these do.
    count = meshoptimizer.simplify_with_attributes(
        kept,
        np.ascontiguousarray(indices),
        np.ascontiguousarray(positions, np.float32),
        np.ascontiguousarray(attributes, np.float32),
        np.ascontiguousarray(weights, np.float32),
        index_count=ctypes.c_size_t(len(indices)),
        vertex_count=ctypes.c_size_t(len(positions)),
        vertex_positions_stride=ctypes.c_size_t(12),
        vertex_attributes_stride=ctypes.c_size_t(4 * attributes.shape[1]),
        attribute_count=ctypes.c_size_t(attributes.shape[1]),
        target_index_count=ctypes.c_size_t(faces * 3),
        target_error=ctypes.c_float(_ANY_ERROR),
        options=ctypes.c_uint(0),
    )
    return kept[:count]


def _compact(mesh: Mesh, faces: NDArray[np.uint32]) -> Mesh:
    """Return *mesh* with *faces* only, and only the vertices they use."""
    used, corners = np.unique(faces, return_inverse=True)
    return replace(
        mesh,
        positions=mesh.positions[used],
        faces=corners.reshape(-1, 3).astype(np.uint32),
        normals=None if mesh.normals is None else mesh.normals[used],
        uvs=None if mesh.uvs is None else mesh.uvs[used],
        colors=None if mesh.colors is None else mesh.colors[used],
    )
