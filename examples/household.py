"""Things of the house: mug, vase, lamp."""

import numpy as np

from examples.fields import (
    Outline,
    Values,
    capsule,
    curve,
    lathe,
    length,
    path,
    smooth_cut,
    sphere,
    torus,
)
from examples.solids import Part, Solid, mixed, paint

_BEYOND_AXIS = -0.3
"""Outlines reach across the axis they are turned about, so that the axis is no surface."""


def mug() -> Solid:
    """A glazed mug with a raw foot."""
    outer = [(0.335, -0.50), (0.375, -0.40), (0.395, 0.50)]
    inner = [(0.380, 0.50), (0.350, -0.38), (0.30, -0.43)]
    wall = Outline(np.array([(_BEYOND_AXIS, -0.50), *outer, *inner, (_BEYOND_AXIS, -0.43)]))
    hollow = [(_BEYOND_AXIS, 0.9), (0.37, 0.9), (0.34, -0.4), (_BEYOND_AXIS, -0.4)]
    cavity = Outline(np.array(hollow))
    bow = curve(
        [(0.39, 0.30), (0.58, 0.33), (0.69, 0.20), (0.70, 0.02), (0.60, -0.19), (0.38, -0.31)],
        steps=10,
    )
    corners = [(float(x), float(y), 0.0) for x, y in bow]
    glaze, inside, clay = paint("14707d"), paint("f4eddf"), paint("d8ab82")

    def body(points: Values) -> Values:
        return lathe(points, wall) - np.float32(0.024)

    def handle(points: Values) -> Values:
        tube = path(points, corners, [0.056] * len(corners))
        return smooth_cut(tube, lathe(points, cavity), 0.01)

    def colors(points: Values) -> Values:
        radius, height = length(points[0], points[2]), points[1]
        angle = np.arctan2(points[0], points[2])
        drip = height + 0.33 + 0.018 * np.sin(angle * 5 + 1) + 0.010 * np.sin(angle * 11)
        outside = mixed(drip, clay, glaze)
        within = (radius < 0.360 + 0.025 * (height + 0.4)) & (height > -0.46)
        return np.where(within | (height > 0.505), inside[:, None], outside)

    return Solid(
        parts=[
            Part(field=body, paint=colors, gloss=0.9),
            Part(field=handle, paint=glaze, gloss=0.9, blend=0.05),
        ],
        low=(-0.5, -0.6, -0.5),
        high=(0.82, 0.62, 0.5),
    )


def vase() -> Solid:
    """A tall vase with a painted zigzag band."""
    outer = curve(
        [
            (0.20, -0.90),
            (0.27, -0.80),
            (0.46, -0.28),
            (0.40, 0.20),
            (0.20, 0.56),
            (0.17, 0.74),
            (0.27, 0.92),
        ]
    )
    inner = outer[::-1] - [0.035, 0.0]
    inner = inner[inner[:, 1] > -0.82]
    outline = Outline(
        np.concatenate([[(_BEYOND_AXIS, -0.90)], outer, inner, [(_BEYOND_AXIS, -0.82)]])
    )
    blue, cream, rust = paint("24507a"), paint("f3e9d6"), paint("c8643c")

    def body(points: Values) -> Values:
        return lathe(points, outline) - np.float32(0.014)

    def colors(points: Values) -> Values:
        height = points[1]
        turn = np.arctan2(points[0], points[2]) / (2 * np.pi) * 14
        tooth = np.abs(turn - np.floor(turn) - 0.5) * 2
        zigzag = np.abs(height + 0.10 - 0.16 * (tooth - 0.5)) - 0.035
        band = np.abs(height + 0.10) - 0.20
        ring = np.abs(np.abs(height + 0.10) - 0.235) - 0.018
        found = mixed(band, cream, blue)
        found = np.where(band < 0, mixed(zigzag, rust, cream), found)
        return np.where(ring < 0, rust[:, None], found)

    return Solid(
        parts=[Part(field=body, paint=colors, gloss=0.75)],
        low=(-0.56, -1.0, -0.56),
        high=(0.56, 1.02, 0.56),
    )


def lamp() -> Solid:
    """A bedside lamp that is switched on."""
    foot = np.concatenate(
        [
            [(_BEYOND_AXIS, -0.90)],
            curve([(0.30, -0.90), (0.31, -0.86), (0.20, -0.82), (0.13, -0.74)]),
            curve([(0.13, -0.74), (0.29, -0.50), (0.30, -0.30), (0.16, -0.06), (0.07, 0.02)]),
            [(_BEYOND_AXIS, 0.02)],
        ]
    )
    base = Outline(foot)
    shade = Outline(np.array([(0.31, 0.88), (0.54, 0.16), (0.53, 0.16), (0.30, 0.88)]))
    ceramic, brass = paint("4f8f86"), paint("c79a4b")
    warm, hot = paint("f0c583"), paint("ffe2b0")

    def shade_paint(points: Values) -> Values:
        near_bulb = np.exp(-(((points[1] - 0.42) / 0.26) ** 2))
        found: Values = warm[:, None] * (1 - near_bulb) + hot[:, None] * near_bulb
        return found

    def trim(points: Values) -> Values:
        top = torus(points, (0, 0.885, 0), 0.305, 0.016, 1)
        bottom = torus(points, (0, 0.16, 0), 0.535, 0.016, 1)
        return np.minimum(top, bottom)

    return Solid(
        parts=[
            Part(field=lambda p: lathe(p, base) - np.float32(0.01), paint=ceramic, gloss=0.9),
            Part(
                field=lambda p: capsule(p, (0, 0, 0), (0, 0.30, 0), 0.035), paint=brass, gloss=1.0
            ),
            Part(field=lambda p: torus(p, (0, 0.02, 0), 0.06, 0.022, 1), paint=brass, gloss=1.0),
            Part(field=lambda p: sphere(p, (0, 0.42, 0), 0.12), paint=hot, glow=0.8),
            Part(
                field=lambda p: lathe(p, shade) - np.float32(0.012),
                paint=shade_paint,
                gloss=0.02,
                glow=0.16,
            ),
            Part(field=trim, paint=paint("e8b765"), gloss=0.2, glow=0.15),
        ],
        low=(-0.62, -1.0, -0.62),
        high=(0.62, 1.0, 0.62),
    )
