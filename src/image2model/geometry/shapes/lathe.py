"""Turn a silhouette around its upright axis."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.shapes.shape import Shape, unit_vectors
from image2model.geometry.subject.silhouette import Silhouette

_EDGE_PX = 0.6
_FEWEST_SEGMENTS = 12
_FEWEST_ROWS = 4
_AXES = 128
_THINNEST_PX = 0.3
_SMOOTHING = np.array([1, 4, 6, 4, 1]) / 16

Floats = NDArray[np.float32]
Ends = NDArray[np.float64]


def turn(silhouette: Silhouette, *, face_limit: int) -> Shape:
    """
    Turn *silhouette* like a post on a lathe.

    The axis is the upright line around which the most of the subject is symmetric, and the
    radius is the nearer side's in each row, of the part that the axis runs through: a handle,
    or what stands apart, stays out of the profile.

    Args:
        silhouette: The outline.
        face_limit: The most triangles.

    Returns:
        The turned shape, closed and oriented, its axis in the picture's plane.
    """
    profile = _trace_profile(silhouette)
    segments, count = _resolution(profile, face_limit)
    # A subject reaches half a pixel beyond the centres of its first and last row.
    rows = np.linspace(-0.5, len(profile.radii) - 0.5, count)
    radii = np.interp(rows, np.arange(len(profile.radii)), profile.radii)
    rings = _with_ends(rows, radii)
    points, normals = _revolve(profile, rings, segments)
    points[:, :2] = silhouette.to_picture(points[:, :2])
    points[:, 2] /= np.float32(silhouette.scale)
    return Shape(
        points=points,
        normals=normals,
        faces=_faces(len(rings), segments),
        back=np.zeros(len(points), bool),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Profile:
    """In field pixels: the axis' x, the first row's y, and a radius per row."""

    axis: float
    top: int
    radii: NDArray[np.float64]


def _trace_profile(silhouette: Silhouette) -> _Profile:
    field = silhouette.field.astype(np.float32)
    rows = np.flatnonzero((field > 127.5).any(axis=1))
    left, right = _outer_ends(field[rows])
    axis = _symmetry_axis(left, right)
    left, right = _ends_around(field[rows], round(axis), left, right)
    axis = _symmetry_axis(left, right)
    known = np.maximum(np.minimum(axis - left, right - axis), _THINNEST_PX)
    radii = np.interp(np.arange(rows[0], rows[-1] + 1), rows, known)
    smooth = np.convolve(np.pad(radii, 2, mode="edge"), _SMOOTHING, mode="valid")
    return _Profile(axis=axis, top=int(rows[0]), radii=smooth)


def _symmetry_axis(left: Ends, right: Ends) -> float:
    axes = np.linspace(left.min(), right.max(), _AXES)[:, None]
    symmetric = np.maximum(np.minimum(axes - left, right - axes), 0).sum(axis=1)
    return float(axes[symmetric.argmax(), 0])


def _outer_ends(rows: Floats) -> tuple[Ends, Ends]:
    """Return where each row first enters and last leaves the subject."""
    inside = rows > 127.5
    last = rows.shape[1] - 1
    return (
        _crossing(rows, inside.argmax(axis=1), -1),
        _crossing(rows, last - inside[:, ::-1].argmax(axis=1), 1),
    )


def _ends_around(rows: Floats, column: int, left: Ends, right: Ends) -> tuple[Ends, Ends]:
    """Return the ends of the part of each row that holds *column*, if any, else its own ends."""
    inside = rows > 127.5
    first = column - inside[:, column::-1].argmin(axis=1) + 1
    last = column + inside[:, column:].argmin(axis=1) - 1
    held = inside[:, column]
    return (
        np.where(held, _crossing(rows, first, -1), left),
        np.where(held, _crossing(rows, last, 1), right),
    )


def _crossing(rows: Floats, column: NDArray[np.intp], step: int) -> Ends:
    """Return where the edge runs between each row's inner *column* and the pixel beside it."""
    at = np.arange(len(rows))
    here, beside = rows[at, column], rows[at, column + step]
    share = (here - 127.5) / np.where(here > beside, here - beside, 1)
    return np.asarray(column + step * np.clip(share, 0, 1), np.float64)


def _resolution(profile: _Profile, face_limit: int) -> tuple[int, int]:
    """Return segments around and rows down, for cells about as wide as high."""
    height = len(profile.radii)
    around = 2 * math.pi * float(profile.radii.mean())
    segments = max(_FEWEST_SEGMENTS, round(math.sqrt(face_limit / 2 * around / height)))
    segments = min(segments, face_limit // (2 * _FEWEST_ROWS + 4))
    # Two more rings make the edges of the flat ends, two points close them.
    return segments, max(_FEWEST_ROWS, face_limit // (2 * segments) - 2)


def _with_ends(rows: NDArray[np.float64], radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return row, radius, and the normal's share outwards and down, per ring."""
    slope = np.gradient(radii, rows)
    sides = np.column_stack([rows, radii, np.ones_like(rows), -slope])
    # The light turns over the ends' edges within a hair's breadth, not over the whole end.
    edge = min(_EDGE_PX, 0.4 * (rows[1] - rows[0]))
    ends = sides[[0, -1]].copy()
    ends[:, 1] -= np.minimum(edge, 0.5 * ends[:, 1])
    ends[:, 2:] = ((0, -1), (0, 1))
    sides[0, 0] += edge
    sides[-1, 0] -= edge
    return np.concatenate([ends[:1], sides, ends[1:]])


def _revolve(profile: _Profile, rings: NDArray[np.float64], segments: int) -> tuple[Floats, Floats]:
    angle = np.arange(segments) * (2 * math.pi / segments)
    sine, cosine = np.sin(angle), np.cos(angle)
    row, radius, out, down = (rings[:, [i]] for i in range(4))
    flat = np.broadcast_to
    shape = (len(rings), segments)
    points = np.stack(
        [profile.axis + radius * sine, flat(row + profile.top, shape), radius * cosine], axis=2
    )
    normals = np.stack([out * sine, flat(down, shape), out * cosine], axis=2)
    tips = np.array([[profile.axis, rings[i, 0] + profile.top, 0] for i in (0, -1)])
    return (
        np.concatenate([points.reshape(-1, 3), tips]).astype(np.float32),
        unit_vectors(np.concatenate([normals.reshape(-1, 3), [(0, -1, 0), (0, 1, 0)]])),
    )


def _faces(rings: int, segments: int) -> NDArray[np.int32]:
    here = np.arange(segments, dtype=np.int32)
    after = (here + 1) % segments
    first = np.arange(rings - 1, dtype=np.int32)[:, None] * segments
    a, d = (first + here).ravel(), (first + after).ravel()
    b, c = a + segments, d + segments
    last, tip = (rings - 1) * segments, rings * segments
    return np.concatenate(
        [
            np.stack([a, b, c], axis=1),
            np.stack([a, c, d], axis=1),
            np.stack([np.full_like(here, tip), here, after], axis=1),
            np.stack([np.full_like(here, tip + 1), last + after, last + here], axis=1),
        ]
    )
