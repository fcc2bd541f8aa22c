"""Uploads that are kept: what comes out is whole, upright, sRGB, without metadata."""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from image2model.core.errors import NotAPicture, PictureTypeUnsupported
from image2model.geometry.pictures.picture import check_picture, decode_picture
from tests.geometry.picture_files import (
    LIMITS,
    SRGB,
    avif_without_alpha_size,
    decode,
    encode,
    png_chunk,
    raw_png,
    scene,
)

PLACE = b"latitude 48.137"


def tagged_exif(orientation: int = 1) -> Image.Exif:
    """Exif with an orientation, a place and a maker."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = PLACE.decode()
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 13.0)
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_plain_picture_keeps_its_compressed_pixels(kind: str) -> None:
    data = encode(scene(), kind)
    checked = check_picture(data, limits=LIMITS)
    assert checked.media_type == f"image/{kind.lower()}"
    assert (checked.width_px, checked.height_px, checked.has_alpha) == (64, 48, False)
    assert checked.sha256 == hashlib.sha256(checked.data).hexdigest()
    assert decode(checked.data).tobytes() == decode(data).tobytes()
    assert len(checked.data) <= len(data)
    assert check_picture(checked.data, limits=LIMITS).data == checked.data


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"comment": PLACE, "icc_profile": SRGB, "quality": 90}),
        ("JPEG", {"progressive": True}),
        ("WEBP", {"xmp": b"<x:xmpmeta>" + PLACE, "icc_profile": SRGB}),
        ("WEBP", {"lossless": True, "xmp": PLACE}),
        ("PNG", {"icc_profile": SRGB, "dpi": (72, 72)}),
    ],
)
def test_metadata_goes_without_touching_the_pixels(kind: str, options: dict[str, Any]) -> None:
    data = encode(scene(), kind, exif=tagged_exif(), **options)
    assert PLACE in data
    checked = check_picture(data, limits=LIMITS)
    shown = decode(checked.data)
    assert PLACE not in checked.data
    assert not set(shown.info) & {"exif", "icc_profile", "xmp", "comment", "dpi"}
    assert not shown.getexif()
    assert shown.tobytes() == decode(data).tobytes()


def test_text_and_unknown_chunks_of_a_png_go() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", PLACE.decode())
    texts.add_itxt("XML:com.adobe.xmp", PLACE.decode(), zip=False)
    data = encode(scene(), "PNG", pnginfo=texts)
    private = png_chunk(b"prVt", PLACE)
    data = data[:33] + private + data[33:] + b"trailer " + PLACE
    checked = check_picture(data, limits=LIMITS)
    assert data.count(PLACE) == 4
    assert PLACE not in checked.data


def test_segments_between_and_data_after_a_jpeg_go() -> None:
    data = encode(scene(), "JPEG", progressive=True)
    segment = b"\xff\xed" + (2 + len(PLACE)).to_bytes(2, "big") + PLACE
    second_scan = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    spread = data[:2] + segment + data[2:second_scan] + segment + data[second_scan:] + PLACE
    checked = check_picture(spread, limits=LIMITS)
    assert checked.data == check_picture(data, limits=LIMITS).data
    assert PLACE not in checked.data


def test_webp_with_alpha_stays_small_and_keeps_its_alpha() -> None:
    translucent = np.maximum(scene(channels=4), 1)
    data = encode(translucent, "WEBP", quality=80, exif=tagged_exif())
    assert b"ALPH" in data
    checked = check_picture(data, limits=LIMITS)
    assert (checked.media_type, checked.has_alpha) == ("image/webp", True)
    assert decode(checked.data).tobytes() == decode(data).tobytes()
    assert PLACE not in checked.data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(kind: str, orientation: int) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(scene(), kind, exif=tagged_exif(orientation), **options)
    expected = np.asarray(ImageOps.exif_transpose(decode(data)))
    picture = decode_picture(data, limits=LIMITS)
    assert np.array_equal(picture.pixels[..., :3], expected)
    checked = check_picture(data, limits=LIMITS)
    assert (checked.height_px, checked.width_px) == expected.shape[:2]
    kept = np.asarray(decode(checked.data)).astype(int)
    assert np.abs(kept - expected).max() <= (12 if kind == "JPEG" else 0)


def test_a_turned_jpeg_is_still_a_jpeg() -> None:
    data = encode(scene(), "JPEG", exif=tagged_exif(6))
    checked = check_picture(data, limits=LIMITS)
    assert checked.media_type == "image/jpeg"
    assert not decode(checked.data).getexif()


@pytest.mark.parametrize(
    "damage", [b"", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff"]
)
def test_unreadable_exif_means_upright(damage: bytes) -> None:
    data = encode(scene(), "JPEG", exif=b"Exif\0\0" + damage)
    assert (
        check_picture(data, limits=LIMITS).data
        == check_picture(encode(scene(), "JPEG"), limits=LIMITS).data
    )


def test_avif_becomes_what_every_provider_reads() -> None:
    opaque = check_picture(encode(scene(), "AVIF", quality=90), limits=LIMITS)
    assert opaque.media_type == "image/jpeg"
    assert np.abs(np.asarray(decode(opaque.data)).astype(int) - scene()).mean() < 3
    turned = check_picture(
        encode(scene(channels=4), "AVIF", exif=tagged_exif(6), quality=90), limits=LIMITS
    )
    assert (turned.media_type, turned.has_alpha) == ("image/png", True)
    assert (turned.width_px, turned.height_px) == (48, 64)
    assert PLACE not in turned.data


def first_frames(kind: str) -> bytes:
    still = Image.fromarray(scene(channels=4))
    moving = [still.transpose(Image.Transpose.ROTATE_180) for _ in range(2)]
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    return encode(still, kind, save_all=True, append_images=moving, duration=100, **options)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_shows_its_first_frame(kind: str) -> None:
    data = first_frames(kind)
    assert getattr(decode(data), "n_frames", 1) > 1
    checked = check_picture(data, limits=LIMITS)
    kept = decode(checked.data)
    assert getattr(kept, "n_frames", 1) == 1
    seen = np.asarray(kept.convert("RGBA"))
    visible = seen[..., 3] > 0  # what is behind full transparency need not survive
    assert np.array_equal(seen[visible], scene(channels=4)[visible])


def test_has_alpha_means_that_alpha_is_used() -> None:
    opaque = scene(channels=4)
    opaque[..., 3] = 255
    assert not check_picture(encode(opaque, "PNG"), limits=LIMITS).has_alpha
    assert not decode_picture(encode(opaque, "PNG"), limits=LIMITS).has_alpha
    opaque[7, 7, 3] = 254
    assert check_picture(encode(opaque, "PNG"), limits=LIMITS).has_alpha
    assert decode_picture(encode(opaque, "PNG"), limits=LIMITS).has_alpha


def test_decode_gives_straight_alpha() -> None:
    picture = decode_picture(encode(scene(channels=4), "PNG"), limits=LIMITS)
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, scene(channels=4))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_png_mode_is_right(mode: str) -> None:
    data = encode(Image.fromarray(scene(channels=4)).convert(mode), "PNG")
    expected = np.asarray(decode(data).convert("RGBA"))
    assert np.array_equal(decode_picture(data, limits=LIMITS).pixels, expected)
    checked = check_picture(data, limits=LIMITS)
    shown = np.asarray(decode(checked.data).convert("RGBA"))
    assert np.array_equal(visible(shown), visible(expected))


def visible(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels without what lies under full transparency."""
    return np.where(pixels[..., 3:] > 0, pixels, 0).astype(np.uint8)


