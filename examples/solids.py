"""Objects made of painted parts, and the triangles of their surface."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.fields import Values, smooth_union
from image2model.geometry.shapes.multiview.surface_nets import surface_of

Field = Callable[[Values], Values]

_BLOCK = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """
    A piece of an object.

    Attributes:
        field: Its signed distance.
        paint: Its colour, linear RGB: one, or a function of points (3, n) that gives (3, n).
        gloss: How much it mirrors the lamps, 0.0 (cloth) to 1.0 (glaze).
        blend: Radius of the fillet with which it grows out of the parts before it.
        glow: How much light it sends out by itself, as a factor on its colour.
    """

    field: Field
    paint: Values | Callable[[Values], Values]
    gloss: float = 0.15
    blend: float = 0.0
    glow: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solid:
    """
    An object: its parts and a box it fits in.

    Attributes:
        parts: Painted pieces; later ones are laid over earlier ones.
        low: Lower corner of the box.
        high: Upper corner of the box.
    """

    parts: Sequence[Part]
    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def distance(self, points: Values) -> Values:
        """Return the signed distance of the whole."""
        found = self.parts[0].field(points)
        for part in self.parts[1:]:
            found = smooth_union(found, part.field(points), part.blend)
        return found

    def surface(self, points: Values) -> tuple[Values, Values, Values]:
        """Return colour (3, n), gloss (n,) and glow (n,) of points on the surface."""
        nearest = np.argmin([part.field(points) for part in self.parts], axis=0)
        color = np.empty_like(points)
        for index, part in enumerate(self.parts):
            own = np.flatnonzero(nearest == index)
            paint = part.paint(points[:, own]) if callable(part.paint) else part.paint[:, None]
            color[:, own] = paint
        gloss = np.array([part.gloss for part in self.parts], np.float32)[nearest]
        glow = np.array([part.glow for part in self.parts], np.float32)[nearest]
        return color, gloss, glow


def paint(code: str) -> Values:
    """Return linear RGB for a colour written as six hexadecimal digits."""
    value = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def mixed(where: Values, first: Values, second: Values, softness: float = 0.004) -> Values:
    """Paint *first* where *where* is negative, *second* where it is positive."""
    share = np.clip(where / np.float32(2 * softness) + 0.5, 0, 1)
    found: Values = first[:, None] * (1 - share) + second[:, None] * share
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Skin:
    """
    The triangles of a solid's surface.

    Attributes:
        positions: float32, shape (vertices, 3).
        normals: float32 unit vectors, shape (vertices, 3).
        faces: int64, shape (faces, 3).
    """

    positions: Values
    normals: Values
    faces: NDArray[np.int64]


def tessellate(solid: Solid, *, cells: int) -> Skin:
    """
    Find the surface of *solid* with surface nets whose vertices are then moved onto it.

    Args:
        solid: What to cover.
        cells: Cells along the longest side of its box.

    Returns:
        A closed surface.
    """
    low = np.asarray(solid.low, np.float32)
    extent = np.asarray(solid.high, np.float32) - low
    cell = float(extent.max()) / cells
    blocks = np.ceil(extent / (cell * _BLOCK)).astype(int)
    values = _sample(solid, low, cell, blocks)
    vertices, faces = surface_of(values < 0, lambda grid: -values[tuple(grid.T)])
    positions = _settle(solid, low + np.float32(cell) * vertices, cell)
    return Skin(
        positions=positions,
        # Over most of a cell, so that the facets of an outline do not show in what is mirrored.
        normals=_gradient(solid, positions, cell * 0.8),
        faces=faces.astype(np.int64),
    )


def _sample(
    solid: Solid, low: Values, cell: float, blocks: NDArray[np.int_]
) -> NDArray[np.float32]:
    """Measure the distance at grid points; exactly only in blocks that the surface may pass."""
    starts = np.argwhere(np.ones(blocks, bool)) * _BLOCK
    middles = low + cell * (starts + _BLOCK / 2)
    rough = solid.distance(np.ascontiguousarray(middles.T, np.float32))
    near = np.abs(rough) < cell * _BLOCK * 1.6
    values = np.repeat(np.repeat(np.repeat(rough.reshape(blocks), _BLOCK, 0), _BLOCK, 1), _BLOCK, 2)
    values = np.pad(values, ((0, 1), (0, 1), (0, 1)), mode="edge")
    offsets = np.argwhere(np.ones((_BLOCK + 1,) * 3, bool))
    for batch in np.array_split(starts[near], max(1, int(near.sum()) // 512)):
        grid = (batch[:, None] + offsets).reshape(-1, 3)
        points = np.ascontiguousarray((low + cell * grid).T, np.float32)
        values[tuple(grid.T)] = solid.distance(points)
    return values


def _settle(solid: Solid, positions: Values, cell: float) -> Values:
    for _ in range(2):
        normals = _gradient(solid, positions, cell * 0.25)
        distance = solid.distance(np.ascontiguousarray(positions.T))
        positions = positions - normals * np.clip(distance, -cell / 2, cell / 2)[:, None]
    return positions


def _gradient(solid: Solid, positions: Values, step: float) -> Values:
    points = np.ascontiguousarray(positions.T)
    slopes = []
    for axis in range(3):
        shift = np.zeros((3, 1), np.float32)
        shift[axis] = step
        slopes.append(solid.distance(points + shift) - solid.distance(points - shift))
    slope = np.stack(slopes, axis=1)
    found: Values = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12)
    return found.astype(np.float32)
