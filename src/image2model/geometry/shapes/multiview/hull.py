"""Carve the solid that two or three silhouettes of one object allow, rounded off."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.core.generator import View
from image2model.geometry.shapes.multiview.object_frame import ObjectFrame
from image2model.geometry.shapes.multiview.surface_nets import count_faces, mend_solid, surface_of
from image2model.geometry.shapes.multiview.swelling import Sections, Swelling, cut_sections, swell
from image2model.geometry.subject.silhouette import Silhouette

_COARSE_STEPS = 40
_MOST_STEPS = 320
_AIM_FRACTION = 0.97
_SHRINK = 0.985
_INSET_STEPS = 0.02
_SMOOTHING_STEPS = 1.0
_FINE_STEPS = 120
_UNDONE_SHARE = np.float32(0.7)
_BORDER = np.float32(-1e-4)

_EXPONENTS = np.geomspace(2, 10, 16)
_FILLED_SHARES = [math.gamma(1 + 1 / p) ** 2 / math.gamma(1 + 2 / p) for p in _EXPONENTS]
"""How much of its box a superellipse of each power fills."""

Floats = NDArray[np.float32]


def carve(
    silhouettes: Mapping[View, Silhouette], *, face_limit: int, roundness: float
) -> tuple[Floats, NDArray[np.int32]]:
    """
    Carve an object out of the silhouettes of its front and of a side or its top.

    Two silhouettes alone allow boxes (Laurentini, "The visual hull concept", 1994), so each
    level cut becomes round, see `_extent`.

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
    views = _needed(silhouettes)
    swellings = {view: swell(silhouettes[view]) for view in views}
    exponent = _exponent(roundness, swellings.get(View.TOP))
    longest = max(frame.size_px)
    coarse = _Lattice.lay(frame, longest / _COARSE_STEPS)
    count = count_faces(_depths(coarse, frame, swellings, exponent) > 0)
    steps = _COARSE_STEPS * math.sqrt(face_limit * _AIM_FRACTION / max(count, 1))
    steps = min(steps, _MOST_STEPS)
    while True:
        lattice = _Lattice.lay(frame, longest / steps)
        depths = _depths(lattice, frame, swellings, exponent)
        solid = mend_solid(depths > 0)
        faces = count_faces(solid)
        if faces == 0:
            raise silhouettes[View.FRONT].too_thin()
        if faces <= face_limit:
            break
        steps *= _SHRINK * math.sqrt(face_limit / faces)
    vertices, triangles = surface_of(solid, lambda at: depths[tuple(at.T)])
    return lattice.to_object(vertices), triangles


def _exponent(roundness: float, top: Swelling | None) -> float:
    """Return the power of the level cuts; from above it is seen how much of a box they fill."""
    exponent = 2 / max(roundness, 0.15)
    if top is None:
        return exponent
    inside = top.field > 0
    box = inside.any(axis=0).sum() * inside.any(axis=1).sum()
    return max(exponent, float(np.interp(inside.sum() / box, _FILLED_SHARES, _EXPONENTS)))


def _needed(silhouettes: Mapping[View, Silhouette]) -> list[View]:
    """Return the front, one side and the top: the other views show the same outlines."""
    sides = [view for view in (View.LEFT, View.RIGHT) if view in silhouettes]
    return [View.FRONT, *sides[:1], *([View.TOP] if View.TOP in silhouettes else [])]


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
        rows, columns, layers = (_graduate(low, high, step) for low, high in ends)
        return cls(rows=rows, columns=columns, layers=layers)

    def to_object(self, vertices: Floats) -> Floats:
        axes = (self.columns, self.rows, self.layers)
        places = (vertices[:, 1], vertices[:, 0], vertices[:, 2])
        return np.column_stack(
            [axis[0] + at * (axis[1] - axis[0]) for axis, at in zip(axes, places, strict=True)]
        ).astype(np.float32)


def _graduate(low: float, high: float, step: float) -> Floats:
    # The first and last points inside lie just within the object, so that its ends are exact.
    count = max(2, round((high - low) / step))
    step = (high - low) / (count + 2 * _INSET_STEPS)
    start = low + _INSET_STEPS * step
    return (start + step * np.arange(-1, count + 2)).astype(np.float32)


