"""Things that grow: mushroom, cactus, strawberry."""

import math

import numpy as np

from examples.fields import (
    Outline,
    Values,
    at,
    curve,
    cylinder,
    ellipsoid,
    lathe,
    length,
    path,
    smooth_union,
    sphere,
    turned,
)
from examples.solids import Part, Solid, paint

_BEYOND_AXIS = -0.3


def mushroom() -> Solid:
    """A fly agaric."""
    dome = curve([(0.0, 0.72), (0.30, 0.65), (0.55, 0.42), (0.66, 0.12), (0.60, 0.05)])
    under = curve([(0.60, 0.05), (0.40, 0.10), (0.14, 0.16)])
    cap = np.concatenate([[(_BEYOND_AXIS, 0.72)], dome, under, [(_BEYOND_AXIS, 0.16)]])
    foot = curve([(0.24, -0.80), (0.29, -0.68), (0.18, -0.40), (0.145, 0.0), (0.16, 0.3)])
    stem = np.concatenate([[(_BEYOND_AXIS, -0.84)], foot, [(_BEYOND_AXIS, 0.3)]])
    skirt = np.array([(0.12, 0.0), (0.155, -0.02), (0.29, -0.19), (0.27, -0.19), (0.12, -0.06)])
    foot_line, cap_line, skirt_line = Outline(stem), Outline(cap), Outline(skirt)
    red, deep, white, ivory = paint("cf2b22"), paint("8f1414"), paint("fff6e8"), paint("f0e4cc")
    warts = _warts()

    def spots(points: Values) -> Values:
        found: Values = np.min([sphere(points, where, r) for where, r in warts], axis=0)
        return found

    def cap_paint(points: Values) -> Values:
        radius = length(points[0], points[2])
        gills = 0.86 + 0.14 * np.sin(np.arctan2(points[0], points[2]) * 64)
        below = ivory[:, None] * gills
        rim = np.clip((radius - 0.25) / 0.45, 0, 1)
        above = red[:, None] * (1 - rim * 0.6) + deep[:, None] * rim * 0.6
        underside = points[1] < 0.05 + np.clip(0.60 - radius, 0, 1) * 0.25
        return np.where(underside, below, above)

    return Solid(
        parts=[
            Part(field=lambda p: lathe(p, foot_line) - np.float32(0.02), paint=ivory, gloss=0.1),
            Part(field=lambda p: lathe(p, skirt_line) - np.float32(0.012), paint=white, blend=0.03),
            Part(
                field=lambda p: lathe(p, cap_line) - np.float32(0.03),
                paint=cap_paint,
                gloss=0.7,
                blend=0.02,
            ),
            Part(field=spots, paint=white, gloss=0.1, blend=0.015),
        ],
        low=(-0.82, -0.95, -0.82),
        high=(0.82, 0.86, 0.82),
    )


def _warts() -> list[tuple[tuple[float, float, float], float]]:
    """Return centres and radii of the white spots, scattered over the cap."""
    found = [((0.03, 0.70, 0.08), 0.10)]
    for ring, (radius, height, count) in enumerate([(0.35, 0.60, 6), (0.57, 0.36, 9)]):
        for index in range(count):
            angle = 2 * math.pi * (index + 0.35 + 0.4 * ring) / count
            size = (0.082 if ring else 0.095) * (1 + 0.28 * math.sin(index * 2.4 + ring))
            where = (
                radius * math.sin(angle),
                height + 0.02 * math.sin(index * 5),
                radius * math.cos(angle),
            )
            found.append((where, size))
    return found


