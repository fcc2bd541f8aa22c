"""Things to play with: teddy, duck, fish, penguin, robot, rocket, badge."""

from functools import partial

import numpy as np

from examples.fields import (
    Outline,
    Values,
    at,
    box,
    capsule,
    curve,
    cylinder,
    ellipsoid,
    extrusion,
    lathe,
    length,
    mirrored,
    smooth_cut,
    smooth_union,
    sphere,
    torus,
    turned,
)
from examples.solids import Field, Part, Solid, mixed, paint

_BEYOND_AXIS = -0.3


def teddy() -> Solid:
    """A sitting bear with a bow tie."""
    brown, cream, black, red = paint("b5783f"), paint("efd9b4"), paint("1d1714"), paint("c8313a")
    fur = partial(Part, paint=brown, gloss=0.04)
    patch = partial(Part, paint=cream, gloss=0.04)

    def smile(points: Values) -> Values:
        ring = torus(points, (0.045, 0.235, 0.448), 0.042, 0.010, 2)
        found: Values = np.maximum(ring, points[1] - np.float32(0.235))
        return found

    def bow(points: Values) -> Values:
        local = at(points, (0, 0.035, 0.33))
        wing = ellipsoid(local, (0.14, 0, 0), (0.135, 0.085, 0.05))
        pinch = np.abs(local[1]) - 0.028 - 0.62 * np.abs(local[0])
        found: Values = np.maximum(wing, pinch * np.float32(0.8))
        return found

    return Solid(
        parts=[
            fur(
                field=lambda p: ellipsoid(p, (0, -0.38, 0), (0.40, 0.44, 0.34)),
            ),
            fur(field=lambda p: ellipsoid(p, (0, 0.36, 0.04), (0.42, 0.36, 0.35)), blend=0.06),
            fur(
                field=lambda p: capsule(
                    mirrored(p), (0.30, -0.14, 0.06), (0.55, -0.38, 0.20), 0.13, 0.14
                ),
                blend=0.05,
            ),
            fur(
                field=lambda p: capsule(
                    mirrored(p), (0.24, -0.68, 0.12), (0.42, -0.71, 0.42), 0.17, 0.18
                ),
                blend=0.05,
            ),
            fur(
                field=lambda p: ellipsoid(mirrored(p), (0.33, 0.66, 0), (0.155, 0.155, 0.09)),
                blend=0.03,
            ),
            patch(
                field=lambda p: ellipsoid(mirrored(p), (0.337, 0.665, 0.07), (0.09, 0.09, 0.05)),
                blend=0.01,
            ),
            patch(
                field=lambda p: ellipsoid(mirrored(p), (0.45, -0.715, 0.565), (0.11, 0.115, 0.05)),
                blend=0.01,
            ),
            patch(
                field=lambda p: ellipsoid(p, (0, -0.40, 0.22), (0.27, 0.31, 0.15)),
                blend=0.02,
            ),
            patch(
                field=lambda p: ellipsoid(p, (0, 0.27, 0.32), (0.19, 0.15, 0.15)),
                blend=0.03,
            ),
            Part(
                field=lambda p: ellipsoid(p, (0, 0.335, 0.455), (0.066, 0.048, 0.04)),
                paint=black,
                gloss=1.0,
            ),
            Part(
                field=lambda p: sphere(mirrored(p), (0.155, 0.43, 0.338), 0.047),
                paint=black,
                gloss=1.0,
            ),
            Part(field=lambda p: smile(mirrored(p)), paint=paint("6b4426"), gloss=0.1),
            Part(field=lambda p: bow(mirrored(p)), paint=red, gloss=0.12),
            Part(
                field=lambda p: ellipsoid(p, (0, 0.035, 0.36), (0.05, 0.055, 0.04)),
                paint=paint("a9222c"),
                gloss=0.12,
            ),
        ],
        low=(-0.82, -1.0, -0.48),
        high=(0.82, 0.92, 0.78),
    )


