"""Give a surface one colour from several pictures of it, wherever they see it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.shapes.texture_sheet import fill_holes

_SHARPNESS = 4
"""Power of the cosine: how soon a view yields to one that faces the surface more."""

_LEAST_WEIGHT = 0.01
"""Cosine 0.3 to the fourth: what is seen so askew, or not at all, is better guessed."""

_VISIBILITY_CELLS = 128
_HIDDEN_CELLS = 4
_SPREADINGS = 6
_EVENINGS, _FINE_VERTICES = 6, 25_000
_SURE_SHARE, _SOLE_SHARE = 0.5, 0.85
_NEXT = np.ones((3, 3), np.uint8)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """
    A picture of the surface.

    Attributes:
        rgb: uint8, shape (h, w, 3); the surface's colours go on beyond its outline.
        rough: The same, scaled down to about the fineness of the surface's vertices.
        at: Where in it, each 0–1, the surface's vertices fall; shape (n, 2).
        direction: Unit vector along an axis towards the viewer.
        trust: How much its colours count against those of others.
    """

    rgb: NDArray[np.uint8]
    rough: Floats
    at: Floats
    direction: Floats
    trust: float


def share_out(points: Floats, normals: Floats, views: Sequence[Projection]) -> Floats:
    """
    Tell how much each picture has to say about each vertex: those that see it squarely, most.

    Args:
        points: About evenly spread, shape (n, 3).
        normals: Unit vectors, shape (n, 3).
        views: The pictures.

    Returns:
        Shares, in sum 1, or 0 where no picture shows a vertex well; shape (n, views).
    """
    weights = np.empty((len(points), len(views)), np.float32)
    for weight, view in zip(weights.T, views, strict=True):
        weight[:] = np.maximum(normals @ view.direction, 0) ** _SHARPNESS * view.trust
        weight[_hidden(points, view.direction)] = 0
    total = weights.sum(axis=1, keepdims=True)
    return np.where(total > _LEAST_WEIGHT, weights / np.maximum(total, _LEAST_WEIGHT), 0)


def mix_colors(views: Sequence[Projection], shares: Floats, faces: NDArray[np.int32]) -> Floats:
    """
    Mix the pictures' rough colours; vertices that none shows take after those around them.

    Args:
        views: The pictures.
        shares: Of them in each vertex, shape (n, views).
        faces: Shape (f, 3).

    Returns:
        The colours of the vertices, 0–255, shape (n, 3).
    """
    colors = np.zeros((len(shares), 3), np.float32)
    for view, share in zip(views, shares.T, strict=True):
        colors += read_pixels(view.rough, view.at) * share[:, None]
    _spread(colors, shares.max(axis=1) > 0, faces)
    return colors


def smooth_normals(normals: Floats, faces: NDArray[np.int32]) -> Floats:
    """
    Even out the normals, so that small bumps do not send a surface from picture to picture.

    Args:
        normals: Of the vertices, shape (n, 3).
        faces: Shape (f, 3).

    Returns:
        Unit vectors, shape (n, 3).
    """
    flat = faces.ravel()
    for _ in range(round(_EVENINGS * math.sqrt(len(normals) / _FINE_VERTICES))):
        around = np.repeat(normals[faces].sum(axis=1), 3, axis=0)
        total = np.column_stack([np.bincount(flat, one, len(normals)) for one in around.T])
        length = np.linalg.norm(total, axis=1, keepdims=True)
        normals = (total / np.maximum(length, 1e-9)).astype(np.float32)
    return normals


def _hidden(points: Floats, direction: Floats) -> NDArray[np.bool_]:
    """Tell which points have others far before them, seen from *direction*, or beside them."""
    cell = float(np.ptp(points, axis=0).max()) / _VISIBILITY_CELLS
    across = points[:, direction == 0]
    columns, rows = ((across - across.min(axis=0)) / cell).astype(np.int64).T
    near = points @ direction
    first = np.full((columns.max() + 1, rows.max() + 1), near.min(), np.float32)
    np.maximum.at(first, (columns, rows), near)
    # An outline in a picture strays a little over what is behind it.
    first = np.asarray(cv2.dilate(first, _NEXT), np.float32)
    return np.asarray(near < first[columns, rows] - _HIDDEN_CELLS * cell, np.bool_)


def read_pixels(picture: Floats, at: Floats) -> Floats:
    """Read a picture, shape (h, w, c), at places 0–1 in it, shape (n, 2), between its pixels."""
    size = np.array([picture.shape[1], picture.shape[0]], np.float32)
    place = at * size - np.float32(0.5)
    # OpenCV takes no map longer than a short integer counts.
    rows = -(-len(place) // 1024)
    grid = np.zeros((rows * 1024, 2), np.float32)
    grid[: len(place)] = place
    x, y = np.ascontiguousarray(grid.T).reshape(2, rows, 1024)
    read = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.float32).reshape(rows * 1024, -1)[: len(place)]


def _spread(colors: Floats, known: NDArray[np.bool_], faces: NDArray[np.int32]) -> None:
    """Colour unknown vertices like the mean of their neighbours, from the known ones inwards."""
    unknown = np.flatnonzero(~known)
    if not len(unknown) or not known.any():
        return
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    edges = edges[~known[edges[:, 0]]]
    number = np.full(len(known), -1)
    number[unknown] = np.arange(len(unknown))
    here, there = number[edges[:, 0]], edges[:, 1]
    filled = known.astype(np.float32)
    remaining = _SPREADINGS
    while remaining:
        weight = np.bincount(here, filled[there], len(unknown))
        for channel in range(3):
            total = np.bincount(here, filled[there] * colors[there, channel], len(unknown))
            colors[unknown, channel] = total / np.maximum(weight, 1e-9)
        reached = weight > 0
        # All are reached first, then they settle. What touches no known vertex stays as it is.
        remaining -= (reached == (filled[unknown] > 0)).all()
        filled[unknown] = reached


def retouch(view: Projection, colors: Floats, shares: Floats, at: Floats) -> NDArray[np.uint8]:
    """
    Change a picture where the surface has other colours than it shows.

    Only the rough colours change, and fine detail fades where other pictures have a say: seams
    between pictures then neither step in brightness nor cut through detail (after Burt and
    Adelson, "A multiresolution spline", 1983).

    Args:
        view: The picture.
        colors: Of the vertices that are shown in it, shape (m, 3).
        shares: How much of them came from it, shape (m,).
        at: Where they fall, each 0–1, shape (m, 2).

    Returns:
        uint8, as large as the picture.
    """
    height, width = view.rough.shape[:2]
    change = colors - read_pixels(view.rough, at)
    detail = np.clip((shares - _SURE_SHARE) / (_SOLE_SHARE - _SURE_SHARE), 0, 1)
    fine = splat(np.repeat(detail[:, None], 3, axis=1), at, (height, width))
    target = view.rough * (1 - fine) + splat(change, at, (height, width))
    size = (view.rgb.shape[1], view.rgb.shape[0])
    fine = np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_LINEAR), np.float32)
    result = np.asarray(cv2.resize(target, size, interpolation=cv2.INTER_LINEAR), np.float32)
    result += fine * view.rgb
    return np.clip(result, 0, 255, out=result).astype(np.uint8)


def splat(values: Floats, at: Floats, shape: tuple[int, int]) -> Floats:
    """
    Draw a map of what vertices carry, filled between and around them.

    Args:
        values: Shape (m, 3).
        at: Their places in the map, each 0–1, shape (m, 2).
        shape: Height and width of the map.

    Returns:
        float32, shape (height, width, 3).
    """
    height, width = shape
    x = np.clip(at[:, 0] * width - 0.5, 0, width - 1.001)
    y = np.clip(at[:, 1] * height - 0.5, 0, height - 1.001)
    column, row = x.astype(np.int64), y.astype(np.int64)
    right, down = x - column, y - row
    total = np.zeros((height * width, 4), np.float32)
    for below in (0, 1):
        for beside in (0, 1):
            weight = (down if below else 1 - down) * (right if beside else 1 - right)
            cell = (row + below) * width + column + beside
            total[:, -1] += np.bincount(cell, weight, height * width)
            for channel in range(3):
                carried = np.bincount(cell, weight * values[:, channel], height * width)
                total[:, channel] += carried
    known = np.minimum(total[:, -1], 1)
    colors = total[:, :-1] * (known / np.maximum(total[:, -1], 1e-9))[:, None]
    filled = colors.astype(np.float32).reshape(height, width, 3)
    return fill_holes(filled, known.reshape(height, width))
