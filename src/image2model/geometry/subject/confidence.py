"""Tell how likely a cut is right, from what usually goes wrong with cuts."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.subject.background import Background, find_alike, flow_in, least_edge
from image2model.geometry.subject.candidate import Candidate, MaskView
from image2model.geometry.subject.confidence_weights import ODDS, STEPS

_SHADOW_REACH_PX = 9
_WHITE_L = 98.5
_FAINTEST_SLOPE = 0.2
_PALE = 9.0
_RIPPLE_PX = 8
_SHORTEST_LINE_PX = 14
_LARGE_PART = 0.04
_SECOND_OBJECT = 0.2
"""A part of at least this share of the largest is rather another object than a loose part."""


_PALE_LINE, _PALE_CHANCE = 0.25, 0.2
"""Of the cuts with so long a line a fifth were good, among the scenes of the benchmark."""
_MOST_DOUBTS, _LEAST_DOUBT = 3, 0.4
_DOUBTS: Mapping[str, Sequence[str]] = {
    "parts as bright as the background may be missing": (
        "alike_rim", "faint_outside", "lines_outside", "lax", "line_on_white",
        "longest_line",
    ),
    "a shadow may be taken for a part of the object": ("shadowy", "shadow_outline", "soft"),
    "holes may be filled": ("enclosed", "alike_inside"),
    "there is no edge along some of it": ("edged", "gap", "steep", "strict", "score"),
    "noise or strong compression hides it": ("blocks", "threshold"),
    "the background is not plain": ("by_colors", "purity"),
    "the object is cut off at the edge of the picture": ("touching",),
    "thin parts may be lost": ("thin", "rough"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CutSigns:
    """
    What speaks for and against a cut; shares are 0.0–1.0.

    Attributes:
        score: What the method that made the cut gives itself.
        by_colors: 1.0 where it was guessed by colours, else 0.0.
        edged: Share of the outline that follows an edge of the picture.
        gap: The longest stretch of the outline without an edge, as a share of it.
        soft: Share of the outline where the edge is soft, as a shadow's is.
        steep: How steep the outline's weaker parts are, in units of the least edge, as a logarithm.
        alike_rim: Share of the rim, just inside, that looks like background.
        alike_inside: Share of the object that looks like background.
        enclosed: Share of the object that looks like background and has a sharp rim: a hole
            that stayed filled, or a pale part.
        lines_outside: Edges in what was taken for background, per length of the outline.
        faint_outside: The same with the faintest edges that stand out from the grain.
        longest_line: The longest faint but coherent line in what was taken for background,
            between colours that are both like it, per root of the object's area.
        line_on_white: The same where the background is pure white, else 0.0.
        shadowy: Share of the object, near its outline, that has the background's hue, darkened.
        shadow_outline: Share of the outline along which that lies.
        strict: Overlap with the cut that takes more for object.
        lax: Overlap with the cut that takes less for object.
        threshold: How unlike background may be, in L*a*b* units.
        purity: Share of the border that looks like background.
        blocks: How much steps at the blocks of a JPEG stand out; 0.0 where they do not.
        white: 1.0 where the background is pure white, else 0.0.
        touching: Share of the picture's border that the object covers.
        thin: Share of the object that is within three pixels of its outline.
        parts: How many large parts it has, as a logarithm.
        rough: Length of the outline per root of the area, as a logarithm.
        area: Share of the picture, as a logarithm.
    """

    score: float
    by_colors: float
    edged: float
    gap: float
    soft: float
    steep: float
    alike_rim: float
    alike_inside: float
    enclosed: float
    lines_outside: float
    faint_outside: float
    line_on_white: float
    longest_line: float
    shadowy: float
    shadow_outline: float
    strict: float
    lax: float
    threshold: float
    purity: float
    blocks: float
    white: float
    touching: float
    thin: float
    parts: float
    rough: float
    area: float

    def as_array(self) -> NDArray[np.float64]:
        """Give all of them in order."""
        return np.array([getattr(self, name) for name in self.__slots__], np.float64)


def measure_cut(view: MaskView, background: Background, cut: Candidate) -> CutSigns:
    """
    Look for what usually goes wrong with cuts.

    Args:
        view: The picture.
        background: What its background looks like.
        cut: What was taken for object; some of it.

    Returns:
        The signs.
    """
    inside = cut.inside
    mask = inside.view(np.uint8)
    object_px = float(np.count_nonzero(inside))
    outline = inside & ~_shrink(mask, 1) & ~view.ring
    length = float(max(1, int(np.count_nonzero(outline))))
    least = least_edge(background)
    steepest = np.asarray(cv2.dilate(view.slope, np.ones((5, 5), np.uint8)))
    along = steepest[outline] if outline.any() else np.zeros(1, np.float32)
    alike = background.distance < max(1.2 * background.threshold, 4.0)
    rim = inside & ~_shrink(mask, 5) & _shrink(mask, 2)
    deep_alike = alike & _shrink(mask, 3)
    far = ~_grow(mask, 6) & ~view.ring
    grain = float(np.percentile(view.slope[view.ring], 90))
    shadow = _shadowed(view, background) & inside & ~alike & (view.slope < 2 * least)
    near_shadow = shadow & ~_shrink(mask, _SHADOW_REACH_PX)
    parts = _part_areas(inside)
    white = float(np.median(background.lab[..., 0])) > _WHITE_L
    longest_line = _capped(_longest_line_px(view, background, mask) / max(1.0, object_px) ** 0.5)
    contour_px, gap = _longest_gap(mask, (steepest > least) | view.ring)
    return CutSigns(
        score=cut.confidence,
        by_colors=float(cut.source == "grabcut"),
        edged=float((along > least).mean()),
        gap=gap,
        soft=float((along < 3 * least).mean()),
        steep=float(np.log(np.percentile(along, 15) / least + 0.1)),
        alike_rim=_share(alike & rim, rim),
        alike_inside=float(np.count_nonzero(deep_alike)) / max(1.0, object_px),
        enclosed=_enclosed_px(background, deep_alike) / max(1.0, object_px),
        lines_outside=_capped(np.count_nonzero(far & (view.slope > least)) / length),
        faint_outside=_capped(
            np.count_nonzero(far & (view.slope > max(0.35, 2.5 * grain))) / length
        ),
        line_on_white=longest_line if white else 0.0,
        longest_line=longest_line,
        shadowy=float(np.count_nonzero(near_shadow)) / max(1.0, object_px),
        shadow_outline=_share(_grow(near_shadow.view(np.uint8), 3) & outline, outline),
        strict=_overlap(inside, _cut_simply(view, background, 0.6)),
        lax=_overlap(inside, _cut_simply(view, background, 1.8)),
        threshold=background.threshold,
        purity=background.purity,
        blocks=view.blocks,
        white=float(white),
        touching=float((inside & _frame(inside.shape)).sum() / _frame(inside.shape).sum()),
        thin=1 - float(np.count_nonzero(_shrink(mask, 3))) / max(1.0, object_px),
        parts=float(np.log(max(1, int(np.count_nonzero(parts > _LARGE_PART * parts.sum()))))),
        rough=float(np.log(max(1.0, contour_px) / max(1.0, object_px) ** 0.5)),
        area=float(np.log(max(1.0, object_px) / inside.size)),
    )


def count_objects(inside: NDArray[np.bool_]) -> int:
    """Count what seem to be objects of their own rather than loose parts of one."""
    areas = _part_areas(inside)
    return int(np.count_nonzero(areas > _SECOND_OBJECT * max(1, int(areas.max()))))


def _part_areas(inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Measure the parts of *inside*; near ones count as one."""
    size = 2 * max(1, round(0.008 * max(inside.shape))) + 1
    near = cv2.dilate(inside.view(np.uint8), np.ones((size, size), np.uint8))
    count, labels = cv2.connectedComponents(near, connectivity=8)
    areas = np.bincount(np.asarray(labels)[inside], minlength=count).astype(np.int64)
    areas[0] = 0
    return areas


