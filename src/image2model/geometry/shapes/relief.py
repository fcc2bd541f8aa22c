"""Raise a picture from a plate: a bas-relief, or a lithophane to be lit from behind."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.shapes.poisson import solve_poisson
from image2model.geometry.shapes.shape import Shape, unit_vectors

_BULGE_SHARE = 0.6
_DETAIL_SCALE = 0.04
_DETAIL_GAIN = 1.6
_SEAM_FRACTION = 1e-5
_EDGE_FRACTION = 2e-3
_FACES_PER_COLUMN_OF_TWO = 20

Floats = NDArray[np.float32]


def relief_size(width_px: int, height_px: int, *, face_limit: int) -> tuple[int, int]:
    """
    Choose the grid of a plate.

    Args:
        width_px: Of the picture.
        height_px: Of the picture.
        face_limit: The most triangles of the closed plate.

    Returns:
        Columns and rows of its vertices.
    """
    aspect = width_px / height_px
    rows = max(2, int(math.sqrt(face_limit / 2 / aspect)))
    while True:
        columns = max(2, round(rows * aspect))
        if rows == 2:
            return min(columns, face_limit // _FACES_PER_COLUMN_OF_TWO), rows
        around = 2 * (columns + rows - 2)
        if 2 * (columns - 1) * (rows - 1) + 9 * around <= face_limit:
            return columns, rows
        rows -= 1


def lightness(picture: NDArray[np.uint8] | NDArray[np.uint16], size: tuple[int, int]) -> Floats:
    """
    Tell how light a picture is.

    Args:
        picture: uint8 RGB, shape (h, w, 3), or uint16 grey, shape (h, w).
        size: Columns and rows of the result.

    Returns:
        0–1, shape (rows, columns).
    """
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    most = np.iinfo(picture.dtype).max
    # In steps of 8 bits, mixing neighbours must not round again.
    reduced = cv2.resize(np.asarray(grey, np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.float32) / np.float32(most)


def carve_heights(light: Floats, inside: NDArray[np.uint8] | None) -> Floats:
    """
    Turn a picture into the heights of a bas-relief.

    Args:
        light: How light it is, 0–1, shape (rows, columns).
        inside: 255 where the subject is, which bulges; None: no subject was found, and only
            light and dark count.

    Returns:
        Heights 0–1, shape (rows, columns).
    """
    if inside is None:
        return light
    size = (light.shape[1], light.shape[0])
    small = np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_AREA), np.float32) / 255
    diagonal = np.where(small > 0.5, np.float32(4), np.float32(0))
    diagonal[[0, -1]] = 0
    diagonal[:, [0, -1]] = 0
    bulge = np.sqrt(solve_poisson(diagonal, source=4.0))
    bulge /= max(float(bulge.max()), 1.0)
    blur = cv2.GaussianBlur(light, (0, 0), _DETAIL_SCALE * max(size))
    detail = np.tanh((light - blur) * _DETAIL_GAIN) + 0.5
    heights = small * (_BULGE_SHARE * np.sqrt(bulge) + (1 - _BULGE_SHARE) * detail)
    return np.asarray(np.clip(heights, 0, 1), np.float32)


def raise_plate(
    heights: Floats, *, width_px: int, height_px: int, base_px: float, relief_px: float
) -> Shape:
    """
    Build the plate that *heights* stand on.

    Args:
        heights: 0–1, shape (rows, columns), spread evenly over the picture.
        width_px: Of the picture; the plate covers all of it.
        height_px: Of the picture.
        base_px: How thick the plate is under height 0, in picture pixels.
        relief_px: How far height 1 stands out, in picture pixels.

    Returns:
        The plate, closed and oriented; its flat back has a texture of its own.
    """
    rows, columns = heights.shape
    step_x, step_y = width_px / (columns - 1), height_px / (rows - 1)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    top = np.stack([x * step_x, y * step_y, base_px + heights * relief_px], axis=2)
    slope_x = np.gradient(heights, axis=1) * (relief_px / step_x)
    slope_y = np.gradient(heights, axis=0) * (relief_px / step_y)
    up = unit_vectors(np.stack([-slope_x, -slope_y, np.ones_like(heights)], 2).reshape(-1, 3))
    ring = _border(rows, columns)
    size_px = max(width_px, height_px)
    rings = _wall_rings(top.reshape(-1, 3)[ring], _outward(rows, columns, ring), size_px)
    count, around = rows * columns, len(ring)
    centre = np.array([[width_px / 2, height_px / 2, rings[-1][0][0, 2]]])
    points = np.concatenate([top.reshape(-1, 3), *(points for points, _ in rings), centre])
    normals = np.concatenate([up, *(normals for _, normals in rings), [(0.0, 0.0, -1.0)]])
    return Shape(
        points=points.astype(np.float32),
        normals=normals.astype(np.float32),
        faces=_plate_faces(rows, columns, ring, len(rings)),
        back=np.arange(len(points)) >= count + (len(rings) - 1) * around,
    )


def _border(rows: int, columns: int) -> NDArray[np.int32]:
    """Return the outermost vertices, counter-clockwise on the screen from the top left."""
    numbers = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    return np.concatenate(
        [numbers[:-1, 0], numbers[-1, :-1], numbers[:0:-1, -1], numbers[0, :0:-1]]
    )


def _outward(rows: int, columns: int, ring: NDArray[np.int32]) -> Floats:
    row, column = np.divmod(ring, columns)
    x = (column == columns - 1).astype(np.float32) - (column == 0)
    y = (row == rows - 1).astype(np.float32) - (row == 0)
    return np.column_stack([x, y, np.zeros_like(x)]).astype(np.float32)


def _wall_rings(
    rim: NDArray[np.float64], outward: Floats, size_px: float
) -> list[tuple[NDArray[np.float64], Floats]]:
    """Return points and normals of the rings from the front's rim to the back's."""
    edge, seam = _EDGE_FRACTION * size_px, _SEAM_FRACTION * size_px
    sideways = unit_vectors(outward)
    away = np.tile(np.array([0, 0, -1], np.float32), (len(rim), 1))
    outer = rim + outward * edge
    upper, lower, inner = outer.copy(), outer.copy(), rim.copy()
    upper[:, 2] -= edge
    lower[:, 2] = edge
    inner[:, 2] = 0
    behind = inner - np.array([0, 0, seam])
    return [(upper, sideways), (lower, sideways), (inner, away), (behind, away)]


def _plate_faces(rows: int, columns: int, ring: NDArray[np.int32], rings: int) -> NDArray[np.int32]:
    numbers = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, d = numbers[:-1, :-1].ravel(), numbers[:-1, 1:].ravel()
    b, c = numbers[1:, :-1].ravel(), numbers[1:, 1:].ravel()
    faces = [np.stack([a, b, c], 1), np.stack([a, c, d], 1)]
    count, around = rows * columns, len(ring)
    upper = ring
    for number in range(rings):
        lower = np.arange(around, dtype=np.int32) + count + number * around
        next_upper, next_lower = np.roll(upper, -1), np.roll(lower, -1)
        faces.append(np.stack([upper, lower, next_upper], 1))
        faces.append(np.stack([next_upper, lower, next_lower], 1))
        upper = lower
    centre = np.full_like(upper, count + rings * around)
    faces.append(np.stack([centre, np.roll(upper, -1), upper], 1))
    return np.concatenate(faces)
