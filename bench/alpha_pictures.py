"""Pictures to measure with: smooth random shapes on a transparent ground, the same every time."""

import io
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE_PX = 1024


def alpha_pictures(count: int, *, side_px: int = SIDE_PX) -> Sequence[bytes]:
    """Draw *count* different PNG files of *side_px* × *side_px* pixels with alpha."""
    return [alpha_picture(seed, side_px=side_px) for seed in range(count)]


def alpha_picture(seed: int, *, side_px: int = SIDE_PX) -> bytes:
    """Draw one: a shaded, patterned shape of limbs around a body."""
    rng = np.random.default_rng(seed)
    alpha = _shape(rng, side_px)
    rgb = _paint(rng, side_px)
    out = io.BytesIO()
    Image.fromarray(np.dstack([rgb, alpha])).save(out, "PNG", compress_level=6)
    return out.getvalue()


def _shape(rng: np.random.Generator, side_px: int) -> NDArray[np.uint8]:
    canvas = np.zeros((side_px, side_px), np.uint8)
    centre = side_px // 2
    cv2.circle(canvas, (centre, centre), int(side_px * rng.uniform(0.15, 0.3)), 255, -1)
    for _ in range(int(rng.integers(2, 7))):
        angle, length = rng.uniform(0, 2 * np.pi), side_px * rng.uniform(0.25, 0.4)
        end = (int(centre + length * np.cos(angle)), int(centre + length * np.sin(angle)))
        width_px = int(side_px * rng.uniform(0.04, 0.15))
        cv2.line(canvas, (centre, centre), end, 255, width_px, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 1.0), np.uint8)


def _paint(rng: np.random.Generator, side_px: int) -> NDArray[np.uint8]:
    coarse = rng.uniform(40, 230, (9, 9, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 3, (side_px, side_px, 1)).astype(np.float32)
    return np.asarray(np.clip(smooth + grain, 0, 255), np.uint8)
