"""Carve the solid that two or three silhouettes of one object allow, rounded off."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.generator import View
from image2model.geometry.silhouette import Silhouette
from image2model.geometry.surface_nets import count_faces, mend_solid, surface_of

_COARSE_STEPS = 40
_MOST_STEPS = 320
_AIM_FRACTION = 0.97
_SHRINK = 0.985
_THINNEST_STEPS = 0.6
_OUTSIDE = np.float32(4.0)
_INSET_STEPS = 0.02

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectFrame:
    """
    How the views of one object lie to each other, in pixels of the front picture.

    x and y are the front picture's; z points to its viewer, 0 in the middle of the object. The
    views are orthographic and each fills its silhouette's box: the sides are as high as the
    front, the top is as wide.

    Attributes:
        boxes_px: Each view's box in its own picture: left, top, right, bottom.
    """

    boxes_px: Mapping[View, tuple[int, int, int, int]]

    @property
    def size_px(self) -> tuple[float, float, float]:
        """Width, height and depth of the object; a depth of 0 is unknown."""
        left, top, right, bottom = self.boxes_px[View.FRONT]
        depth = 0.0
        for view in (View.TOP, View.RIGHT, View.LEFT):
            if view in self.boxes_px:
                a, b, c, d = self.boxes_px[view]
                depth = (d - b if view is View.TOP else c - a) * self.scale(view)
        return right - left, bottom - top, depth

    def scale(self, view: View) -> float:
        """Return how many pixels of the front picture one pixel of *view* is."""
        left, top, right, bottom = self.boxes_px[View.FRONT]
        a, b, c, d = self.boxes_px[view]
        return (right - left) / (c - a) if view is View.TOP else (bottom - top) / (d - b)

    def to_view(self, view: View, points: Floats) -> Floats:
        """
        Project *points* into the picture of *view*.

        The left view is seen from the left of the front picture (from -X), so the object's
        front is on its right; the top view has the front at its bottom.

        Args:
            view: One of `boxes_px`.
            points: Shape (n, 3).

        Returns:
            Picture coordinates, shape (n, 2).
        """
        if view is View.FRONT:
            return points[:, :2]
        front, box = self.boxes_px[View.FRONT], self.boxes_px[view]
        x = points[:, 0] - (front[0] + front[2]) / 2
        y = points[:, 1] - (front[1] + front[3]) / 2
        z = points[:, 2]
        across, down = {
            View.BACK: (-x, y),
            View.LEFT: (z, y),
            View.RIGHT: (-z, y),
            View.TOP: (x, z),
        }[view]
        middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
        return np.asarray(np.column_stack([across, down]) / self.scale(view) + middle, np.float32)


def carve(
    silhouettes: Mapping[View, Silhouette], *, face_limit: int, roundness: float
) -> tuple[Floats, NDArray[np.int32]]:
    """
    Carve an object out of the silhouettes of its front and of a side or its top.

    Two silhouettes alone allow boxes (Laurentini, "The visual hull concept", 1994), so each row
    through the object becomes a superellipse between its two outlines.

    Args:
        silhouettes: By view: the front, and a side or the top.
        face_limit: The most triangles.
        roundness: 1 makes ellipses, near 0 boxes.

    Returns:
        Points in the coordinates of `ObjectFrame`, and faces, counter-clockwise on the screen
        from outside.

    Raises:
        PictureTooSmall: The object is too thin for so few faces.
    """
    frame = ObjectFrame(boxes_px={view: s.box_px for view, s in silhouettes.items()})
    exponent = 2 / max(roundness, 0.15)
    longest = max(frame.size_px)
    coarse = _Lattice.lay(frame, longest / _COARSE_STEPS)
    solid, _ = _solid(coarse, frame, silhouettes, exponent)
    aim = face_limit * _AIM_FRACTION
    steps = min(_COARSE_STEPS * math.sqrt(aim / max(count_faces(solid), 1)), _MOST_STEPS)
    while True:
        lattice = _Lattice.lay(frame, longest / steps)
        solid, depth_at = _solid(lattice, frame, silhouettes, exponent)
        faces = count_faces(solid)
        if faces == 0:
            raise silhouettes[View.FRONT].too_thin()
        if faces <= face_limit:
            break
        steps *= _SHRINK * math.sqrt(face_limit / faces)
    vertices, triangles = surface_of(solid, depth_at)
    return lattice.to_object(vertices), triangles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lattice:
    """Grid points over an object, by rows from the top, columns and layers from the back."""

    rows: Floats
    columns: Floats
    layers: Floats

    @classmethod
    def lay(cls, frame: ObjectFrame, step: float) -> "_Lattice":
        left, top, right, bottom = frame.boxes_px[View.FRONT]
        depth = frame.size_px[2]
        ends = ((top, bottom), (left, right), (-depth / 2, depth / 2))
        rows, columns, layers = (_spread(low, high, step) for low, high in ends)
        return cls(rows=rows, columns=columns, layers=layers)

    def to_object(self, vertices: Floats) -> Floats:
        axes = (self.columns, self.rows, self.layers)
        places = (vertices[:, 1], vertices[:, 0], vertices[:, 2])
        return np.column_stack(
            [axis[0] + at * (axis[1] - axis[0]) for axis, at in zip(axes, places, strict=True)]
        ).astype(np.float32)


def _spread(low: float, high: float, step: float) -> Floats:
    # The first and last points inside lie just within the object, so that its ends are exact.
    count = max(2, round((high - low) / step))
    step = (high - low) / (count + 2 * _INSET_STEPS)
    start = low + _INSET_STEPS * step
    return (start + step * np.arange(-1, count + 2)).astype(np.float32)


def _solid(
    lattice: _Lattice,
    frame: ObjectFrame,
    silhouettes: Mapping[View, Silhouette],
    exponent: float,
) -> tuple[NDArray[np.bool_], Callable[[NDArray[np.int64]], Floats]]:
    side = next((view for view in (View.LEFT, View.RIGHT) if view in silhouettes), None)
    if side is None:
        across = _spans(silhouettes[View.FRONT], lattice.columns, lattice.rows, turned=True)
        top_x, top_z = _in_view(frame, View.TOP, lattice.columns, lattice.layers)
        inwards = _spans(silhouettes[View.TOP], top_x, top_z, turned=True)
        first, second = across[:, :, None], inwards[:, None, :]
        first, second = np.moveaxis(first, 0, 1), np.moveaxis(second, 0, 1)
    else:
        across = _spans(silhouettes[View.FRONT], lattice.rows, lattice.columns)
        side_z, side_y = _in_view(frame, side, lattice.layers, lattice.rows)
        inwards = _spans(silhouettes[side], side_y, side_z)
        first, second = across[:, :, None], inwards[:, None, :]
    first, second = first ** np.float32(exponent), second ** np.float32(exponent)
    solid = (first + second) < 1
    if side is not None and View.TOP in silhouettes:
        top_x, top_z = _in_view(frame, View.TOP, lattice.columns, lattice.layers)
        solid &= (_spans(silhouettes[View.TOP], top_z, top_x).T < 1)[None]
    solid[[0, -1]] = False
    solid[:, [0, -1]] = False
    solid[:, :, [0, -1]] = False
    root = np.float32(1 / exponent)

    def depth_at(at: NDArray[np.int64]) -> Floats:
        row, column, layer = at.T
        a = np.broadcast_to(first, solid.shape)[row, column, layer]
        b = np.broadcast_to(second, solid.shape)[row, column, layer]
        return np.asarray(1 - (a + b) ** root, np.float32)

    return mend_solid(solid), depth_at


def _in_view(frame: ObjectFrame, view: View, across: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Return the picture coordinates in *view* of grid lines across and down in it."""
    count = max(len(across), len(down))
    points = np.zeros((count, 3), np.float32)
    horizontal, vertical = (0, 2) if view is View.TOP else (2, 1)
    points[: len(across), horizontal] = across
    points[: len(down), vertical] = down
    projected = frame.to_view(view, points)
    return projected[: len(across), 0], projected[: len(down), 1]


