"""Plates cut along an outline."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image2model.geometry.shapes.extrude import extrude
from image2model.geometry.subject.silhouette import trace_silhouette
from tests.geometry.outlines import OUTLINES, draw_outline
from tests.geometry.solidity import check_solid, outline_overlap


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", OUTLINES)
def test_any_outline_becomes_a_solid(kind: str, seed: int) -> None:
    coverage = draw_outline(kind, seed=seed)
    shape = extrude(
        trace_silhouette(coverage), face_limit=50_000, thickness=0.1, own_back=seed == 2
    )
    check_solid(shape)
    assert len(shape.faces) <= 50_000
    assert outline_overlap(shape, coverage) > 0.9


@settings(max_examples=20)
@given(
    kind=st.sampled_from(sorted(OUTLINES)),
    seed=st.integers(0, 10_000),
    face_limit=st.integers(500, 20_000),
    thickness=st.floats(0.01, 1.0),
)
def test_no_option_opens_it(kind: str, seed: int, face_limit: int, thickness: float) -> None:
    silhouette = trace_silhouette(draw_outline(kind, seed=seed, size_px=160))
    shape = extrude(silhouette, face_limit=face_limit, thickness=thickness)
    check_solid(shape)
    assert len(shape.faces) <= face_limit


def test_a_rectangle_becomes_a_box() -> None:
    """Its volume is area times thickness, its caps are flat and its walls upright."""
    coverage = np.zeros((200, 300), np.uint8)
    coverage[40:160, 50:250] = 255
    shape = extrude(trace_silhouette(coverage), face_limit=50_000, thickness=0.25)
    assert check_solid(shape) == pytest.approx(120 * 200 * 50, rel=0.01)
    assert np.ptp(shape.points[:, 2]) == pytest.approx(50, rel=1e-3)
    upright = np.isclose(shape.normals[:, 2], 0, atol=1e-5)
    level = np.isclose(np.abs(shape.normals[:, 2]), 1, atol=1e-5)
    assert (upright | level).all()
    # Corners are cut, not rounded: all but the cuts' normals lie along an axis.
    assert np.isclose(np.abs(shape.normals).max(axis=1), 1, atol=0.03).mean() > 0.8


def test_holes_stay_open() -> None:
    coverage = np.zeros((200, 200), np.uint8)
    cv2.circle(coverage, (100, 100), 90, [255], -1, cv2.LINE_AA)
    cv2.circle(coverage, (100, 100), 60, [0], -1, cv2.LINE_AA)
    shape = extrude(trace_silhouette(coverage), face_limit=50_000, thickness=0.1)
    check_solid(shape)
    corners = shape.points[shape.faces][:, :, :2]
    assert np.linalg.norm(corners.mean(axis=1) - 100, axis=1).min() > 58


def test_simple_outlines_take_few_faces() -> None:
    coverage = np.zeros((200, 300), np.uint8)
    coverage[40:160, 50:250] = 255
    shape = extrude(trace_silhouette(coverage), face_limit=50_000, thickness=0.25)
    assert len(shape.faces) < 300
