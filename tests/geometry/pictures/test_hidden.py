"""Nothing hides under full transparency in what is kept and sent."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from image2model.geometry.pictures.picture import check_picture
from tests.geometry.picture_files import LIMITS, avif_without_alpha_size, decode, encode


def cut_out(
    color: tuple[int, int, int] = (180, 40, 30), *, grey: bool = False
) -> NDArray[np.uint8]:
    """A disc with a soft edge; under alpha 0 lies what a photo leaves there: noise."""
    y, x = np.mgrid[0:96, 0:128]
    alpha = np.clip(30.5 - np.hypot(x - 64, y - 48), 0, 1) * 255
    pixels = np.random.default_rng(7).integers(0, 256, (96, 128, 4), np.uint8)
    pixels[..., 3] = np.rint(alpha)
    # Even what is hardly visible is part of the picture.
    pixels[alpha > 0, :3] = color
    pixels[0, 0, 3] = 1
    return pixels[..., [0, 3]] if grey else pixels


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True, "exact": True}),
        ("WEBP", {"quality": 90, "exact": True}),
        ("AVIF", {"quality": 90}),
    ],
)
def test_hidden_colors_become_one(kind: str, options: dict[str, Any]) -> None:
    data = encode(cut_out(), kind, **options)
    seen = np.asarray(decode(data).convert("RGBA"))
    checked = check_picture(data, limits=LIMITS)
    kept = np.asarray(decode(checked.data).convert("RGBA"))
    assert np.array_equal(kept[..., 3], seen[..., 3])
    assert np.array_equal(kept[seen[..., 3] > 0], seen[seen[..., 3] > 0])
    assert np.unique(kept[kept[..., 3] == 0], axis=0).tolist() == [[255, 255, 255, 0]]
    assert check_picture(checked.data, limits=LIMITS).data == checked.data


@pytest.mark.parametrize("color", [(250, 251, 249), (180, 40, 30)])
def test_what_drops_alpha_still_sees_the_object(color: tuple[int, int, int]) -> None:
    kept = decode(check_picture(encode(cut_out(color), "PNG"), limits=LIMITS).data)
    flat = np.asarray(kept.convert("RGB")).astype(int)
    assert np.abs(flat[48, 64] - flat[0, 1]).max() > 70


def test_grey_and_palette_pictures_are_cleaned_too() -> None:
    grey = check_picture(encode(cut_out(grey=True), "PNG"), limits=LIMITS)
    kept = np.asarray(decode(grey.data).convert("LA"))
    assert np.unique(kept[kept[..., 1] == 0]).tolist() == [0, 255]

    palette = Image.fromarray(cut_out()[..., :3]).quantize(32)
    data = encode(palette, "PNG", transparency=bytes([0] * 16 + [255] * 16))
    shown = np.asarray(decode(check_picture(data, limits=LIMITS).data).convert("RGBA"))
    assert len(np.unique(shown[shown[..., 3] == 0], axis=0)) == 1
    expected = np.asarray(decode(data).convert("RGBA"))
    assert np.array_equal(shown[expected[..., 3] > 0], expected[expected[..., 3] > 0])


def test_files_that_only_browsers_read_are_cleaned_too() -> None:
    checked = check_picture(avif_without_alpha_size(cut_out()), limits=LIMITS)
    kept = np.asarray(decode(checked.data))
    assert len(np.unique(kept[kept[..., 3] == 0], axis=0)) == 1


@pytest.mark.parametrize("under", [0, 90])
def test_what_is_clean_keeps_its_bytes(under: int) -> None:
    pixels = cut_out()
    pixels[pixels[..., 3] == 0, :3] = under
    data = encode(pixels, "PNG")
    assert np.array_equal(np.asarray(decode(check_picture(data, limits=LIMITS).data)), pixels)
