"""How round a silhouette is anywhere in it, and which part of it a place belongs to."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.shapes.poisson import solve_poisson
from image2model.geometry.subject.silhouette import Silhouette

_LONG_SIDE_PX = 256
_TOLERANCE = 1e-2
_NEAREST = np.float32(0.1)
_EDGE = np.float32(127.5)
_OUTSIDE = np.float32(4.0)
_STEEPEST = 0.95
_LEAST_REACH, _LEAST_SHARE = 0.1, 0.05
_EVEN_FRACTION = 0.02
_CORE_SHARE = 0.5
"""Of a span's highest swelling: the core, from which its natural width is told."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Swelling:
    """
    A silhouette blown up: squared heights, r² - d² in a disc of radius r.

    Attributes:
        field: Above 0 inside, falling on below 0 outside; shape (h, w).
        left_px: Picture x of the field's left edge.
        top_px: Picture y of the field's top edge.
        scale: Field pixels per picture pixel.
    """

    field: Floats
    left_px: float
    top_px: float
    scale: float

    def rows(self, down: Floats) -> Floats:
        """Read the field's rows at picture y *down*, shape (n, w)."""
        return _between(self.field, (down - np.float32(self.top_px)) * np.float32(self.scale))

    def columns(self, across: Floats, rows: Floats) -> Floats:
        """Read *rows* at picture x *across*, shape (len(rows), n)."""
        at = (across - np.float32(self.left_px)) * np.float32(self.scale)
        return np.ascontiguousarray(_between(rows.T, at).T)

    def turned(self) -> "Swelling":
        """Swap across and down."""
        return Swelling(
            field=np.ascontiguousarray(self.field.T),
            left_px=self.top_px,
            top_px=self.left_px,
            scale=self.scale,
        )


def _between(values: Floats, at: Floats) -> Floats:
    """Interpolate rows of *values* at pixel positions whose first centre is 0.5."""
    at = np.clip(at - np.float32(0.5), 0, len(values) - 1.001)
    first = at.astype(np.int64)
    share = (at - first)[:, None].astype(np.float32)
    return np.asarray(values[first] * (1 - share) + values[first + 1] * share, np.float32)


def swell(silhouette: Silhouette) -> Swelling:
    """
    Blow a silhouette up.

    The squared height of an inflated outline (Joshi and Carr, "Repoussé: automatic inflation of
    2D artwork", 2008): thin parts stay low, so that it tells a limb from the body it grows out of.

    Args:
        silhouette: The outline.

    Returns:
        Its swelling, with an outline between pixels.
    """
    field = silhouette.field
    scale = min(1.0, _LONG_SIDE_PX / max(field.shape))
    height, width = field.shape
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    if scale < 1:
        field = np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA), np.uint8)
    coverage = np.pad(field, 1).astype(np.float32)
    inside = coverage > _EDGE
    if not inside.any():
        raise silhouette.too_thin()
    diagonal, reach = _links(coverage, inside)
    heights = solve_poisson(diagonal, source=4.0, tolerance=_TOLERANCE)
    factor = scale * silhouette.scale
    return Swelling(
        field=_fall_on(heights, inside, reach),
        left_px=silhouette.left_px - 1 / factor,
        top_px=silhouette.top_px - 1 / factor,
        scale=factor,
    )


