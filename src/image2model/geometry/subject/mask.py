"""Tell the object of a picture from its background."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import PictureEmpty, PictureTooSmall, SubjectNotFound
from image2model.geometry.pictures.picture import Picture
from image2model.geometry.subject.background import Background, cut_by_background, fit_background
from image2model.geometry.subject.candidate import (
    Candidate,
    MaskView,
    keep_large_parts,
    view_for_masks,
)
from image2model.geometry.subject.confidence import (
    confidence_of,
    count_objects,
    doubts_of,
    measure_cut,
)
from image2model.geometry.subject.edge_refinement import refine_edges
from image2model.geometry.subject.grabcut import cut_by_colors

NEEDED_SCORE = 0.35
"""Below this, most masks were wrong to the eye; see the scenes of the mask tests."""

UNSURE_BELOW = 0.5
"""A mask of less confidence is more likely wrong than right, and people are told."""

_SURE = 0.75
_SMALLEST_SIDE_PX = 8
_SMALLEST_SUBJECT_PX = 64
_SMALLEST_PART = 0.002
_BARELY_USED = 0.995
_NEAR_EDGE_PX = 5
_LOOK_PX = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """
    Which pixels show the object.

    Attributes:
        coverage: uint8, shape (height, width); 0 background, 255 object, between: the edge.
        confidence: 0.0–1.0, the chance that the mask overlaps the object by 90 % (intersection
            over union); 1.0 for a given alpha. `make bench BENCH=cutout` says how true it is.
        source: Where it comes from: the picture's alpha, a plain background that was
            recognised, or GrabCut's guess by colours.
        doubts: What speaks against it, in words, most important first.
        objects: How many objects it seems to show.
    """

    coverage: NDArray[np.uint8]
    confidence: float
    source: Literal["alpha", "background", "grabcut"]
    doubts: tuple[str, ...] = ()
    objects: int = 1


def find_subject(picture: Picture) -> Mask:
    """
    Cut the object out, by its alpha when there is one, else by the look of the background.

    Args:
        picture: Upright and in sRGB.

    Returns:
        The mask, in the picture's size. Specks are dropped; holes of the object are background.

    Raises:
        PictureEmpty: Fully transparent, or one single colour.
        PictureTooSmall: The picture, or the object in it, has too few pixels to build from.
        SubjectNotFound: No cut was convincing.
    """
    height_px, width_px = picture.pixels.shape[:2]
    if min(height_px, width_px) < _SMALLEST_SIDE_PX:
        raise PictureTooSmall(width_px=width_px, height_px=height_px, minimum_px=_SMALLEST_SIDE_PX)
    alpha = picture.pixels[..., 3]
    if picture.has_alpha and (coverage := _cut_by_alpha(alpha)) is not None:
        step = max(1, max(coverage.shape) // _LOOK_PX)
        objects = count_objects(coverage[::step, ::step] > 127)
        return Mask(coverage=coverage, confidence=1.0, source="alpha", objects=objects)
    return _cut_opaque(picture.pixels)


def _cut_by_alpha(alpha: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Clean the alpha channel of specks; None when alpha hides next to nothing."""
    strongest = int(alpha.max())
    if strongest == 0:
        raise PictureEmpty(reason="it is fully transparent")
    # Glass and smoke may be half transparent all over, and are objects all the same.
    core = alpha > min(127, strongest // 2)
    if np.count_nonzero(core) > _BARELY_USED * core.size:
        return None
    kept = keep_large_parts(core, smallest_fraction=_SMALLEST_PART)
    _refuse_tiny(kept)
    if kept is core:
        return alpha
    # The soft edge of a part lies outside its core, so the parts kept are widened for it.
    size = 2 * _NEAR_EDGE_PX + 1
    near = cv2.dilate(kept.view(np.uint8), np.ones((size, size), np.uint8))
    return np.where(near.astype(bool) & (kept | ~core), alpha, 0).astype(np.uint8)


def _cut_opaque(pixels: NDArray[np.uint8]) -> Mask:
    view = view_for_masks(pixels)
    if _is_flat(view.colors) and _is_flat(pixels[..., :3]):
        raise PictureEmpty(reason="it is one single colour")
    background = fit_background(view)
    best = best_cut(view, background)
    if best.confidence < NEEDED_SCORE:
        raise SubjectNotFound(confidence=best.confidence, needed=NEEDED_SCORE)
    coverage = refine_edges(pixels, view.colors, best.inside)
    _refuse_tiny(coverage > 127)
    signs = measure_cut(view, background, best)
    return Mask(
        coverage=coverage,
        confidence=confidence_of(signs),
        source=best.source,
        doubts=doubts_of(signs),
        objects=count_objects(best.inside),
    )


def best_cut(view: MaskView, background: Background) -> Candidate:
    """Try the ways to cut, the fast one first, and take what rates itself best."""
    best = cut_by_background(view, background)
    if best.confidence < _SURE:
        best = max(best, cut_by_colors(view), key=_confidence)
    return best


def _is_flat(colors: NDArray[np.uint8]) -> bool:
    return bool((colors == colors[0, 0]).all())


def _confidence(candidate: Candidate) -> float:
    return candidate.confidence


def _refuse_tiny(inside: NDArray[np.bool_]) -> None:
    if np.count_nonzero(inside) >= _SMALLEST_SUBJECT_PX:
        return
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    raise PictureTooSmall(
        width_px=int(np.ptp(columns)) + 1 if columns.size else 0,
        height_px=int(np.ptp(rows)) + 1 if rows.size else 0,
        minimum_px=int(_SMALLEST_SUBJECT_PX**0.5),
    )
