"""Cut an object out by recognising a plain background: flat, shaded, with a soft shadow."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.subject.candidate import (
    Candidate,
    MaskView,
    keep_large_parts,
    measure_edge_support,
)

_ROUNDS = 8
_SMALLEST_PART = 0.004
# Distances and slopes are in L*a*b* units, of which about two are a just visible difference.
_LEAST_THRESHOLD = 2.5
_LARGEST_THRESHOLD = 22.0
_FAINT_SLOPE = 0.5
_RIPPLE_SHARE = 0.08
_LARGEST_RIPPLE = 5.0
"""JPEG's ripples are this share of the edge they surround, and no larger than this."""
_WHITE_L = 98.5
_SHARP_SHARE = 0.35
"""A part whose line towards the background is sharp over this share is no shadow."""
_TRUST_BY_SIDES = (1.0, 0.95, 0.7, 0.3, 0.0)
"""What meets many borders is rather a pattern or a scene than an object."""
_LEAST_HOLE_PX = 12
_MANY_HOLES, _MANY_HOLES_SHARE = 5, 0.04
_CLEAR_SHARE = 0.5
"""A hole shows at least this share of unshadowed background."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Background:
    """
    The background as fitted to the borders.

    Attributes:
        lab: Its colour everywhere, shape (height, width, 3).
        distance: How far each pixel is from it, in L*a*b* units.
        threshold: Up to this distance a pixel looks like background.
        purity: The fraction of the border that looks like background.
    """

    lab: NDArray[np.float32]
    distance: NDArray[np.float32]
    threshold: float
    purity: float


def cut_by_background(view: MaskView, background: Background) -> Candidate:
    """
    Take for object what differs from a smooth background seen along the borders.

    The background is a quadratic surface per colour channel, fitted to the borders with
    Tukey's biweight, so that an object which touches the border does not bend it. What is
    like it and reaches the border is background; from there it grows over gentle slopes of
    the same hue, which takes soft shadows along.

    Args:
        view: The reduced picture.
        background: From `fit_background`.

    Returns:
        The better of the cuts with and without growing, with its confidence.
    """
    passable = _find_passable(view, background)
    alike = find_alike(background)
    plain = flow_in(view, alike)
    grown = _grow(view, background, passable, plain)
    holes = _find_holes(background, alike & ~plain, _grow(view, background, passable, alike))
    without_growth = _propose(view, background, plain | holes)
    with_growth = _propose(view, background, grown | holes)
    # Growing takes a shadow away, never most of the object: then it leaked.
    left = with_growth.inside.sum() / max(1, without_growth.inside.sum())
    trusted = replace(with_growth, confidence=with_growth.confidence * min(1.0, float(left) / 0.5))
    return max(trusted, without_growth, key=lambda candidate: candidate.confidence)


def fit_background(view: MaskView) -> Background:
    """Fit the background to what is seen along the borders, see `cut_by_background`."""
    lab = _fit_surface(view)
    difference = view.lab - lab
    distance = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference))
    around = distance[view.ring]
    noise = 1.4826 * float(np.median(around))
    threshold = float(np.clip(3.0 * noise + 1.0, _LEAST_THRESHOLD, _LARGEST_THRESHOLD))
    return Background(
        lab=lab,
        distance=distance.astype(np.float32),
        threshold=threshold,
        purity=float((around < threshold).mean()),
    )


def _fit_surface(view: MaskView) -> NDArray[np.float32]:
    """Fit a quadratic surface per channel to the ring, by iteratively reweighted squares."""
    height, width = view.ring.shape
    rows, columns = (each[:: max(1, len(each) // 2000)] for each in np.nonzero(view.ring))
    seen = view.lab[rows, columns].astype(np.float64)
    y, x = 2 * rows / (height - 1) - 1, 2 * columns / (width - 1) - 1
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    fitted = np.zeros((6, 3))
    fitted[0] = np.median(seen, axis=0)
    for _ in range(_ROUNDS):
        error = np.linalg.norm(seen - basis @ fitted, axis=1)
        cutoff = 4.685 * max(0.5, 1.4826 * float(np.median(error)))
        weighted = basis * (np.clip(1 - (error / cutoff) ** 2, 0, None) ** 2)[:, None]
        fitted = np.linalg.solve(weighted.T @ basis + 1e-6 * np.eye(6), weighted.T @ seen)
    one, by_x, by_y, by_xx, by_xy, by_yy = fitted.astype(np.float32)
    along_x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    along_y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    by_column = one + along_x * (by_x + along_x * by_xx)
    surface = by_column + along_y * (by_y + along_x * by_xy + along_y * by_yy)
    return np.asarray(surface, np.float32)


def find_alike(background: Background) -> NDArray[np.bool_]:
    """Find what looks like background, where JPEG's ripples around strong edges still do."""
    strongest = np.asarray(cv2.dilate(background.distance, np.ones((11, 11), np.uint8)))
    ripple = np.minimum(_RIPPLE_SHARE * strongest, _LARGEST_RIPPLE)
    return np.asarray(background.distance < np.maximum(background.threshold, ripple), bool)


