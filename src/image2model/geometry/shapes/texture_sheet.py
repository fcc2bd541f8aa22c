"""Make textures from a picture: no background fringe at the outline, a plain back if wanted."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.types import EncodedImage

_MARGIN_PX = 8
_STRIP_PX = 32
_JPEG_QUALITY = 90
_FADE_FRACTION = 0.04
_BACK_SMOOTHING_FRACTION = 0.02

_EDGE_WEIGHT = np.float32(1 / 64)
_SURE_FACTOR = np.float32(8)
_NOTHING = np.float32(1e-6)

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Image = NDArray[np.integer[Any] | np.floating[Any]]
"""What OpenCV's declarations call a picture."""


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

    rgb: Pixels
    front: Placement
    back: Placement


def make_sheet(
    rgba: Pixels,
    coverage: Pixels,
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
    alpha = coverage[top:bottom, left:right]
    width, height = right - left, bottom - top
    scale = min(1.0, (size_px - 2 * _MARGIN_PX) / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    framed, inside = _framed(rgb, alpha, size)
    margin_x, margin_y = _MARGIN_PX * width / size[0], _MARGIN_PX * height / size[1]
    picture_px = (left - margin_x, top - margin_y, width + 2 * margin_x, height + 2 * margin_y)
    front = bleed(framed, inside, trim_px=trim_px)
    if not own_back:
        place = Placement(picture_px=picture_px, texture=(0.0, 0.0, 1.0, 1.0))
        return Sheet(rgb=front, front=place, back=place)
    return _add_back(front, inside, picture_px)


def make_plate_sheet(rgb: Pixels) -> Sheet:
    """
    Make the texture of a plate that shows a whole picture.

    Args:
        rgb: The picture, uint8, shape (h, w, 3).

    Returns:
        The picture with a strip beside it for the back: the mean colour of the picture's border.
    """
    height, width = rgb.shape[:2]
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]).mean(axis=0)
    strip = np.full((height, _STRIP_PX, 3), border, np.uint8)
    total = width + _STRIP_PX
    picture_px = (0.0, 0.0, float(width), float(height))
    middle = (width + _STRIP_PX / 2) / total
    return Sheet(
        rgb=np.hstack([rgb, strip]),
        front=Placement(picture_px=picture_px, texture=(0.0, 0.0, width / total, 1.0)),
        back=Placement(picture_px=picture_px, texture=(middle, 0.5, 0.0, 0.0)),
    )


def _framed(rgb: Image, alpha: Pixels, size: tuple[int, int]) -> tuple[Pixels, Pixels]:
    if size != (rgb.shape[1], rgb.shape[0]):
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
    m = _MARGIN_PX
    framed = cv2.copyMakeBorder(rgb, m, m, m, m, cv2.BORDER_REPLICATE)
    inside = np.pad(cv2.inRange(alpha, np.array(128.0), np.array(255.0)), m)
    return np.asarray(framed, np.uint8), np.asarray(inside, np.uint8)


def bleed(rgb: Pixels, inside: Pixels, *, trim_px: int) -> Pixels:
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
    kept = _erode(inside, trim_px)
    colors, weights = _quarter(rgb, kept)
    if trim_px:
        # Parts thinner than the trim have no other colours than their edge's.
        edge_colors, edge_weights = _quarter(rgb, inside)
        colors += edge_colors * _EDGE_WEIGHT
        weights += edge_weights * _EDGE_WEIGHT
    small = fill_holes(colors, weights)
    around = cv2.resize(small.astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(rgb, kept, around)
    return np.asarray(around, np.uint8)


def fill_holes(colors: Floats, weights: Floats) -> Floats:
    """
    Fill pixels of no weight from their surroundings, the nearest ones first.

    Args:
        colors: Colours times weight, shape (h, w, 3).
        weights: How much is known of each pixel, 0–1, shape (h, w).

    Returns:
        Colours, shape (h, w, 3).
    """
    height, width = weights.shape
    own = colors / np.maximum(weights, _NOTHING)[..., None]
    if max(height, width) <= 1:
        return np.asarray(own, np.float32)
    half = (-(-width // 2), -(-height // 2))
    coarse = fill_holes(_shrink(colors, half).reshape(half[1], half[0], 3), _shrink(weights, half))
    around = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    share = np.minimum(weights * _SURE_FACTOR, 1)[..., None]
    return np.asarray(around + (own - around) * share, np.float32)


def encode_jpeg(rgb: Pixels) -> EncodedImage:
    """Encode a texture as JPEG: a tenth of a PNG's time and size."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise RuntimeError("JPEG encoder refused a texture")
    return EncodedImage(data=data.tobytes(), media_type="image/jpeg")


def _erode(inside: Pixels, radius_px: int) -> Pixels:
    if radius_px == 0:
        return inside
    size = 2 * radius_px + 1
    return np.asarray(cv2.erode(inside, np.ones((size, size), np.uint8)), np.uint8)


def _shrink(values: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _quarter(rgb: Pixels, inside: Pixels) -> tuple[Floats, Floats]:
    """Return the colours inside times how much is inside, and that, at a quarter of the size."""
    height, width = inside.shape
    half = (-(-width // 2), -(-height // 2))
    quarter = (-(-half[0] // 2), -(-half[1] // 2))
    colors, weights = cv2.copyTo(rgb, inside), np.asarray(inside)
    # Halving twice as bytes is five times faster than either one step or floats.
    for size in (half, quarter):
        colors = cv2.resize(colors, size, interpolation=cv2.INTER_AREA)
        weights = np.asarray(cv2.resize(weights, size, interpolation=cv2.INTER_AREA), np.uint8)
    return colors.astype(np.float32), weights.astype(np.float32) * np.float32(1 / 255)


def _add_back(
    front: Pixels, inside: Pixels, picture_px: tuple[float, float, float, float]
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


def _plain_back(front: Pixels, inside: Pixels) -> Pixels:
    """Continue the outline's colours inwards, and let the front fade into them behind it."""
    height, width = inside.shape
    half = (-(-width // 2), -(-height // 2))
    quarter = (-(-half[0] // 2), -(-half[1] // 2))
    sharp = cv2.resize(front, half, interpolation=cv2.INTER_AREA).astype(np.float32)
    small = np.asarray(cv2.resize(inside, quarter, interpolation=cv2.INTER_AREA) > 127, np.uint8)
    depth = cv2.distanceTransform(small, cv2.DIST_L2, 3) / max(1.0, _FADE_FRACTION * max(quarter))
    known = small * np.exp(-(depth**2)).astype(np.float32)
    filled = fill_holes(_shrink(sharp, quarter) * known[..., None], known)
    smooth = cv2.GaussianBlur(filled, (0, 0), max(1.0, _BACK_SMOOTHING_FRACTION * max(quarter)))
    plain = cv2.resize(smooth, half, interpolation=cv2.INTER_LINEAR)
    share = cv2.resize(np.minimum(depth, 1), half, interpolation=cv2.INTER_LINEAR)[..., None]
    return np.asarray(np.clip(sharp + (plain - sharp) * share, 0, 255), np.uint8)