def duck() -> Solid:
    """A bath duck that looks to the right."""
    yellow, orange, black, white = (
        paint("f7c21c"),
        paint("ee7a1d"),
        paint("191512"),
        paint("ffffff"),
    )
    skin = partial(Part, paint=yellow, gloss=0.75)

    def both(points: Values) -> Values:
        found = points.copy()
        found[2] = np.abs(found[2])
        return found

    def body(points: Values) -> Values:
        whole = ellipsoid(points, (-0.06, -0.30, 0), (0.60, 0.37, 0.44))
        # Flat below, or it would balance on a point.
        return smooth_cut(whole, points[1] + np.float32(0.60), 0.05)

    def wing(points: Values) -> Values:
        return ellipsoid(
            turned(at(both(points), (-0.10, -0.18, 0.40)), 2, -16), (0, 0, 0), (0.30, 0.19, 0.09)
        )

    return Solid(
        parts=[
            skin(field=body),
            skin(
                field=lambda p: capsule(p, (-0.46, -0.16, 0), (-0.74, 0.10, 0), 0.19, 0.045),
                blend=0.14,
            ),
            skin(field=lambda p: sphere(p, (0.26, 0.36, 0), 0.345), blend=0.10),
            skin(field=wing, blend=0.03),
            Part(
                field=lambda p: ellipsoid(p, (0.60, 0.31, 0), (0.20, 0.055, 0.17)),
                paint=orange,
                gloss=0.75,
                blend=0.01,
            ),
            Part(
                field=lambda p: ellipsoid(p, (0.57, 0.245, 0), (0.15, 0.045, 0.13)),
                paint=orange,
                gloss=0.75,
                blend=0.01,
            ),
            Part(
                field=lambda p: ellipsoid(both(p), (0.475, 0.475, 0.215), (0.062, 0.078, 0.050)),
                paint=white,
                gloss=0.9,
            ),
            Part(
                field=lambda p: ellipsoid(both(p), (0.503, 0.475, 0.235), (0.040, 0.052, 0.037)),
                paint=black,
                gloss=1.0,
            ),
        ],
        low=(-0.86, -0.75, -0.60),
        high=(0.88, 0.78, 0.60),
    )


def _line(*knots: list[tuple[float, float]]) -> Outline:
    return Outline(curve([knot for some in knots for knot in some], steps=12))


def fish() -> Solid:
    """A clownfish that swims to the left."""
    orange, white, black = paint("f2711c"), paint("fdf6ec"), paint("1c1614")
    tail = _line(
        [(0.44, 0.05), (0.62, 0.22), (0.84, 0.31), (0.90, 0.16), (0.86, 0.0)],
        [(0.90, -0.16), (0.84, -0.31), (0.62, -0.22), (0.44, -0.05)],
    )
    back = _line(
        [(-0.26, 0.30), (-0.16, 0.50), (0.02, 0.54), (0.14, 0.47), (0.26, 0.46)],
        [(0.40, 0.32), (0.44, 0.14), (0.0, 0.10)],
    )
    under = _line(
        [(0.02, -0.30), (0.06, -0.46), (0.22, -0.48)], [(0.36, -0.34), (0.40, -0.14), (0.1, -0.1)]
    )

    def body(points: Values) -> Values:
        trunk = ellipsoid(points, (-0.10, 0, 0), (0.62, 0.385, 0.21))
        return smooth_union(trunk, capsule(points, (0.25, 0, 0), (0.52, 0, 0), 0.15, 0.085), 0.12)

    def stripes(points: Values) -> Values:
        x, bow = points[0], points[1] ** 2
        first = np.abs(x + 0.335 - 0.55 * bow + 0.05) - 0.060
        second = np.abs(x - 0.03 + 0.35 * bow - 0.06 * np.exp(-bow * 30)) - 0.075
        third = np.abs(x - 0.445) - 0.042
        nearest = np.minimum(np.minimum(first, second), third)
        shade = 1 - 0.22 * np.clip(-points[1] / 0.4, -0.6, 1)
        skin = mixed(nearest - 0.024, black, orange * np.float32(1.0)) * shade
        return np.where(nearest < 0, white[:, None], skin)

    def edged(outline: Outline) -> Field:
        def colors(points: Values) -> Values:
            inside = outline.distance(points[0], points[1])
            rays = 0.90 + 0.10 * np.sin(np.arctan2(points[1], points[0] - 0.1) * 70)
            return np.where(inside > -0.030, black[:, None], orange[:, None] * rays)

        return colors

    def fin(points: Values) -> Values:
        local = turned(at(points, (-0.06, -0.10, 0.20)), 2, -28)
        local = turned(local, 1, -24)
        return ellipsoid(local, (0.13, 0, 0), (0.16, 0.105, 0.022))

    def fin_paint(points: Values) -> Values:
        local = turned(turned(at(points, (-0.06, -0.10, 0.20)), 2, -28), 1, -24)
        rim = length((local[0] - 0.13) / 0.16, local[1] / 0.105)
        return np.where(rim > 0.80, black[:, None], orange[:, None])

    def thin(outline: Outline, depth: float) -> Field:
        return lambda p: extrusion(p, outline, depth, 0.016)

    return Solid(
        parts=[
            Part(field=body, paint=stripes, gloss=0.55),
            Part(field=thin(tail, 0.030), paint=edged(tail), gloss=0.4, blend=0.04),
            Part(field=thin(back, 0.026), paint=edged(back), gloss=0.4, blend=0.04),
            Part(field=thin(under, 0.026), paint=edged(under), gloss=0.4, blend=0.04),
            Part(field=fin, paint=fin_paint, gloss=0.4, blend=0.01),
            Part(
                field=lambda p: ellipsoid(p, (-0.515, 0.085, 0.110), (0.070, 0.070, 0.050)),
                paint=white,
                gloss=0.9,
            ),
            Part(
                field=lambda p: ellipsoid(p, (-0.525, 0.085, 0.135), (0.046, 0.046, 0.034)),
                paint=black,
                gloss=1.0,
            ),
        ],
        low=(-0.82, -0.60, -0.40),
        high=(1.0, 0.66, 0.40),
    )


