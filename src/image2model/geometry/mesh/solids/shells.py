"""The outer skin of a shell whose inside is open to the outside through pinholes."""

import manifold3d
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.edges import islands

_RAYS = 2_000
"""Of faces whose outlook is tried: so many, and the largest of each skin."""

_SHARP = 0.7
"""Cosine of the angle between faces beyond which an edge may be the rim of a hole."""

_FREE = 0.2
"""Of a skin, whose rays meet nothing, for it to be outside."""


def outer_skin(
    shell: manifold3d.Manifold, positions: NDArray[np.float32], faces: NDArray[np.int64]
) -> NDArray[np.bool_] | None:
    """
    Find the faces on the outside: skins without sharp ridges that mostly have a free outlook.

    Args:
        shell: The closed solid.
        positions: Of its corners.
        faces: Its faces, all in one part.

    Returns:
        For each face whether it is on the outside; None: there are too many ridges to tell.
    """
    a, b, c = positions.astype(np.float64)[faces].swapaxes(0, 1)
    crosses = np.cross(b - a, c - a)
    normals = crosses / np.maximum(np.linalg.norm(crosses, axis=1, keepdims=True), 1e-300)
    one, other = _neighbours(faces)
    flat = np.einsum("ij,ij->i", normals[one], normals[other])
    # Beyond a hollow edge lies more of the same side; only ridges may be rims of holes.
    ahead = np.einsum("ij,ij->i", normals[one], (a + b + c)[other] - (a + b + c)[one])
    smooth = (flat > _SHARP) | (ahead > 0)
    alone = np.arange(len(faces))
    joined = np.stack([np.r_[alone, one[smooth]], np.r_[alone, other[smooth]]], axis=1)
    skin = islands(joined[:, [0, 1, 1]])[: len(faces)]
    areas = np.linalg.norm(crosses, axis=1)
    order = np.argsort(areas, kind="stable")
    largest = np.zeros(int(skin.max()) + 1, np.int64)
    largest[skin[order]] = order
    if len(largest) > _RAYS:
        return None
    tried = np.union1d(largest, np.arange(0, len(faces), max(len(faces) // _RAYS, 1)))
    far = float(np.linalg.norm(np.ptp(positions, axis=0)))
    starts = ((a + b + c) / 3 + normals * (far * 1e-6))[tried]
    ends = starts + normals[tried] * far
    free = np.array(
        [
            not shell.ray_cast(start, end)
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
    )
    # From the inside one looks out as well, but only just opposite a pinhole.
    weights, skins = areas[tried], skin[tried]
    share = np.bincount(skins, weights * free) / np.maximum(np.bincount(skins, weights), 1e-300)
    found: NDArray[np.bool_] = (share > _FREE)[skin]
    return found


def _neighbours(faces: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the faces at both sides of each edge of a closed surface."""
    start, end = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    span = int(faces.max()) + 1
    order = np.argsort(np.minimum(start, end) * span + np.maximum(start, end), kind="stable")
    return order[::2] // 3, order[1::2] // 3