def _spans(
    silhouette: Silhouette, lines: Floats, places: Floats, *, turned: bool = False
) -> Floats:
    """
    Measure places on lines through a silhouette, each against the span it belongs to.

    Args:
        silhouette: The outline.
        lines: Picture y of each line.
        places: Picture x on every line.
        turned: The lines are upright: *lines* are x, *places* are y.

    Returns:
        0 in the middle of a span, 1 at its ends, more outside; shape (lines, places).
    """
    field = silhouette.field.T if turned else silhouette.field
    corner = (silhouette.left_px, silhouette.top_px)
    place_at, line_at = corner[::-1] if turned else corner
    scale = silhouette.scale
    rows = np.clip(np.round((lines - line_at) * scale - 0.5), 0, len(field) - 1).astype(int)
    at = (places - place_at) * scale - 0.5
    thinnest = _THINNEST_STEPS * abs(float(at[1] - at[0]))
    inside_box = ((lines - line_at) * scale > 0) & ((lines - line_at) * scale < len(field))
    result = np.full((len(lines), len(places)), _OUTSIDE, np.float32)
    for number, row in enumerate(rows):
        if inside_box[number]:
            _measure_line(field[row].astype(np.float32), at, thinnest, result[number])
    return result


def _measure_line(values: Floats, at: Floats, thinnest: float, result: Floats) -> None:
    inside = values > 127.5
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    if len(edges) == 0:
        return
    crossings = edges + (127.5 - values[edges]) / (values[edges + 1] - values[edges])
    starts, ends = crossings[::2], crossings[1::2]
    between = (ends[:-1] + starts[1:]) / 2
    span = np.searchsorted(between, at)
    middle = ((starts + ends) / 2)[span]
    half = np.maximum((ends - starts) / 2, thinnest)[span]
    result[:] = np.minimum(np.abs(at - middle) / half, _OUTSIDE)
