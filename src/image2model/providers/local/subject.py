"""The object in a picture, ready for the shape makers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.pictures.picture import Picture
from image2model.geometry.shapes.texture_sheet import Sheet, make_sheet
from image2model.geometry.subject.cut_warnings import describe_cut
from image2model.geometry.subject.mask import find_subject
from image2model.geometry.subject.separate_bodies import drop_specks, join_bodies, keep_largest
from image2model.geometry.subject.silhouette import Silhouette, trace_silhouette

_TRIM_ALPHA = 0.002
_TRIM_GUESSED = 0.004
"""Fractions of the long side: a guessed outline strays further into the background."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """
    An object cut out of its picture.

    Attributes:
        pixels: The picture, uint8 RGBA, shape (h, w, 4).
        coverage: How much of each pixel is the object, 0–255, shape (h, w).
        silhouette: Its outline.
        confidence: 0.0–1.0, how right the outline is estimated to be.
        source: How the outline was found.
        notes: What is doubtful about it, one sentence each, without a stop.
    """

    pixels: NDArray[np.uint8]
    coverage: NDArray[np.uint8]
    silhouette: Silhouette
    confidence: float
    source: Literal["alpha", "background", "grabcut"]
    notes: tuple[str, ...] = ()

    def sheet(self, *, size_px: int, own_back: bool = False) -> Sheet:
        """Cut the object's texture out, see `texture_sheet.make_sheet`."""
        trim = _TRIM_ALPHA if self.source == "alpha" else _TRIM_GUESSED
        longest_px = min(self.silhouette.size_px, size_px)
        return make_sheet(
            self.pixels,
            self.coverage,
            self.silhouette.box_px,
            size_px=size_px,
            trim_px=1 + round(trim * longest_px),
            own_back=own_back,
        )


def cut_out(picture: Picture, *, parts: str = "keep") -> Subject:
    """
    Find the object of *picture*.

    Args:
        picture: Upright and in sRGB.
        parts: What becomes of loose bodies: `keep`, `join` or `largest`.

    Raises:
        InvalidPictureError: There is none, it is too small, or not to be told apart.
    """
    mask = find_subject(picture)
    coverage = mask.coverage
    strongest = int(coverage.max())
    if 0 < strongest < 255:
        # Glass and smoke are objects too: the most opaque of them counts as opaque.
        coverage = (coverage * np.float32(255 / strongest)).astype(np.uint8)
    if mask.source != "alpha":
        # What somebody drew stays, however small.
        coverage = drop_specks(coverage)
    pixels = picture.pixels
    if parts == "largest":
        coverage = keep_largest(coverage)
    elif parts == "join":
        pixels, coverage = join_bodies(pixels, coverage)
    return Subject(
        pixels=pixels,
        coverage=coverage,
        silhouette=trace_silhouette(coverage),
        confidence=mask.confidence,
        source=mask.source,
        notes=tuple(describe_cut(mask.confidence, mask.doubts, objects=mask.objects)),
    )
