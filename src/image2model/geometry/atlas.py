"""Colour a solid from several pictures of it, one chart of the texture each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.seams import SeamedMesh, split_charts, twin_half_edges
from image2model.geometry.texture_sheet import Placement

_SMOOTHINGS = 12
_HIDDEN_PENALTY = 2.0
_VISIBILITY_CELLS = 80
_HIDDEN_CELLS = 6
_SEAM_FRACTION = 1e-5

Floats = NDArray[np.float32]


def join_sheets(
    sheets: Sequence[NDArray[np.uint8]], placements: Sequence[Sequence[Placement]]
) -> tuple[NDArray[np.uint8], list[list[Placement]]]:
    """
    Lay textures side by side.

    Args:
        sheets: uint8, shape (h, w, 3) each.
        placements: What lies where in each.

    Returns:
        One texture, and the placements in it.
    """
    height = max(len(sheet) for sheet in sheets)
    width = sum(sheet.shape[1] for sheet in sheets)
    joined = np.empty((height, width, 3), np.uint8)
    moved: list[list[Placement]] = []
    at = 0
    for sheet, places in zip(sheets, placements, strict=True):
        rows, columns = sheet.shape[:2]
        joined[:rows, at : at + columns] = sheet
        joined[rows:, at : at + columns] = sheet[-1:]
        share = np.array([columns / width, rows / height] * 2)
        moved.append([_moved(place, share, at / width) for place in places])
        at += columns
    return joined, moved


def _moved(place: Placement, share: NDArray[np.float64], left: float) -> Placement:
    x, y, width, height = (np.array(place.texture) * share).tolist()
    return replace(place, texture=(x + left, y, width, height))


def choose_charts(
    points: Floats, faces: NDArray[np.int32], normals: Floats, directions: Floats
) -> NDArray[np.int64]:
    """
    Give each face to the view that sees it best, in patches without frayed edges.

    A face that something hides from a view goes to another one, even if no view sees it: what
    is hidden from the front mostly has the colours that its outline shows at the side.

    Args:
        points: Shape (n, 3), about evenly spread.
        faces: Shape (f, 3), closed and oriented.
        normals: Vertex normals, shape (n, 3).
        directions: Unit vectors along axes towards each view, shape (v, 3); the first wins a tie.

    Returns:
        The view of each face, shape (f,).
    """
    hidden = np.column_stack([_hidden(points, direction) for direction in directions])
    facing = normals @ directions.T - _HIDDEN_PENALTY * hidden
    charts = facing[faces].sum(axis=1).argmax(axis=1)
    neighbours = twin_half_edges(faces).reshape(-1, 3) // 3
    for _ in range(_SMOOTHINGS):
        a, b, c = charts[neighbours].T
        agreed = np.where((a == b) | (a == c), a, np.where(b == c, b, charts))
        if (agreed == charts).all():
            break
        charts = agreed
    return np.asarray(charts, np.int64)


def _hidden(points: Floats, direction: Floats) -> NDArray[np.bool_]:
    """Tell which points have others far before them, seen from *direction*."""
    cell = float(np.ptp(points, axis=0).max()) / _VISIBILITY_CELLS
    across = points[:, direction == 0]
    columns, rows = ((across - across.min(axis=0)) / cell).astype(np.int64).T
    near = points @ direction
    first = np.full((columns.max() + 1, rows.max() + 1), -np.inf, np.float32)
    np.maximum.at(first, (columns, rows), near)
    return np.asarray(near < first[columns, rows] - _HIDDEN_CELLS * cell, np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Painted:
    """A closed mesh with texture coordinates; `origin` tells which vertex each one was."""

    points: Floats
    faces: NDArray[np.int32]
    origin: NDArray[np.int64]
    chart: NDArray[np.int64]


def cut_charts(points: Floats, faces: NDArray[np.int32], charts: NDArray[np.int64]) -> Painted:
    """
    Part the charts by seams too thin to see, see `seams.split_charts`.

    Args:
        points: Shape (n, 3).
        faces: Shape (f, 3), closed and oriented.
        charts: The chart of each face, shape (f,).

    Returns:
        The mesh, still closed, each vertex in one chart.
    """
    seamed: SeamedMesh = split_charts(points, faces, charts)
    size = float(np.ptp(points, axis=0).max())
    moved = points[seamed.origin] + seamed.pull * np.float32(_SEAM_FRACTION * size)
    return Painted(
        points=moved.astype(np.float32),
        faces=seamed.faces,
        origin=seamed.origin,
        chart=seamed.chart,
    )


def vertex_normals(points: Floats, faces: NDArray[np.int32]) -> Floats:
    """
    Average the normals of the faces around each vertex, large faces counting more.

    Args:
        points: In a picture's axes, y down, shape (n, 3).
        faces: Counter-clockwise on the screen from outside, shape (f, 3).

    Returns:
        Unit vectors outwards, shape (n, 3).
    """
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    normals = np.cross(c - a, b - a)
    total = np.empty_like(points)
    flat = faces.ravel()
    for axis in range(3):
        share = np.repeat(normals[:, axis], 3)
        total[:, axis] = np.bincount(flat, share, len(points))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(total / np.maximum(length, 1e-20), np.float32)