def _depths(
    lattice: _Lattice,
    frame: ObjectFrame,
    swellings: Mapping[View, Swelling],
    exponent: float,
) -> Floats:
    """Return how deep inside each lattice point is, 1 in the middle, below 0 outside."""
    front = swellings[View.FRONT]
    side = next((view for view in (View.LEFT, View.RIGHT) if view in swellings), None)
    if side is not None:
        across = cut_sections(front, lattice.rows, lattice.columns)
        side_z, side_y = _in_view(frame, side, lattice.layers, lattice.rows)
        inwards = cut_sections(swellings[side], side_y, side_z)
        depths = _between(across, inwards, np.float32(exponent))
    else:
        across = cut_sections(front.turned(), lattice.columns, lattice.rows)
        top_x, top_z = _in_view(frame, View.TOP, lattice.columns, lattice.layers)
        inwards = cut_sections(swellings[View.TOP].turned(), top_x, top_z)
        depths = _between(across, inwards, np.float32(exponent)).swapaxes(0, 1)
    if side is not None and View.TOP in swellings:
        top = swellings[View.TOP]
        top_x, top_z = _in_view(frame, View.TOP, lattice.columns, lattice.layers)
        above = top.columns(top_x, top.rows(top_z)).T / top.field.max()
        np.minimum(depths, above[None], out=depths)
    return _settled(depths)


def _between(first: Sections, second: Sections, exponent: np.float32) -> Floats:
    """
    Return how deep points are between two silhouettes; shape (lines, first's, second's places).

    By their swellings alone, thin parts of either silhouette become limbs as thick as they look:
    a beak seen from the side stays narrow though the head behind it is wide. But what reaches out
    in both silhouettes at the same height, such as a brim, goes all round.
    """
    outer, inner = (one.roundness**exponent for one in (first, second))
    around = _around(first, second, exponent)
    # No deeper than in either silhouette, or the next line would be taken for far outside.
    np.maximum(around, outer[:, :, None], out=around)
    np.maximum(around, inner[:, None, :], out=around)
    depths = 1 - np.minimum(around, outer[:, :, None] + inner[:, None, :])
    highest = np.minimum(first.highest, second.highest)[:, None, None]
    depths = np.maximum(depths, -1, out=depths) * highest
    # Where lines pass it by there are no sections, but depths that tell where it ends.
    beyond = np.flatnonzero(highest <= 0)
    fall = first.fall[beyond, :, None] + second.fall[beyond, None, :]
    depths[beyond] = highest[beyond] - fall
    return np.asarray(depths, np.float32)


def _around(first: Sections, second: Sections, exponent: np.float32) -> Floats:
    extent = (first.along**exponent)[:, :, None] / (second.share**exponent)[:, None, :]
    extent += (second.along**exponent)[:, None, :] / (first.share**exponent)[:, :, None]
    extent /= np.minimum((first.reach**exponent)[:, :, None], (second.reach**exponent)[:, None, :])
    # A thin span is not as deep in its middle as a thick one, which the next line would show.
    share = np.minimum(first.share[:, :, None], second.share[:, None, :])
    return np.asarray(1 + (extent - 1) * share**2, np.float32)


def _settled(depths: Floats) -> Floats:
    """Smooth the depths a little in all directions; the border stays outside."""
    rows, columns, layers = depths.shape
    # A coarse lattice has no steps to spare.
    sigma = _SMOOTHING_STEPS * min(1.0, max(depths.shape) / _FINE_STEPS)
    by_row = _blurred(depths.reshape(rows, -1), (1, 7), sigma).reshape(rows * columns, layers)
    blurred = _blurred(by_row, (7, 1), sigma).reshape(depths.shape)
    for plane, settled in zip(blurred, blurred, strict=True):
        cv2.GaussianBlur(plane, (1, 7), dst=settled, sigmaX=sigma, sigmaY=sigma)
    # Outlines stay about as they were seen: part of what it did to them is undone along rays.
    for axis in (1, 2):
        lost = depths.max(axis=axis) - blurred.max(axis=axis)
        blurred += (_UNDONE_SHARE * lost)[_ray(axis)]
    for axis in range(3):
        for end in (0, -1):
            before = np.moveaxis(depths, axis, 0)[end]
            after = np.moveaxis(blurred, axis, 0)[end]
            np.minimum(np.minimum(before, after), _BORDER, out=after)
    return blurred


def _ray(axis: int) -> tuple[slice | None, ...]:
    return tuple(None if other == axis else slice(None) for other in range(3))


def _blurred(values: Floats, size: tuple[int, int], sigma: float) -> Floats:
    found = cv2.GaussianBlur(values, size, sigmaX=sigma, sigmaY=sigma)
    return np.asarray(found, np.float32)


def _in_view(frame: ObjectFrame, view: View, across: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Return the picture coordinates in *view* of grid lines across and down in it."""
    count = max(len(across), len(down))
    points = np.zeros((count, 3), np.float32)
    horizontal, vertical = (0, 2) if view is View.TOP else (2, 1)
    points[: len(across), horizontal] = across
    points[: len(down), vertical] = down
    projected = frame.to_view(view, points)
    return projected[: len(across), 0], projected[: len(down), 1]