def _links(coverage: Floats, inside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the operator's diagonal, and how far each node is from the nearest cut, up to 1."""
    diagonal = inside.astype(np.float32) * 4
    reach = np.ones_like(coverage)
    for shift in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        beyond = np.roll(coverage, shift, axis=(0, 1))
        cut = inside & (beyond <= _EDGE)
        part = (coverage - _EDGE) / np.maximum(coverage - beyond, 1)
        part = np.maximum(part, _NEAREST)
        diagonal[cut] += (1 / part - 1)[cut]
        reach[cut] = np.minimum(reach, part)[cut]
    return diagonal, reach


def _fall_on(heights: Floats, inside: NDArray[np.bool_], reach: Floats) -> Floats:
    """Continue the slope at the outline outwards."""
    away, nearest = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    slope = np.zeros(int(nearest.max()) + 1, np.float32)
    slope[nearest[inside]] = (np.maximum(heights, 1e-3) / reach)[inside]
    part = np.zeros_like(slope)
    part[nearest[inside]] = reach[inside]
    outside = -slope[nearest] * (away - part[nearest])
    return np.where(inside, np.maximum(heights, 1e-3), np.minimum(outside, -1e-3)).astype(
        np.float32
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sections:
    """
    Parallel lines through a swelling, measured at places: shape (lines, places).

    A line may pass several spans of the object, and each span has a core, where it is thick, and
    may reach further in thin parts, such as a brim or a beak.

    Attributes:
        roundness: 0 on the line's thickest place, 1 on the outline, more outside.
        along: How far from the middle of its span's core, 1 where the core by itself would end.
        reach: How far the span goes, in the same measure.
        share: How thick its span is, as a fraction of the line's thickest.
        highest: The line's highest swelling, as a fraction of the whole silhouette's; below 0
            where a line passes the object by. Shape (lines,).
        fall: How much lower it is elsewhere on the line, in the same measure.
    """

    roundness: Floats
    along: Floats
    reach: Floats
    share: Floats
    highest: Floats
    fall: Floats


def cut_sections(swelling: Swelling, lines: Floats, places: Floats) -> Sections:
    """
    Measure *swelling* along rows.

    Args:
        swelling: The silhouette.
        lines: Picture y of each row.
        places: Picture x on every row.

    Returns:
        The measures.
    """
    rows = swelling.rows(lines)
    highest = rows.max(axis=1, keepdims=True)
    values = swelling.columns(places, rows)
    level = np.where(highest > 0, values / np.maximum(highest, 1e-6), -_OUTSIDE)
    at = (places - np.float32(swelling.left_px)) * np.float32(swelling.scale) - np.float32(0.5)
    measures = _Spans(
        along=np.full(values.shape, _OUTSIDE),
        steepness=np.ones((len(lines), 1), np.float32),
        reach=np.full(values.shape, _LEAST_REACH, np.float32),
        share=np.ones(values.shape, np.float32),
    )
    for number in np.flatnonzero(highest > 0).tolist():
        _measure(rows[number], at, measures, number)
    # Lines are measured one by one, but an object has no furrows between them.
    blur = max(_EVEN_FRACTION * len(lines), 0.5)
    even = np.asarray(cv2.GaussianBlur(measures.steepness, (0, 0), sigmaX=blur, sigmaY=blur))
    steepness = 1 + (even.reshape(-1, 1) - 1) * measures.share**4
    return Sections(
        roundness=(np.clip(1 - level, 0, _OUTSIDE) ** (0.5 / steepness)).astype(np.float32),
        along=measures.along,
        reach=measures.reach,
        share=measures.share,
        highest=highest[:, 0] / swelling.field.max(),
        fall=(highest - values) / swelling.field.max(),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Spans:
    """As `Sections`; `steepness`: how straight the swelling of each line's thickest span is."""

    along: Floats
    steepness: Floats
    reach: Floats
    share: Floats


def _measure(row: Floats, at: Floats, spans: _Spans, line: int) -> None:
    edges = _crossings(row)
    starts, ends = edges[::2], edges[1::2]
    between = (ends[:-1] + starts[1:]) / 2
    span_of = np.searchsorted(between, at)
    highest = row.max()
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        first, last = int(np.ceil(start)), int(np.floor(end))
        peak = first + int(row[first : last + 1].argmax())
        core = _crossings(row - np.float32(_CORE_SHARE) * row[peak])
        low, high = core[core < peak].max(), core[core > peak].min()
        middle, half = (low + high) / 2, (high - low) / 2 / np.sqrt(1 - _CORE_SHARE)
        mine = span_of == number
        reach = max(min(middle - start, end - middle) / half, _LEAST_REACH)
        share = max(float(np.sqrt(row[peak] / highest)), _LEAST_SHARE)
        spans.along[line, mine] = np.minimum(np.abs(at[mine] - middle) / half, _OUTSIDE)
        spans.reach[line, mine] = reach
        spans.share[line, mine] = share
        if share == 1:
            spans.steepness[line] = _steepness(reach)


def _steepness(reach: float) -> float:
    """
    Tell how straight a swelling is: 1 is round.

    Next to a straight end of the object its swelling becomes as straight, which says nothing
    about the level cut there.
    """
    core_at = min(math.sqrt(1 - _CORE_SHARE) / reach, _STEEPEST)
    return max(math.log(1 - _CORE_SHARE) / 2 / math.log(core_at), 1.0)


def _crossings(row: Floats) -> Floats:
    inside = row > 0
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    return np.asarray(edges + row[edges] / (row[edges] - row[edges + 1]), np.float32)
