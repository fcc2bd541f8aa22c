"""From where a picture was taken: directions, boxes, and the search on outlines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from image2model.geometry.inspection.view_search import View, find_views, fit_box, overlap_of
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.render.camera import frame
from image2model.geometry.render.drawing import draw_scene
from image2model.geometry.render.scene import prepare_scene
from tests.geometry.sample_meshes import wedge

ANGLES = st.floats(-180, 180)


def outline(
    mesh: Mesh, *, yaw_deg: float, pitch_deg: float, size_px: int = 160
) -> NDArray[np.bool_]:
    """Draw *mesh* as a camera sees it and keep where it is."""
    scene = prepare_scene([mesh])
    camera = frame(scene.positions, yaw_deg=yaw_deg, pitch_deg=pitch_deg)
    return draw_scene(scene, camera, size_px=size_px)[..., 3] > 127


def boxes() -> st.SearchStrategy[NDArray[np.bool_]]:
    """Rectangles anywhere in a picture of 100 × 80."""

    def box(left: int, top: int, width: int, height: int) -> NDArray[np.bool_]:
        mask = np.zeros((80, 100), bool)
        mask[top : top + height, left : left + width] = True
        return mask

    return st.builds(
        box, st.integers(0, 60), st.integers(0, 50), st.integers(8, 40), st.integers(8, 30)
    )


@given(yaw=ANGLES, pitch=st.floats(-90, 90), roll=ANGLES)
def test_axes_are_those_of_a_picture(yaw: float, pitch: float, roll: float) -> None:
    """Unit vectors at right angles, right × up pointing to the camera."""
    axes = View(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll).axes()
    assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.allclose(np.cross(axes[0], axes[1]), axes[2], atol=1e-12)


def test_axes_by_hand() -> None:
    assert np.allclose(View(yaw_deg=0, pitch_deg=0).axes(), np.eye(3))
    # From the right: depth runs to the left, and the camera stands at +X.
    assert np.allclose(
        View(yaw_deg=90, pitch_deg=0).axes(), [[0, 0, -1], [0, 1, 0], [1, 0, 0]], atol=1e-12
    )
    # The picture turned counter-clockwise by a quarter: its right is what was up.
    assert np.allclose(
        View(yaw_deg=0, pitch_deg=0, roll_deg=90).axes(), [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
        atol=1e-12,
    )  # fmt: skip


@given(mask=boxes(), size_px=st.integers(40, 128))
def test_fit_box_fills_the_square_in_one_direction(mask: NDArray[np.bool_], size_px: int) -> None:
    fitted = fit_box(mask, size_px=size_px)
    sides = [int(fitted.any(axis=axis).sum()) for axis in (1, 0)]
    assert abs(max(sides) - size_px * 0.88) <= 2
    rows, columns = np.nonzero(fitted)
    assert abs(rows.mean() - (size_px - 1) / 2) <= 1
    assert abs(columns.mean() - (size_px - 1) / 2) <= 1


@given(mask=boxes())
def test_overlap(mask: NDArray[np.bool_]) -> None:
    assert overlap_of(mask, mask) == 1
    assert overlap_of(mask, ~mask) == 0
    assert overlap_of(mask, np.zeros_like(mask)) == 0
    assert overlap_of(np.zeros_like(mask), np.zeros_like(mask)) == 0


@pytest.mark.parametrize(("yaw_deg", "pitch_deg"), [(0, 0), (40, 20), (-70, 10), (150, 35)])
def test_finds_where_a_picture_was_taken_from(yaw_deg: float, pitch_deg: float) -> None:
    """To a few degrees: from the opposite side the outline is mirrored, which does not fit."""
    mesh = wedge()
    mask = outline(mesh, yaw_deg=yaw_deg, pitch_deg=pitch_deg)
    best, *_ = find_views(mesh.positions, mesh.faces, mask)
    assert best.overlap > 0.93
    wanted = View(yaw_deg=yaw_deg, pitch_deg=pitch_deg).axes()[2]
    assert best.view.axes()[2] @ wanted > np.cos(np.radians(8))


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e12])
def test_any_size_is_searched(scale: float) -> None:
    """Even a model shrunk to a point or a speck gives views, and no warning."""
    mesh = wedge()
    mask = outline(mesh, yaw_deg=0, pitch_deg=0)
    found = find_views(mesh.positions * np.float32(scale), mesh.faces, mask)
    assert 1 <= len(found) <= 2
    assert all(0 <= fit.overlap <= 1 for fit in found)
