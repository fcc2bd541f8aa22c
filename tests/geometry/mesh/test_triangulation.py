"""Polygons of any shape become triangles that cover exactly them."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.mesh.triangulation import Triangles, triangulate

Ring = list[tuple[float, float]]

DART: Ring = [(0.5, 0.5), (0, 2), (0, 0), (2, 0)]
ARROW: Ring = [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]
ELL: Ring = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
CROSS: Ring = [
    (1, 0), (2, 0), (2, 1), (3, 1), (3, 2), (2, 2), (2, 3), (1, 3), (1, 2), (0, 2), (0, 1), (1, 1)
]  # fmt: skip
COMB: Ring = [(0, 0), (7, 0), (7, 5), (6, 1), (5, 5), (4, 1), (3, 5), (2, 1), (1, 5), (0, 1)]
FRAME: Ring = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (1, 1), (1, 3), (3, 3), (3, 1), (1, 1)]
"""With a hole that a seam joins to the border."""

TOUCHING: Ring = [(0, 0), (1, 1), (2, 0), (2, 2), (1, 1), (0, 2)]
PANE: Ring = [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
"""A square with a corner in the middle of each side."""

AREAS: dict[str, tuple[Ring, float]] = {
    "dart": (DART, 1.0),
    "arrow": (ARROW, 10.0),
    "L": (ELL, 3.0),
    "cross": (CROSS, 5.0),
    "comb": (COMB, 21.0),
    "frame": (FRAME, 12.0),
    "touching": (TOUCHING, 2.0),
    "pane": (PANE, 4.0),
    "with a spike": ([(0, 0), (2, 0), (3, 0), (2, 0), (2, 2), (0, 2)], 4.0),
    "same corner twice": ([(0, 0), (0, 0), (1, 0), (1, 1), (0, 1)], 1.0),
    "convex": ([(math.cos(a), math.sin(a)) for a in np.linspace(0, 6, 40)], 3.14),
}


def cut(*rings: Sequence[Sequence[float]]) -> tuple[NDArray[np.float64], Triangles]:
    positions = np.array([point for ring in rings for point in ring], float)
    if positions.shape[1] == 2:
        positions = np.pad(positions, ((0, 0), (0, 1)))
    counts = np.array([len(ring) for ring in rings])
    return positions, triangulate(positions, np.arange(len(positions)), counts)


def vectors(positions: NDArray[np.float64], found: Triangles) -> NDArray[np.float64]:
    a, b, c = (positions[found.corners[:, corner]] for corner in range(3))
    across: NDArray[np.float64] = np.cross(b - a, c - a) / 2
    return across


def area(positions: NDArray[np.float64], found: Triangles) -> float:
    return float(np.linalg.norm(vectors(positions, found), axis=1).sum())


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", AREAS)
def test_area(name: str, backwards: bool) -> None:
    """From whatever corner it begins, and the front stays the front."""
    ring, expected = AREAS[name]
    if backwards:
        ring = ring[::-1]
    for start in range(len(ring)):
        positions, found = cut([*ring[start:], *ring[:start]])
        assert area(positions, found) == pytest.approx(expected, rel=0.01)
        front = vectors(positions, found)[:, 2]
        assert (front <= 1e-12).all() if backwards else (front >= -1e-12).all()
        assert found.crossing == 0


@given(seed=st.integers(0, 2**32), size=st.sampled_from([1e-5, 1.0, 1e5]))
def test_area_anywhere_in_space(seed: int, size: float) -> None:
    """Turned, moved, tiny and huge: a star whose area is known."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.random(11)) * 2 * math.pi
    radii = rng.uniform(0.2, 1, 11)
    following = np.roll(angles, -1) - angles + np.where(np.arange(11) == 10, 2 * math.pi, 0)
    expected = (radii * np.roll(radii, -1) * np.sin(following)).sum() / 2
    # Where two rays are more than half a turn apart the middle is outside.
    if (following >= math.pi).any():
        return
    flat = np.stack([radii * np.cos(angles), radii * np.sin(angles), np.zeros(11)], 1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    positions, found = cut((flat @ turn * size + rng.normal(size=3) * size * 10).tolist())
    assert area(positions, found) == pytest.approx(expected * size**2, rel=1e-6)
    assert found.crossing == 0


def test_triangles_of_many_polygons_stay_in_their_order() -> None:
    positions, found = cut(ELL, DART, [(0, 0), (1, 0)], ELL[:3], CROSS, [(5, 5)])
    assert found.polygon.tolist() == [0] * 4 + [1] * 2 + [3] + [4] * 10
    assert found.too_few == 2
    sizes = np.linalg.norm(vectors(positions, found), axis=1)
    totals = [sizes[found.polygon == index].sum() for index in (0, 1, 3, 4)]
    assert totals == pytest.approx([3, 1, 1, 5])


def test_corners_on_a_straight_side_are_kept() -> None:
    """Otherwise the surface would be open where a neighbour has such a corner."""
    for ring in (PANE, [*ELL[:1], (1, 0), *ELL[1:]]):
        for start in range(len(ring)):
            _, found = cut([*ring[start:], *ring[:start]])
            assert len(found.corners) == len(ring) - 2
            assert set(found.corners.ravel().tolist()) == set(range(len(ring)))


def test_uneven_quad_has_two_triangles() -> None:
    """Its corners lie in no plane."""
    positions, found = cut([(0, 0, 0), (1, 0, 0.2), (1, 1, 0), (0, 1, 0.2)])
    assert len(found.corners) == 2
    assert area(positions, found) == pytest.approx(1.04, abs=0.03)


@pytest.mark.parametrize(
    "ring",
    [
        [(0, 0), (1, 1), (1, 0), (0, 1)],
        [(0, 0), (2, 2), (2, 0), (0, 1)],
        [(math.cos(4 * math.pi * k / 5), math.sin(4 * math.pi * k / 5)) for k in range(5)],
    ],
)
def test_what_crosses_itself_is_counted(ring: list[tuple[float, float]]) -> None:
    positions, found = cut(ring)
    assert found.crossing == 1
    assert area(positions, found) > 0


@pytest.mark.parametrize(
    "ring", [[(0, 0)] * 4, [(0, 0), (1, 0), (2, 0), (3, 0), (1, 0)], [(1, 1)] * 9], ids=str
)
def test_without_area(ring: list[tuple[float, float]]) -> None:
    positions, found = cut(ring)
    assert len(found.corners) == len(ring) - 2
    assert area(positions, found) == 0
    assert found.crossing == 0


def test_spiral_of_many_corners() -> None:
    angles = np.linspace(0, 40 * math.pi, 4000)
    outer = np.stack([(angles + 2) * np.cos(angles), (angles + 2) * np.sin(angles)], 1)
    inner = np.stack([(angles + 1) * np.cos(angles), (angles + 1) * np.sin(angles)], 1)
    ring = np.concatenate([outer, inner[::-1]])
    x, y = ring.T
    expected = abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
    positions, found = cut(ring.tolist())
    assert area(positions, found) == pytest.approx(expected)


@pytest.mark.parametrize("wrong", [[0, 1, 2, 4], [0, 1, -1, 2]], ids=str)
def test_corner_that_is_not_there(wrong: list[int]) -> None:
    with pytest.raises(InvalidMesh, match="not there"):
        triangulate(np.zeros((4, 3)), np.array(wrong), np.array([4]))


@pytest.mark.parametrize("far", [math.nan, math.inf, 1e300])
def test_corner_that_is_nowhere(far: float) -> None:
    with pytest.raises(InvalidMesh, match="infinitely far away"):
        cut([(0, 0), (1, 0), (far, 1), (0, 1)])
