"""A mesh of arrays that somebody else's file held."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.mesh.triangulation import FARTHEST
from image2model.geometry.mesh.types import Material, Mesh


def checked_mesh(
    *,
    name: str,
    positions: NDArray[Any],
    faces: NDArray[np.integer[Any]],
    normals: NDArray[Any] | None = None,
    uvs: NDArray[Any] | None = None,
    colors: NDArray[np.uint8] | None = None,
    material: Material,
) -> Mesh:
    """
    Make a mesh, refusing what would break every computation on it.

    Args:
        name: Shown by 3D programs.
        positions: Shape (n, 3).
        faces: Shape (m, 3).
        normals: Shape (n, 3); directions of no length point up.
        uvs: Shape (n, 2), from the top left; what is no number becomes 0.
        colors: Shape (n, 4), linear.
        material: How it looks.

    Raises:
        InvalidMesh: It has no face, a face refers to what is not there, or a vertex is nowhere.
    """
    if not len(faces):
        raise InvalidMesh(reason="it has no faces")
    if faces.min() < 0 or faces.max() >= len(positions):
        raise InvalidMesh(reason="a face refers to a vertex that is not there")
    # Not `>`: a comparison with NaN is false, and this must refuse it.
    if not np.abs(positions).max() <= FARTHEST:
        raise InvalidMesh(reason="a vertex is infinitely far away or nowhere")
    return Mesh(
        name=name,
        positions=np.ascontiguousarray(positions, np.float32),
        faces=np.ascontiguousarray(faces, np.uint32),
        normals=None if normals is None else _unit(normals),
        uvs=None if uvs is None else _numbers(uvs),
        colors=colors,
        material=material,
    )


def _unit(normals: NDArray[Any]) -> NDArray[np.float32]:
    known = np.nan_to_num(np.asarray(normals, np.float64), posinf=0.0, neginf=0.0)
    size = np.linalg.norm(known, axis=1, keepdims=True)
    safe = np.where(size > 1e-12, known / np.maximum(size, 1e-12), (0.0, 1.0, 0.0))
    return np.ascontiguousarray(safe, np.float32)


def _numbers(uvs: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.nan_to_num(np.ascontiguousarray(uvs, np.float32), posinf=0.0, neginf=0.0)
