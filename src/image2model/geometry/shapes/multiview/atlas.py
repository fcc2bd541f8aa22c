"""Lay out the texture of a solid that is coloured from several pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.shapes.multiview.seams import SeamedMesh, split_charts

_SMOOTHINGS = 12
_SEAM_FRACTION = 1e-5

Floats = NDArray[np.float32]
Place = tuple[float, float, float, float]
"""Left, top, width and height in a texture, each 0–1."""


def pack_sheets(sheets: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], list[Place]]:
    """
    Lay textures side by side, and small ones below each other.

    Args:
        sheets: uint8, shape (h, w, 3) each, large ones first.

    Returns:
        One texture, and where in it each lies.
    """
    height = max(len(sheet) for sheet in sheets)
    corners: list[tuple[int, int]] = []
    left = right = below = 0
    for sheet in sheets:
        if below + len(sheet) > height:
            left, below = right, 0
        corners.append((left, below))
        right, below = max(right, left + sheet.shape[1]), below + len(sheet)
    packed = np.zeros((height, right, 3), np.uint8)
    places: list[Place] = []
    for sheet, (x, y) in zip(sheets, corners, strict=True):
        rows, columns = sheet.shape[:2]
        packed[y : y + rows, x : x + columns] = sheet
        places.append((x / right, y / height, columns / right, rows / height))
    return packed, places


def choose_charts(
    faces: NDArray[np.int32],
    twins: NDArray[np.int64],
    normals: Floats,
    shares: Floats,
    directions: Floats,
) -> NDArray[np.int64]:
    """
    Give each face to the picture that shows it best, in patches without frayed edges.

    Args:
        faces: Shape (f, 3), closed and oriented.
        twins: See `seams.twin_half_edges`.
        normals: Vertex normals, shape (n, 3).
        shares: How much each picture says about each vertex, shape (n, v).
        directions: Unit vectors, shape (d, 3).

    Returns:
        The picture of each face, or v + the direction it faces if no picture shows all of it,
        shape (f,).
    """
    around = shares[faces]
    charts = around.sum(axis=1).argmax(axis=1)
    shown = np.take_along_axis(around.min(axis=1), charts[:, None], axis=1)[:, 0] > 0
    facing = (normals[faces].sum(axis=1) @ directions.T).argmax(axis=1)
    charts = np.where(shown, charts, shares.shape[1] + facing)
    neighbours = twins.reshape(-1, 3) // 3
    for _ in range(_SMOOTHINGS):
        a, b, c = charts[neighbours].T
        agreed = np.where((a == b) | (a == c), a, np.where(b == c, b, charts))
        if (agreed == charts).all():
            break
        charts = agreed
    return np.asarray(charts, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Painted:
    """A closed mesh with texture coordinates; `origin` tells which vertex each one was."""

    points: Floats
    faces: NDArray[np.int32]
    origin: NDArray[np.int64]
    chart: NDArray[np.int64]


def cut_charts(
    points: Floats,
    faces: NDArray[np.int32],
    twins: NDArray[np.int64],
    charts: NDArray[np.int64],
) -> Painted:
    """
    Part the charts by seams too thin to see, see `seams.split_charts`.

    Args:
        points: Shape (n, 3).
        faces: Shape (f, 3), closed and oriented.
        twins: See `seams.twin_half_edges`.
        charts: The chart of each face, shape (f,).

    Returns:
        The mesh, still closed, each vertex in one chart.
    """
    seamed: SeamedMesh = split_charts(points, faces, twins, charts)
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
