"""Make textures from a picture: no background fringe at the outline, a plain back if wanted."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh import EncodedImage

_MARGIN_PX = 8
_JPEG_QUALITY = 90
_BACK_SHRINK = 4
_RIM_BAND_FRACTION = 0.03
_BACK_SMOOTHING_FRACTION = 0.02

Rgb = NDArray[np.uint8]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """
    Where a part of the picture lies in a texture.

    Attributes:
        picture_px: Left, top, width, height of that part, in picture pixels.
        texture: Left, top, width, height of its place, each 0–1 of the texture.
    """

    picture_px: tuple[float, float, float, float]
    texture: tuple[float, float, float, float]

    def uvs(self, points_px: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert picture coordinates, shape (n, 2), to texture coordinates."""
        from_px = np.array(self.picture_px, np.float32)
        to = np.array(self.texture, np.float32)
        return np.asarray((points_px - from_px[:2]) / from_px[2:] * to[2:] + to[:2], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """
    One texture with the front's picture and, where asked for, a plain back.

    Attributes:
        rgb: uint8, shape (h, w, 3).
        front: Where the picture lies.
        back: Where the back lies; the front's place if it shares it.
    """

    rgb: Rgb
    front: Placement
    back: Placement


def make_sheet(
    rgba: Pixels,
    coverage: NDArray[np.uint8],
    box_px: tuple[int, int, int, int],
    *,
    size_px: int,
    trim_px: int,
    own_back: bool,
) -> Sheet:
    """
    Cut the texture for a subject out of its picture.

    Args:
        rgba: The picture, uint8, shape (h, w, 4).
        coverage: How much of each pixel is subject, 0–255, shape (h, w).
        box_px: The subject's box: left, top, right, bottom.
        size_px: The front's longest side is scaled down to this; never up.
        trim_px: How many pixels inside the outline still carry background colour; theirs is
            replaced by that of their inner neighbours.
        own_back: Add a back that continues the colours found along the outline.

    Returns:
        The sheet; outside the subject its colours go on, so that no filter reaches background.
    """
    left, top, right, bottom = box_px
    rgb = cv2.cvtColor(rgba[top:bottom, left:right], cv2.COLOR_RGBA2RGB)
    alpha = np.ascontiguousarray(coverage[top:bottom, left:right])
    width, height = right - left, bottom - top
    scale = min(1.0, (size_px - 2 * _MARGIN_PX) / max(width, height))
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    rgb = cv2.copyMakeBorder(rgb, *[_MARGIN_PX] * 4, cv2.BORDER_REPLICATE)
    alpha = cv2.copyMakeBorder(alpha, *[_MARGIN_PX] * 4, cv2.BORDER_CONSTANT, value=[0.0])
    margin_x = _MARGIN_PX * width / (rgb.shape[1] - 2 * _MARGIN_PX)
    margin_y = _MARGIN_PX * height / (rgb.shape[0] - 2 * _MARGIN_PX)
    picture_px = (left - margin_x, top - margin_y, width + 2 * margin_x, height + 2 * margin_y)
    inside = cv2.inRange(alpha, np.array(128.0), np.array(255.0))
    front = bleed(rgb, inside, trim_px=trim_px)
    if not own_back:
        place = Placement(picture_px=picture_px, texture=(0.0, 0.0, 1.0, 1.0))
        return Sheet(rgb=front, front=place, back=place)
    return _add_back(front, inside, picture_px)


def bleed(rgb: Rgb, inside: NDArray[np.uint8], *, trim_px: int) -> Rgb:
    """
    Replace the colours outside a subject, and along its edge, by those within.

    Pull-push over an image pyramid (Gortler et al., "The Lumigraph", 1996).

    Args:
        rgb: uint8, shape (h, w, 3).
        inside: 255 where the subject is, else 0, shape (h, w).
        trim_px: Pixels along the edge that count as outside. Parts that are thinner than that
            keep the colours they have.

    Returns:
        The picture with every pixel filled.
    """
    height, width = inside.shape
    kept = cv2.erode(inside, np.ones((2 * trim_px + 1,) * 2, np.uint8)) if trim_px else inside
    half = (-(-width // 2), -(-height // 2))
    quarter = (-(-width // 4), -(-height // 4))
    colors, weights = _masked_half(rgb, kept, half)
    thin_colors, thin_weights = _masked_half(rgb, inside, half)
    lost = (weights == 0) & (thin_weights > 0)
    colors[lost] = thin_colors[lost]
    weights[lost] = thin_weights[lost]
    small = fill_holes(
        cv2.resize(colors, quarter, interpolation=cv2.INTER_AREA),
        cv2.resize(weights, quarter, interpolation=cv2.INTER_AREA),
    )
    around = cv2.resize(small.astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(rgb, kept, around)
    return np.asarray(around, np.uint8)


def fill_holes(colors: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Fill pixels of no weight from their surroundings, the nearest ones first.

    Args:
        colors: Colours times weight, shape (h, w, 3).
        weights: How much is known of each pixel, 0–1, shape (h, w).

    Returns:
        Colours, shape (h, w, 3).
    """
    height, width = weights.shape
    own = colors / np.maximum(weights, 1e-6)[..., None]
    if max(height, width) <= 1:
        return own
    half = (-(-width // 2), -(-height // 2))
    coarse = fill_holes(
        np.atleast_3d(cv2.resize(colors, half, interpolation=cv2.INTER_AREA)),
        cv2.resize(weights, half, interpolation=cv2.INTER_AREA),
    )
    around = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    share = np.minimum(weights * 4, 1.0)[..., None]
    return np.asarray(around + (own - around) * share, np.float32)


def encode_jpeg(rgb: Rgb) -> EncodedImage:
    """Encode a texture as JPEG: a tenth of a PNG's time and size."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise RuntimeError("JPEG encoder refused a texture")
    return EncodedImage(data=data.tobytes(), media_type="image/jpeg")


def _masked_half(
    rgb: Rgb, inside: NDArray[np.uint8], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    masked = cv2.copyTo(rgb, inside)
    colors = cv2.resize(masked, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    weights = cv2.resize(inside, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return colors, weights


def _add_back(
    front: Rgb, inside: NDArray[np.uint8], picture_px: tuple[float, float, float, float]
) -> Sheet:
    height, width = inside.shape
    back = _plain_back(front, inside)
    rows, columns = back.shape[:2]
    sheet = np.empty((height, width + columns, 3), np.uint8)
    sheet[:, :width] = front
    sheet[:rows, width:] = back
    sheet[rows:, width:] = back[-1:]
    share = width / (width + columns)
    return Sheet(
        rgb=sheet,
        front=Placement(picture_px=picture_px, texture=(0.0, 0.0, share, 1.0)),
        back=Placement(picture_px=picture_px, texture=(share, 0.0, 1 - share, rows / height)),
    )


def _plain_back(front: Rgb, inside: NDArray[np.uint8]) -> Rgb:
    height, width = inside.shape
    size = (-(-width // _BACK_SHRINK), -(-height // _BACK_SHRINK))
    colors = cv2.resize(front, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    small = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
    band = max(3, 2 * int(_RIM_BAND_FRACTION * max(size)) + 1)
    core = cv2.erode(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (band, band)))
    weights = ((small > 0) & (core == 0)).astype(np.float32)
    filled = fill_holes(colors * weights[..., None], weights)
    smooth = cv2.GaussianBlur(filled, (0, 0), max(1.0, _BACK_SMOOTHING_FRACTION * max(size)))
    return np.clip(smooth, 0, 255).astype(np.uint8)
