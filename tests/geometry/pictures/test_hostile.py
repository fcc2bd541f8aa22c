"""Broken, blank, oversized and hostile uploads are refused with the right error and no harm."""

import io
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from image2model.core.errors import (
    InvalidPictureError,
    PictureDamaged,
    PictureEmpty,
    PictureTooManyPixels,
    PictureTooSmall,
)
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.picture import check_picture, decode_picture
from tests.geometry.picture_files import LIMITS, bomb_png, encode, png_chunk, raw_png, scene

KINDS = ["JPEG", "PNG", "WEBP", "AVIF"]
MEGABYTE = 2**20

CHECK_AND_MEASURE = """
import resource, sys
from image2model.core.errors import PictureTooManyPixels
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.picture import check_picture
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    check_picture(data, limits=PictureLimits())
except PictureTooManyPixels as error:
    print(error.details["width_px"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_decompression_bomb_costs_no_memory() -> None:
    bomb = bomb_png(20_000, 20_000)
    assert len(bomb) < MEGABYTE
    done = subprocess.run(
        [sys.executable, "-c", CHECK_AND_MEASURE], input=bomb, capture_output=True, check=True
    )
    width_px, growth_kib = (int(word) for word in done.stdout.split())
    assert width_px == 20_000
    assert growth_kib < 8 * 1024


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_damaged(kind: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    data = encode(noise, kind)
    for read in (check_picture, decode_picture):
        with pytest.raises(PictureDamaged):
            read(data[: int(kept * len(data))], limits=LIMITS)


def test_a_png_whose_rows_end_early_is_damaged() -> None:
    whole = raw_png(scene(), depth=8, color_type=2)
    packed = whole.index(b"IDAT") - 4
    for deep in (False, True):
        header = bytearray(whole[:33])
        header[24] = 16 if deep else 8
        header[16:33] = png_chunk(b"IHDR", bytes(header[16:29]))[8:]
        rows = zlib.decompress(whole[packed + 8 : -16])[:2000]
        short = png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
        with pytest.raises(PictureDamaged):
            check_picture(bytes(header) + short, limits=LIMITS)


def test_a_webp_without_width_is_damaged() -> None:
    data = bytearray(encode(scene(channels=4), "WEBP"))
    frame = data.index(b"\x9d\x01\x2a")
    data[frame + 3 : frame + 5] = b"\0\0"
    with pytest.raises(PictureDamaged):
        check_picture(bytes(data), limits=LIMITS)


def test_a_flipped_bit_in_a_png_is_found_by_its_checksum() -> None:
    data = bytearray(encode(scene(), "PNG"))
    data[-30] ^= 1
    with pytest.raises(PictureDamaged, match="checksum"):
        check_picture(bytes(data), limits=LIMITS)


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = encode(scene(), "JPEG", progressive=True)
    last_scan = data.rindex(b"\xff\xda")
    hostile = data[:-2] + 5000 * data[last_scan:-2] + data[-2:]
    with pytest.raises(PictureDamaged, match="scans"):
        check_picture(hostile, limits=LIMITS)


@pytest.mark.parametrize("kind", KINDS)
def test_size_limits_hold_for_every_type(kind: str) -> None:
    data = encode(scene(64, 48), kind)
    # A JPEG is scaled down instead, unless it is very much too large.
    pixels, side_px = (64 * 48 // 6, 7) if kind == "JPEG" else (64 * 48 - 1, 63)
    with pytest.raises(PictureTooManyPixels) as caught:
        check_picture(data, limits=PictureLimits(max_pixels=pixels))
    assert (caught.value.details["width_px"], caught.value.details["height_px"]) == (64, 48)
    with pytest.raises(PictureTooManyPixels, match=f"{side_px} pixels a side"):
        check_picture(data, limits=PictureLimits(max_side_px=side_px))
    with pytest.raises(PictureTooSmall, match="64 × 48"):
        check_picture(data, limits=PictureLimits(min_side_px=49))
    exact = PictureLimits(max_pixels=64 * 48, max_side_px=64, min_side_px=48)
    assert check_picture(data, limits=exact).width_px == 64


def test_the_limit_is_ours_alone_above_pillows_own() -> None:
    """Pillow warns from 89 megapixels on; what an operator allows must not end in a warning."""
    data = bomb_png(10_000, 9_500)
    with pytest.raises(PictureEmpty):
        check_picture(data, limits=PictureLimits(max_pixels=100_000_000))


@pytest.mark.parametrize("kind", KINDS)
def test_one_pixel_is_too_small(kind: str) -> None:
    with pytest.raises(PictureTooSmall):
        check_picture(encode(np.zeros((1, 1, 3), np.uint8), kind), limits=LIMITS)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_fully_transparent_picture_is_empty(kind: str) -> None:
    clear = scene(channels=4)
    clear[..., 3] = 0
    with pytest.raises(PictureEmpty, match="transparent"):
        check_picture(encode(clear, kind, lossless=True), limits=LIMITS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(40, 50, 3), (40, 50)])
def test_one_single_color_is_empty(kind: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(PictureEmpty, match="colour"):
        check_picture(encode(np.full(shape, 90, np.uint8), kind), limits=LIMITS)


def test_a_lone_odd_pixel_is_no_blank() -> None:
    """Blankness is decided on all pixels, not on a sample."""
    image = np.full((300, 400, 3), 90, np.uint8)
    image[151, 203] = 91
    assert not check_picture(encode(image, "PNG"), limits=LIMITS).has_alpha


def test_a_name_proves_nothing(tmp_path: Path) -> None:
    fake = tmp_path / "photo.png"
    fake.write_bytes(b"<html><script>alert(1)</script></html>")
    with pytest.raises(InvalidPictureError, match="web page"):
        check_picture(fake.read_bytes(), limits=LIMITS)


def test_another_picture_behind_a_jpegs_end_goes() -> None:
    """Polyglots: what follows the end marker is not kept."""
    data = encode(scene(), "JPEG")
    archive = b"PK\x03\x04 a zip file in disguise"
    assert check_picture(data + archive, limits=LIMITS).data == (
        check_picture(data, limits=LIMITS).data
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_random_damage_is_refused_or_read(kind: str, seed: int) -> None:
    """Whatever is cut or flipped: a checked picture or an InvalidPictureError, nothing else."""
    chance = np.random.default_rng([seed, KINDS.index(kind)])
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = encode(scene(channels=3 if kind == "JPEG" else 4), kind, exif=exif)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(int(chance.integers(1, 6))):
            # Headers are where decoders trip, so they are hit as often as all the rest.
            reach = len(data) if chance.random() < 0.5 else min(len(data), 200)
            data[int(chance.integers(0, reach))] = int(chance.integers(0, 256))
        if chance.random() < 0.2:
            del data[int(chance.integers(1, len(data))) :]
        try:
            checked = check_picture(bytes(data), limits=LIMITS)
        except InvalidPictureError:
            continue
        Image.open(io.BytesIO(checked.data)).load()
