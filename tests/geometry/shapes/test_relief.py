"""Plates that a picture stands out of."""

import numpy as np
import pytest

from image2model.geometry.shapes.relief import (
    carve_heights,
    lightness,
    raise_plate,
    relief_size,
)
from tests.geometry.outlines import draw_outline
from tests.geometry.solidity import check_solid


@pytest.mark.parametrize("face_limit", [500, 50_000, 200_000])
@pytest.mark.parametrize(("width_px", "height_px"), [(300, 200), (64, 640), (1000, 31)])
def test_the_plate_is_a_solid_of_that_many_faces(
    width_px: int, height_px: int, face_limit: int
) -> None:
    columns, rows = relief_size(width_px, height_px, face_limit=face_limit)
    heights = np.random.default_rng(0).random((rows, columns), np.float32)
    shape = raise_plate(heights, width_px=width_px, height_px=height_px, base_px=10, relief_px=8)
    check_solid(shape)
    assert 0.8 * face_limit <= len(shape.faces) <= face_limit


def test_a_flat_plate_has_its_thickness() -> None:
    shape = raise_plate(
        np.full((20, 30), 0.5, np.float32), width_px=300, height_px=200, base_px=10, relief_px=8
    )
    assert check_solid(shape) == pytest.approx(300 * 200 * 14, rel=0.02)


def test_dark_is_thick_in_a_lithophane() -> None:
    rgb = np.zeros((40, 40, 3), np.uint8)
    rgb[:, 20:] = 255
    heights = 1 - lightness(rgb, (40, 40))
    assert heights[:, :19].min() == pytest.approx(1)
    assert heights[:, 21:].max() == pytest.approx(0)


def test_only_the_subject_stands_out() -> None:
    coverage = draw_outline("blob", seed=1)
    rgb = np.full((*coverage.shape, 3), 128, np.uint8)
    heights = carve_heights(lightness(rgb, coverage.shape[::-1]), coverage)
    assert heights[coverage == 0].max() == 0
    assert heights[coverage == 255].min() > 0.1


def test_grey_of_16_bits_has_more_than_256_heights() -> None:
    ramp = np.linspace(30_000, 32_000, 80 * 60).astype(np.uint16).reshape(60, 80)
    heights = lightness(ramp, (80, 60))
    assert len(np.unique(heights)) > 1_500
    assert heights[0, 0] == pytest.approx(30_000 / 65_535, abs=1e-6)
    assert heights[-1, -1] == pytest.approx(32_000 / 65_535, abs=1e-6)
