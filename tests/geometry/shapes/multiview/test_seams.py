"""Solids of voxels, and seams that do not open them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.shapes.multiview.seams import split_charts, twin_half_edges
from image2model.geometry.shapes.multiview.surface_nets import count_faces, mend_solid, surface_of

Solid = NDArray[np.bool_]


def random_solid(seed: int, share: float) -> Solid:
    solid = np.random.default_rng(seed).random((14, 15, 16)) < share
    solid[[0, -1]] = False
    solid[:, [0, -1]] = False
    solid[:, :, [0, -1]] = False
    return mend_solid(solid)


def wrap(solid: Solid) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    return surface_of(solid, lambda at: np.where(solid[tuple(at.T)], 1, -1).astype(np.float32))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("seed", range(5))
def test_the_net_around_any_voxels_is_closed(seed: int, share: float) -> None:
    solid = random_solid(seed, share)
    _, faces = wrap(solid)
    assert is_watertight(faces)
    assert len(faces) == count_faces(solid)


def test_a_ball_has_its_volume_and_faces_outward() -> None:
    index = np.indices((41, 41, 41)) - 20
    depth = (15.3 - np.sqrt((index**2).sum(axis=0))).astype(np.float32)
    points, faces = surface_of(depth > 0, lambda at: depth[tuple(at.T)])
    a, b, c = (points[faces[:, i]].astype(np.float64) for i in range(3))
    volume = (np.cross(a, b) * c).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 15.3**3, rel=0.01)
    assert np.abs(np.linalg.norm(points - 20, axis=1) - 15.3).max() < 0.15


@pytest.mark.parametrize("charts", [1, 2, 3, 7])
@pytest.mark.parametrize("seed", range(4))
def test_seams_keep_any_mesh_closed(seed: int, charts: int) -> None:
    """Random charts make corners of every kind; each vertex ends up in one chart."""
    points, faces = wrap(random_solid(seed, 0.3))
    chart_of_face = np.random.default_rng(seed).integers(0, charts, len(faces))
    seamed = split_charts(points, faces, twin_half_edges(faces), chart_of_face)
    assert is_watertight(seamed.faces)
    own = seamed.faces[: len(faces)]
    assert np.array_equal(seamed.origin[own], faces)
    assert (seamed.chart[own] == chart_of_face[:, None]).all()


def test_one_chart_changes_nothing() -> None:
    points, faces = wrap(random_solid(1, 0.3))
    seamed = split_charts(points, faces, twin_half_edges(faces), np.zeros(len(faces), int))
    assert len(seamed.faces) == len(faces)
    assert not seamed.pull.any()
