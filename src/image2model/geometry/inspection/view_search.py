"""Find from where a picture of a model was taken, by its outline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

_COARSE_PX, _FINE_PX = 40, 80
_COARSE_POINTS, _FINE_POINTS = 2_500, 10_000
_YAW_STEP_DEG, _PITCHES_DEG = 15, (-30, -15, 0, 15, 30, 45, 60)
_STARTS = 4
_APART_DEG = 25.0
_FIRST_STEP_DEG = 8.0
_STEPS_DEG = (4.0, 2.0, 1.0)
_REFINED = 2
_ROUNDS = 4
_STEEPEST_DEG = 89.0
_DISTANCE = 4.0
"""Of a camera with perspective, in radii of the model: an angle of view of about 30 degrees."""

_MARGIN = 0.06
_SIDEWAYS_COST = 2e-5
"""Outline lost per degree away from the front: of views that fit alike, the plain one counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """
    From where a model is seen.

    Attributes:
        yaw_deg: How far the camera stands to the right, −180 to 180; 0 looks at the front.
        pitch_deg: How far it stands above, −90 to 90.
        roll_deg: How far the picture is turned counter-clockwise.
        perspective: Whether far things are smaller.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float = 0.0
    perspective: bool = False

    def axes(self) -> NDArray[np.float64]:
        """Return the picture's right and up, and the way to the camera, as rows."""
        (sin_yaw, cos_yaw), (sin_pitch, cos_pitch), (sin_roll, cos_roll) = (
            (math.sin(angle), math.cos(angle))
            for angle in map(math.radians, (self.yaw_deg, self.pitch_deg, self.roll_deg))
        )
        right = np.array([cos_yaw, 0.0, -sin_yaw])
        up = np.array([-sin_pitch * sin_yaw, cos_pitch, -sin_pitch * cos_yaw])
        back = np.array([sin_yaw * cos_pitch, sin_pitch, cos_yaw * cos_pitch])
        return np.stack([cos_roll * right + sin_roll * up, cos_roll * up - sin_roll * right, back])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How well the outline from a view overlaps: intersection over union, 0.0–1.0."""

    view: View
    overlap: float


def find_views(
    positions: NDArray[np.floating], faces: NDArray[np.integer], mask: NDArray[np.bool_]
) -> Sequence[Fit]:
    """
    Find views from which a model's outline is that of *mask*, whatever its size and place there.

    All directions are tried on a lattice of 15 degrees with a cloud of points on the surface; the
    best ones that lie apart are then improved step by step, down to one degree.

    Args:
        positions: Shape (vertices, 3), Y up, the front towards +Z.
        faces: Shape (faces, 3), at least one.
        mask: Which pixels of a picture show the object; at least one does.

    Returns:
        One or two views, the best first.
    """
    cloud = _cloud(positions, faces)
    coarse, fine = (_touched(mask, size_px=side) for side in (_COARSE_PX, _FINE_PX))
    views = [
        View(yaw_deg=float(yaw), pitch_deg=float(pitch), perspective=far)
        for far in (False, True)
        for pitch in _PITCHES_DEG
        for yaw in range(-180, 180, _YAW_STEP_DEG)
    ]
    overlaps = _overlaps(cloud[:_COARSE_POINTS], views, coarse)
    order = sorted(zip(overlaps, views, strict=True), key=lambda one: -_worth(*one))
    starts: list[View] = []
    for _, view in order:
        if all(_apart_deg(view, other) > _APART_DEG for other in starts):
            starts.append(view)
        if len(starts) == _STARTS:
            break
    found = [_walk(cloud, fit, _FIRST_STEP_DEG, fine) for fit in _fits(cloud, starts, fine)]
    best = _distinct(sorted(found, key=lambda fit: -_worth(fit.overlap, fit.view)))
    for step in _STEPS_DEG:
        best = [_walk(cloud, fit, step, fine) for fit in best]
    return sorted(best, key=lambda fit: -_worth(fit.overlap, fit.view))


def fit_box(mask: NDArray[np.bool_], *, size_px: int) -> NDArray[np.bool_]:
    """
    Cut *mask* to what it shows, and put that into the middle of a square, as large as fits.

    Args:
        mask: At least one pixel is set.
        size_px: Side of the square, in pixels; a margin of 6 % is left.

    Returns:
        Shape (size_px, size_px).
    """
    matrix = box_matrix(mask, size_px=size_px)
    moved = cv2.warpAffine(
        mask.astype(np.float32), matrix, (size_px, size_px), flags=cv2.INTER_AREA
    )
    return np.asarray(moved) >= 0.5


def _touched(mask: NDArray[np.bool_], *, size_px: int) -> NDArray[np.bool_]:
    """Fit *mask* as `fit_box` does, but keep all pixels it touches: points fill those as well."""
    side = int(1 / box_matrix(mask, size_px=size_px)[0, 0])
    # Room all around, or what grows beyond the picture is lost.
    grown = np.pad(mask.astype(np.uint8), side)
    grown = np.asarray(cv2.dilate(grown, np.ones((max(side, 1),) * 2, np.uint8)), np.uint8)
    matrix = box_matrix(mask, size_px=size_px)
    matrix[:, 2] -= matrix[0, 0] * side
    moved = cv2.warpAffine(
        grown.astype(np.float32), matrix, (size_px, size_px), flags=cv2.INTER_LINEAR
    )
    return np.asarray(moved) >= 0.5


def box_matrix(mask: NDArray[np.bool_], *, size_px: int) -> NDArray[np.float64]:
    """Return the matrix for `cv2.warpAffine` that `fit_box` moves *mask* by."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    scale = size_px * (1 - 2 * _MARGIN) / max(height, width)
    centre = (columns[0] + width / 2, rows[0] + height / 2)
    # Pixel centres lie at whole numbers there.
    shift = [size_px / 2 - scale * at + (scale - 1) / 2 for at in centre]
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def overlap_of(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return intersection over union of two masks; 0.0 where both are empty."""
    union = int(np.count_nonzero(one | other))
    return int(np.count_nonzero(one & other)) / union if union else 0.0


def _cloud(positions: NDArray[np.floating], faces: NDArray[np.integer]) -> NDArray[np.float32]:
    """Scatter points over the surface, evenly and always alike, within a ball of radius 1."""
    corners = positions[faces].astype(np.float64)
    middle = (corners.min(axis=(0, 1)) + corners.max(axis=(0, 1))) / 2
    corners -= middle
    radius = max(float(np.linalg.norm(corners, axis=2).max()), 1e-30)
    edges = corners[:, 1:] - corners[:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    if not area.sum() > 0:
        area = np.ones(len(faces))
    rng = np.random.default_rng(0)
    share = np.cumsum(area) / area.sum()
    face = np.searchsorted(share, rng.random(_FINE_POINTS)).clip(0, len(faces) - 1)
    a, b = rng.random((2, _FINE_POINTS, 1))
    folded = a + b > 1
    a, b = np.where(folded, 1 - a, a), np.where(folded, 1 - b, b)
    points = corners[face, 0] + a * edges[face, 0] + b * edges[face, 1]
    return np.asarray(points / radius, np.float32)


def _overlaps(
    cloud: NDArray[np.float32], views: Sequence[View], wanted: NDArray[np.bool_]
) -> list[float]:
    axes = np.stack([view.axes() for view in views]).astype(np.float32)
    # One product of two matrices: a product for each view takes several times as long.
    seen = (axes.reshape(-1, 3) @ cloud.T).reshape(len(views), 3, -1)
    across = seen[:, :2]
    far = np.array([view.perspective for view in views])
    if far.any():
        across[far] /= _DISTANCE - seen[far, 2:]
    low, high = across.min(axis=2), across.max(axis=2)
    side = len(wanted)
    scale = side * (1 - 2 * _MARGIN) / np.maximum((high - low).max(axis=1), 1e-9)
    across *= scale[:, None, None]
    across += (side / 2 - (low + high) / 2 * scale[:, None])[:, :, None]
    cells = across.astype(np.int32)
    # Rows count downwards.
    flat = (side - 1 - cells[:, 1]) * side + cells[:, 0]
    return [overlap_of(_outline(one, side), wanted) for one in flat]


def _outline(cells: NDArray[np.int32], side: int) -> NDArray[np.bool_]:
    """Fill what lies between points that nearly touch."""
    canvas = np.zeros(side * side, np.uint8)
    canvas[cells] = 1
    closed = cv2.morphologyEx(canvas.reshape(side, side), cv2.MORPH_CLOSE, _NEIGHBOURS)
    return np.asarray(closed, np.uint8).view(np.bool_)


_NEIGHBOURS = np.ones((3, 3), np.uint8)


def _fits(
    cloud: NDArray[np.float32], views: Sequence[View], wanted: NDArray[np.bool_]
) -> Sequence[Fit]:
    overlaps = _overlaps(cloud, views, wanted)
    return [Fit(view=view, overlap=overlap) for view, overlap in zip(views, overlaps, strict=True)]


def _distinct(fits: Sequence[Fit]) -> Sequence[Fit]:
    """Keep the first of those that walked to the same place, and no more than are refined."""
    kept: list[Fit] = []
    for fit in fits:
        if all(_apart_deg(fit.view, other.view) > _FIRST_STEP_DEG for other in kept):
            kept.append(fit)
    return kept[:_REFINED]


def _walk(cloud: NDArray[np.float32], fit: Fit, step_deg: float, wanted: NDArray[np.bool_]) -> Fit:
    """Go to the best neighbour as long as it is better."""
    for _ in range(_ROUNDS):
        near = _fits(cloud, _neighbours(fit.view, step_deg), wanted)
        better = max(near, key=lambda one: _worth(one.overlap, one.view))
        if _worth(better.overlap, better.view) <= _worth(fit.overlap, fit.view):
            break
        fit = better
    return fit


def _neighbours(view: View, step_deg: float) -> Sequence[View]:
    steps = (-step_deg, 0.0, step_deg)
    near = [
        replace(
            view,
            yaw_deg=_turned(view.yaw_deg + aside),
            pitch_deg=min(max(view.pitch_deg + above, -_STEEPEST_DEG), _STEEPEST_DEG),
        )
        for aside in steps
        for above in steps
        if aside or above
    ]
    near += [replace(view, roll_deg=_turned(view.roll_deg + step)) for step in steps if step]
    return [*near, replace(view, perspective=not view.perspective)]


def _turned(angle_deg: float) -> float:
    return (angle_deg + 180) % 360 - 180


def _worth(overlap: float, view: View) -> float:
    tilt = abs(view.yaw_deg) + abs(view.pitch_deg) + abs(view.roll_deg)
    return overlap - _SIDEWAYS_COST * tilt


def _apart_deg(one: View, other: View) -> float:
    cosine = float(one.axes()[2] @ other.axes()[2])
    return math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))
