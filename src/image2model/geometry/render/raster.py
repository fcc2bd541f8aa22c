"""Which triangle each pixel sees, and where in that triangle: a z-buffer in numpy."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SNAP_PER_PX = 256
"""Corners are moved to a grid of this many steps a pixel, as graphics hardware does."""

_CHUNK_SPANS = 500_000
_CHUNK_FRAGMENTS = 2_000_000
_MOST_CHUNKS = 200
"""
400 million pixels of faces, a hundred times what a model needs. A small file can ask for any
number, with faces that lie upon each other; those beyond are left out.
"""

_NOTHING = np.uint64(2**64 - 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fragments:
    """
    The covered pixels of a picture, each with the nearest surface point behind its centre.

    Attributes:
        width_px: Width of the picture, in pixels.
        height_px: Height of the picture, in pixels.
        pixels: int64, shape (n,), ascending: row × width_px + column, row 0 on top.
        faces: int64, shape (n,): the index of the face that is seen.
        depth: float32, shape (n,): the points' third coordinate, interpolated.
        weights: float32, shape (3, n): perspective-correct shares of the face's corners, sum 1.
    """

    width_px: int
    height_px: int
    pixels: NDArray[np.int64]
    faces: NDArray[np.int64]
    depth: NDArray[np.float32]
    weights: NDArray[np.float32]

    def interpolate(
        self, values: NDArray[np.float32], corners: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """
        Blend a per-vertex quantity over the covered pixels.

        Args:
            values: float32, shape (vertices, k).
            corners: Vertex indices of every face, shape (faces, 3).

        Returns:
            float32, shape (k, n): one row a component, which is how numpy computes fastest.
        """
        blended = np.empty((values.shape[1], len(self.faces)), np.float32)
        term = np.empty(len(self.faces), np.float32)
        seen = [np.take(ids, self.faces) for ids in np.ascontiguousarray(corners.T)]
        for component, out in zip(values.T, blended, strict=True):
            by_vertex = np.ascontiguousarray(component, np.float32)
            # "clip" lets numpy write to *out* directly; all indices are in range anyway.
            np.take(by_vertex, seen[0], out=out, mode="clip")
            np.multiply(out, self.weights[0], out=out)
            for corner in (1, 2):
                np.take(by_vertex, seen[corner], out=term, mode="clip")
                np.multiply(term, self.weights[corner], out=term)
                np.add(out, term, out=out)
        return blended


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Halves:
    """Triangles cut at their middle corner's height: two slanted sides over a range of rows."""

    faces: NDArray[np.int64]
    top_row: NDArray[np.int64]
    end_row: NDArray[np.int64]
    left: NDArray[np.float64]
    left_step: NDArray[np.float64]
    right: NDArray[np.float64]
    right_step: NDArray[np.float64]

    def part(self, chosen: slice) -> "_Halves":
        return _Halves(
            faces=self.faces[chosen],
            top_row=self.top_row[chosen],
            end_row=self.end_row[chosen],
            left=self.left[chosen],
            left_step=self.left_step[chosen],
            right=self.right[chosen],
            right_step=self.right_step[chosen],
        )


