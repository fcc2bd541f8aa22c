"""What the ways to cut out an object share: the reduced picture they look at, and scores."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

_WORK_SIDE_PX = 512
_LEAST_SIDE_PX = 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskView:
    """
    A reduced copy of a picture, in a space where distances are what the eye sees.

    Attributes:
        colors: uint8 sRGB, shape (height, width, 3).
        lab: float32 CIE L*a*b*, slightly smoothed, shape (height, width, 3).
        slope: float32, how much the colour changes per pixel, in L*a*b* units.
        ring: True along the four borders, where background is expected.
        blocks: How much steps at the blocks of a JPEG stand out; 0.0 where they do not.
    """

    colors: NDArray[np.uint8]
    lab: NDArray[np.float32]
    slope: NDArray[np.float32]
    ring: NDArray[np.bool_]
    blocks: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """
    One proposal of what is object, at the size of the view.

    Attributes:
        inside: True on the object.
        confidence: 0.0–1.0.
        source: What proposed it.
    """

    inside: NDArray[np.bool_]
    confidence: float
    source: Literal["background", "grabcut"]


def view_for_masks(pixels: NDArray[np.uint8]) -> MaskView:
    """
    Reduce a picture to at most 512 pixels a side for the search.

    Args:
        pixels: uint8 sRGB with or without alpha, which is ignored; shape (height, width, …).

    Returns:
        The reduced copy with its slopes.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _WORK_SIDE_PX / max(height, width))
    # A panorama keeps a few rows to look at, even if that distorts it.
    size = tuple(min(side, max(_LEAST_SIDE_PX, round(scale * side))) for side in (width, height))
    reduced = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else pixels
    colors = np.ascontiguousarray(np.asarray(reduced, np.uint8)[..., :3])
    lab = cv2.cvtColor(colors.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), 0.8)
    across, down = (
        cv2.Sobel(lab, cv2.CV_32F, dx, dy, ksize=3, scale=1 / 8) for dx, dy in ((1, 0), (0, 1))
    )
    slope = np.sqrt(np.einsum("ijk,ijk->ij", across, across) + np.einsum("ijk,ijk->ij", down, down))
    ring = np.ones(lab.shape[:2], bool)
    inset = max(2, round(0.02 * min(ring.shape)))
    ring[inset:-inset, inset:-inset] = False
    return MaskView(
        colors=colors,
        lab=lab.astype(np.float32),
        slope=slope.astype(np.float32),
        ring=ring,
        blocks=_measure_blocks(pixels),
    )


def _measure_blocks(pixels: NDArray[np.uint8]) -> float:
    """Compare the steps between the blocks of 8 pixels of a JPEG with those within them."""
    height, width = (8 * (side // 8) for side in pixels.shape[:2])
    if min(height, width) < 64:
        return 0.0
    # The middle of a large picture says enough.
    top, left = (8 * max(0, (side - 1024) // 16) for side in (height, width))
    green = pixels[top : min(height, top + 1024), left : min(width, left + 1024), 1].astype(
        np.int16
    )
    loudest = 0.0
    for lines in (green, green.T):
        step = np.abs(np.diff(lines, axis=1)).mean(axis=0)
        at_blocks = float(step[7::8].mean())
        within = float(np.delete(step, np.s_[7::8]).mean())
        loudest = max(loudest, float(np.log((at_blocks + 0.05) / (within + 0.05))))
    return max(0.0, loudest)


def keep_large_parts(inside: NDArray[np.bool_], *, smallest_fraction: float) -> NDArray[np.bool_]:
    """
    Drop connected parts that are specks beside the rest.

    Args:
        inside: Shape (height, width).
        smallest_fraction: Parts smaller than this share of all that is inside go.

    Returns:
        The parts kept, *inside* itself when that is all; parts that touch at a corner count
        as one.
    """
    left, top, width, height = cv2.boundingRect(inside.view(np.uint8))
    if width == 0:
        return inside  # OpenCV crashes when asked for the parts of nothing
    box = np.s_[top : top + height, left : left + width]  # half the pixels, half the time
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        inside[box].view(np.uint8), connectivity=8
    )
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = 0
    kept = areas >= max(1.0, smallest_fraction * float(areas.sum()))
    if kept[1:].all():
        return inside
    large = np.zeros_like(inside)
    large[box] = kept[labels]
    return large


def measure_edge_support(view: MaskView, inside: NDArray[np.bool_], *, least_slope: float) -> float:
    """
    Tell how much of an outline follows edges of the picture.

    Args:
        view: The picture.
        inside: The proposed object.
        least_slope: What counts as an edge, in L*a*b* units per pixel.

    Returns:
        The fraction of the outline, 0.0–1.0, that has an edge within two pixels; the picture's
        own border does not count as outline. 0.0 without an outline.
    """
    mask = inside.view(np.uint8)
    outline = (mask - cv2.erode(mask, np.ones((3, 3), np.uint8))).astype(bool) & ~view.ring
    if not outline.any():
        return 0.0
    steepest = cv2.dilate(view.slope, np.ones((5, 5), np.uint8))
    return float((steepest[outline] > least_slope).mean())
