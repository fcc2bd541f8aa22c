"""The rasteriser against what can be computed by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from image2model.geometry.render.camera import frame
from image2model.geometry.render.raster import Fragments, rasterize

SIDE_PX = 256


def flat(corners: list[tuple[float, float]], depth: float = 0.5) -> NDArray[np.float64]:
    return np.array([(x, y, depth, 1.0) for x, y in corners])


def draw(
    points: NDArray[np.float64], faces: list[tuple[int, int, int]], *, hide_back: bool = False
) -> Fragments:
    indices = np.array(faces, np.int64).reshape(-1, 3)
    return rasterize(points, indices, width_px=SIDE_PX, height_px=SIDE_PX, hide_back=hide_back)


def sphere(rings: int = 96) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    around, down = np.meshgrid(
        np.linspace(0, 2 * np.pi, rings + 1), np.linspace(0, np.pi, rings + 1)
    )
    positions = np.stack(
        [np.sin(down) * np.sin(around), np.cos(down), np.sin(down) * np.cos(around)], axis=-1
    )
    at = (np.arange(rings)[:, None] * (rings + 1) + np.arange(rings)).ravel()
    below = at + rings + 1
    faces = np.concatenate(
        [np.stack([at, below, at + 1], axis=1), np.stack([at + 1, below, below + 1], axis=1)]
    )
    return positions.reshape(-1, 3).astype(np.float32), faces


@pytest.mark.parametrize("field_of_view_deg", [None, 30.0])
def test_sphere_has_the_area_and_normals_of_a_sphere(field_of_view_deg: float | None) -> None:
    """A disc of the right size, and each pixel's normal is the point on the ball seen there."""
    positions, faces = sphere()
    camera = frame(positions, field_of_view_deg=field_of_view_deg, margin=0.05)
    points = camera.project(positions, width_px=512, height_px=512)
    seen = rasterize(points, faces, width_px=512, height_px=512)
    radius_px = 512 * 0.45
    assert len(seen.pixels) == pytest.approx(np.pi * radius_px**2, rel=0.004)

    normals = seen.interpolate(positions, faces)
    normals /= np.linalg.norm(normals, axis=0)
    row, column = np.divmod(seen.pixels, 512)
    x = ((column + 0.5) / 256 - 1) * camera.half_width
    y = (1 - (row + 0.5) / 256) * camera.half_height
    if field_of_view_deg is None:
        truth = np.stack([x, y, np.sqrt(np.maximum(1 - x * x - y * y, 0))])
    else:
        away = np.stack([x, y, -np.ones_like(x)]) / np.sqrt(x * x + y * y + 1)
        distance = float(np.linalg.norm(camera.position))
        along = -away[2] * distance
        reach = along - np.sqrt(np.maximum(along**2 - distance**2 + 1, 0))
        truth = away * reach + np.array([[0.0], [0.0], [distance]])
    inner = np.hypot(row + 0.5 - 256, column + 0.5 - 256) < radius_px * 0.95
    cosine = np.clip((normals * truth).sum(axis=0)[inner], -1, 1)
    assert np.degrees(np.arccos(cosine)).max() < 1.0


def test_triangles_of_a_fan_cover_every_pixel_once() -> None:
    """No gap and no double cover along shared sides, however the corners lie."""
    random = np.random.default_rng(7)
    inner = random.uniform(30, 226, (60, 2))
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    rim = 128 + 120 * np.stack([np.cos(angles), np.sin(angles)], axis=1)

    corners = np.concatenate([inner, rim])
    triangles = Delaunay(corners).simplices
    points = np.concatenate([corners, np.tile([0.5, 1.0], (len(corners), 1))], axis=1)
    together = draw(points, triangles.tolist())
    alone = [draw(points, [tuple(triangle)]).pixels for triangle in triangles.tolist()]
    covered = np.concatenate(alone)
    assert len(np.unique(covered)) == len(covered)
    assert np.array_equal(np.sort(covered), together.pixels)
    picture = np.zeros(SIDE_PX * SIDE_PX, np.int8)
    picture[together.pixels] = 1
    changes = np.abs(np.diff(picture.reshape(SIDE_PX, SIDE_PX), axis=1)).sum(axis=1)
    assert changes.max() == 2


def test_sides_on_pixel_centres_belong_to_one_square() -> None:
    """Squares that meet exactly on pixel centres share no pixel and lose none."""
    left = flat([(8.5, 8.5), (16.5, 8.5), (16.5, 24.5), (8.5, 24.5)])
    right = flat([(16.5, 8.5), (40.5, 8.5), (40.5, 24.5), (16.5, 24.5)])
    square = [(0, 1, 2), (0, 2, 3)]
    assert len(draw(left, square).pixels) == 8 * 16
    assert len(draw(right, square).pixels) == 24 * 16
    both = draw(np.concatenate([left, right]), [*square, (4, 5, 6), (4, 6, 7)])
    assert len(both.pixels) == 32 * 16