def rasterize(
    points: NDArray[np.float64],
    faces: NDArray[np.integer],
    *,
    width_px: int,
    height_px: int,
    hide_back: NDArray[np.bool_] | bool = True,
    behind: Fragments | None = None,
) -> Fragments:
    """
    Find the nearest face at every pixel centre.

    Triangles are cut into rows, rows into pixels, all of them in one array each, so that many
    small and few large triangles cost alike: by the pixels they cover. Pixel centres lie at
    +0.5; a side belongs to the triangle on its right, a level side to the one below it, so
    triangles that share a side leave no gap and cover no centre twice. The smaller face index
    wins where depths are equal. Perspective-correct weights follow Heckbert & Moreton,
    "Interpolation for polygon texture mapping and shading" (1991).

    Args:
        points: float64, shape (vertices, 4): x and y in pixels (y down), depth from 0.0 (near)
            to 1.0 (far), and 1/w of the projection (all 1.0 when it has no perspective).
            A face with a corner whose 1/w is not positive, or outside the depth range, is
            left out: nothing is clipped against the near plane.
        faces: Vertex indices, shape (faces, 3).
        width_px: Width of the picture, in pixels.
        height_px: Height of the picture, in pixels.
        hide_back: Whether faces that turn clockwise on the picture are left out, for all or
            by face.
        behind: What an earlier call with the same arguments saw: only what lies behind it is
            looked at, which peels a scene with transparent faces layer by layer; None: all.

    Returns:
        The covered pixels, in ascending order.
    """
    points = points.copy()
    points[:, :2] = np.round(points[:, :2] * SNAP_PER_PX) / SNAP_PER_PX
    corners, chosen = _visible_corners(points, faces, hide_back)
    slopes = _depth_slopes(corners)
    halves = _cut_in_halves(corners, height_px)
    nearest = np.full(width_px * height_px, _NOTHING)
    peeled = None if behind is None else _peeled(behind, chosen)
    for part in _chunks(halves, width_px):
        pixels, packed = _expand(part, corners, slopes, width_px)
        if peeled is not None:
            packed[packed <= peeled[pixels]] = _NOTHING
        np.minimum.at(nearest, pixels, packed)
    pixels = np.flatnonzero(nearest != _NOTHING)
    packed = nearest[pixels]
    seen = (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return Fragments(
        width_px=width_px,
        height_px=height_px,
        pixels=pixels,
        faces=chosen[seen],
        depth=(packed >> np.uint64(32)).astype(np.uint32).view(np.float32),
        weights=_weights(corners, seen, pixels, width_px),
    )


def _visible_corners(
    points: NDArray[np.float64], faces: NDArray[np.integer], hide_back: NDArray[np.bool_] | bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return corners (n, 3, 4) of the faces worth drawing and the faces' indices."""
    fit = (points[:, 3] > 0) & (points[:, 2] >= 0) & (points[:, 2] <= 1)
    x, y = points[:, 0], points[:, 1]
    a, b, c = faces[:, 0], faces[:, 1], faces[:, 2]
    doubled = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
    # y points down, so what turns counter-clockwise for the eye has a negative area here.
    wanted = (doubled < 0) | ((doubled > 0) & ~np.asarray(hide_back))
    if not fit.all():
        wanted &= fit[a] & fit[b] & fit[c]
    chosen = np.flatnonzero(wanted)
    return points[faces[chosen]], chosen


def _depth_slopes(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how depth grows per pixel right and per pixel down, shape (n, 2)."""
    first = corners[:, 1, :3] - corners[:, 0, :3]
    second = corners[:, 2, :3] - corners[:, 0, :3]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    right = (first[:, 2] * second[:, 1] - second[:, 2] * first[:, 1]) / area
    down = (second[:, 2] * first[:, 0] - first[:, 2] * second[:, 0]) / area
    return np.stack([right, down], axis=1)


def _cut_in_halves(corners: NDArray[np.float64], height_px: int) -> _Halves:
    order = np.argsort(corners[:, :, 1], axis=1, kind="stable")
    rows = np.arange(len(corners))
    top, middle, bottom = (corners[rows, order[:, i], :2] for i in range(3))
    long_side, upper_side = _side(top, bottom), _side(top, middle)
    lower_side = _side(middle, bottom)
    turn = (bottom[:, 0] - top[:, 0]) * (middle[:, 1] - top[:, 1]) - (middle[:, 0] - top[:, 0]) * (
        bottom[:, 1] - top[:, 1]
    )
    first, cut, end = (_first_row(corner[:, 1], height_px) for corner in (top, middle, bottom))
    upper = _half((first, cut), long_side, upper_side, long_is_left=turn < 0)
    lower = _half((cut, end), long_side, lower_side, long_is_left=turn < 0)
    return _Halves(
        **{
            name: np.concatenate([getattr(upper, name), getattr(lower, name)])
            for name in _Halves.__slots__
        }
    )


def _side(
    upper: NDArray[np.float64], lower: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x at height 0 and x per pixel down; the same bits for both faces that share it."""
    height = lower[:, 1] - upper[:, 1]
    step = (lower[:, 0] - upper[:, 0]) / np.where(height > 0, height, 1.0)
    return upper[:, 0] - upper[:, 1] * step, step


def _first_row(y_px: NDArray[np.float64], height_px: int) -> NDArray[np.int64]:
    """Return the first row whose centre is not above *y_px*."""
    return np.clip(np.ceil(y_px - 0.5), 0, height_px).astype(np.int64)


def _half(
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    long_side: tuple[NDArray[np.float64], NDArray[np.float64]],
    short_side: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    long_is_left: NDArray[np.bool_],
) -> _Halves:
    """Return the halves that have a row at all."""
    faces = np.flatnonzero(rows[1] > rows[0])
    is_left = long_is_left[faces]
    long_at, long_step = long_side[0][faces], long_side[1][faces]
    short_at, short_step = short_side[0][faces], short_side[1][faces]
    return _Halves(
        faces=faces,
        top_row=rows[0][faces],
        end_row=rows[1][faces],
        left=np.where(is_left, long_at, short_at),
        left_step=np.where(is_left, long_step, short_step),
        right=np.where(is_left, short_at, long_at),
        right_step=np.where(is_left, short_step, long_step),
    )


def _chunks(halves: _Halves, width_px: int) -> list[_Halves]:
    """Split the work so that the arrays of one step stay small, whatever the triangles."""
    rows = halves.end_row - halves.top_row
    if not len(rows):
        return []
    middle = (halves.top_row + halves.end_row) / 2
    wide = (halves.right - halves.left) + (halves.right_step - halves.left_step) * middle
    area = rows * np.clip(wide, 1, width_px)
    load = np.cumsum(np.maximum(rows / _CHUNK_SPANS, area / _CHUNK_FRAGMENTS))
    cuts = np.searchsorted(load, np.arange(1, load[-1]))
    edges = np.unique(np.concatenate([[0], cuts, [len(rows)]]))
    edges = edges[: _MOST_CHUNKS + 1]
    return [halves.part(slice(int(a), int(b))) for a, b in itertools.pairwise(edges)]


def _peeled(behind: Fragments, chosen: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return what every pixel has seen already, as `_expand` writes it; all, where nothing is."""
    seen = np.full(behind.width_px * behind.height_px, _NOTHING)
    faces = np.searchsorted(chosen, behind.faces)
    seen[behind.pixels] = _packed(behind.depth, faces)
    return seen


def _packed(depth: NDArray[np.float32], faces: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Join depth and face to one number: a positive float's bits sort like its value."""
    packed = depth.view(np.uint32).astype(np.uint64)
    packed <<= np.uint64(32)
    packed |= faces.view(np.uint64)
    return packed


def _expand(
    halves: _Halves,
    corners: NDArray[np.float64],
    slopes: NDArray[np.float64],
    width_px: int,
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return every pixel that *halves* cover, and its depth and face as one number."""
    counts = halves.end_row - halves.top_row
    half = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(len(half)) - (np.cumsum(counts) - counts - halves.top_row)[half]
    y = row + 0.5
    start = np.ceil(halves.left[half] + halves.left_step[half] * y - 0.5)
    end = np.ceil(halves.right[half] + halves.right_step[half] * y - 0.5)
    start, end = np.clip(start, 0, width_px), np.clip(end, 0, width_px)
    used = np.flatnonzero(end > start)
    half, row, start = half[used], row[used], start[used]
    lengths = end[used].astype(np.int64) - start.astype(np.int64)

    face = halves.faces[half]
    corner, slope = corners[:, 0], slopes
    depth = (
        corner[face, 2]
        + slope[face, 0] * (start + 0.5 - corner[face, 0])
        + slope[face, 1] * (row + 0.5 - corner[face, 1])
    ).astype(np.float32)
    step = slope[:, 0].astype(np.float32)[face]

    before = np.cumsum(lengths) - lengths
    along = np.arange(lengths.sum())
    along -= np.repeat(before, lengths)
    at = np.repeat(step, lengths)
    at *= along
    at += np.repeat(depth, lengths)
    np.clip(at, 0.0, 1.0, out=at)
    along += np.repeat(row * width_px + start.astype(np.int64), lengths)
    return along, _packed(at, np.repeat(face, lengths))


def _weights(
    corners: NDArray[np.float64],
    seen: NDArray[np.int64],
    pixels: NDArray[np.int64],
    width_px: int,
) -> NDArray[np.float32]:
    """Return each pixel's shares of its face's corners, perspective undone."""
    origin, inverse_w = corners[:, 0], corners[:, :, 3]
    first = corners[:, 1, :2] - origin[:, :2]
    second = corners[:, 2, :2] - origin[:, :2]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]

    def taken(by_face: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.take(by_face.astype(np.float32), seen)

    row, column = np.divmod(pixels.astype(np.int32), np.int32(width_px))
    x = column.astype(np.float32) - taken(origin[:, 0] - 0.5)
    y = row.astype(np.float32) - taken(origin[:, 1] - 0.5)
    weights = np.empty((3, len(seen)), np.float32)
    np.add(taken(second[:, 1] / area) * x, taken(-second[:, 0] / area) * y, out=weights[1])
    np.add(taken(-first[:, 1] / area) * x, taken(first[:, 0] / area) * y, out=weights[2])
    weights[0] = np.float32(1) - weights[1] - weights[2]
    if (inverse_w != inverse_w[:, :1]).any():
        weights[1] *= taken(inverse_w[:, 1] / inverse_w[:, 0])
        weights[2] *= taken(inverse_w[:, 2] / inverse_w[:, 0])
        weights /= weights[0] + weights[1] + weights[2]
    return weights
