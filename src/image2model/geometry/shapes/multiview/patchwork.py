"""Make one small texture of all the patches of a surface that no picture shows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.shapes.multiview.view_colors import splat

_MARGIN_PX = 2
_SQUARENESS = 1.2

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


def number_islands(charts: Indices, twins: Indices, *, first: int) -> Indices:
    """
    Tell connected faces of one chart from others, for charts from *first* on.

    Args:
        charts: The chart of each face, shape (f,).
        twins: See `seams.twin_half_edges`.
        first: The first chart that is taken apart.

    Returns:
        The charts, with *first* + n for each face of the n-th island.
    """
    mine = np.flatnonzero(charts >= first)
    number = np.full(len(charts), -1)
    number[mine] = np.arange(len(mine))
    beside = twins.reshape(-1, 3)[mine] // 3
    joined = charts[beside] == charts[mine, None]
    here, there = np.nonzero(joined)[0], number[beside[joined]]
    label = np.arange(len(mine))
    while True:
        before = label.copy()
        np.minimum.at(label, here, label[there])
        label = label[label]
        if (label == before).all():
            break
    result = charts.copy()
    result[mine] = first + np.unique(label, return_inverse=True)[1]
    return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patchwork:
    """
    The patches' texture.

    Attributes:
        rgb: uint8, shape (h, w, 3).
        at: Where in it the vertices lie, each 0–1, shape (n, 2).
    """

    rgb: NDArray[np.uint8]
    at: Floats


def sew_patches(points: Floats, axes: Indices, islands: Indices, colors: Floats) -> Patchwork:
    """
    Draw the colours of vertices, each island as it is seen along its own axis.

    Args:
        points: Where the vertices are, in pixels of the texture, shape (n, 3).
        axes: The axis that each looks along, 0–2, shape (n,).
        islands: Which island each belongs to, from 0, shape (n,).
        colors: 0–255, shape (n, 3).

    Returns:
        The texture.
    """
    if not len(points):
        return Patchwork(rgb=np.zeros((1, 1, 3), np.uint8), at=np.zeros((0, 2), np.float32))
    across = np.array([[1, 2], [0, 2], [0, 1]])[axes]
    flat = np.take_along_axis(points, across, axis=1)
    count = int(islands.max()) + 1
    low = np.full((count, 2), np.inf, np.float32)
    high = np.full((count, 2), -np.inf, np.float32)
    np.minimum.at(low, islands, flat)
    np.maximum.at(high, islands, flat)
    sizes = np.ceil(high - low).astype(np.int64) + 2 * _MARGIN_PX
    corners, (width, height) = _shelve(sizes)
    at = flat - low[islands] + corners[islands] + np.float32(_MARGIN_PX)
    at = (at / np.array([width, height])).astype(np.float32)
    rgb = np.clip(splat(colors, at, (height, width)), 0, 255).astype(np.uint8)
    return Patchwork(rgb=rgb, at=at)


def _shelve(sizes: Indices) -> tuple[Floats, tuple[int, int]]:
    """Put boxes side by side on shelves, the highest first."""
    total = max(int(np.sqrt(sizes.prod(axis=1).sum()) * _SQUARENESS), int(sizes[:, 0].max()))
    corners = np.zeros(sizes.shape, np.float32)
    left = top = below = 0
    for box in _highest_first(sizes):
        width, height = sizes[box].tolist()
        if left + width > total:
            left, top = 0, below
        corners[box] = left, top
        left, below = left + width, max(below, top + height)
    return corners, (total, below)


def _highest_first(sizes: Indices) -> Sequence[int]:
    order: list[int] = np.argsort(-sizes[:, 1], kind="stable").tolist()
    return order
