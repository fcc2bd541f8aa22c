"""Objects whose outline is known, before backgrounds of many kinds, for the mask tests."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from image2model.geometry.pictures.picture import Picture

SIDE_PX = 768
SAMPLES = Path(__file__).parents[3] / "shared" / "samples"

Layer = NDArray[np.float32]
"""Premultiplied RGBA, 0.0–1.0, shape (SIDE_PX, SIDE_PX, 4)."""

CUTOUTS = ("chair", "flamingo", "hamburger", "horse", "robot", "unicorn")
DRAWN = ("ring", "mug", "dark ball", "white ball", "lollipop", "cropped", "tile")
BACKGROUNDS = (
    "white", "off-white", "blue", "grey", "studio", "studio with shadow", "white with shadow",
    "grain", "clouds",
)  # fmt: skip


def load_cutout(name: str) -> Layer | None:
    """A sample picture with alpha, in the middle of the scene; None when it is not there."""
    path = SAMPLES / f"{name}.png"
    if not path.exists():
        return None
    pixels = np.asarray(Image.open(path).convert("RGBA"), np.float32) / 255
    pixels[..., :3] *= pixels[..., 3:]
    rows, columns = np.nonzero(pixels[..., 3] > 0.03)
    pixels = pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = 0.72 * SIDE_PX / max(pixels.shape[:2])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    layer = np.zeros((SIDE_PX, SIDE_PX, 4), np.float32)
    top, left = (SIDE_PX - small.shape[0]) // 2, (SIDE_PX - small.shape[1]) // 2
    layer[top : top + small.shape[0], left : left + small.shape[1]] = np.clip(small, 0, 1)
    return layer


def draw(name: str) -> Layer:
    """One of the objects of `DRAWN`, anti-aliased."""
    canvas = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    middle, color = (SIDE_PX // 2, SIDE_PX // 2), (0.7, 0.2, 0.15)
    if name == "ring":
        cv2.circle(canvas, middle, 230, 255, 80, cv2.LINE_AA)
    elif name == "mug":
        cv2.rectangle(canvas, (220, 220), (470, 560), 255, -1)
        cv2.ellipse(canvas, (480, 390), (100, 115), 0, -95, 95, 255, 34, cv2.LINE_AA)
        color = (0.25, 0.35, 0.7)
    elif name in ("dark ball", "white ball"):
        cv2.circle(canvas, middle, 225, 255, -1, cv2.LINE_AA)
        color = (0.09, 0.09, 0.1)
    elif name == "lollipop":
        cv2.circle(canvas, (384, 300), 140, 255, -1, cv2.LINE_AA)
        cv2.line(canvas, (384, 430), (384, 690), 255, 8, cv2.LINE_AA)
    elif name == "cropped":
        cv2.ellipse(canvas, (384, SIDE_PX), (170, 420), 0, 0, 360, 255, -1, cv2.LINE_AA)
        color = (0.2, 0.45, 0.2)
    elif name == "tile":
        cv2.rectangle(canvas, (30, 30), (SIDE_PX - 31, SIDE_PX - 31), 255, -1)
    alpha = canvas[..., None].astype(np.float32) / 255
    paint = np.broadcast_to(np.array(color, np.float32), (SIDE_PX, SIDE_PX, 3))
    if name == "white ball":
        y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
        lit = np.clip(1 - np.hypot(x - 300, y - 290) / 500, 0, 1)[..., None]
        paint = np.repeat(0.62 + 0.33 * lit, 3, axis=2)
    return np.concatenate([paint * alpha, alpha], axis=2).astype(np.float32)


def background(name: str, layer: Layer) -> NDArray[np.float32]:
    """One of `BACKGROUNDS`; a shadow is the one that *layer* casts."""
    chance = np.random.default_rng(len(name))
    noise = chance.normal(0, 0.006, (SIDE_PX, SIDE_PX, 3))
    flat = {"white": (1, 1, 1), "off-white": (0.95, 0.94, 0.92), "blue": (0.35, 0.55, 0.75)}
    y = np.linspace(0, 1, SIDE_PX)[:, None, None]
    studio = (0.92 - 0.35 * y) * np.array([1, 0.98, 0.95]) + noise
    if name in flat or name == "grey":
        made = np.broadcast_to(flat.get(name, (0.5, 0.5, 0.5)), noise.shape)
    elif name == "studio":
        made = studio
    elif name == "studio with shadow":
        foot = np.flatnonzero(layer[..., 3].max(axis=1) > 0.5)[-1]
        pool = np.zeros((SIDE_PX, SIDE_PX), np.float32)
        cv2.ellipse(pool, (SIDE_PX // 2, min(SIDE_PX - 25, int(foot))), (220, 38), 0, 0, 360, 1, -1)
        made = studio * (1 - 0.45 * cv2.GaussianBlur(pool, (0, 0), 19)[..., None])
    elif name == "white with shadow":
        cast = cv2.GaussianBlur(np.roll(layer[..., 3], (30, 38), (0, 1)), (0, 0), 23)
        made = 0.97 * (1 - 0.4 * cast[..., None]) + noise
    elif name == "grain":
        grain = cv2.GaussianBlur(chance.normal(0, 1, (SIDE_PX, SIDE_PX)), (0, 0), 2)
        made = np.array([0.45, 0.5, 0.35]) + 0.07 * (grain / grain.std())[..., None]
    else:
        made = np.full_like(noise, 0.5)
        for cells in (4, 8, 16, 32, 64):
            patches = chance.normal(0, 0.18 / cells**0.6, (cells, cells, 3))
            made += cv2.resize(patches, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(made, 0, 1), np.float32)


def compose(layer: Layer, name: str) -> Picture:
    """Lay an object over a background: an opaque picture."""
    colors = layer[..., :3] + background(name, layer) * (1 - layer[..., 3:])
    pixels = np.full((SIDE_PX, SIDE_PX, 4), 255, np.uint8)
    pixels[..., :3] = np.rint(255 * np.clip(colors, 0, 1))
    return Picture(pixels=pixels, has_alpha=False)


def overlap(coverage: NDArray[np.uint8], layer: Layer) -> float:
    """Intersection over union of a mask and the true outline, 0.0–1.0."""
    found, true = coverage > 127, layer[..., 3] > 0.5
    return float(np.count_nonzero(found & true) / np.count_nonzero(found | true))