def test_nearer_face_wins_whatever_the_order() -> None:
    """Crossing triangles are cut along the line where their depths are equal."""
    slanted = np.array([(0, 0, 0.2, 1), (200, 0, 0.8, 1), (200, 200, 0.8, 1), (0, 200, 0.2, 1)])
    level = flat([(0, 0), (200, 0), (200, 200), (0, 200)], depth=0.5)
    points = np.concatenate([slanted, level])
    first, second = [(0, 1, 2), (0, 2, 3)], [(4, 5, 6), (4, 6, 7)]
    seen = draw(points, first + second)
    column = seen.pixels % SIDE_PX
    assert np.array_equal(seen.faces < 2, column + 0.5 < 100)
    swapped = draw(points, second + first)
    assert np.array_equal(swapped.faces >= 2, column + 0.5 < 100)
    expected = np.minimum(0.2 + (column + 0.5) * 0.003, 0.5)
    assert np.abs(seen.depth - expected).max() < 1e-6


def test_texture_coordinates_are_perspective_correct() -> None:
    """On a floor that runs away from the camera, u and v are those of the floor point."""
    floor = np.array([(-1, -1, 1), (1, -1, 1), (1, -1, -6), (-1, -1, -6)], np.float32)
    uvs = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    faces = np.array([(0, 1, 2), (0, 2, 3)])
    camera = frame(floor, pitch_deg=10, field_of_view_deg=60)
    points = camera.project(floor, width_px=SIDE_PX, height_px=SIDE_PX)
    seen = rasterize(points, faces, width_px=SIDE_PX, height_px=SIDE_PX)
    assert len(seen.pixels) > 2000
    u, v = seen.interpolate(uvs, faces)
    hit = np.stack([u * 2 - 1, np.full_like(u, -1), 1 - v * 7], axis=1)
    back = camera.project(hit, width_px=SIDE_PX, height_px=SIDE_PX)
    row, column = np.divmod(seen.pixels, SIDE_PX)
    # Corners are snapped to 1/256 pixel, which moves points by a few hundredths at most.
    assert np.abs(back[:, 0] - column - 0.5).max() < 0.05
    assert np.abs(back[:, 1] - row - 0.5).max() < 0.05


def test_back_faces_are_hidden_on_demand() -> None:
    """Counter-clockwise for the eye is the front, with y pointing down in the picture."""
    corners = flat([(10, 100), (100, 100), (10, 10)])
    assert len(draw(corners, [(0, 1, 2)], hide_back=True).pixels) > 3000
    assert len(draw(corners, [(0, 2, 1)], hide_back=True).pixels) == 0
    assert len(draw(corners, [(0, 2, 1)], hide_back=False).pixels) > 3000


def test_weights_belong_to_the_corners_as_given() -> None:
    """At a pixel beside a corner, that corner's weight is near one."""
    corners = flat([(10, 100), (100, 100), (10, 10)])
    seen = draw(corners, [(0, 1, 2)])
    for corner, (x, y) in enumerate([(10, 99), (98, 99), (10, 12)]):
        (at,) = np.flatnonzero(seen.pixels == y * SIDE_PX + x)
        assert seen.weights[corner, at] > 0.95
    assert np.abs(seen.weights.sum(axis=0) - 1).max() < 1e-5


def test_nothing_to_draw_gives_no_fragments() -> None:
    """No faces, faces outside, behind the camera or without area: an empty answer."""
    points = np.array([(1, 1, 0.5, 0.0), (9, 1, 0.5, 1), (1, 9, 0.5, 1), (5, 5, 0.5, 1)])
    assert len(draw(points, []).pixels) == 0
    assert len(draw(points, [(0, 1, 2), (1, 1, 2), (1, 2, 3)]).pixels) == 0
    outside = flat([(-90, 10), (-10, 10), (-50, 50), (300, 10), (400, 10), (350, 50)])
    assert len(draw(outside, [(0, 1, 2), (3, 4, 5)]).pixels) == 0


def test_large_faces_are_cut_at_the_border() -> None:
    """A face far larger than the picture fills it exactly."""
    seen = draw(flat([(-5000, -5000), (9000, -5000), (-5000, 9000)]), [(0, 1, 2)])
    assert len(seen.pixels) == SIDE_PX * SIDE_PX


def test_work_is_cut_into_chunks_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many chunks give the same picture as one."""
    positions, faces = sphere(48)
    points = frame(positions).project(positions, width_px=SIDE_PX, height_px=SIDE_PX)
    whole = rasterize(points, faces, width_px=SIDE_PX, height_px=SIDE_PX, hide_back=False)
    monkeypatch.setattr("image2model.geometry.render.raster._CHUNK_FRAGMENTS", 500)
    cut = rasterize(points, faces, width_px=SIDE_PX, height_px=SIDE_PX, hide_back=False)
    assert np.array_equal(whole.pixels, cut.pixels)
    assert np.array_equal(whole.faces, cut.faces)
