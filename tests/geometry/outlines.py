"""Silhouettes of many kinds, by seed, for the tests of the shape makers."""

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]
Random = np.random.Generator

_OVERSAMPLING = 3


def draw_outline(kind: str, *, seed: int, size_px: int = 256) -> Canvas:
    """Draw a silhouette with soft edges: coverage 0–255, shape (size_px, size_px)."""
    side = size_px * _OVERSAMPLING
    canvas = np.zeros((side, side), np.uint8)
    OUTLINES[kind](canvas, np.random.default_rng(seed), side)
    return np.asarray(cv2.resize(canvas, (size_px, size_px), interpolation=cv2.INTER_AREA))


def _polygon(canvas: Canvas, points: NDArray[np.float64], value: int = 255) -> None:
    cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], [value])


def _around(
    angles: NDArray[np.float64], radii: NDArray[np.float64], side: int
) -> NDArray[np.float64]:
    return side / 2 + np.column_stack([np.cos(angles) * radii, np.sin(angles) * radii])


def _blob(canvas: Canvas, random: Random, side: int) -> None:
    angles = np.linspace(0, 2 * math.pi, 240, endpoint=False)
    radii = np.ones_like(angles)
    for wave in range(2, 9):
        radii += random.uniform(-0.5, 0.5) / wave * np.cos(wave * angles + random.uniform(0, 6.3))
    _polygon(canvas, _around(angles, radii / radii.max() * 0.46 * side, side))


def _star(canvas: Canvas, random: Random, side: int) -> None:
    tips = int(random.integers(3, 14))
    angles = np.arange(2 * tips) * math.pi / tips + random.uniform(0, 1)
    radii = np.where(np.arange(2 * tips) % 2, random.uniform(0.08, 0.35), 0.47) * side
    _polygon(canvas, _around(angles, radii, side))


def _ring(canvas: Canvas, random: Random, side: int) -> None:
    outer = random.uniform(0.3, 0.47) * side
    inner = outer * random.uniform(0.3, 0.97)
    middle = (side // 2, side // 2)
    cv2.circle(canvas, middle, int(outer), [255], -1)
    cv2.circle(canvas, middle, int(inner), [0], -1)


def _letter(canvas: Canvas, random: Random, side: int) -> None:
    letter = chr(int(random.integers(33, 127)))
    thick = int(random.integers(side // 60, side // 8))
    cv2.putText(canvas, letter, (side // 6, side * 4 // 5), 0, side / 30, [255], thick)
    if not canvas.any():
        cv2.circle(canvas, (side // 2, side // 2), side // 3, [255], -1)


def _comb(canvas: Canvas, random: Random, side: int) -> None:
    teeth = int(random.integers(3, 30))
    width = max(1, int(side * random.uniform(0.1, 0.9) * 0.8 / teeth))
    canvas[side // 10 : side // 4, side // 10 : side * 9 // 10] = 255
    for x in np.linspace(side // 10, side * 9 // 10 - width, teeth).astype(int):
        canvas[side // 4 : side * 9 // 10, x : x + width] = 255


def _branches(canvas: Canvas, random: Random, side: int) -> None:
    def grow(x: float, y: float, angle: float, length: float, depth: int) -> None:
        end = (x + length * math.cos(angle), y - length * math.sin(angle))
        thick = max(1, round(side * 0.002 * 2**depth))
        cv2.line(canvas, (int(x), int(y)), (int(end[0]), int(end[1])), [255], thick)
        for _ in range(2 if depth else 0):
            grow(*end, angle + random.uniform(-0.9, 0.9), length * 0.75, depth - 1)

    grow(side / 2, side * 0.95, math.pi / 2, side * 0.25, 4)


def _crumbs(canvas: Canvas, random: Random, side: int) -> None:
    for _ in range(int(random.integers(2, 12))):
        x, y = random.uniform(0.1, 0.9, 2) * side
        radii = tuple(int(r) for r in random.uniform(0.02, 0.12, 2) * side)
        cv2.ellipse(
            canvas, (int(x), int(y)), radii, float(random.uniform(0, 180)), 0, 360, [255], -1
        )


def _noise(canvas: Canvas, random: Random, side: int) -> None:
    rough = random.standard_normal((side, side)).astype(np.float32)
    smooth = cv2.GaussianBlur(rough, (0, 0), side * random.uniform(0.008, 0.05))
    canvas[smooth > smooth.std() * random.uniform(-0.5, 0.8)] = 255


def _whiskers(canvas: Canvas, random: Random, side: int) -> None:
    cv2.circle(canvas, (side // 2, side // 2), side // 5, [255], -1)
    for angle in random.uniform(0, 2 * math.pi, 12):
        end = (side / 2 * (1 + 0.9 * np.array([math.cos(angle), math.sin(angle)]))).astype(int)
        cv2.line(canvas, (side // 2, side // 2), (int(end[0]), int(end[1])), [255], _OVERSAMPLING)


def _cropped(canvas: Canvas, random: Random, side: int) -> None:
    x, y = random.uniform(0, side, 2)
    cv2.circle(canvas, (int(x), int(y)), int(side * random.uniform(0.3, 0.8)), [255], -1)


def _mug(canvas: Canvas, random: Random, side: int) -> None:
    right = int(side * random.uniform(0.5, 0.7))
    canvas[side // 6 : side * 5 // 6, side // 8 : right] = 255
    thick = int(side * random.uniform(0.01, 0.06)) + 1
    cv2.ellipse(canvas, (right, side // 2), (side // 5, side // 5), 0, -90, 90, [255], thick)


def _checks(canvas: Canvas, random: Random, side: int) -> None:
    cell = side // int(random.integers(4, 24))
    rows, columns = np.indices(canvas.shape) // cell
    canvas[(rows + columns) % 2 == 0] = 255


OUTLINES: dict[str, Callable[[Canvas, Random, int], None]] = {
    "blob": _blob,
    "star": _star,
    "ring": _ring,
    "letter": _letter,
    "comb": _comb,
    "branches": _branches,
    "crumbs": _crumbs,
    "noise": _noise,
    "whiskers": _whiskers,
    "cropped": _cropped,
    "mug": _mug,
    "checks": _checks,
}
"""By kind; `checks` touch at corners only, `cropped` ones run over the picture's edge."""
