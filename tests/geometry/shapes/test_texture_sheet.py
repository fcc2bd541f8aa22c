"""Textures cut out of pictures."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from image2model.geometry.shapes.texture_sheet import (
    Sheet,
    encode_jpeg,
    make_plate_sheet,
    make_sheet,
)
from image2model.geometry.subject.symmetry import mirror_symmetry
from tests.geometry.outlines import OUTLINES, draw_outline

GREEN, RED = (0, 255, 0), (255, 0, 0)


def red_on_green(coverage: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A red subject whose soft edge is mixed with a green background."""
    share = coverage[..., None] / 255
    rgb = np.array(RED) * share + np.array(GREEN) * (1 - share)
    return np.dstack([rgb, np.full(coverage.shape, 255)]).astype(np.uint8)


def box_of(coverage: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    x, y, width, height = cv2.boundingRect((coverage > 127).astype(np.uint8))
    return x, y, x + width, y + height


def cut(coverage: NDArray[np.uint8], *, size_px: int = 2048, own_back: bool = False) -> Sheet:
    return make_sheet(
        red_on_green(coverage),
        coverage,
        box_of(coverage),
        size_px=size_px,
        trim_px=2,
        own_back=own_back,
    )


@pytest.mark.parametrize("own_back", [False, True])
@pytest.mark.parametrize("kind", ["blob", "star", "ring", "letter", "mug", "cropped"])
def test_no_background_is_left(kind: str, own_back: bool) -> None:
    sheet = cut(draw_outline(kind, seed=2), own_back=own_back)
    assert sheet.rgb[..., 1].max() < 40
    assert sheet.rgb[..., 0].min() > 215


@pytest.mark.parametrize("kind", OUTLINES)
def test_thin_parts_keep_colours_of_their_own(kind: str) -> None:
    """Where nothing survives the trim, the edge's colours are better than none."""
    rgb = cut(draw_outline(kind, seed=2)).rgb
    assert np.median(rgb[..., 0]) > 128


def test_a_point_keeps_its_colour() -> None:
    """What lies at a place of the picture is found at its texture coordinates."""
    coverage = np.zeros((300, 400), np.uint8)
    coverage[50:250, 60:340] = 255
    rgba = np.dstack([*np.meshgrid(np.arange(400) / 2, np.arange(300) / 2), coverage, coverage])
    sheet = make_sheet(
        rgba.astype(np.uint8), coverage, box_of(coverage), size_px=150, trim_px=1, own_back=True
    )
    points = np.array([[100.5, 80.5], [300.5, 80.5], [200.5, 200.5]], np.float32)
    height_px, width_px = sheet.rgb.shape[:2]
    at = np.floor(sheet.front.uvs(points) * [width_px, height_px]).astype(int)
    colors = sheet.rgb[at[:, 1], at[:, 0], :2].astype(float)
    assert colors == pytest.approx(points / 2, abs=2)


def test_size_is_respected_and_never_scaled_up() -> None:
    coverage = draw_outline("blob", seed=1, size_px=512)
    assert max(cut(coverage, size_px=256).rgb.shape) <= 256
    left, _, right, _ = box_of(coverage)
    assert cut(coverage, size_px=4096).rgb.shape[1] == right - left + 16


def test_a_plate_shows_its_picture_and_has_a_plain_back() -> None:
    rgb = np.full((60, 80, 3), GREEN, np.uint8)
    rgb[20:40, 20:60] = RED
    sheet = make_plate_sheet(rgb)
    points = np.array([[40, 30], [5, 5]], np.float32)
    size = np.array([sheet.rgb.shape[1], sheet.rgb.shape[0]])
    front = (sheet.front.uvs(points) * size).astype(int)
    back = (sheet.back.uvs(points) * size).astype(int)
    assert sheet.rgb[front[:, 1], front[:, 0]].tolist() == [list(RED), list(GREEN)]
    assert sheet.rgb[back[:, 1], back[:, 0]].tolist() == [list(GREEN), list(GREEN)]


def test_jpeg_keeps_the_colours() -> None:
    rgb = np.full((40, 60, 3), (200, 30, 90), np.uint8)
    image = encode_jpeg(rgb)
    assert image.media_type == "image/jpeg"
    decoded = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    assert np.abs(np.asarray(decoded, int) - rgb).max() <= 4


def test_symmetry_tells_fronts_from_sides() -> None:
    heart = np.zeros((100, 200), np.uint8)
    cv2.circle(heart, (100, 50), 40, [255], -1)
    assert mirror_symmetry(heart, box_of(heart)) > 0.95
    boot = np.zeros((100, 200), np.uint8)
    boot[10:90, 20:60] = 255
    boot[70:90, 20:150] = 255
    assert mirror_symmetry(boot, box_of(boot)) < 0.7