def penguin() -> Solid:
    """A penguin with a scarf: round enough to be rebuilt from four sides."""
    slate, white, orange = paint("34465c"), paint("f8f5ee"), paint("f29a2e")
    red, black = paint("d0403a"), paint("14110f")

    def coat(points: Values) -> Values:
        x, y, z = points
        belly = length(x / 0.37, (y + 0.27) / 0.56) - 1
        face = length((np.abs(x) - 0.13) / 0.19, (y - 0.50) / 0.22) - 1
        front = np.where(z > 0, np.minimum(belly, face), np.float32(1))
        return mixed(front, white, slate, softness=0.015)

    def body(points: Values) -> Values:
        trunk = ellipsoid(points, (0, -0.22, 0), (0.53, 0.68, 0.47))
        whole = smooth_union(trunk, sphere(points, (0, 0.50, 0.01), 0.40), 0.14)
        return smooth_cut(whole, points[1] + np.float32(0.84), 0.04)

    def flippers(points: Values) -> Values:
        local = turned(at(mirrored(points), (0.485, -0.15, 0.02)), 2, 9)
        return ellipsoid(local, (0, 0, 0), (0.075, 0.36, 0.19))

    def scarf(points: Values) -> Values:
        ring = torus(
            points * np.array([[1], [0.86], [1]], np.float32), (0, 0.17, 0), 0.395, 0.075, 1
        )
        end = box(
            turned(at(points, (0.20, -0.05, 0.475)), 2, -10), (0, 0, 0), (0.095, 0.19, 0.035), 0.03
        )
        return smooth_union(ring, end, 0.03)

    def scarf_paint(points: Values) -> Values:
        hanging = (points[1] < 0.06) & (points[2] > 0.40)
        around = np.sin(np.arctan2(points[0], points[2]) * 11 + 0.6)
        down = np.sin((points[1] + 0.03) * 52)
        return mixed(np.where(hanging, down, around) + 0.35, white, red, softness=0.06)

    return Solid(
        parts=[
            Part(field=body, paint=coat, gloss=0.35),
            Part(field=flippers, paint=slate, gloss=0.35, blend=0.05),
            Part(
                field=lambda p: ellipsoid(p, (0, -0.72, -0.40), (0.12, 0.07, 0.15)),
                paint=slate,
                gloss=0.35,
                blend=0.06,
            ),
            Part(
                field=lambda p: ellipsoid(mirrored(p), (0.22, -0.85, 0.22), (0.19, 0.075, 0.27)),
                paint=orange,
                gloss=0.4,
                blend=0.02,
            ),
            Part(
                field=lambda p: ellipsoid(p, (0, 0.435, 0.42), (0.105, 0.065, 0.15)),
                paint=orange,
                gloss=0.5,
                blend=0.01,
            ),
            Part(
                field=lambda p: sphere(mirrored(p), (0.135, 0.555, 0.352), 0.05),
                paint=black,
                gloss=1.0,
            ),
            Part(field=scarf, paint=scarf_paint, gloss=0.05),
        ],
        low=(-0.74, -1.0, -0.66),
        high=(0.74, 0.98, 0.66),
    )


