"""Objects whose outline is known, on grounds and through damage that spoil cut-outs."""

import io
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from image2model.geometry.pictures.picture import Picture

Floats = NDArray[np.float32]

SUBJECTS = (
    "blob", "figure", "chair", "mug", "vase", "box", "grid", "plant", "ring", "lamp", "letter",
    "vehicle",
)  # fmt: skip
GROUNDS = ("white", "off-white", "plain", "studio", "noisy", "textured", "table", "clouds")
_HOW_OFTEN = (0.2, 0.14, 0.18, 0.2, 0.08, 0.08, 0.06, 0.06)
_QUALITIES = (5, 8, 12, 20, 35, 60, 80, 92)
_WHOLE = 4
"""Objects are drawn this many times larger, and reduced, so that their edges are soft."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """
    A picture and what a perfect cut of it would be.

    Attributes:
        picture: Opaque.
        truth: True on the object, or on all of them.
        subject: One of `SUBJECTS`.
        ground: One of `GROUNDS`.
        trouble: What makes it hard, in words; empty: nothing on purpose.
        objects: How many objects there are.
    """

    picture: Picture
    truth: NDArray[np.bool_]
    subject: str
    ground: str
    trouble: tuple[str, ...]
    objects: int


def make_scene(seed: int) -> Scene:
    """Make one scene; the same seed makes the same."""
    chance = np.random.default_rng([seed, 20])
    side = int(chance.choice([320, 448, 512, 640]))
    subject = str(chance.choice(SUBJECTS))
    ground = str(chance.choice(GROUNDS, p=_HOW_OFTEN))
    trouble: list[str] = []
    behind = _ground(ground, side, chance)
    objects = int(chance.choice([1, 2, 3], p=[0.88, 0.06, 0.06]))
    alpha, paint = np.zeros((side, side), np.float32), np.zeros((side, side, 3), np.float32)
    pale = chance.random() < (0.4 if ground in ("white", "off-white") else 0.12)
    if pale:
        trouble.append("as bright as the ground")
    width = 0.9 if objects == 1 else 0.92 / objects
    reach = float(chance.uniform(0.5, 0.95)) * width
    cropped = objects == 1 and chance.random() < 0.1
    if cropped:
        trouble.append("cropped")
    for place in range(objects):
        one_alpha, one_paint = _draw(subject, side, chance, behind, pale=pale)
        center_x = (place + 0.5) / objects
        center_y = 0.5 if objects > 1 else float(chance.uniform(0.44, 0.56))
        if cropped:
            center_x, center_y = (
                float(v) for v in chance.choice([[0.5, 0.95], [0.05, 0.5], [0.9, 0.8]])
            )
        one_alpha, one_paint = _place(
            one_alpha, one_paint, side, center_x=center_x, center_y=center_y, reach=reach
        )
        paint = paint * (1 - one_alpha[..., None]) + one_paint * one_alpha[..., None]
        alpha = np.maximum(alpha, one_alpha)
    safe = np.maximum(alpha, 1e-3)[..., None]
    paint = np.clip(paint / safe, 0, 1)
    shadow = str(chance.choice(["none", "soft", "cast", "hard"], p=[0.4, 0.25, 0.2, 0.15]))
    if shadow != "none":
        trouble.append(f"{shadow} shadow")
        behind = behind * (1 - _shadow(shadow, alpha, chance))[..., None]
    colors = behind * (1 - alpha[..., None]) + paint * alpha[..., None]
    pixels = np.rint(255 * np.clip(colors, 0, 1)).astype(np.uint8)
    pixels, damage = _damage(pixels, chance)
    opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    return Scene(
        picture=Picture(pixels=np.concatenate([pixels, opaque], axis=2), has_alpha=False),
        truth=alpha > 0.5,
        subject=subject,
        ground=ground,
        trouble=(*trouble, *damage),
        objects=objects,
    )


def compose(alpha: Floats, paint: Floats, seed: int) -> Scene:
    """Lay a real cut-out before a made-up ground; *paint* is not multiplied by *alpha*."""
    chance = np.random.default_rng([seed, 21])
    ground = str(chance.choice(GROUNDS))
    side = len(alpha)
    behind = _ground(ground, side, chance)
    shadow = str(chance.choice(["none", "soft", "cast", "hard"], p=[0.4, 0.25, 0.2, 0.15]))
    if shadow != "none":
        behind = behind * (1 - _shadow(shadow, alpha, chance))[..., None]
    colors = behind * (1 - alpha[..., None]) + paint * alpha[..., None]
    pixels, damage = _damage(np.rint(255 * np.clip(colors, 0, 1)).astype(np.uint8), chance)
    opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    return Scene(
        picture=Picture(pixels=np.concatenate([pixels, opaque], axis=2), has_alpha=False),
        truth=alpha > 0.5,
        subject="real",
        ground=ground,
        trouble=damage if shadow == "none" else (f"{shadow} shadow", *damage),
        objects=1,
    )


def _ground(name: str, side: int, chance: np.random.Generator) -> Floats:
    y, x = np.mgrid[0 : 1 : side * 1j, 0 : 1 : side * 1j]
    level = float(chance.uniform(0.25, 0.95))
    tint = 1 + chance.uniform(-0.06, 0.06, 3)
    made = np.ones((side, side, 3))
    if name == "off-white":
        made *= chance.uniform(0.9, 0.99) * (1 + chance.uniform(-0.02, 0.01, 3))
    elif name == "plain":
        made *= chance.uniform(0.1, 0.95, 3)
    elif name in ("studio", "noisy"):
        fall = chance.uniform(-0.3, 0.3) * y + chance.uniform(-0.2, 0.2) * x
        vignette = chance.uniform(0, 0.5) * (np.hypot(x - 0.5, y - 0.5) ** 2)
        made *= (level + fall - vignette)[..., None] * tint
        made += chance.normal(
            0, 0.004 if name == "studio" else chance.uniform(0.02, 0.07), made.shape
        )
    elif name == "textured":
        grain = cv2.GaussianBlur(chance.normal(0, 1, (side, side)), (0, 0), chance.uniform(0.8, 4))
        made *= (level + chance.uniform(0.03, 0.12) * grain / grain.std())[..., None] * tint
    elif name == "table":
        edge = float(chance.uniform(0.55, 0.85))
        wall, top = chance.uniform(0.5, 1, 3), chance.uniform(0.3, 0.9, 3)
        made *= np.where((y > edge)[..., None], top, wall)
        made += chance.normal(0, 0.01, made.shape)
    elif name == "clouds":
        made *= level
        for cells in (3, 6, 12, 24, 48):
            patches = chance.normal(0, 0.16 / cells**0.6, (cells, cells, 3))
            made += cv2.resize(patches, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(made, 0, 1), np.float32)


class _Drawing:
    """Parts of an object, each with a colour of its own."""

    def __init__(self, side: int, chance: np.random.Generator) -> None:
        self.size = side * _WHOLE // 2
        self.chance = chance
        self.alpha = np.zeros((self.size, self.size), np.uint8)
        self.paint = np.zeros((self.size, self.size, 3), np.float32)

    def _points(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        return np.rint(np.asarray(points) * self.size).astype(np.int32)

    def fill(self, mask: NDArray[np.uint8], color: NDArray[np.float64]) -> None:
        self.paint[mask > 0] = color
        np.maximum(self.alpha, mask, out=self.alpha)

    def polygon(self, points: NDArray[np.float64], color: NDArray[np.float64]) -> None:
        mask = np.zeros_like(self.alpha)
        cv2.fillPoly(mask, [self._points(points)], 255)
        self.fill(mask, color)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], width: float,
        color: NDArray[np.float64],
    ) -> None:  # fmt: skip
        mask = np.zeros_like(self.alpha)
        a, b = (tuple(int(v) for v in self._points(np.array(p))) for p in (start, end))
        cv2.line(mask, a, b, 255, max(1, round(width * self.size)))
        self.fill(mask, color)

    def ellipse(
        self, center: tuple[float, float], axes: tuple[float, float], color: NDArray[np.float64],
        *, turn_deg: float = 0, width: float = -1, start: float = 0, end: float = 360,
    ) -> None:  # fmt: skip
        mask = np.zeros_like(self.alpha)
        c, r = (tuple(int(v) for v in self._points(np.array(p))) for p in (center, axes))
        thick = -1 if width < 0 else max(1, round(width * self.size))
        cv2.ellipse(mask, c, r, turn_deg, start, end, 255, thick)
        self.fill(mask, color)


def _draw(
    name: str, side: int, chance: np.random.Generator, behind: Floats, *, pale: bool
) -> tuple[Floats, Floats]:
    drawing = _Drawing(side, chance)
    ground = behind.reshape(-1, 3).mean(axis=0).astype(np.float64)
    main, other = chance.uniform(0.05, 0.9, 3), chance.uniform(0.05, 0.9, 3)
    while np.abs(main - ground).max() < 0.15:
        main = chance.uniform(0.0, 1.0, 3)
    near = np.clip(ground + chance.uniform(-0.06, 0.015, 1) * np.ones(3), 0, 1)
    if pale and chance.random() < 0.3:
        main = near
    if pale or chance.random() < 0.04:
        other = near
    _SHAPES[name](drawing, main, other)
    size = drawing.size
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    light = 1 + chance.uniform(-0.25, 0.25) * (x - 0.5) + chance.uniform(-0.35, 0.1) * (y - 0.5)
    paint = drawing.paint * light[..., None].astype(np.float32)
    if chance.random() < 0.5:
        grain = cv2.resize(chance.normal(0, 1, (90, 90)), (size, size))
        paint += (chance.uniform(0.01, 0.06) * grain)[..., None].astype(np.float32)
    if chance.random() < 0.25:  # a highlight, burnt out
        at = chance.uniform(0.3, 0.7, 2)
        glow = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / chance.uniform(0.001, 0.01))
        paint += glow[..., None].astype(np.float32)
    alpha = cv2.resize(drawing.alpha, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small = cv2.resize(paint, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    opacity = (np.asarray(alpha, np.float32) / 255).astype(np.float32)
    return opacity, np.asarray(np.clip(small, 0, 1), np.float32)


def _blob(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    turn = np.linspace(0, 2 * math.pi, 240)
    radius: NDArray[np.float64] = np.full(turn.shape, 0.3)
    for k in range(2, 8):
        waves = d.chance.normal(0, 0.09 / k)
        radius += waves * np.cos(k * turn + d.chance.uniform(0, 6))
    d.polygon(0.5 + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1), main)
    for _ in range(int(d.chance.integers(0, 4))):
        d.ellipse(tuple(d.chance.uniform(0.4, 0.6, 2)), (0.05, 0.03), other)


def _figure(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    d.ellipse((0.5, 0.52), (0.14, 0.2), main)
    d.ellipse((0.5, 0.22), (0.11, 0.12), other)
    for sign in (-1, 1):
        d.line(
            (0.5 + sign * 0.1, 0.42), (0.5 + sign * d.chance.uniform(0.2, 0.32), 0.6), 0.05, main
        )
        d.line((0.5 + sign * 0.07, 0.66), (0.5 + sign * 0.1, 0.92), 0.07, other)


def _chair(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    width = float(d.chance.uniform(0.015, 0.04))
    for x in (0.3, 0.7):
        d.line((x, 0.55), (x, 0.92), width, other)
        d.line((x * 0.84 + 0.08, 0.55), (x * 0.8 + 0.1, 0.82), width, other)
        d.line((x, 0.1), (x, 0.55), width * 1.2, main)
    d.polygon(np.array([[0.27, 0.5], [0.73, 0.5], [0.76, 0.58], [0.24, 0.58]]), main)
    slats = int(d.chance.integers(0, 6))
    for place in range(slats):
        y = 0.12 + 0.35 * place / slats
        d.line((0.3, y), (0.7, y), 0.02, main)
    if not slats:
        d.polygon(np.array([[0.29, 0.1], [0.71, 0.1], [0.71, 0.45], [0.29, 0.45]]), main)


def _mug(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    d.ellipse((0.68, 0.5), (0.13, 0.15), other, width=0.05)
    d.polygon(np.array([[0.25, 0.25], [0.66, 0.25], [0.63, 0.78], [0.28, 0.78]]), main)
    d.ellipse((0.455, 0.25), (0.205, 0.05), main * 0.7)


def _vase(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    y = np.linspace(0.08, 0.92, 120)
    radius: NDArray[np.float64] = np.full(y.shape, 0.14)
    for k in range(1, 4):
        radius += d.chance.normal(0, 0.04) * np.cos(k * 4 * y + k)
    radius = np.clip(radius, 0.03, 0.34)
    outline = np.concatenate([np.stack([0.5 - radius, y], 1), np.stack([0.5 + radius, y], 1)[::-1]])
    d.polygon(outline, main)
    if d.chance.random() < 0.5:
        half = outline[(outline[:, 1] > 0.6)]
        d.polygon(half, other)


def _box(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    d.polygon(np.array([[0.2, 0.35], [0.55, 0.45], [0.55, 0.85], [0.2, 0.72]]), main)
    d.polygon(np.array([[0.55, 0.45], [0.82, 0.33], [0.82, 0.7], [0.55, 0.85]]), main * 0.6)
    d.polygon(np.array([[0.2, 0.35], [0.47, 0.25], [0.82, 0.33], [0.55, 0.45]]), other)


def _grid(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    count, width = int(d.chance.integers(3, 14)), float(d.chance.uniform(0.006, 0.03))
    for place in np.linspace(0.15, 0.85, count):
        d.line((place, 0.15), (place, 0.85), width, main)
        if d.chance.random() < 0.8:
            d.line((0.15, place), (0.85, place), width, main)
    d.line((0.15, 0.85), (0.85, 0.85), 0.03, other)
    d.line((0.15, 0.15), (0.85, 0.15), 0.03, main)


def _plant(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    d.polygon(np.array([[0.38, 0.7], [0.62, 0.7], [0.58, 0.92], [0.42, 0.92]]), other)
    for _ in range(int(d.chance.integers(4, 14))):
        lean = float(d.chance.uniform(-0.4, 0.4))
        end = (0.5 + lean, float(d.chance.uniform(0.08, 0.5)))
        d.line((0.5, 0.72), end, 0.012, main)
        for share in np.linspace(0.3, 1, 5):
            at = (0.5 + lean * share, 0.72 + (end[1] - 0.72) * share)
            d.ellipse(at, (0.05, 0.016), main, turn_deg=float(d.chance.uniform(0, 180)))


def _ring(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    d.ellipse(
        (0.5, 0.5), (0.3, 0.3 * d.chance.uniform(0.5, 1)), main, width=d.chance.uniform(0.02, 0.14)
    )
    if d.chance.random() < 0.5:
        d.ellipse((0.5, 0.2), (0.07, 0.07), other)


def _lamp(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    d.line((0.5, 0.4), (0.5, 0.88), float(d.chance.uniform(0.008, 0.03)), main)
    d.ellipse((0.5, 0.88), (0.17, 0.035), main)
    d.polygon(np.array([[0.4, 0.12], [0.6, 0.12], [0.72, 0.42], [0.28, 0.42]]), other)


def _letter(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    mask = np.zeros_like(d.alpha)
    word = str(d.chance.choice(list("ABDEKORS&8")))
    scale = d.size / 45
    cv2.putText(
        mask, word, (round(0.2 * d.size), round(0.78 * d.size)), cv2.FONT_HERSHEY_SIMPLEX,
        scale, 255, round(0.05 * d.size),
    )  # fmt: skip
    d.fill(mask, main)
    d.line((0.2, 0.88), (0.8, 0.88), 0.03, other)


def _vehicle(d: _Drawing, main: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    outline = [[0.1, 0.6], [0.2, 0.5], [0.32, 0.36], [0.62, 0.36], [0.76, 0.5], [0.92, 0.55]]
    d.polygon(np.array([*outline, [0.92, 0.7], [0.1, 0.7]]), main)
    d.polygon(np.array([[0.36, 0.4], [0.6, 0.4], [0.69, 0.5], [0.28, 0.5]]), other)
    for x in (0.28, 0.74):
        d.ellipse((x, 0.7), (0.085, 0.085), np.full(3, 0.08))
        d.ellipse((x, 0.7), (0.04, 0.04), np.full(3, 0.75))


_SHAPES = {
    "blob": _blob, "figure": _figure, "chair": _chair, "mug": _mug, "vase": _vase, "box": _box,
    "grid": _grid, "plant": _plant, "ring": _ring, "lamp": _lamp, "letter": _letter,
    "vehicle": _vehicle,
}  # fmt: skip


def _place(
    alpha: Floats, paint: Floats, side: int, *, center_x: float, center_y: float, reach: float
) -> tuple[Floats, Floats]:
    """Scale an object to *reach* of the picture's side, around a centre."""
    rows, columns = np.nonzero(alpha > 0.02)
    if rows.size == 0:
        return np.zeros((side, side), np.float32), np.zeros((side, side, 3), np.float32)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    scale = reach * side / max(height, width)
    middle = np.array([columns.min() + width / 2, rows.min() + height / 2])
    shift = np.array([center_x, center_y]) * side - scale * middle
    move = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    blur = max(0.0, 0.5 / scale - 0.5)
    both = np.dstack([paint * alpha[..., None], alpha])
    if blur > 0.3:
        both = cv2.GaussianBlur(both, (0, 0), blur)
    moved = cv2.warpAffine(both, move, (side, side), flags=cv2.INTER_LINEAR)
    one = np.asarray(moved[..., 3], np.float32)
    color = np.asarray(moved[..., :3] / np.maximum(one, 1e-4)[..., None], np.float32)
    return one, color


