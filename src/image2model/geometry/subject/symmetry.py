"""Measure how alike the left and right halves of a silhouette are."""

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 64
_SHIFT = 8


def mirror_symmetry(coverage: NDArray[np.uint8], box_px: tuple[int, int, int, int]) -> float:
    """
    Compare a subject with its mirror image, over the upright axis that suits it best.

    Args:
        coverage: How much of each pixel is subject, 0–255, shape (h, w).
        box_px: The subject's box: left, top, right, bottom.

    Returns:
        Intersection over union of the two, 0.0–1.0.
    """
    left, top, right, bottom = box_px
    # A square of fixed size compares wide and narrow subjects alike, in microseconds.
    small = cv2.resize(
        coverage[top:bottom, left:right], (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST
    )
    inside = np.pad(np.asarray(small > 127, bool), ((0, 0), (_SHIFT, _SHIFT)))
    mirrored = inside[:, ::-1]
    return max(
        _overlap(inside, np.roll(mirrored, shift, axis=1)) for shift in range(-_SHIFT, _SHIFT + 1)
    )


def _overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float((first & second).sum() / max(1, (first | second).sum()))