def robot() -> Solid:
    """A tin robot."""
    mint, steel, dark = paint("5fb8a8"), paint("aab4ba"), paint("39444c")
    yellow, red, cyan = paint("f5b83d"), paint("e2503f"), paint("9ff3ff")

    def limbs(points: Values) -> Values:
        return capsule(mirrored(points), (0.44, -0.02, 0), (0.58, -0.40, 0.04), 0.062)

    def claws(points: Values) -> Values:
        local = mirrored(points)
        ring = torus(turned(at(local, (0.605, -0.55, 0.05)), 2, 14), (0, 0, 0), 0.085, 0.034, 2)
        return np.maximum(ring, -box(local, (0.628, -0.66, 0.05), (0.038, 0.07, 0.1)))

    return Solid(
        parts=[
            Part(
                field=lambda p: box(p, (0, -0.16, 0), (0.38, 0.36, 0.26), 0.07),
                paint=mint,
                gloss=0.5,
            ),
            Part(
                field=lambda p: cylinder(p, (0, 0.25, 0), 0.14, 0.07, rounding=0.02, axis=1),
                paint=dark,
                gloss=0.5,
            ),
            Part(
                field=lambda p: box(p, (0, 0.54, 0), (0.36, 0.25, 0.25), 0.08),
                paint=mint,
                gloss=0.5,
            ),
            Part(
                field=lambda p: box(p, (0, 0.545, 0.235), (0.28, 0.165, 0.035), 0.03),
                paint=dark,
                gloss=0.8,
            ),
            Part(
                field=lambda p: cylinder(
                    mirrored(p), (0.135, 0.58, 0.27), 0.072, 0.02, rounding=0.015, axis=2
                ),
                paint=cyan,
                gloss=0.6,
                glow=0.35,
            ),
            Part(
                field=lambda p: box(p, (0, 0.445, 0.268), (0.11, 0.018, 0.012), 0.010),
                paint=cyan,
                glow=0.35,
            ),
            Part(
                field=lambda p: cylinder(
                    mirrored(p), (0.385, 0.54, 0), 0.10, 0.045, rounding=0.02, axis=0
                ),
                paint=yellow,
                gloss=0.5,
            ),
            Part(
                field=lambda p: capsule(p, (0, 0.78, 0), (0, 0.92, 0), 0.024),
                paint=steel,
                gloss=0.9,
            ),
            Part(field=lambda p: sphere(p, (0, 0.965, 0), 0.062), paint=red, gloss=0.9),
            Part(
                field=lambda p: sphere(mirrored(p), (0.41, 0.0, 0), 0.115), paint=yellow, gloss=0.5
            ),
            Part(field=limbs, paint=steel, gloss=0.8),
            Part(field=claws, paint=yellow, gloss=0.5, blend=0.02),
            Part(
                field=lambda p: box(p, (0, -0.10, 0.25), (0.25, 0.17, 0.03), 0.025),
                paint=paint("f3ead6"),
                gloss=0.4,
            ),
            Part(
                field=lambda p: cylinder(
                    p, (-0.12, -0.05, 0.285), 0.068, 0.014, rounding=0.01, axis=2
                ),
                paint=dark,
                gloss=0.6,
            ),
            Part(
                field=lambda p: capsule(p, (-0.12, -0.05, 0.30), (-0.085, -0.005, 0.30), 0.011),
                paint=red,
                gloss=0.5,
            ),
            Part(field=lambda p: sphere(p, (0.06, -0.04, 0.278), 0.036), paint=red, gloss=0.9),
            Part(field=lambda p: sphere(p, (0.165, -0.04, 0.278), 0.036), paint=yellow, gloss=0.9),
            Part(
                field=lambda p: box(p, (0, -0.20, 0.282), (0.19, 0.022, 0.012), 0.010),
                paint=mint,
                gloss=0.5,
            ),
            Part(
                field=lambda p: cylinder(
                    mirrored(p), (0.18, -0.62, 0), 0.095, 0.13, rounding=0.02, axis=1
                ),
                paint=steel,
                gloss=0.8,
            ),
            Part(
                field=lambda p: torus(mirrored(p), (0.18, -0.62, 0), 0.095, 0.018, 1),
                paint=dark,
                gloss=0.5,
            ),
            Part(
                field=lambda p: box(mirrored(p), (0.19, -0.80, 0.06), (0.155, 0.09, 0.21), 0.06),
                paint=yellow,
                gloss=0.5,
            ),
        ],
        low=(-0.80, -0.96, -0.40),
        high=(0.80, 1.08, 0.42),
    )