def test_palette_with_transparency() -> None:
    image = Image.fromarray(scene()).quantize(16)
    data = encode(image, "PNG", transparency=bytes([0, 128] + [255] * 14))
    picture = decode_picture(data, limits=LIMITS)
    expected = np.array([0, 128] + [255] * 14, np.uint8)[np.asarray(image)]
    assert np.array_equal(picture.pixels[..., 3], expected)
    checked = check_picture(data, limits=LIMITS)
    assert checked.has_alpha
    assert decode(checked.data).mode == "P"


@pytest.mark.parametrize(("depth", "top"), [(8, 255), (16, 65535)])
@pytest.mark.parametrize(
    ("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)], ids=["L", "RGB", "LA", "RGBA"]
)
def test_deep_pngs_are_rounded_to_8_bits(
    depth: int, top: int, color_type: int, channels: int
) -> None:
    levels = np.random.default_rng(5).integers(0, top + 1, (24, 20, channels))
    data = raw_png(levels, depth=depth, color_type=color_type)
    shown = np.rint(levels * 255 / top).astype(np.uint8)
    expected = np.full((24, 20, 4), 255, np.uint8)
    expected[..., :3] = shown[..., :1] if channels < 3 else shown[..., :3]
    if channels in (2, 4):
        expected[..., 3] = shown[..., -1]
    assert np.array_equal(decode_picture(data, limits=LIMITS).pixels, expected)
    checked = check_picture(data, limits=LIMITS)
    assert checked.has_alpha == (channels in (2, 4))
    shown = np.asarray(decode(checked.data).convert("RGBA"))
    assert np.array_equal(visible(shown), visible(expected))
    assert checked.data[24] == 8


@pytest.mark.parametrize(("depth", "key"), [(8, (7, 130, 40)), (16, (1799, 33410, 10280))])
def test_a_transparent_color_key_is_exact(depth: int, key: tuple[int, int, int]) -> None:
    samples = np.random.default_rng(1).integers(0, 2**depth, (20, 20, 3))
    samples[4:9, 3:6] = key
    samples[10, 10] = (key[0], key[1], key[2] + 1)  # almost the key is not the key
    packed = b"".join(value.to_bytes(2, "big") for value in key)
    data = raw_png(samples, depth=depth, color_type=2, extra=(png_chunk(b"tRNS", packed),))
    expected = np.full((20, 20), 255, np.uint8)
    expected[4:9, 3:6] = 0
    assert np.array_equal(decode_picture(data, limits=LIMITS).pixels[..., 3], expected)
    checked = check_picture(data, limits=LIMITS)
    assert np.array_equal(np.asarray(decode(checked.data).convert("RGBA"))[..., 3], expected)


@pytest.mark.parametrize("depth", [2, 4, 8, 16])
def test_a_transparent_grey_is_exact(depth: int) -> None:
    """Browsers show such a grey as transparent, whatever the depth."""
    top = 2**depth - 1
    grey = np.random.default_rng(depth).integers(0, top, (24, 20))
    grey[5:9, 3:17] = top
    rows = grey.astype(">u2").view("u1").reshape(24, -1) if depth == 16 else grey
    if depth < 8:
        bits = np.unpackbits(grey.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(24, -1), axis=1)
    lines = b"".join(b"\0" + np.asarray(row, np.uint8).tobytes() for row in rows)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 24, depth, 0, 0, 0, 0))
        + png_chunk(b"tRNS", top.to_bytes(2, "big"))
        + png_chunk(b"IDAT", zlib.compress(lines))
        + png_chunk(b"IEND", b"")
    )
    expected = np.where(grey == top, 0, 255)
    picture = decode_picture(data, limits=LIMITS)
    assert np.array_equal(picture.pixels[..., 3], expected)
    assert np.array_equal(picture.pixels[..., 0], np.rint(grey * 255 / top))
    checked = check_picture(data, limits=LIMITS)
    assert checked.has_alpha
    assert np.array_equal(np.asarray(decode(checked.data).convert("RGBA"))[..., 3], expected)