def _shadow(kind: str, alpha: Floats, chance: np.random.Generator) -> Floats:
    """Give how much light is missing, 0.0–1.0."""
    side = len(alpha)
    dark = float(chance.uniform(0.15, 0.6))
    if kind == "soft":
        rows = np.flatnonzero(alpha.max(axis=1) > 0.5)
        columns = np.flatnonzero(alpha.max(axis=0) > 0.5)
        if rows.size == 0:
            return np.zeros_like(alpha)
        pool = np.zeros_like(alpha)
        reach = max(4, int(0.5 * np.ptp(columns)))
        foot = min(side - 1, int(rows[-1]))
        cv2.ellipse(
            pool, (int(columns.mean()), foot), (reach, max(2, reach // 6)), 0, 0, 360, 1, -1
        )
        return np.asarray(dark * cv2.GaussianBlur(pool, (0, 0), side / 50), np.float32)
    shift = (int(side * chance.uniform(0.02, 0.08)), int(side * chance.uniform(-0.09, 0.09)))
    move = np.array([[1.0, 0, shift[1]], [0, 1, shift[0]]])
    cast = cv2.warpAffine(alpha, move, (side, side))
    return np.asarray(
        dark * cv2.GaussianBlur(cast, (0, 0), side / (35 if kind == "cast" else 250)), np.float32
    )


def _damage(
    pixels: NDArray[np.uint8], chance: np.random.Generator
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    trouble: list[str] = []
    if chance.random() < 0.12:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), chance.uniform(1, 4)), np.uint8)
        trouble.append("blurred")
    if chance.random() < 0.55:
        quality = int(chance.choice(_QUALITIES, p=[0.08, 0.08, 0.1, 0.12, 0.12, 0.15, 0.2, 0.15]))
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "JPEG", quality=quality)
        pixels = np.array(Image.open(out))
        trouble.append(f"JPEG {quality}")
    return pixels, tuple(trouble)