def _shrink(mask: NDArray[np.uint8], by_px: int) -> NDArray[np.bool_]:
    side = 2 * by_px + 1
    return np.asarray(cv2.erode(mask, np.ones((side, side), np.uint8)), bool)


def _grow(mask: NDArray[np.uint8], by_px: int) -> NDArray[np.bool_]:
    side = 2 * by_px + 1
    return np.asarray(cv2.dilate(mask, np.ones((side, side), np.uint8)), bool)


def _share(some: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(some)) / max(1, int(np.count_nonzero(of)))


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(one & other)) / max(1, int(np.count_nonzero(one | other)))


def _capped(value: float) -> float:
    return float(np.log1p(min(value, 20.0)))


def _frame(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    frame = np.ones(shape, bool)
    frame[2:-2, 2:-2] = False
    return frame


def _longest_gap(mask: NDArray[np.uint8], edged: NDArray[np.bool_]) -> tuple[float, float]:
    """Give the outline's length and its longest stretch without an edge, as a share of it."""
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    total_px, longest_px = 0, 0
    for contour in contours:
        places = contour.reshape(-1, 2)
        bare = ~edged[places[:, 1], places[:, 0]]
        total_px += len(bare)
        if bare.all():
            longest_px = max(longest_px, len(bare))
            continue
        # A contour is closed: it is read from where an edge is.
        ring = np.roll(bare, -int(np.argmin(bare)))
        steps = np.flatnonzero(np.diff(np.concatenate([[0], ring.view(np.int8), [0]])))
        if steps.size:
            longest_px = max(longest_px, int((steps[1::2] - steps[::2]).max()))
    return float(total_px), longest_px / max(1, total_px)


def _longest_line_px(view: MaskView, background: Background, mask: NDArray[np.uint8]) -> float:
    """
    Measure the longest faint line outside: the edge of a part that looks like background.

    Grain makes short lines, and a shadow ends softly or is much darker than the background.
    """
    at_border = view.slope[view.ring]
    least = max(_FAINTEST_SLOPE, 1.5 * float(np.percentile(at_border, 97)))
    darkest = np.asarray(cv2.dilate(background.distance, np.ones((5, 5), np.uint8)))
    # The edge of a part is narrow, that of a shadow is wide.
    narrow = view.slope > 1.5 * np.asarray(cv2.blur(view.slope, (11, 11)))
    faint = narrow & (view.slope > least) & (darkest < max(_PALE, 2 * background.threshold))
    lines = faint & ~_grow(mask, _RIPPLE_PX) & ~view.ring
    _, _, stats, _ = cv2.connectedComponentsWithStats(lines.view(np.uint8), connectivity=8)
    reach = np.maximum(stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT])
    longest_px = float(reach.max(initial=0))
    return longest_px if longest_px >= _SHORTEST_LINE_PX else 0.0


