"""Bring a mask found on a reduced picture to the full size, its edge on the picture's edge."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

_BAND_PX = 3
_REACH_PX = 3.5
_WEAK_CONTRAST = 0.05
_LITTLE = 0.02
"""What the blurred edge itself weighs where thin parts leave no clean colour nearby."""


def refine_edges(
    pixels: NDArray[np.uint8], reduced: NDArray[np.uint8], inside: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """
    Enlarge a mask so that its edge follows the colours of the full picture.

    Within a narrow band along the edge, a pixel's coverage is where its colour lies between
    the mean colours of the object and of the background nearby; where these hardly differ,
    the enlarged mask itself decides. Simplified from the known-colours matting of Mishima,
    US patent 5,355,174 (expired), and Gastal and Oliveira, "Shared Sampling for Real-Time
    Alpha Matting", Eurographics 2010.

    Args:
        pixels: uint8 sRGB with or without alpha, which is ignored; shape (height, width, …).
        reduced: uint8 sRGB, the same picture at the size of the mask.
        inside: The mask.

    Returns:
        Coverage 0–255 at the size of *pixels*.
    """
    height, width = pixels.shape[:2]
    mask = inside.astype(np.uint8)
    kernel = np.ones((2 * _BAND_PX + 1, 2 * _BAND_PX + 1), np.uint8)
    core, reach = cv2.erode(mask, kernel), cv2.dilate(mask, kernel)
    soft = cv2.GaussianBlur(255 * mask, (0, 0), 0.7)
    soft = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    coverage = np.asarray(soft, np.uint8)
    band = cv2.resize(reach - core, (width, height), interpolation=cv2.INTER_NEAREST)
    rows, columns = np.nonzero(band)
    near = (rows * mask.shape[0] // height, columns * mask.shape[1] // width)
    object_color, ground_color = (each[near] for each in _color_sides(reduced, mask, core, reach))
    share = _place_between(
        pixels[rows, columns, :3] / 255, object_color, ground_color, coverage[rows, columns] / 255
    )
    coverage[rows, columns] = np.rint(255 * share)
    return coverage


def _color_sides(
    colors: NDArray[np.uint8], mask: ArrayLike, core: ArrayLike, reach: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the mean colour of the object and of the background around each pixel of the mask."""
    inside, sure, possible = (np.asarray(each, np.float32) for each in (mask, core, reach))
    small = colors.astype(np.float32) * np.float32(1 / 255)
    return (
        _spread_color(small, sure + _LITTLE * inside),
        _spread_color(small, 1 - possible + _LITTLE * (1 - inside)),
    )


def _spread_color(
    colors: NDArray[np.float32], weight: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    """Average the colours around each pixel by *weight*; shape (height, width, 3)."""
    weights = weight.astype(np.float32) + np.float32(1e-5)
    total = cv2.GaussianBlur(colors * weights[..., None], (0, 0), _REACH_PX)
    share = cv2.GaussianBlur(weights, (0, 0), _REACH_PX)
    return np.asarray(total / np.asarray(share)[..., None], np.float32)


def _place_between(
    colors: NDArray[np.floating[Any]],
    object_color: NDArray[np.float32],
    ground_color: NDArray[np.float32],
    otherwise: NDArray[np.floating[Any]],
) -> NDArray[np.floating[Any]]:
    """Give the share of the object, 0.0–1.0, in each colour; *otherwise* where both are alike."""
    axis = object_color - ground_color
    contrast = (axis * axis).sum(axis=1)
    along = ((colors - ground_color) * axis).sum(axis=1)
    share = np.clip(along / np.maximum(contrast, 1e-6), 0, 1)
    trust = contrast / (contrast + _WEAK_CONTRAST**2)
    return np.asarray(trust * share + (1 - trust) * otherwise)