def flow_in(view: MaskView, alike: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep what of *alike* is reached from the border without crossing even a faint line."""
    at_border = view.slope[view.ring & alike]
    grain = float(np.percentile(at_border, 95)) if at_border.size else 0.0
    calm = alike & (view.slope < max(_FAINT_SLOPE, 2 * grain))
    reached = _reaching(calm, view.ring)
    # The line itself, as wide as the slope's filter, belongs to the side it looks like.
    return _widen(reached.view(np.uint8), 2) & alike


def _reaching(alike: NDArray[np.bool_], start: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the connected parts of *alike* that meet *start*."""
    count, labels = cv2.connectedComponents(alike.view(np.uint8), connectivity=4)
    met = np.zeros(count, bool)
    met[labels[start & alike]] = True
    met[0] = False
    return np.asarray(met[labels], bool)


def _find_passable(view: MaskView, background: Background) -> NDArray[np.bool_]:
    """Find slopes too gentle for the edge of an object, in colours of shadowed background."""
    light = np.clip(view.lab[..., 0] / np.maximum(background.lab[..., 0], 1), 0, 1.2)
    # In shadow a colour keeps its hue and loses chroma about as it loses lightness.
    a_error, b_error = (
        view.lab[..., channel] - background.lab[..., channel] * light for channel in (1, 2)
    )
    hue_error = np.hypot(a_error, b_error)
    gentle = view.slope < least_edge(background)
    shadowed = (light > 0.25) & (light < 1.05) & (hue_error < max(4.0, background.threshold))
    # A gap in an outline is narrow, a shadow is not: growing does not squeeze through.
    round_7 = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    wide = cv2.morphologyEx((gentle & shadowed).view(np.uint8), cv2.MORPH_OPEN, round_7)
    return np.asarray(wide, bool)


def least_edge(background: Background) -> float:
    """Give the slope, in L*a*b* units per pixel, from which on it is an object's edge."""
    return max(1.6, 0.5 * background.threshold)


def _grow(
    view: MaskView,
    background: Background,
    passable: NDArray[np.bool_],
    start: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Extend *start* over what is passable, as far as that fades in."""
    added = _reaching(passable | start, start) & ~start
    if not added.any():
        return start
    return start | _without_sharp_parts(view, background, start, added)


def _without_sharp_parts(
    view: MaskView,
    background: Background,
    start: NDArray[np.bool_],
    added: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """
    Drop parts of *added* that meet the open background at a sharp line.

    A shadow fades into the background. A pale part of the object ends sharply, and was
    entered where its outline is faint.
    """
    count, labels = cv2.connectedComponents(added.view(np.uint8), connectivity=4)
    line = _widen(start.view(np.uint8), 1) & added
    outer = np.asarray(labels)[line]
    steepest = np.asarray(cv2.dilate(view.slope, np.ones((5, 5), np.uint8)))
    sharp = steepest[line] > least_edge(background)
    met = np.bincount(outer, minlength=count)
    met_sharply = np.bincount(outer[sharp], minlength=count)
    soft = met_sharply < _SHARP_SHARE * np.maximum(met, 1)
    soft[0] = False
    return np.asarray(soft[labels], bool)


def _propose(view: MaskView, background: Background, outside: NDArray[np.bool_]) -> Candidate:
    raw = ~outside
    smooth = cv2.morphologyEx(raw.view(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    inside = keep_large_parts(np.asarray(smooth, bool), smallest_fraction=_SMALLEST_PART)
    return Candidate(
        inside=inside, confidence=_judge(view, background, raw, inside), source="background"
    )


def _find_holes(
    background: Background, enclosed: NDArray[np.bool_], grown: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """
    Find enclosed areas through which the background is seen, as in the handle of a mug.

    A highlight or a white eye may have the very colour of the background. A hole is told by
    its sharp rim; on white, where both are pure white, it must be large besides, or one of
    many, as between slats, leaves and strings. Part of a hole may lie in shadow, but not most
    of it.

    Args:
        background: What the background looks like.
        enclosed: What looks like it and does not reach the border.
        grown: The same and all else that looks like it, with the shadows around.
    """
    count, numbers, measures, _ = cv2.connectedComponentsWithStats(
        grown.view(np.uint8), connectivity=4
    )
    labels, stats = np.asarray(numbers, np.int32), np.asarray(measures, np.int32)
    clear_px = np.bincount(labels[enclosed], minlength=count)
    object_px = float(np.count_nonzero(~grown))
    likely = [
        label
        for label in range(1, count)
        if clear_px[label] >= _LEAST_HOLE_PX
        and clear_px[label] >= _CLEAR_SHARE * stats[label, cv2.CC_STAT_AREA]
    ]
    # Lines between holes may be thin, so for many the rim is the strongest of what is near.
    near = cv2.dilate(background.distance, np.ones((3, 3), np.uint8))
    strongest = np.asarray(near, np.float32)
    framed = _with_sharp_rim(strongest, background, labels, stats, likely)
    together_px = float(clear_px[framed].sum())
    holes = np.zeros(count, bool)
    if len(framed) >= _MANY_HOLES and together_px > _MANY_HOLES_SHARE * object_px:
        holes[framed] = True
        return np.asarray(holes[labels], bool)
    white = float(np.median(background.lab[..., 0])) > _WHITE_L
    least_px = (0.015 if white else 0.0008) * object_px
    large = [label for label in likely if clear_px[label] >= least_px]
    holes[_with_sharp_rim(background.distance, background, labels, stats, large)] = True
    return np.asarray(holes[labels], bool)


def _with_sharp_rim(
    distance: NDArray[np.float32],
    background: Background,
    labels: NDArray[np.int32],
    stats: NDArray[np.int32],
    chosen: list[int],
) -> list[int]:
    least = 3 * background.threshold
    return [label for label in chosen if _rim(distance, labels, stats[label], label) > least]


def _rim(
    distance: NDArray[np.float32], labels: NDArray[np.int32], stats: NDArray[np.int32], label: int
) -> float:
    """Tell how far most of what surrounds a part is from the background."""
    left, top, width, height = (int(value) for value in stats[:4])
    box = np.s_[max(0, top - 4) : top + height + 4, max(0, left - 4) : left + width + 4]
    part = (labels[box] == label).view(np.uint8)
    around = distance[box][_widen(part, 3) & ~_widen(part, 2)]
    return float(np.percentile(around, 20)) if around.size else 0.0


def _widen(part: NDArray[np.uint8], by_px: int) -> NDArray[np.bool_]:
    side = 2 * by_px + 1
    return np.asarray(cv2.dilate(part, np.ones((side, side), np.uint8)), bool)


def _judge(
    view: MaskView,
    background: Background,
    raw: NDArray[np.bool_],
    inside: NDArray[np.bool_],
) -> float:
    area = float(inside.mean())
    if not 0.002 < area < 0.97:
        return 0.0
    pure = np.clip((background.purity - 0.5) / 0.4, 0, 1)
    plain = np.clip((_LARGEST_THRESHOLD - background.threshold) / 14, 0, 1)
    whole = np.clip(float(inside.sum()) / max(1.0, float(raw.sum())), 0, 1) ** 2
    least_slope = max(1.2, 0.4 * background.threshold)
    edged = measure_edge_support(view, inside, least_slope=least_slope)
    return float(pure * plain * whole * edged**2) * _TRUST_BY_SIDES[_count_sides_met(inside)]


def _count_sides_met(inside: NDArray[np.bool_]) -> int:
    """Count the borders, 0–4, on which more than a touch of *inside* lies."""
    sides = inside[0], inside[-1], inside[:, 0], inside[:, -1]
    return sum(float(side.mean()) > 0.03 for side in sides)