def _shadowed(view: MaskView, background: Background) -> NDArray[np.bool_]:
    """Find what has the background's hue and is darker."""
    light = np.clip(view.lab[..., 0] / np.maximum(background.lab[..., 0], 1), 0, 1.2)
    a_error, b_error = (
        view.lab[..., channel] - background.lab[..., channel] * light for channel in (1, 2)
    )
    hue_error = np.hypot(a_error, b_error)
    return np.asarray((light > 0.3) & (light < 0.98) & (hue_error < max(4.0, background.threshold)))


def _enclosed_px(background: Background, alike: NDArray[np.bool_]) -> float:
    """Count the pixels of parts that look like background and end at a sharp line."""
    count, labels = cv2.connectedComponents(alike.view(np.uint8), connectivity=4)
    areas = np.bincount(np.asarray(labels).ravel(), minlength=count)
    areas[0] = 0
    near = cv2.dilate(background.distance, np.ones((5, 5), np.uint8))
    edge = alike & ~_shrink(alike.view(np.uint8), 1)
    strong = edge & (near > 4 * background.threshold)
    rims = np.bincount(np.asarray(labels)[edge], minlength=count)
    sharp = np.bincount(np.asarray(labels)[strong], minlength=count) > 0.5 * np.maximum(rims, 1)
    return float(areas[sharp & (areas >= 12)].sum())


def _cut_simply(view: MaskView, background: Background, factor: float) -> NDArray[np.bool_]:
    other = replace(background, threshold=factor * background.threshold)
    return ~flow_in(view, find_alike(other))


def confidence_of(signs: CutSigns) -> float:
    """Give the chance, 0.0–1.0, that a cut overlaps the object by 90 %."""
    odds = ODDS + sum(_weights(signs).values())
    chance = float(1 / (1 + np.exp(-odds)))
    return min(chance, _PALE_CHANCE) if _shows_pale_part(signs) else chance


def doubts_of(signs: CutSigns) -> tuple[str, ...]:
    """Put what speaks most against a cut into words, most important first."""
    weights = _weights(signs)
    if _shows_pale_part(signs):
        weights["line_on_white"] = -10.0
    against = {
        words: sum(min(0.0, weights[name]) for name in names) for words, names in _DOUBTS.items()
    }
    worst = sorted(against, key=lambda words: against[words])
    return tuple(words for words in worst[:_MOST_DOUBTS] if against[words] < -_LEAST_DOUBT)


def _shows_pale_part(signs: CutSigns) -> bool:
    """
    Tell whether a sharp faint line is seen where all should be white.

    It is too rare for the additive model to learn, and what it means is plain: the white legs of
    a chair, the white head of a figure.
    """
    return signs.line_on_white > _PALE_LINE


def _weights(signs: CutSigns) -> dict[str, float]:
    return {
        name: weights[bisect_right(edges, getattr(signs, name))]
        for name, (edges, weights) in STEPS.items()
    }
