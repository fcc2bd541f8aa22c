"""Shapes turned around an upright axis."""

import cv2
import numpy as np
import pytest

from image2model.geometry.shapes.lathe import turn
from image2model.geometry.subject.silhouette import trace_silhouette
from tests.geometry.outlines import OUTLINES, draw_outline
from tests.geometry.solidity import check_solid


@pytest.mark.parametrize("face_limit", [500, 20_000])
@pytest.mark.parametrize("kind", OUTLINES)
def test_any_outline_becomes_a_solid_of_that_many_faces(kind: str, face_limit: int) -> None:
    shape = turn(trace_silhouette(draw_outline(kind, seed=1)), face_limit=face_limit)
    check_solid(shape)
    assert 0.8 * face_limit <= len(shape.faces) <= face_limit


def test_a_rectangle_becomes_a_cylinder() -> None:
    coverage = np.zeros((240, 200), np.uint8)
    coverage[20:220, 50:150] = 255
    shape = turn(trace_silhouette(coverage), face_limit=20_000)
    assert check_solid(shape) == pytest.approx(np.pi * 50**2 * 200, rel=0.02)
    assert np.ptp(shape.points[:, 2]) == pytest.approx(100, abs=1)
    assert shape.points[:, 0].mean() == pytest.approx(100, abs=1)


def test_a_handle_stays_out_of_the_profile() -> None:
    """A mug's body is 100 wide; its handle would make it 160."""
    coverage = np.zeros((200, 240), np.uint8)
    coverage[30:170, 40:140] = 255
    cv2.ellipse(coverage, (140, 100), (50, 45), 0, -90, 90, [255], 12)
    shape = turn(trace_silhouette(coverage), face_limit=20_000)
    assert np.ptp(shape.points[:, 0]) == pytest.approx(100, abs=6)
