"""Framing: the subject fills the picture, is centred and is seen from the right side."""

import numpy as np
import pytest
from numpy.typing import NDArray

from image2model.geometry.render.camera import frame


@pytest.fixture
def cloud() -> NDArray[np.float64]:
    return np.random.default_rng(3).uniform((-1, 0, -0.2), (2, 1, 0.4), (500, 3))


@pytest.mark.parametrize("field_of_view_deg", [None, 25.0, 60.0])
@pytest.mark.parametrize("aspect", [0.6, 1.0, 1.7])
def test_points_fit_and_touch_the_margin(
    cloud: NDArray[np.float64], field_of_view_deg: float | None, aspect: float
) -> None:
    """All points stay inside the margin; opposite sides of the picture are equally full."""
    height_px = 400
    width_px = round(height_px * aspect)
    camera = frame(
        cloud,
        yaw_deg=22,
        pitch_deg=12,
        field_of_view_deg=field_of_view_deg,
        aspect=aspect,
        margin=0.1,
    )
    seen = camera.project(cloud, width_px=width_px, height_px=height_px)
    across = np.array([seen[:, 0].min(), width_px - seen[:, 0].max()]) / width_px
    down = np.array([seen[:, 1].min(), height_px - seen[:, 1].max()]) / height_px
    assert across[0] == pytest.approx(across[1], abs=0.01)
    assert down[0] == pytest.approx(down[1], abs=0.01)
    assert min(*across, *down) == pytest.approx(0.1, abs=0.01)
    assert seen[:, 2].min() > 0
    assert seen[:, 2].max() < 1


@pytest.mark.parametrize(
    ("yaw_deg", "to_the_right", "nearest"),
    [(0, (1, 0, 0), (0, 0, 1)), (90, (0, 0, -1), (1, 0, 0)), (180, (-1, 0, 0), (0, 0, -1))],
)
def test_yaw_walks_around_the_subject(
    yaw_deg: float, to_the_right: tuple[int, int, int], nearest: tuple[int, int, int]
) -> None:
    """0 sees the front (+Z) with +X on the right; 90 stands at +X."""
    ends = np.concatenate([np.eye(3), -np.eye(3)])
    seen = frame(ends, yaw_deg=yaw_deg).project(ends, width_px=100, height_px=100)
    assert tuple(ends[seen[:, 0].argmax()]) == to_the_right
    assert tuple(ends[seen[:, 2].argmin()]) == nearest
    assert tuple(ends[seen[:, 1].argmin()]) == (0, 1, 0)


def test_pitch_rises_above_the_subject() -> None:
    """From above, the top is nearer and the front points down the picture."""
    ends = np.concatenate([np.eye(3), -np.eye(3)])
    seen = frame(ends, pitch_deg=60).project(ends, width_px=100, height_px=100)
    assert tuple(ends[seen[:, 2].argmin()]) == (0, 1, 0)
    assert tuple(ends[seen[:, 1].argmax()]) == (0, 0, 1)


def test_points_behind_the_camera_are_marked() -> None:
    """Their 1/w is 0, which the rasteriser takes as: do not draw."""
    camera = frame(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]]))
    behind = camera.position + camera.back
    assert camera.project(behind[None], width_px=10, height_px=10)[0, 3] == 0


def test_a_single_point_can_be_framed() -> None:
    """A subject without extent does not divide by zero."""
    for field_of_view_deg in (None, 30.0):
        camera = frame(np.zeros((1, 3)), field_of_view_deg=field_of_view_deg)
        seen = camera.project(np.zeros((1, 3)), width_px=10, height_px=10)
        assert seen[0, :2] == pytest.approx([5, 5])
