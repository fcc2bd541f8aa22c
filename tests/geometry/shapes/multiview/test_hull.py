"""Solids carved out of silhouettes whose true solid is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from image2model.core.generator import View
from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.render.raster import rasterize
from image2model.geometry.shapes.multiview.hull import carve
from image2model.geometry.subject.silhouette import trace_silhouette

Points = NDArray[np.float32]
Faces = NDArray[np.int32]
Pixels = NDArray[np.uint8]
Outline = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]

SIZE_PX = 240


def draw(outline: Outline) -> Pixels:
    """Coverage of an outline given for x and y from -1 to 1, y down, with soft edges."""
    fine = (np.arange(4 * SIZE_PX) + 0.5) / (2 * SIZE_PX) - 1
    inside = outline(*np.meshgrid(fine, fine))
    covered = inside.reshape(SIZE_PX, 4, SIZE_PX, 4).mean(axis=(1, 3))
    return np.asarray(np.round(covered * 255), np.uint8)


def carve_from(
    views: dict[View, Pixels], *, roundness: float = 1.0, face_limit: int = 30_000
) -> tuple[Points, Faces]:
    silhouettes = {view: trace_silhouette(coverage) for view, coverage in views.items()}
    points, faces = carve(silhouettes, face_limit=face_limit, roundness=roundness)
    assert len(faces) <= face_limit
    assert is_watertight(faces)
    return points, faces


def volume_of(points: Points, faces: Faces) -> float:
    a, b, c = (points[faces[:, corner]].astype(np.float64) for corner in range(3))
    return abs(float((np.cross(a, b) * c).sum())) / 6


def overlap(points: Points, faces: Faces, coverage: Pixels, across: Points, down: Points) -> float:
    height, width = coverage.shape
    corners = np.column_stack([across, down, np.full(len(points), 0.5), np.ones(len(points))])
    drawn = rasterize(
        corners.astype(np.float64), faces, width_px=width, height_px=height, hide_back=False
    )
    made = np.zeros(coverage.size, bool)
    made[drawn.pixels] = True
    wanted = coverage.ravel() > 127
    return float((made & wanted).sum() / (made | wanted).sum())


def ball(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(x * x + y * y < 0.64)


def square(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.maximum(abs(x), abs(y)) < 0.7)


def with_beak(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A head of radius 0.6 with a rod of half height 0.1 that sticks out to the right."""
    return np.asarray((x * x + y * y < 0.36) | ((abs(y) < 0.1) & (x > 0) & (x < 0.9)))


def with_brim(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A head with a thin brim all round."""
    return np.asarray((x * x + y * y < 0.25) | ((abs(y) < 0.07) & (abs(x) < 0.9)))


def dumb_bell(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    knobs = x * x + (abs(y) - 0.5) ** 2 < 0.16
    return np.asarray(knobs | ((abs(x) < 0.15) & (abs(y) < 0.5)))


@pytest.mark.parametrize("second", [View.LEFT, View.RIGHT, View.TOP])
def test_a_ball_is_a_ball(second: View) -> None:
    disc = draw(ball)
    points, faces = carve_from({View.FRONT: disc, second: disc})
    radius_px = 0.8 * SIZE_PX / 2
    assert volume_of(points, faces) == pytest.approx(4 / 3 * math.pi * radius_px**3, rel=0.02)
    away = np.linalg.norm(points - [SIZE_PX / 2, SIZE_PX / 2, 0], axis=1)
    assert np.abs(away - radius_px).max() < 0.03 * radius_px


def test_a_square_from_two_sides_is_a_cylinder_if_round() -> None:
    block = draw(square)
    points, faces = carve_from({View.FRONT: block, View.LEFT: block})
    radius_px = 0.7 * SIZE_PX / 2
    assert volume_of(points, faces) == pytest.approx(2 * math.pi * radius_px**3, rel=0.03)


def test_a_square_from_two_sides_is_nearly_a_box_if_not() -> None:
    block = draw(square)
    points, faces = carve_from({View.FRONT: block, View.LEFT: block}, roundness=0.2)
    assert volume_of(points, faces) == pytest.approx(8 * (0.7 * SIZE_PX / 2) ** 3, rel=0.08)


@pytest.mark.parametrize("outline", [ball, square, with_beak, with_brim, dumb_bell])
def test_both_outlines_are_seen_again(outline: Outline) -> None:
    front, side = draw(ball if outline is with_beak else outline), draw(outline)
    points, faces = carve_from({View.FRONT: front, View.LEFT: side})
    x, y, z = points.T
    side_z = z + (np.flatnonzero(side.max(axis=0) > 127)[[0, -1]].mean() + 0.5)
    if outline is not with_beak:
        assert overlap(points, faces, side, side_z, y) > 0.97
    assert overlap(points, faces, front, x, y) > 0.97


def test_a_beak_is_as_wide_as_it_is_high() -> None:
    """The head behind it fills the front view at its height; that says nothing about the beak."""
    head = draw(lambda x, y: np.asarray(x * x + y * y < 0.36))
    points, _ = carve_from({View.FRONT: head, View.LEFT: draw(with_beak)})
    beak = points[points[:, 2] > points[:, 2].max() - 0.2 * SIZE_PX / 2]
    width, height, _ = np.ptp(beak, axis=0)
    assert 0.5 * height < width < 2.5 * height


def test_a_brim_goes_all_round() -> None:
    hat = draw(with_brim)
    points, _ = carve_from({View.FRONT: hat, View.LEFT: hat})
    x, z = points[:, 0] - SIZE_PX / 2, points[:, 2]
    diagonal = np.abs(np.abs(x) - np.abs(z)) < 4
    reach_px = np.hypot(x, z)[diagonal].max()
    assert reach_px == pytest.approx(0.9 * SIZE_PX / 2, rel=0.08)


def test_a_surface_has_no_furrows() -> None:
    """Each level is cut by itself, yet the dumb-bell's knobs come out as smooth as balls."""
    bell = draw(dumb_bell)
    points, _ = carve_from({View.FRONT: bell, View.LEFT: bell})
    middle = np.array([SIZE_PX / 2, SIZE_PX / 2 - 0.25 * SIZE_PX, 0])
    knob = points[points[:, 1] < middle[1]]
    away = np.linalg.norm(knob - middle, axis=1)
    assert away.std() < 0.02 * SIZE_PX / 5


@pytest.mark.parametrize(("outline", "share"), [(square, 1.0), (ball, math.pi / 4)])
def test_the_top_tells_boxes_from_cylinders(outline: Outline, share: float) -> None:
    block = draw(square)
    # The ball's outline is wider than the block's, but only its form counts.
    points, faces = carve_from({View.FRONT: block, View.LEFT: block, View.TOP: draw(outline)})
    box = (2 * 0.7 * SIZE_PX / 2) ** 3
    assert volume_of(points, faces) == pytest.approx(share * box, rel=0.06)
