"""How far a surface strays from where it was."""

import numpy as np
from numpy.typing import NDArray

_MOST_POINTS = 1_500
_MOST_PAIRS = 600_000
_MOST_FACES = 12_000
_PAIRS_AT_ONCE = 1 << 16

Triangles = NDArray[np.float64]
"""Corners, shape (f, 3, 3)."""


def deviation(before: Triangles, after: Triangles) -> float:
    """
    Return how far two surfaces are apart where they are farthest from each other.

    Measured from some of their corners and of the middles of their faces, the outermost among
    them: what is cut off, flattened or pulled out is found, a small dent may not be.

    Args:
        before: At least one face.
        after: At least one face.
    """
    # Of a fine surface some faces are enough to be near.
    coarse = before[:: 1 + len(before) // _MOST_FACES]
    return max(_reach(before, after), _reach(after, coarse))


def _reach(before: Triangles, after: Triangles) -> float:
    """Return the largest distance from *before* to the nearest point of *after*."""
    points = _points(before, most=min(_MOST_POINTS, max(64, _MOST_PAIRS // len(after))))
    step = max(1, _PAIRS_AT_ONCE // len(after))
    squares = [
        _squared_distances(points[start : start + step], after).min(axis=1).max()
        for start in range(0, len(points), step)
    ]
    return float(np.sqrt(max(squares)))


def _points(faces: Triangles, *, most: int) -> NDArray[np.float64]:
    """Choose corners and middles: the outermost in many directions, and others evenly."""
    points = np.concatenate([faces.reshape(-1, 3), faces.mean(axis=1)])
    if len(points) <= most:
        return points
    # Evenly over the sphere (Fibonacci); the ends of limbs are outermost in some direction.
    count = np.arange(64) + 0.5
    height, turn = 1 - count / 32, count * np.pi * (1 + 5**0.5)
    flat = np.sqrt(1 - height**2)
    directions = np.stack([flat * np.cos(turn), flat * np.sin(turn), height])
    outermost = (points @ directions).argmax(axis=0)
    evenly = np.linspace(0, len(points) - 1, most).astype(np.int64)
    chosen: NDArray[np.float64] = points[np.concatenate([outermost, evenly])]
    return chosen


def _squared_distances(points: NDArray[np.float64], faces: Triangles) -> NDArray[np.float64]:
    """Return the squared distance of each point to each face, shape (points, faces)."""
    corners = [faces[:, at] for at in range(3)]
    across = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    area = np.maximum((across**2).sum(axis=1), 1e-300)
    height = (points @ across.T - (corners[0] * across).sum(axis=1)) ** 2 / area
    inside = np.ones(height.shape, bool)
    least = np.full(height.shape, np.inf)
    for at in range(3):
        start, edge = corners[at], corners[(at + 1) % 3] - corners[at]
        inward = np.cross(across, edge)
        inside &= points @ inward.T >= (start * inward).sum(axis=1)
        length = np.maximum((edge**2).sum(axis=1), 1e-300)
        along = np.clip((points @ edge.T - (start * edge).sum(axis=1)) / length, 0, 1)
        nearest = start + along[..., None] * edge
        np.minimum(least, ((points[:, None] - nearest) ** 2).sum(axis=2), out=least)
    return np.where(inside, height, least)
