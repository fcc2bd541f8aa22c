"""The confidence of a mask means something: low where masks go wrong, right on the whole."""

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bench.cutout import GOOD_IOU, judge, overlap
from bench.cutout_scenes import make_scene
from image2model.geometry.pictures.picture import Picture
from image2model.geometry.subject.confidence import CutSigns
from image2model.geometry.subject.confidence_weights import STEPS
from image2model.geometry.subject.cut_warnings import describe_cut, foresee_cut
from image2model.geometry.subject.mask import UNSURE_BELOW, Mask, find_subject

SIDE_PX = 512
Drawing = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""A picture and the true outline of what it shows."""


def blank(level: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return np.full((SIDE_PX, SIDE_PX, 3), level, np.uint8), np.zeros((SIDE_PX, SIDE_PX), np.uint8)


def chair(leg: int) -> Drawing:
    """A brown seat and back on pure white, with legs that are hardly darker than the ground."""
    picture, true = blank(255)
    for left, width, foot in ((150, 16, 460), (340, 16, 460), (200, 12, 430), (290, 12, 430)):
        for canvas, color in ((picture, (leg, leg, leg)), (true, 1)):
            cv2.rectangle(canvas, (left, 300), (left + width, foot), color, -1)
    for canvas, color in ((picture, (120, 60, 30)), (true, 1)):
        cv2.rectangle(canvas, (140, 100), (366, 300), color, -1)
    return picture, true > 0


def pale_head() -> Drawing:
    picture, true = blank(255)
    for canvas, head, body in ((picture, (250, 250, 249), (40, 60, 150)), (true, 1, 1)):
        cv2.circle(canvas, (256, 130), 60, head, -1)
        cv2.ellipse(canvas, (256, 320), (90, 140), 0, 0, 360, body, -1)
    return picture, true > 0


def shadow_horn(blur_px: float) -> Drawing:
    """A shadow that ends so sharply that it is taken for a part of the object."""
    ground = np.linspace(235, 180, SIDE_PX)[:, None, None] * np.ones((SIDE_PX, SIDE_PX, 3))
    shadow = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    cv2.fillPoly(shadow, [np.array([[300, 380], [480, 300], [490, 330], [300, 430]])], 1.0)
    shadow = np.asarray(cv2.GaussianBlur(shadow, (0, 0), blur_px), np.float32)
    picture = (ground * (1 - 0.45 * shadow[..., None])).astype(np.uint8)
    true = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for canvas, color in ((picture, (150, 60, 50)), (true, 1)):
        cv2.ellipse(canvas, (220, 300), (110, 140), 0, 0, 360, color, -1)
    return picture, true > 0


def grid(step_px: int, line_px: int) -> Drawing:
    """Thin dark lines on pure white, which shows through between them."""
    picture, true = blank(255)
    for place in range(100, 420, step_px):
        for at in (
            np.s_[place : place + line_px, 100:420],
            np.s_[100:420, place : place + line_px],
        ):
            picture[at], true[at] = (30, 60, 30), 1
    return picture, true > 0


def disc() -> Drawing:
    picture, true = blank(255)
    for canvas, color in ((picture, (160, 40, 30)), (true, 1)):
        cv2.ellipse(canvas, (256, 256), (150, 110), 20, 0, 360, color, -1)
    return picture, true > 0


def figures(count: int) -> Drawing:
    picture, true = blank(250)
    for place in range(count):
        x = round((place + 0.5) * SIDE_PX / count)
        for canvas, color in ((picture, (60, 100, 60)), (true, 1)):
            cv2.ellipse(canvas, (x, 280), (45, 120), 0, 0, 360, color, -1)
            cv2.circle(canvas, (x, 130), 40, color, -1)
    return picture, true > 0


def cut(drawing: Drawing) -> tuple[Mask, float]:
    picture, true = drawing
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    mask = find_subject(Picture(pixels=opaque, has_alpha=False))
    return mask, overlap(mask.coverage, true)


def as_jpeg(drawing: Drawing, quality: int) -> Drawing:
    out = io.BytesIO()
    Image.fromarray(drawing[0]).save(out, "JPEG", quality=quality)
    return np.array(Image.open(out)), drawing[1]


@pytest.mark.parametrize(
    ("make", "doubt"),
    [
        (lambda: chair(252), "as bright as the background"),
        (lambda: chair(244), "as bright as the background"),
        (lambda: as_jpeg(chair(252), 90), "as bright as the background"),
        (pale_head, "as bright as the background"),
        (lambda: shadow_horn(3), "shadow"),
        (lambda: shadow_horn(4), "shadow"),
    ],
)
def test_wrong_cuts_are_unsure_and_say_why(make: Callable[[], Drawing], doubt: str) -> None:
    mask, found = cut(make())
    assert found < GOOD_IOU
    assert mask.confidence < UNSURE_BELOW
    assert any(doubt in words for words in mask.doubts)
    [note] = describe_cut(mask.confidence, mask.doubts, objects=mask.objects)
    assert note.startswith("the outline is unsure")
    assert doubt in note


@pytest.mark.parametrize(
    "make",
    [disc, lambda: grid(16, 2), lambda: grid(24, 3), lambda: grid(48, 5), lambda: figures(1)],
)
def test_right_cuts_are_sure(make: Callable[[], Drawing]) -> None:
    """Through a grid the ground is seen: its many holes are found however small they are."""
    mask, found = cut(make())
    assert found > 0.95
    assert mask.confidence > 0.7
    assert describe_cut(mask.confidence, mask.doubts, objects=mask.objects) == ()


def test_the_confidence_is_the_chance_of_a_good_cut() -> None:
    """Not on the scenes that it was fitted on; `make bench BENCH=cutout` takes more of them."""
    found = judge(make_scene(2_000_000 + number) for number in range(60))
    confidence, good = found[:, 0], found[:, 1] >= GOOD_IOU
    assert len(found) > 40
    assert 0.2 < good.mean() < 0.9
    assert abs(float(confidence.mean() - good.mean())) < 0.12
    brier = float(((confidence - good) ** 2).mean())
    assert brier < 0.75 * float(good.mean() * (1 - good.mean()))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_objects_are_counted_with_and_without_alpha(count: int) -> None:
    picture, true = figures(count)
    mask, _ = cut((picture, true))
    assert mask.objects == count
    clear = np.dstack([picture, np.where(true, 255, 0).astype(np.uint8)])
    assert find_subject(Picture(pixels=clear, has_alpha=True)).objects == count
    notes = foresee_cut(Image.fromarray(clear))
    assert [note for note in notes if f"{count} objects" in note] == list(notes)
    assert len(notes) == (count > 1)


def test_every_sign_has_its_weights() -> None:
    assert list(STEPS) == list(CutSigns.__slots__)
    assert all(len(weights) == len(edges) + 1 for edges, weights in STEPS.values())
    assert all(list(edges) == sorted(edges) for edges, _ in STEPS.values())
