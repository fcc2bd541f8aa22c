"""The Poisson solver against solutions known on paper."""

import numpy as np
import pytest

from image2model.geometry.shapes.poisson import solve_poisson


def test_a_disc_bulges_like_a_ball() -> None:
    """On a disc of radius R the solution of -laplacian(h) = 4 is R² - r²."""
    radius = 60.3
    y, x = np.mgrid[-64:65, -64:65].astype(np.float64)
    inside = np.hypot(x, y) < radius
    diagonal = np.zeros(inside.shape)
    for across, along in ((x, y), (-x, y), (y, x), (-y, x)):
        # How far this link runs before it meets the circle, at most one spacing.
        reach = np.sqrt(np.maximum(radius**2 - along**2, 0)) - across
        diagonal += 1 / np.clip(reach, 0.02, 1)
    solution = solve_poisson(np.where(inside, diagonal, 0).astype(np.float32), source=4.0)
    expected = np.sqrt(np.maximum(radius**2 - x**2 - y**2, 0))
    assert np.abs(np.sqrt(solution) - expected)[inside].max() < 0.02 * radius


def test_a_strip_bulges_like_a_parabola() -> None:
    """Between two parallel sides the solution is half the source times x (w - x)."""
    diagonal = np.zeros((401, 43), np.float32)
    diagonal[1:-1, 1:-1] = 4
    solution = solve_poisson(diagonal, source=4.0, tolerance=1e-4)
    x = np.arange(43)
    assert solution[200] == pytest.approx(2 * x * (42 - x), rel=1e-3)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_shapes_thinner_than_a_coarse_cell_converge(width: int) -> None:
    """A plain V-cycle diverges on these; the answer must be as flat as the shape is thin."""
    diagonal = np.zeros((129, 129), np.float32)
    for start in range(3, 125, 7):
        diagonal[2:-2, start : start + width] = 4
        diagonal[start : start + width, 2:-2] = 4
    solution = solve_poisson(diagonal, source=4.0)
    assert 0 < solution.max() < 4 * (width + 1) ** 2
    assert (solution[diagonal == 0] == 0).all()


def test_nothing_inside_gives_nothing() -> None:
    assert not solve_poisson(np.zeros((20, 30), np.float32), source=4.0).any()
