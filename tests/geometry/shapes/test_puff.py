"""The puff: closed for any outline, true to it, round, and the right way about."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image2model.core.errors import PictureEmpty, PictureTooSmall
from image2model.geometry.shapes.puff import inflate
from image2model.geometry.subject.silhouette import trace_silhouette
from tests.geometry.outlines import OUTLINES, draw_outline
from tests.geometry.solidity import check_solid, outline_overlap


@pytest.mark.parametrize("own_back", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", OUTLINES)
def test_any_outline_becomes_a_solid(kind: str, seed: int, own_back: bool) -> None:
    """Closed, oriented, within the face limit and close to it."""
    coverage = draw_outline(kind, seed=seed)
    shape = inflate(trace_silhouette(coverage), face_limit=20_000, own_back=own_back)
    check_solid(shape)
    assert 16_000 <= len(shape.faces) <= 20_000
    # Twigs one pixel wide, on few pixels and few faces; the plain outlines come below.
    assert outline_overlap(shape, coverage) > 0.9


@settings(max_examples=25)
@given(
    kind=st.sampled_from(sorted(OUTLINES)),
    seed=st.integers(0, 10_000),
    face_limit=st.integers(500, 30_000),
    depth=st.floats(0.2, 2.0),
    own_back=st.booleans(),
)
def test_no_option_opens_it(
    kind: str, seed: int, face_limit: int, depth: float, own_back: bool
) -> None:
    silhouette = trace_silhouette(draw_outline(kind, seed=seed, size_px=160))
    shape = inflate(silhouette, face_limit=face_limit, depth=depth, own_back=own_back)
    check_solid(shape)
    assert len(shape.faces) <= face_limit


@pytest.mark.parametrize("kind", ["blob", "ring", "mug", "star", "letter", "crumbs"])
def test_outlines_are_kept_to_a_fraction_of_a_pixel(kind: str) -> None:
    """Everyday outlines at the default limit: better than 99.5 % overlap on 512 pixels."""
    coverage = draw_outline(kind, seed=5, size_px=512)
    shape = inflate(trace_silhouette(coverage), face_limit=50_000)
    assert outline_overlap(shape, coverage) > 0.995


def test_a_disc_becomes_a_flattened_ball() -> None:
    """Half as deep as 0.7 of the radius levelled off at 0.2 of the size: about 0.29 radii."""
    coverage = np.zeros((256, 256), np.uint8)
    cv2.circle(coverage, (128, 128), 100, [255], -1, cv2.LINE_AA)
    shape = inflate(trace_silhouette(coverage), face_limit=20_000)
    assert np.ptp(shape.points[:, 0]) == pytest.approx(201, abs=1.0)
    assert shape.points[:, 2].max() == pytest.approx(40.2 * np.tanh(0.7 * 100.5 / 40.2), rel=0.02)
    radial = shape.points * [1, 1, 1 / 0.7] - [128.5, 128.5, 0]
    outward = (radial * shape.normals).sum(axis=1)
    assert (outward > 0).mean() > 0.999


def test_depth_scales_the_bulge() -> None:
    silhouette = trace_silhouette(draw_outline("blob", seed=1))
    flat, natural, deep = (
        float(np.ptp(inflate(silhouette, face_limit=4000, depth=depth).points[:, 2]))
        for depth in (0.5, 1.0, 2.0)
    )
    assert flat == pytest.approx(natural / 2, rel=0.01)
    assert deep == pytest.approx(natural * 2, rel=0.01)


def test_left_stays_left_and_up_stays_up() -> None:
    """An L keeps its foot at the right and its stem at the left."""
    coverage = np.zeros((120, 100), np.uint8)
    coverage[10:110, 10:40] = 255
    coverage[80:110, 10:90] = 255
    points = inflate(trace_silhouette(coverage), face_limit=5000).points
    top, bottom = points[points[:, 1] < 60], points[points[:, 1] > 85]
    assert top[:, 0].max() < 42
    assert bottom[:, 0].max() > 85


def test_an_own_back_shares_no_vertex_with_the_front() -> None:
    """Each face between them is a strip too thin to see."""
    shape = inflate(trace_silhouette(draw_outline("blob", seed=3)), face_limit=5000, own_back=True)
    sides = shape.back[shape.faces].sum(axis=1)
    strips = shape.faces[(sides > 0) & (sides < 3)]
    assert len(strips) > 0
    assert np.ptp(shape.points[strips][:, :, 2]) < 0.01


@pytest.mark.parametrize("angle_deg", [0, 30, 45, 90])
def test_whiskers_one_hard_pixel_wide_survive(angle_deg: int) -> None:
    """Smoothing alone would wipe them out."""
    coverage = np.zeros((400, 400), np.uint8)
    cv2.circle(coverage, (200, 200), 60, [255], -1)
    angle = np.radians(angle_deg)
    tip = np.array([200 + 180 * np.cos(angle), 200 - 180 * np.sin(angle)])
    cv2.line(coverage, (200, 200), (int(tip[0]), int(tip[1])), [255], 1)
    shape = inflate(trace_silhouette(coverage), face_limit=50_000)
    check_solid(shape)
    assert np.linalg.norm(shape.points[:, :2] - tip, axis=1).min() < 4


def test_a_line_on_its_own_is_a_subject() -> None:
    coverage = np.zeros((2600, 60), np.uint8)
    coverage[20:2580, 30] = 255
    shape = inflate(trace_silhouette(coverage), face_limit=20_000)
    check_solid(shape)
    assert np.ptp(shape.points[:, 1]) == pytest.approx(2560, rel=0.01)


def test_refuses_an_empty_coverage() -> None:
    with pytest.raises(PictureEmpty):
        trace_silhouette(np.zeros((50, 50), np.uint8))


def test_refuses_a_speck() -> None:
    coverage = np.zeros((50, 50), np.uint8)
    coverage[20:23, 20:24] = 255
    with pytest.raises(PictureTooSmall) as caught:
        trace_silhouette(coverage)
    assert caught.value.details["width_px"] == 4