def cactus() -> Solid:
    """A cactus with two arms and a flower, in a clay pot."""
    clay_line = [(_BEYOND_AXIS, -0.92), (0.27, -0.92), (0.36, -0.52), (0.41, -0.52), (0.41, -0.38)]
    clay_line += [(0.36, -0.38), (0.35, -0.46), (_BEYOND_AXIS, -0.46)]
    pot = Outline(np.array(clay_line))
    green, light = paint("2f7d4a"), paint("86b86a")
    clay, soil, pink, yellow = paint("c96f45"), paint("4b3427"), paint("ec5f92"), paint("f8c843")
    arms = [
        ([(0.20, -0.02), (0.42, 0.00), (0.50, 0.12), (0.50, 0.36)], 0.105),
        ([(-0.20, 0.16), (-0.40, 0.18), (-0.47, 0.28), (-0.47, 0.56)], 0.098),
    ]

    def trunk(points: Values) -> Values:
        return path(points, [(0, -0.5, 0), (0, 0.1, 0), (0, 0.66, 0)], [0.225, 0.245, 0.215])

    def trunk_ribbed(points: Values) -> Values:
        wave = np.cos(np.arctan2(points[0], points[2]) * 13)
        fade = np.clip((0.92 - points[1]) / 0.3, 0, 1) * np.clip(
            length(points[0], points[2]) / 0.1, 0, 1
        )
        found: Values = (trunk(points) - 0.016 * wave * fade) * np.float32(0.85)
        return found.astype(np.float32)

    def arm(points: Values, which: int) -> Values:
        knots, radius = arms[which]
        bend = [(float(x), float(y), 0.0) for x, y in curve(knots, steps=10)]
        return path(points, bend, [radius] * len(bend))

    def arm_paint(points: Values) -> Values:
        stripe = np.cos(points[2] * 95)
        share = np.clip(stripe * 0.5 + 0.15, 0, 1) * 0.45
        found: Values = green[:, None] * (1 - share) + light[:, None] * share
        return found

    def trunk_paint(points: Values) -> Values:
        wave = np.cos(np.arctan2(points[0], points[2]) * 13)
        share = np.clip(wave, 0, 1) ** 2 * 0.55
        areole = np.cos(points[1] * 2 * np.pi / 0.115)
        tuft = (wave > 0.93) & (areole > 0.80)
        found: Values = green[:, None] * (1 - share) + light[:, None] * share
        return np.where(tuft, paint("f6efce")[:, None], found)

    def petals(points: Values) -> Values:
        found = sphere(points, (0, 0.885, 0), 0.03)
        for index in range(8):
            local = turned(turned(at(points, (0, 0.87, 0)), 1, index * 45.0), 0, 38)
            found = smooth_union(found, ellipsoid(local, (0, 0.10, 0), (0.052, 0.115, 0.022)), 0.01)
        return found

    return Solid(
        parts=[
            Part(field=lambda p: lathe(p, pot) - np.float32(0.018), paint=clay, gloss=0.1),
            Part(
                field=lambda p: cylinder(p, (0, -0.47, 0), 0.36, 0.03, rounding=0.02, axis=1),
                paint=soil,
                gloss=0,
            ),
            Part(field=trunk_ribbed, paint=trunk_paint, gloss=0.2),
            Part(field=lambda p: arm(p, 0), paint=arm_paint, gloss=0.2, blend=0.06),
            Part(field=lambda p: arm(p, 1), paint=arm_paint, gloss=0.2, blend=0.06),
            Part(field=petals, paint=pink, gloss=0.1),
            Part(field=lambda p: sphere(p, (0, 0.94, 0.0), 0.042), paint=yellow, gloss=0.1),
        ],
        low=(-0.68, -1.02, -0.55),
        high=(0.72, 1.08, 0.55),
    )


def strawberry() -> Solid:
    """A ripe strawberry with its leaves."""
    fruit = np.concatenate(
        [
            [(_BEYOND_AXIS, -0.80)],
            curve(
                [
                    (0.0, -0.80),
                    (0.13, -0.75),
                    (0.38, -0.38),
                    (0.55, 0.06),
                    (0.52, 0.34),
                    (0.34, 0.48),
                    (0.12, 0.46),
                ]
            ),
            [(_BEYOND_AXIS, 0.44)],
        ]
    )
    red, pale, seed, leaf = paint("d4142a"), paint("f0644e"), paint("f4d27a"), paint("4c9a3a")
    fruit_line, seeds = Outline(fruit), _seeds(fruit)

    def nearest_seed(points: Values) -> Values:
        found: Values = np.full(points.shape[1], np.inf, np.float32)
        for centre in seeds:
            offset = at(points, centre)
            found = np.minimum(found, length(offset[0], offset[1] * 0.62, offset[2]))
        return found

    def body(points: Values) -> Values:
        pit = np.exp(-((nearest_seed(points) / 0.034) ** 2)) * 0.018
        found: Values = lathe(points, fruit_line) + pit
        return found.astype(np.float32)

    def body_paint(points: Values) -> Values:
        top = np.clip((points[1] - 0.18) / 0.32, 0, 1) ** 2 * 0.75
        flesh = red[:, None] * (1 - top) + pale[:, None] * top
        share = np.clip((nearest_seed(points) - 0.0185) / 0.005, 0, 1)
        found: Values = seed[:, None] * (1 - share) + flesh * share
        return found

    def crown(points: Values) -> Values:
        found = sphere(points, (0, 0.50, 0), 0.07)
        for index in range(9):
            local = turned(at(points, (0, 0.50, 0)), 1, index * 40.0 + 12)
            bent = local.copy()
            out = np.maximum(local[2], 0)
            bent[1] += 2.1 * out**3 + 0.25 * out**2 - (0.25 + 0.12 * np.sin(index * 2.2)) * out
            bent[1] -= 1.6 * local[0] ** 2
            blade = ellipsoid(bent, (0, 0.0, 0.24), (0.105, 0.028, 0.27))
            found = smooth_union(found, blade * np.float32(0.7), 0.02)
        return found

    return Solid(
        parts=[
            Part(field=body, paint=body_paint, gloss=0.8),
            Part(field=crown, paint=leaf, gloss=0.25),
            Part(
                field=lambda p: path(
                    p, [(0, 0.5, 0), (0.02, 0.66, 0), (0.09, 0.80, 0)], [0.035, 0.03, 0.036]
                ),
                paint=paint("6fae4d"),
                gloss=0.2,
                blend=0.03,
            ),
        ],
        low=(-0.66, -0.9, -0.66),
        high=(0.66, 0.92, 0.66),
    )


def _seeds(outline: np.ndarray) -> list[tuple[float, float, float]]:
    """Return seed centres: rows around the fruit, each turned by half a step."""
    found = []
    heights = np.linspace(-0.62, 0.30, 8)
    rim = outline[1:-1]
    order = np.argsort(rim[:, 1])
    for row, height in enumerate(heights):
        radius = float(np.interp(height, rim[order, 1], rim[order, 0]))
        count = max(5, round(2 * math.pi * radius / 0.20))
        for index in range(count):
            angle = 2 * math.pi * (index + 0.5 * (row % 2)) / count
            found.append((radius * math.sin(angle), float(height), radius * math.cos(angle)))
    return found
