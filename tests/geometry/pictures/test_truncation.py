"""Files whose end is missing: taken where browsers show the whole picture, refused otherwise."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from image2model.core.errors import PictureDamaged
from image2model.geometry.pictures.picture import check_picture, decode_picture
from tests.geometry.picture_files import LIMITS, decode, encode, scene


def photo(width: int = 480, height: int = 360) -> NDArray[np.uint8]:
    """Enough detail that each row takes bytes."""
    grain = np.random.default_rng(2).integers(-25, 26, (height, width, 3))
    return np.clip(scene(width, height).astype(int) + grain, 0, 255).astype(np.uint8)


JPEGS: list[dict[str, Any]] = [
    {"quality": 90},
    {"quality": 75, "subsampling": 0},
    {"quality": 85, "progressive": True},
]


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_end_marker_is_whole(options: dict[str, Any], missing: int) -> None:
    data = encode(photo(), "JPEG", **options)
    checked = check_picture(data[:-missing], limits=LIMITS)
    assert checked.notes == ()
    assert checked.data == check_picture(data, limits=LIMITS).data


@pytest.mark.parametrize("options", JPEGS)
def test_a_jpeg_without_its_last_bytes_is_taken_with_a_word(options: dict[str, Any]) -> None:
    data = encode(photo(), "JPEG", **options)
    whole = decode_picture(data, limits=LIMITS).pixels.astype(int)
    checked = check_picture(data[:-40], limits=LIMITS)
    [note] = checked.notes
    assert "cut off" in note
    assert "of 360 rows" in note
    shown = np.asarray(decode(checked.data)).astype(int)
    assert shown.shape == whole[..., :3].shape
    assert np.abs(shown[:320] - whole[:320, :, :3]).mean() < 4
    # No grey block where the end is missing: the rows above go on.
    assert np.abs(shown[-1] - whole[-1, :, :3]).mean() < 30
    assert check_picture(checked.data, limits=LIMITS).notes == ()


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.8])
def test_half_a_jpeg_is_refused(options: dict[str, Any], kept: float) -> None:
    data = encode(photo(), "JPEG", **options)
    with pytest.raises(PictureDamaged):
        check_picture(data[: int(kept * len(data))], limits=LIMITS)


def test_a_png_without_its_end_is_whole() -> None:
    data = encode(photo(), "PNG")
    for missing in (1, 8, 12):
        checked = check_picture(data[:-missing], limits=LIMITS)
        assert checked.notes == ()
        assert np.array_equal(np.asarray(decode(checked.data)), photo())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_png_without_its_last_bytes_is_taken_with_a_word(channels: int) -> None:
    pixels = photo()
    if channels == 4:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 200, np.uint8)])
    samples = pixels[..., 0] if channels == 1 else pixels
    data = encode(samples, "PNG")
    checked = check_picture(data[: -12 - 4 - 200], limits=LIMITS)
    [note] = checked.notes
    lost = int(note.split("the last ")[1].split()[0])
    assert 1 <= lost <= 3
    shown = np.asarray(decode(checked.data))
    assert np.array_equal(shown[:-lost], samples[:-lost])
    assert np.array_equal(shown[-1], samples[-lost - 1])


def test_a_png_without_its_checksum_at_the_end_is_whole() -> None:
    """All rows are there; only the four bytes that end the compressed data are not."""
    data = encode(photo(), "PNG")
    checked = check_picture(data[: -12 - 4 - 4], limits=LIMITS)
    assert checked.notes == ()
    assert np.array_equal(np.asarray(decode(checked.data)), photo())


def test_half_a_png_is_refused() -> None:
    data = encode(photo(), "PNG")
    for kept in (0.3, 0.5, 0.9):
        with pytest.raises(PictureDamaged):
            check_picture(data[: int(kept * len(data))], limits=LIMITS)


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}])
def test_a_webp_without_its_last_bytes(options: dict[str, Any]) -> None:
    data = encode(photo(), "WEBP", **options)
    whole = np.asarray(decode(data)).astype(int)
    checked = check_picture(data[:-5], limits=LIMITS)
    assert all("cut off" in note for note in checked.notes)
    shown = np.asarray(decode(checked.data).convert("RGB")).astype(int)
    assert np.abs(shown[:330] - whole[:330]).mean() < 3
    with pytest.raises(PictureDamaged):
        check_picture(data[: len(data) // 2], limits=LIMITS)


def test_a_webp_without_its_last_metadata_is_whole() -> None:
    data = encode(photo(), "WEBP", xmp=b"<x:xmpmeta>" + 50 * b" ")
    checked = check_picture(data[:-30], limits=LIMITS)
    assert checked.notes == ()
    assert decode(checked.data).tobytes() == decode(data).tobytes()