def test_avif_without_a_size_of_its_alpha_is_read() -> None:
    """Browsers open such files though they break a rule of the format."""
    samples = np.zeros((48, 64, 4), np.uint8)
    samples[8:40, 8:56] = (200, 10, 10, 255)
    data = avif_without_alpha_size(samples)
    with pytest.raises(UnidentifiedImageError):
        decode(data)
    checked = check_picture(data, limits=LIMITS)
    shown = np.asarray(decode(checked.data))
    assert (checked.media_type, checked.has_alpha) == ("image/png", True)
    assert np.abs(shown[..., 3].astype(int) - samples[..., 3]).max() <= 2
    assert np.abs(shown[12:36, 12:52].astype(int) - samples[12:36, 12:52]).max() <= 3


@pytest.mark.parametrize(
    ("head", "looks_like"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n <HTML><body>", "web page"),
        (b"<?xml version='1.0'?><note/>", "XML"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PK\x03\x04", "zip"),
        (b"glTF\x02\0\0\0", "glTF"),
        (b'{"asset": {"version": "2.0"}}', "glTF"),
        (b'{"error": "not found"}', "JSON"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "video"),
        (b"MZ\x90\0", "program"),
        (b"hello, world", "text"),
        (b"Kaydara FBX Binary  \0", "FBX"),
    ],
)
def test_what_is_no_picture_is_named(head: bytes, looks_like: str) -> None:
    with pytest.raises(NotAPicture, match=looks_like):
        check_picture(head, limits=LIMITS)


def test_noise_is_not_named() -> None:
    with pytest.raises(NotAPicture) as caught:
        check_picture(bytes(range(128, 256)), limits=LIMITS)
    assert caught.value.details["looks_like"] is None


def saved_as(kind: str) -> Callable[[], bytes]:
    return lambda: encode(scene(), kind)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (saved_as("GIF"), "GIF"),
        (saved_as("BMP"), "BMP"),
        (saved_as("TIFF"), "TIFF"),
        (saved_as("ICO"), "ICO"),
        (saved_as("JPEG2000"), "JPEG 2000"),
        (saved_as("PPM"), "Netpbm"),
        (saved_as("DDS"), "DDS"),
        (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (lambda: b"<?xml version='1.0'?>\n<!-- made by hand -->\n<svg></svg>", "SVG"),
        (lambda: b"8BPS\0\1", "PSD"),
    ],
)
def test_other_picture_types_are_named_with_advice(make: Callable[[], bytes], name: str) -> None:
    with pytest.raises(PictureTypeUnsupported) as caught:
        check_picture(make(), limits=LIMITS)
    assert name in caught.value.details["type_name"]
    assert "PNG" in caught.value.message


def grey_jpeg(samples: NDArray[np.uint8]) -> bytes:
    return encode(Image.fromarray(samples), "JPEG")


def test_a_grey_jpeg_stays_grey() -> None:
    data = grey_jpeg(scene()[..., 0])
    checked = check_picture(data, limits=LIMITS)
    assert decode(checked.data).mode == "L"
    pixels = decode_picture(data, limits=LIMITS).pixels
    assert np.array_equal(pixels[..., 0], pixels[..., 2])
    assert np.array_equal(pixels[..., 0], np.asarray(Image.open(io.BytesIO(data))))
