"""The outline of a subject as a smooth field that can be asked at any point."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import PictureEmpty, PictureTooSmall

MINIMUM_SUBJECT_PX = 8
"""A subject smaller than this on its long side has no outline to speak of."""

_WORKING_LONG_SIDE_PX = 1024
_SOFT_SMOOTHING_PX = 0.45
_HARD_SMOOTHING_PX = 0.7
"""Stairs of pixels must go, lines one pixel wide must stay: soft edges have no stairs."""
_SOFT_EDGE_PX = 2
_MARGIN_PX = 4
_LINE = np.uint8(200)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Silhouette:
    """
    A subject's coverage, cut to its box and smoothed against pixel stairs.

    Field coordinates have the first pixel's centre at (0, 0); picture coordinates have the
    picture's top left corner at (0, 0). Both are in pixels, x to the right, y down.

    Attributes:
        field: uint8 coverage, shape (h, w); inside is where it exceeds 127.5.
        left_px: Picture x of the field's left edge.
        top_px: Picture y of the field's top edge.
        scale: Field pixels per picture pixel.
        box_px: The subject's bounding box in the picture: left, top, right, bottom.
    """

    field: NDArray[np.uint8]
    left_px: float
    top_px: float
    scale: float
    box_px: tuple[int, int, int, int]

    @property
    def size_px(self) -> int:
        """The longer side of the subject's box, in picture pixels."""
        left, top, right, bottom = self.box_px
        return max(right - left, bottom - top)

    def to_picture(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert field coordinates, shape (n, 2), to picture coordinates."""
        corner = np.array([self.left_px, self.top_px], np.float32)
        return (points + np.float32(0.5)) / np.float32(self.scale) + corner

    def too_thin(self) -> PictureTooSmall:
        """Make the error for a subject that is lost between the points of a grid."""
        left, top, right, bottom = self.box_px
        return PictureTooSmall(
            width_px=right - left, height_px=bottom - top, minimum_px=MINIMUM_SUBJECT_PX
        )

    def sample(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """
        Read the field between its pixels (bilinear); 0 outside.

        Args:
            points: Field coordinates, shape (n, 2).

        Returns:
            Coverage 0–255, shape (n,).
        """
        height, width = self.field.shape
        x = np.clip(points[:, 0], 0, width - 1.001)
        y = np.clip(points[:, 1], 0, height - 1.001)
        column, row = x.astype(np.int32), y.astype(np.int32)
        right, down = x - column, y - row
        corner = row * width + column
        values = self.field.ravel()
        top = values[corner] * (1 - right) + values[corner + 1] * right
        bottom = values[corner + width] * (1 - right) + values[corner + width + 1] * right
        return np.asarray(top * (1 - down) + bottom * down, np.float32)


def trace_silhouette(
    coverage: NDArray[np.uint8], *, long_side_px: int = _WORKING_LONG_SIDE_PX
) -> Silhouette:
    """
    Cut the subject out of *coverage*.

    Args:
        coverage: How much of each pixel is subject, 0–255, shape (h, w).
        long_side_px: The subject is scaled down to this size, in pixels; never up.

    Returns:
        The silhouette; its field's border is 0, also where the subject touches the picture's.

    Raises:
        PictureEmpty: No pixel belongs to the subject.
        PictureTooSmall: The subject's long side is under `MINIMUM_SUBJECT_PX`.
    """
    inside = cv2.inRange(coverage, np.array(128.0), np.array(255.0))
    left, top, width, height = cv2.boundingRect(inside)
    if width == 0:
        raise PictureEmpty(reason="no pixel is more than half opaque")
    if max(width, height) < MINIMUM_SUBJECT_PX:
        raise PictureTooSmall(width_px=width, height_px=height, minimum_px=MINIMUM_SUBJECT_PX)
    box = (left, top, left + width, top + height)
    # Pixels less than half covered, just outside, tell where between pixels the edge runs.
    left, top = max(0, left - _SOFT_EDGE_PX), max(0, top - _SOFT_EDGE_PX)
    field = coverage[top : box[3] + _SOFT_EDGE_PX, left : box[2] + _SOFT_EDGE_PX]
    scale = min(1.0, long_side_px / max(field.shape))
    if scale < 1.0:
        size = (max(1, round(field.shape[1] * scale)), max(1, round(field.shape[0] * scale)))
        field = np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA), np.uint8)
    field = np.pad(field, _MARGIN_PX)
    return Silhouette(
        field=_smooth(field),
        left_px=left - _MARGIN_PX / scale,
        top_px=top - _MARGIN_PX / scale,
        scale=scale,
        box_px=box,
    )


def _smooth(field: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take the stairs off the edges without losing what is one pixel wide."""
    soft = _has_soft_edges(field)
    sigma_px = _SOFT_SMOOTHING_PX if soft else _HARD_SMOOTHING_PX
    smooth = np.asarray(cv2.GaussianBlur(field, (0, 0), sigma_px), np.uint8)
    if not soft:
        wide = cv2.morphologyEx(field, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        smooth[(field > 127) & (wide <= 127)] = _LINE
    while not (smooth > 127).any():
        field = np.asarray(cv2.dilate(field, np.ones((3, 3), np.uint8)), np.uint8)
        smooth = np.where(field >= field.max(), _LINE, 0).astype(np.uint8)
    return smooth


def _has_soft_edges(field: NDArray[np.uint8]) -> bool:
    soft = cv2.countNonZero(cv2.inRange(field, np.array(32.0), np.array(223.0)))
    inside = field > 127
    steps = int(np.count_nonzero(inside[1:] != inside[:-1]))
    return soft > 0.5 * steps
