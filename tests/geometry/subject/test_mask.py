"""Masks against objects whose outline is known."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from image2model.core.errors import (
    InvalidPictureError,
    PictureEmpty,
    PictureTooSmall,
    SubjectNotFound,
)
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.picture import Picture, decode_picture
from image2model.geometry.subject.mask import NEEDED_SCORE, Mask, find_subject
from tests.geometry.mask_scenes import (
    CUTOUTS,
    DRAWN,
    SAMPLES,
    SIDE_PX,
    Layer,
    compose,
    draw,
    load_cutout,
    overlap,
)
from tests.geometry.picture_files import encode

PLAIN = ("white", "off-white", "blue", "grey")


def cutout(name: str) -> Layer:
    layer = load_cutout(name)
    if layer is None:
        pytest.skip(f"the sample pictures are not in {SAMPLES}")
    return layer


def opaque(colors: NDArray[np.uint8]) -> Picture:
    alpha = np.full((*colors.shape[:2], 1), 255, np.uint8)
    return Picture(pixels=np.concatenate([colors, alpha], axis=2), has_alpha=False)


def with_alpha(alpha: NDArray[np.uint8]) -> Picture:
    pixels = np.full((*alpha.shape, 4), 120, np.uint8)
    pixels[..., 3] = alpha
    return Picture(pixels=pixels, has_alpha=True)


def is_complete(mask: Mask, picture: Picture) -> bool:
    return mask.coverage.shape == picture.pixels.shape[:2] and mask.coverage.dtype == np.uint8


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("behind", [*PLAIN, "studio"])
def test_drawn_objects_on_plain_backgrounds(name: str, behind: str) -> None:
    """Rings and handles have holes, a cropped object meets the border, a ball is nearly white."""
    layer = draw(name)
    picture = compose(layer, behind)
    mask = find_subject(picture)
    assert is_complete(mask, picture)
    assert mask.source == "background"
    # A ball as pale as the ground is found, but who sees only that cannot be sure.
    assert mask.confidence > (0.02 if name == "white ball" else 0.7)
    assert overlap(mask.coverage, layer) > 0.99


@pytest.mark.parametrize("name", ["ring", "mug", "dark ball", "lollipop", "cropped"])
def test_a_soft_shadow_is_no_part_of_the_object(name: str) -> None:
    layer = draw(name)
    assert overlap(find_subject(compose(layer, "studio with shadow")).coverage, layer) > 0.98


@pytest.mark.parametrize(("name", "least"), [("ring", 0.98), ("mug", 0.85), ("dark ball", 0.98)])
def test_a_shadow_cast_on_white(name: str, least: float) -> None:
    layer = draw(name)
    assert overlap(find_subject(compose(layer, "white with shadow")).coverage, layer) > least


@pytest.mark.parametrize("behind", ["white", "blue", "studio with shadow"])
@pytest.mark.parametrize("name", ["ring", "mug", "dark ball", "lollipop"])
def test_coarse_jpegs_ripple_around_edges(name: str, behind: str) -> None:
    """Holes are found all the same, and the ripples are not taken for object."""
    layer = draw(name)
    data = encode(compose(layer, behind).pixels[..., :3], "JPEG", quality=50)
    mask = find_subject(decode_picture(data, limits=PictureLimits()))
    assert overlap(mask.coverage, layer) > 0.89


@pytest.mark.parametrize("behind", ["grain", "clouds"])
@pytest.mark.parametrize("name", ["dark ball", "white ball", "lollipop"])
def test_busy_backgrounds_fall_back_to_colors(name: str, behind: str) -> None:
    layer = draw(name)
    mask = find_subject(compose(layer, behind))
    assert mask.source == "grabcut"
    assert overlap(mask.coverage, layer) > 0.98


@pytest.mark.parametrize(
    ("behind", "least", "least_mean"),
    [
        ("white", 0.92, 0.965),
        ("off-white", 0.88, 0.96),
        ("blue", 0.94, 0.975),
        ("grey", 0.90, 0.96),
        ("studio", 0.85, 0.945),
        ("studio with shadow", 0.84, 0.94),
        ("white with shadow", 0.80, 0.88),
        ("grain", 0.88, 0.92),
        ("clouds", 0.72, 0.89),
    ],
)
def test_real_cutouts(behind: str, least: float, least_mean: float) -> None:
    """Each is found well, or refused; refusing is for busy backgrounds and at most one of six."""
    overlaps = []
    for name in CUTOUTS:
        layer = cutout(name)
        try:
            overlaps.append(overlap(find_subject(compose(layer, behind)).coverage, layer))
        except SubjectNotFound:
            assert behind in ("grain", "clouds")
    assert len(overlaps) >= 5
    assert min(overlaps) > least
    assert float(np.mean(overlaps)) > least_mean


@pytest.mark.parametrize("name", ["iso_house", "marble", "poly_fox", "stripes", "teapot"])
def test_samples_on_flat_grey(name: str) -> None:
    path = SAMPLES / f"{name}.png"
    if not path.exists():
        pytest.skip(f"the sample pictures are not in {SAMPLES}")
    picture = decode_picture(path.read_bytes(), limits=PictureLimits())
    mask = find_subject(picture)
    assert (mask.source, picture.has_alpha) == ("background", False)
    # The glasses of one of them reflect the very grey of the ground.
    assert mask.confidence > (0.2 if name == "stripes" else 0.5)
    grey = (np.abs(picture.pixels[..., :3].astype(int) - 127).max(axis=2) == 0).mean()
    assert abs(float((mask.coverage > 127).mean()) - (1 - grey)) < 0.03


def test_edges_are_anti_aliased() -> None:
    """Half-covered pixels come out about half covered."""
    layer = draw("dark ball")
    coverage = find_subject(compose(layer, "white")).coverage
    true = np.rint(255 * layer[..., 3]).astype(int)
    edge = (true > 20) & (true < 235)
    assert np.abs(coverage[edge].astype(int) - true[edge]).mean() < 12
    assert set(np.unique(coverage[(true == 0) | (true == 255)]).tolist()) >= {0, 255}


def test_large_pictures_are_masked_at_full_size() -> None:
    colors = np.full((1500, 2100, 3), 235, np.uint8)
    cv2.circle(colors, (1000, 800), 420, (20, 90, 160), -1)
    true = np.zeros((1500, 2100, 4), np.float32)
    true[..., 3] = (colors[..., 0] == 20).astype(np.float32)
    mask = find_subject(opaque(colors))
    assert mask.coverage.shape == (1500, 2100)
    assert overlap(mask.coverage, true) > 0.995


def test_alpha_is_taken_as_it_is() -> None:
    alpha = np.zeros((120, 160), np.uint8)
    cv2.circle(alpha, (80, 60), 40, 255, 9, cv2.LINE_AA)
    mask = find_subject(with_alpha(alpha))
    assert (mask.source, mask.confidence) == ("alpha", 1.0)
    assert np.array_equal(mask.coverage, alpha)


def test_specks_in_alpha_go_and_soft_edges_stay() -> None:
    body = np.zeros((200, 200), np.uint8)
    cv2.circle(body, (100, 100), 60, 255, -1, cv2.LINE_AA)
    dirty = body.copy()
    dirty[8:11, 8:11] = 255
    dirty[190:192, 190:193] = 90
    assert np.array_equal(find_subject(with_alpha(dirty)).coverage, body)


def test_a_ghost_is_an_object_too() -> None:
    """Glass may be half transparent all over."""
    alpha = np.zeros((100, 100), np.uint8)
    alpha[20:80, 30:70] = 90
    assert np.count_nonzero(find_subject(with_alpha(alpha)).coverage) == 60 * 40


def test_alpha_that_hides_nothing_is_ignored() -> None:
    picture = compose(draw("ring"), "white")
    pixels = picture.pixels.copy()
    pixels[..., 3] = 254
    pixels[0, 0, 3] = 0
    mask = find_subject(Picture(pixels=pixels, has_alpha=True))
    assert mask.source == "background"
    assert overlap(mask.coverage, draw("ring")) > 0.99


def test_fully_transparent_is_empty() -> None:
    with pytest.raises(PictureEmpty, match="transparent"):
        find_subject(with_alpha(np.zeros((50, 50), np.uint8)))


def test_one_color_is_empty() -> None:
    with pytest.raises(PictureEmpty, match="colour"):
        find_subject(opaque(np.full((50, 50, 3), 77, np.uint8)))


def test_a_handful_of_opaque_pixels_is_too_small() -> None:
    alpha = np.zeros((50, 50), np.uint8)
    alpha[20:24, 20:27] = 255
    with pytest.raises(PictureTooSmall, match="7 × 4"):
        find_subject(with_alpha(alpha))


def test_a_sliver_of_a_picture_is_too_small() -> None:
    with pytest.raises(PictureTooSmall, match="300 × 3"):
        find_subject(opaque(np.arange(2700, dtype=np.uint8).reshape(3, 300, 3)))


def noise() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (256, 256, 3), np.uint8)


def halves() -> NDArray[np.uint8]:
    colors = np.full((256, 256, 3), (40, 90, 160), np.uint8)
    colors[128:] = (200, 180, 90)
    return colors


def stripes() -> NDArray[np.uint8]:
    colors = np.full((256, 256, 3), 230, np.uint8)
    colors[:, ::16] = colors[:, 1::16] = colors[:, 2::16] = (120, 30, 30)
    return colors


def slope() -> NDArray[np.uint8]:
    return np.repeat(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 256, 0), 3, 2)


@pytest.mark.parametrize("make", [noise, halves, stripes, slope])
def test_without_an_object_nothing_is_made_up(make: object) -> None:
    assert callable(make)
    with pytest.raises(SubjectNotFound) as caught:
        find_subject(opaque(make()))
    assert caught.value.details["confidence"] < NEEDED_SCORE
    assert "transparent" in caught.value.message


@pytest.mark.parametrize("size", [(8, 8), (8, 300), (300, 9), (17, 23), (8, 16000)])
def test_small_and_narrow_pictures_do_no_harm(size: tuple[int, int]) -> None:
    chance = np.random.default_rng(size[0])
    colors = np.full((*size, 3), 250, np.uint8)
    colors[2:-2, 3:-2] = chance.integers(0, 200, (size[0] - 4, size[1] - 5, 3))
    try:
        mask = find_subject(opaque(colors))
    except InvalidPictureError:
        return
    assert mask.coverage.shape == size


def test_the_same_picture_gives_the_same_mask() -> None:
    picture = compose(draw("lollipop"), "clouds")
    first, second = find_subject(picture), find_subject(picture)
    assert np.array_equal(first.coverage, second.coverage)
    assert first.confidence == second.confidence


def test_scenes_are_what_they_claim() -> None:
    """The tests above would be worthless if the drawings were empty or met the wrong border."""
    for name in DRAWN:
        layer = draw(name)
        assert 0.05 < float((layer[..., 3] > 0.5).mean()) < 0.95
        assert bool(layer[-1, :, 3].any()) == (name == "cropped")
        assert layer.shape == (SIDE_PX, SIDE_PX, 4)
