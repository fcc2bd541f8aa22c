"""Several loose bodies in one outline: drop specks, join them, or keep the largest."""

import cv2
import numpy as np
from numpy.typing import NDArray

_BRIDGE_SHARE = 0.02
_INSIDE = 127
_SPECK_SHARE = 1e-4
"""Of the largest body's area: a few pixels at the rim of a cut-out."""


def keep_largest(coverage: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """
    Keep the largest body of an outline.

    Args:
        coverage: How much of each pixel is the object, 0–255, shape (height, width).

    Returns:
        The same with all other bodies gone, *coverage* itself where there are none.
    """
    count, labels, areas = _bodies(coverage)
    if count < 2:
        return coverage
    return _only(labels == int(np.argmax(areas)), coverage, labels)


def drop_specks(coverage: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """
    Drop bodies of a few pixels, which a cut-out leaves at its rim; *coverage* as `keep_largest`.

    Returns:
        The same without them, *coverage* itself where there are none.
    """
    count, labels, areas = _bodies(coverage)
    large = areas >= _SPECK_SHARE * areas.max()
    if int(large[1:].sum()) == count:
        return coverage
    large[0] = False
    return _only(large[labels], coverage, labels)


def _only(
    kept: NDArray[np.bool_], coverage: NDArray[np.uint8], labels: NDArray[np.int32]
) -> NDArray[np.uint8]:
    # Their soft edge lies outside of what counts as inside.
    near = cv2.dilate(kept.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return np.where(near & ((labels == 0) | kept), coverage, 0).astype(np.uint8)


def join_bodies(
    pixels: NDArray[np.uint8], coverage: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """
    Join the bodies of an outline by bars over the shortest ways between them.

    Args:
        pixels: uint8 RGBA, shape (height, width, 4).
        coverage: How much of each pixel is the object, 0–255, shape (height, width).

    Returns:
        Pixels and coverage with the bars, which have the colours of their ends; the arguments
        themselves where there is one body only.
    """
    count, labels, areas = _bodies(coverage)
    if count < 2:
        return pixels, coverage
    pixels, coverage = pixels.copy(), coverage.copy()
    joined = labels == int(np.argmax(areas))
    rows, columns = np.nonzero(labels)
    width_px = max(2, round(_BRIDGE_SHARE * max(np.ptp(rows), np.ptp(columns))))
    for _ in range(count - 1):
        distance, nearest = cv2.distanceTransformWithLabels(
            (~joined).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        apart = np.where((labels > 0) & ~joined, distance, np.inf)
        row, column = np.unravel_index(int(np.argmin(apart)), apart.shape)
        ends = np.argwhere(joined & (nearest == nearest[row, column]))
        start, end = (int(ends[0][1]), int(ends[0][0])), (int(column), int(row))
        bar = np.zeros_like(coverage)
        cv2.line(bar, start, end, 255, width_px)
        color = pixels[[start[1], end[1]], [start[0], end[0]]].astype(np.float32).mean(axis=0)
        pixels[(bar > 0) & (coverage <= _INSIDE)] = np.rint(color).astype(np.uint8)
        coverage = np.maximum(coverage, bar)
        joined |= (labels == labels[row, column]) | (bar > 0)
    return pixels, coverage


def _bodies(coverage: NDArray[np.uint8]) -> tuple[int, NDArray[np.int32], NDArray[np.int64]]:
    """Give the number of bodies, the body of each pixel (0: none) and their areas."""
    inside = (coverage > _INSIDE).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = 0
    return count - 1, np.asarray(labels, np.int32), areas
