"""Cut polygons of any shape into triangles."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import mapbox_earcut
import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh

FARTHEST = 1e9
"""Coordinates beyond this are an accident: floats that large have lost the object's shape."""

_SLIVER = 1e-9
"""Area of a triangle below which it says nothing about a polygon's shape, as a part of it."""

_AREA_ERROR = 1e-6
"""By how much the triangles' area may differ from the polygon's, as a part of it."""

_TINY = 1e-300
_CORNERS_AT_ONCE = 400_000
"""About 100 MB of intermediate results."""

_MOST_REPEATED = 400
"""
Corners of a polygon at places where it has been before: two for each hole that it goes around. The
time grows with their third power: 12 kB that name three vertices over and over take minutes.
"""

_Indices = NDArray[np.int64]
_Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Triangles:
    """
    Polygons as triangles.

    Attributes:
        corners: Shape (n, 3): places in the list of all polygons' corners.
        polygon: Shape (n,): which polygon each triangle is a part of; ascending.
        too_few: How many polygons have fewer than three corners, and so no triangle.
        crossing: How many polygons cross themselves: no triangles are exactly their shape.
    """

    corners: _Indices
    polygon: _Indices
    too_few: int = 0
    crossing: int = 0


def triangulate(positions: _Points, corners: _Indices, counts: _Indices) -> Triangles:
    """
    Cut polygons into triangles that cover them exactly, whether they are convex or not.

    A polygon that lies in no plane is looked at along M. Newell's normal. Every corner stays the
    corner of a triangle, also where three of them lie on one line: the polygon next to it may
    need it to close the surface.

    Args:
        positions: Of all vertices, shape (n, 3).
        corners: The vertices of the first polygon, of the second one, and so on.
        counts: How many corners each polygon has.

    Returns:
        The triangles, in the order of the polygons.

    Raises:
        InvalidMesh: A polygon refers to a vertex that is not there, or that is nowhere.
    """
    if len(corners) and (corners.min() < 0 or corners.max() >= len(positions)):
        raise InvalidMesh(reason="a face refers to a vertex that is not there")
    starts = np.cumsum(counts) - counts
    places, polygons, crossing = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)], 0
    for count in np.unique(counts[counts >= 3]).tolist():
        same = np.flatnonzero(counts == count)
        step = max(1, _CORNERS_AT_ONCE // count)
        for which in (same[at : at + step] for at in range(0, len(same), step)):
            rings = starts[which, None] + np.arange(count)
            if count == 3:
                places.append(rings)
                polygons.append(which)
            else:
                cut, owner, bad = _cut(positions[corners[rings]])
                places.append(rings[owner[:, None], cut])
                polygons.append(which[owner])
                crossing += bad
    polygon = np.concatenate(polygons)
    order = np.argsort(polygon, kind="stable")
    return Triangles(
        corners=np.concatenate(places)[order],
        polygon=polygon[order],
        too_few=int((counts < 3).sum()),
        crossing=crossing,
    )


def _cut(rings: NDArray[np.floating]) -> tuple[_Indices, _Indices, int]:
    """Return corners within their ring and ring of each triangle, and how many rings cross."""
    # Not `>`: a comparison with NaN is false, and this must refuse it.
    if not np.abs(rings).max() <= FARTHEST:
        raise InvalidMesh(reason="a vertex is infinitely far away or nowhere")
    points = rings.astype(np.float64) - rings[:, :1]
    normals, doubled = _newell(points)
    count = points.shape[1]
    fan = np.stack([np.zeros(count - 2), np.arange(1, count - 1), np.arange(2, count)], 1)
    fan = fan.astype(np.int64)
    done = np.zeros(len(points), bool)
    cuts, owners = [], []
    # Of a quad that is not convex one of the two diagonals is still right.
    for turn in range(2 if count == 4 else 1):
        triangles = (fan + turn) % count
        a, b, c = (points[:, triangles[:, corner]] for corner in range(3))
        areas = (np.cross(b - a, c - a) * normals[:, None]).sum(axis=2)
        # What has no area at all has none in any triangles.
        fits = ~done & ((areas > _SLIVER * doubled[:, None]).all(axis=1) | (doubled == 0))
        owners.append(np.repeat(np.flatnonzero(fits), len(triangles)))
        cuts.append(np.tile(triangles, (int(fits.sum()), 1)))
        done |= fits
    crossing = 0
    left = np.flatnonzero(~done)
    for ring, flat in zip(left, _flatten(points[left], normals[left]), strict=True):
        triangles = _clip_ears(flat)
        area = np.abs(_doubled(flat, triangles)).sum()
        crossing += not np.isclose(area, doubled[ring], rtol=_AREA_ERROR, atol=0)
        owners.append(np.full(len(triangles), ring))
        cuts.append(triangles)
    return np.concatenate(cuts), np.concatenate(owners), crossing


def _newell(points: _Points) -> tuple[_Points, _Points]:
    """
    Return the unit normal of each ring's best plane, and twice its area in that plane.

    The area is 0 where all corners lie on one line, and only there.
    """
    sums = np.cross(points, np.roll(points, -1, axis=1)).sum(axis=1)
    doubled = np.linalg.norm(sums, axis=1)
    # Loops in opposite directions, as of a figure of eight, cancel out: take its largest corner.
    spokes = np.cross(points[:, 1:-1], points[:, 2:])
    sizes = np.linalg.norm(spokes, axis=2)
    largest = spokes[np.arange(len(points)), sizes.argmax(axis=1)]
    reach = np.abs(points).max(axis=(1, 2)) ** 2
    cancels = doubled <= _SLIVER * sizes.max(axis=1)
    sums[cancels] = largest[cancels]
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    normals = np.where(length > 0, sums / np.maximum(length, _TINY), (0.0, 0.0, 1.0))
    doubled = np.maximum(doubled, _TINY)
    # A ring on one line has a normal of rounding errors only.
    doubled[sizes.max(axis=1) <= _SLIVER * _SLIVER * reach] = 0
    return normals, doubled


def _flatten(points: _Points, normals: _Points) -> _Points:
    axes = np.eye(3)[np.abs(normals).argmin(axis=1)]
    aside = np.cross(normals, axes)
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    up = np.cross(normals, aside)
    return np.stack([(points * axis[:, None]).sum(axis=2) for axis in (aside, up)], axis=2)


def _clip_ears(flat: _Points) -> _Indices:
    """Return triangles within the ring *flat*, in its direction."""
    count = len(flat)
    ends = np.array([count], np.uint32)
    cut = np.zeros((0, 3), np.int64)
    if count - len(np.unique(flat, axis=0)) <= _MOST_REPEATED:
        cut = mapbox_earcut.triangulate_float64(flat, ends).reshape(-1, 3).astype(np.int64)
    if not len(cut):
        return np.array([(0, at, at + 1) for at in range(1, count - 1)], np.int64)
    areas = _doubled(flat, cut)
    if areas.sum() < 0:
        cut = cut[:, ::-1]
    if len(cut) < count - 2:
        cut = np.array(list(_with_dropped_corners(flat, cut)), np.int64)
    return cut


def _with_dropped_corners(flat: _Points, cut: _Indices) -> Iterator[tuple[int, int, int]]:
    """Put the corners back that lie on a side of a triangle, by dividing it there."""
    count = len(flat)
    kept = np.unique(cut)
    # For each kept corner: the corners left out between it and the next one that was kept.
    after = {
        int(start): (int(end), [at % count for at in range(start + 1, end + (end < start) * count)])
        for start, end in zip(kept, np.roll(kept, -1), strict=True)
    }
    waiting = cut.tolist()
    while waiting:
        triangle = waiting.pop()
        for turn in range(3):
            start, end, across = (triangle[(turn + side) % 3] for side in range(3))
            following, dropped = after.get(start, (-1, []))
            between = _between(flat, start, end, dropped) if following == end else []
            if between:
                del after[start]
                chain = [start, *between, end]
                waiting += [(a, b, across) for a, b in pairwise(chain)]
                break
        else:
            yield (triangle[0], triangle[1], triangle[2])


def _between(flat: _Points, start: int, end: int, dropped: list[int]) -> list[int]:
    """Return those of *dropped* that lie on the side, one after the other."""
    side = flat[end] - flat[start]
    length = float(np.hypot(*side))
    found, last = [], 0.0
    for at in dropped:
        along = flat[at] - flat[start]
        share = float(along @ side) / length**2 if length else 0.0
        beside = abs(float(side[0] * along[1] - side[1] * along[0]))
        if last < share < 1 and beside <= 1e-7 * length**2:
            found.append(at)
            last = share
    return found


def _doubled(flat: _Points, triangles: _Indices) -> _Points:
    a, b, c = flat[triangles].swapaxes(0, 1)
    ab, ac = b - a, c - a
    found: _Points = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    return found