def rocket() -> Solid:
    """A toy rocket under way."""
    hull = curve(
        [(0.20, -0.52), (0.28, -0.30), (0.315, 0.0), (0.27, 0.36), (0.15, 0.68), (0.0, 0.90)]
    )
    body = np.concatenate([[(_BEYOND_AXIS, -0.52)], hull, [(_BEYOND_AXIS, 0.90)]])
    bell = np.array([(_BEYOND_AXIS, -0.50), (0.13, -0.50), (0.20, -0.66), (_BEYOND_AXIS, -0.66)])
    blaze = curve([(0.13, -0.66), (0.17, -0.76), (0.11, -0.92), (0.0, -1.10)])
    flame = np.concatenate([[(_BEYOND_AXIS, -0.66)], blaze, [(_BEYOND_AXIS, -1.10)]])
    fire_line, bell_line, hull_line = Outline(flame), Outline(bell), Outline(body)
    blade = _line(
        [(0.20, -0.06), (0.40, -0.22), (0.54, -0.50)], [(0.55, -0.74), (0.40, -0.58), (0.20, -0.50)]
    )
    white, red, navy, steel = paint("f6f2ea"), paint("dd3b32"), paint("23395b"), paint("9aa5b1")
    yellow, orange = paint("ffd84a"), paint("ff7a1a")

    def coat(points: Values) -> Values:
        height = points[1]
        found = mixed(np.float32(0.44) - height, red, white)
        found = np.where(np.abs(height + 0.36) < 0.045, red[:, None], found)
        return np.where(np.abs(height - 0.41) < 0.014, navy[:, None], found)

    def fins(points: Values) -> Values:
        side = extrusion(mirrored(points), blade, 0.035, 0.025)
        quarter = mirrored(turned(points, 1, 90))
        return np.minimum(side, extrusion(quarter, blade, 0.035, 0.025))

    def fire(points: Values) -> Values:
        share = np.clip((-points[1] - 0.70) / 0.30, 0, 1)
        found: Values = yellow[:, None] * (1 - share) + orange[:, None] * share
        return found

    return Solid(
        parts=[
            Part(field=lambda p: lathe(p, fire_line), paint=fire, gloss=0.0, glow=0.6),
            Part(field=lambda p: lathe(p, bell_line) - np.float32(0.012), paint=navy, gloss=0.6),
            Part(field=lambda p: lathe(p, hull_line), paint=coat, gloss=0.7),
            Part(field=fins, paint=red, gloss=0.6, blend=0.03),
            Part(
                field=lambda p: torus(p, (0, 0.13, 0.285), 0.125, 0.032, 2), paint=steel, gloss=1.0
            ),
            Part(
                field=lambda p: ellipsoid(p, (0, 0.13, 0.275), (0.115, 0.115, 0.045)),
                paint=paint("3f8fd0"),
                gloss=1.0,
            ),
            Part(
                field=lambda p: sphere(p, (0, 0.92, 0), 0.035), paint=yellow, gloss=0.9, blend=0.02
            ),
        ],
        low=(-0.66, -1.18, -0.66),
        high=(0.66, 1.04, 0.66),
    )


def badge() -> Solid:
    """An enamelled star badge."""
    gold, navy, teal = paint("e0a73a"), paint("1f3f77"), paint("2f7fb5")
    angles = np.radians(np.arange(0, 360, 360 / 10) + 90)
    radii = np.where(np.arange(10) % 2 == 0, 0.50, 0.215)
    star = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    turns = np.linspace(0, 2 * np.pi, 192, endpoint=False)
    scallop = 0.86 + 0.030 * np.cos(turns * 16)
    rim = np.stack([scallop * np.cos(turns), scallop * np.sin(turns)], axis=1)

    star_line, rim_line = Outline(star), Outline(rim)

    def enamel(points: Values) -> Values:
        angle = np.arctan2(points[1], points[0])
        ray = np.cos(angle * 20 + np.pi)
        return mixed(ray.astype(np.float32), teal, navy, softness=0.05)

    def raised(points: Values) -> Values:
        slope = star_line.distance(points[0], points[1])
        top = points[2] - 0.10 + slope * 0.42
        found: Values = np.maximum(np.maximum(slope, top * 0.9), -points[2]) - 0.018
        return found.astype(np.float32)

    return Solid(
        parts=[
            Part(field=lambda p: extrusion(p, rim_line, 0.075, 0.03), paint=gold, gloss=1.0),
            Part(
                field=lambda p: cylinder(p, (0, 0, 0.05), 0.72, 0.045, rounding=0.02, axis=2),
                paint=enamel,
                gloss=0.9,
            ),
            Part(field=lambda p: torus(p, (0, 0, 0.085), 0.735, 0.032, 2), paint=gold, gloss=1.0),
            Part(field=raised, paint=gold, gloss=1.0),
        ],
        low=(-1.0, -1.0, -0.16),
        high=(1.0, 1.0, 0.30),
    )
