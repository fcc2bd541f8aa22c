"""Signed distance fields: negative inside a shape, positive outside, in the shape's own units.

Points come as float32 arrays of shape (3, n): x to the right, y up, z to the front. The formulas
for the basic shapes are well known; I. Quilez, "Distance functions", collects them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
"""float32, as everything here is computed."""

Triple = tuple[float, float, float]


def length(*components: Values) -> Values:
    """Return the length of vectors given by component."""
    squared = components[0] * components[0]
    for component in components[1:]:
        squared = squared + component * component
    found: Values = np.sqrt(squared)
    return found


def at(points: Values, centre: Triple) -> Values:
    """Move the origin to *centre*."""
    return points - np.asarray(centre, np.float32)[:, None]


def turned(points: Values, axis: int, angle_deg: float) -> Values:
    """Turn the shape that is measured next about an axis (0 x, 1 y, 2 z), counter-clockwise."""
    cosine, sine = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    one, two = (axis + 1) % 3, (axis + 2) % 3
    found = points.copy()
    found[one] = points[one] * cosine + points[two] * sine
    found[two] = points[two] * cosine - points[one] * sine
    return found


def mirrored(points: Values) -> Values:
    """Repeat what lies at positive x at negative x."""
    found = points.copy()
    found[0] = np.abs(found[0])
    return found


def sphere(points: Values, centre: Triple, radius: float) -> Values:
    """A ball."""
    return length(*at(points, centre)) - np.float32(radius)


def ellipsoid(points: Values, centre: Triple, radii: Triple) -> Values:
    """A ball stretched along the axes; the distance is a close bound, not exact."""
    local, size = at(points, centre), np.asarray(radii, np.float32)[:, None]
    outer = length(*(local / size))
    slope = length(*(local / (size * size)))
    found: Values = outer * (outer - 1) / np.maximum(slope, np.float32(1e-6))
    return found


def capsule(
    points: Values, start: Triple, end: Triple, radius: float, end_radius: float | None = None
) -> Values:
    """A rod with round ends, thicker or thinner towards *end*."""
    axis = np.subtract(end, start).astype(np.float32)
    local = at(points, start)
    along = np.clip(axis @ local / np.float32(axis @ axis), 0, 1)
    last = radius if end_radius is None else end_radius
    thickness = np.float32(radius) + along * np.float32(last - radius)
    found: Values = length(*(local - axis[:, None] * along)) - thickness
    return found


def path(points: Values, corners: Sequence[Triple], radii: Sequence[float]) -> Values:
    """Rods in a row: one bent tube whose radius changes from corner to corner."""
    found = capsule(points, corners[0], corners[1], radii[0], radii[1])
    for index in range(1, len(corners) - 1):
        rod = capsule(points, corners[index], corners[index + 1], radii[index], radii[index + 1])
        found = np.minimum(found, rod)
    return found


def box(points: Values, centre: Triple, half: Triple, rounding: float = 0.0) -> Values:
    """A box; *rounding* is taken off its edges, not added."""
    size = np.asarray(half, np.float32)[:, None] - np.float32(rounding)
    outside = np.abs(at(points, centre)) - size
    inner = np.minimum(outside.max(axis=0), 0)
    found: Values = length(*np.maximum(outside, 0)) + inner - np.float32(rounding)
    return found


def torus(points: Values, centre: Triple, radius: float, thickness: float, axis: int) -> Values:
    """A ring around an axis (0 x, 1 y, 2 z)."""
    local = at(points, centre)
    across = length(local[(axis + 1) % 3], local[(axis + 2) % 3]) - np.float32(radius)
    return length(across, local[axis]) - np.float32(thickness)


def cylinder(
    points: Values,
    centre: Triple,
    radius: float,
    half_height: float,
    *,
    rounding: float,
    axis: int,
) -> Values:
    """A round disc or post along an axis (0 x, 1 y, 2 z), its edges rounded."""
    local = at(points, centre)
    across = length(local[(axis + 1) % 3], local[(axis + 2) % 3])
    return _rounded_corner(
        across - np.float32(radius), np.abs(local[axis]) - np.float32(half_height), rounding
    )


class Outline:
    """
    A closed outline in the plane, measured once on a fine grid.

    A smooth line needs many corners, and measuring each point against each corner is slow.
    """

    def __init__(self, corners: NDArray[np.floating], *, cells: int = 900) -> None:
        low, high = corners.min(axis=0), corners.max(axis=0)
        border = 0.15 * float((high - low).max())
        self._low = (low - border).astype(np.float32)
        extent = high - low + 2 * border
        self._cell = np.float32(extent.max() / cells)
        columns, rows = (np.ceil(extent / self._cell).astype(int) + 1).tolist()
        x = self._low[0] + self._cell * np.arange(columns, dtype=np.float32)
        y = self._low[1] + self._cell * np.arange(rows, dtype=np.float32)
        grid_x, grid_y = np.meshgrid(x, y)
        self._values = polygon(grid_x, grid_y, corners)

    def distance(self, x: Values, y: Values) -> Values:
        """Return the signed distance of points; from far outside a little too small."""
        rows, columns = self._values.shape
        across, down = (x - self._low[0]) / self._cell, (y - self._low[1]) / self._cell
        column = np.clip(across, 0, columns - 1.001)
        row = np.clip(down, 0, rows - 1.001)
        beyond = length(across - column, down - row) * self._cell
        left, top = column.astype(np.int32), row.astype(np.int32)
        right_share, low_share = column - left, row - top
        at_corner = top * columns + left
        flat = self._values.ravel()
        upper = flat[at_corner] * (1 - right_share) + flat[at_corner + 1] * right_share
        at_corner += columns
        lower = flat[at_corner] * (1 - right_share) + flat[at_corner + 1] * right_share
        found: Values = upper * (1 - low_share) + lower * low_share + beyond
        return found


def lathe(points: Values, profile: Outline) -> Values:
    """An outline of (radius, height) corners turned about the y axis."""
    return profile.distance(length(points[0], points[2]), points[1])


def extrusion(points: Values, outline: Outline, half_depth: float, rounding: float) -> Values:
    """An outline in x and y, thick along z, its edges rounded."""
    inside = outline.distance(points[0], points[1])
    return _rounded_corner(inside, np.abs(points[2]) - np.float32(half_depth), rounding)


def polygon(x: Values, y: Values, corners: NDArray[np.floating]) -> Values:
    """The distance to a closed outline in the plane."""
    outline = np.asarray(corners, np.float32)
    squared = np.full(x.shape, np.inf, np.float32)
    inside = np.zeros(x.shape, bool)
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        side = end - start
        from_x, from_y = x - start[0], y - start[1]
        along = np.clip(
            (from_x * side[0] + from_y * side[1]) / max(float(side @ side), 1e-12), 0, 1
        ).astype(np.float32)
        off_x, off_y = from_x - side[0] * along, from_y - side[1] * along
        squared = np.minimum(squared, off_x * off_x + off_y * off_y)
        crosses = (start[1] <= y) != (end[1] <= y)
        inside ^= crosses & ((from_x * side[1] < from_y * side[0]) == (side[1] > 0))
    return np.where(inside, -np.sqrt(squared), np.sqrt(squared))


def smooth_union(first: Values, second: Values, radius: float) -> Values:
    """Join two shapes with a fillet of about *radius* in the crease."""
    if radius <= 0:
        return np.minimum(first, second)
    overlap = np.maximum(np.float32(radius) - np.abs(first - second), 0)
    found: Values = np.minimum(first, second) - overlap * overlap / np.float32(4 * radius)
    return found


def smooth_cut(solid: Values, tool: Values, radius: float) -> Values:
    """Take *tool* away from *solid*, rounding the new edge."""
    return -smooth_union(-solid, tool, radius)


def curve(knots: Sequence[tuple[float, float]], steps: int = 32) -> NDArray[np.float64]:
    """Run a smooth line (centripetal-free Catmull-Rom) through *knots* in the plane."""
    given = np.asarray(knots, np.float64)
    padded = np.concatenate([2 * given[:1] - given[1:2], given, 2 * given[-1:] - given[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for index in range(len(given) - 1):
        before, start, end, after = padded[index : index + 4]
        pieces.append(
            0.5
            * (
                2 * start
                + (end - before) * t
                + (2 * before - 5 * start + 4 * end - after) * t**2
                + (3 * start - before - 3 * end + after) * t**3
            )
        )
    return np.concatenate([*pieces, given[-1:]])


def _rounded_corner(first: Values, second: Values, rounding: float) -> Values:
    """Intersect two fields that are at right angles, rounding their edge."""
    one, two = first + np.float32(rounding), second + np.float32(rounding)
    inner = np.minimum(np.maximum(one, two), 0)
    return length(np.maximum(one, 0), np.maximum(two, 0)) + inner - np.float32(rounding)
