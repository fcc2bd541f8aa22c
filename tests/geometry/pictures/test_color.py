"""Colours come out as sRGB, whatever the file stores them in."""

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from image2model.geometry.pictures.color import scale_to_8_bits
from image2model.geometry.pictures.picture import check_picture, decode_picture
from image2model.geometry.pictures.png import drop_deep
from tests.geometry.picture_files import (
    LIMITS,
    P3_CHART,
    SRGB,
    decode,
    display_p3,
    encode,
    heic_chart,
    png_chunk,
    raw_png,
    scene,
)

P3_TO_SRGB = np.array(
    [[1.22494, -0.22494, 0.0], [-0.04206, 1.04206, 0.0], [-0.01964, -0.07864, 1.09827]]
)
"""Linear light; CSS Color Module Level 4, section 18."""


def muted() -> NDArray[np.uint8]:
    """Colours that sRGB can show, also when they are read as Display P3."""
    return np.asarray(np.rint(60 + 0.45 * scene()), np.uint8)


def p3_shown_in_srgb(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    stored = pixels / 255
    light = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ P3_TO_SRGB.T, 0, 1)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(255 * srgb, np.float64)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_display_p3_is_converted(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95}
    data = encode(muted(), kind, icc_profile=display_p3(), **options)
    expected = p3_shown_in_srgb(np.asarray(decode(data).convert("RGB")))
    pixels = decode_picture(data, limits=LIMITS).pixels[..., :3]
    assert np.abs(pixels - expected).max() <= 3
    assert np.abs(pixels.astype(int) - muted()).max() >= 10
    checked = check_picture(data, limits=LIMITS)
    kept = decode(checked.data)
    assert "icc_profile" not in kept.info
    assert np.abs(np.asarray(kept.convert("RGB")) - expected).mean() < 3


@pytest.mark.parametrize("quarter_turns", range(4))
def test_heic_is_read_upright_and_in_its_colors(quarter_turns: int) -> None:
    """No extra is needed; what an iPhone writes comes out as a screen shows it."""
    data = heic_chart(quarter_turns=quarter_turns)
    patches = np.array(P3_CHART, np.uint8).repeat(16, 0).repeat(16, 1)
    expected = p3_shown_in_srgb(np.rot90(patches, quarter_turns))
    checked = check_picture(data, limits=LIMITS)
    assert checked.media_type == "image/jpeg"
    shown = np.asarray(decode(checked.data))
    assert (checked.height_px, checked.width_px) == shown.shape[:2] == expected.shape[:2]
    for row in range(8, len(shown), 16):
        for column in range(8, shown.shape[1], 16):
            assert color_difference(shown[row, column], expected[row, column]) < 2


def color_difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Distance in CIE L*a*b* (1976) of two sRGB colours, 0-255."""
    both = np.array([[one, other]], np.float32) / 255
    lab = cv2.cvtColor(both, cv2.COLOR_RGB2LAB)[0]
    return float(np.linalg.norm(lab[0] - lab[1]))


def test_code_points_count_like_a_profile() -> None:
    """Display P3 may be named by two numbers instead of a profile: cICP, 12 and 13."""
    samples = muted()
    code_points = png_chunk(b"cICP", bytes([12, 13, 0, 1]))
    named = raw_png(samples, depth=8, color_type=2, extra=(code_points,))
    expected = p3_shown_in_srgb(samples)
    assert np.abs(decode_picture(named, limits=LIMITS).pixels[..., :3] - expected).max() <= 3
    plain = raw_png(samples, depth=8, color_type=2)
    srgb = raw_png(
        samples, depth=8, color_type=2, extra=(png_chunk(b"cICP", bytes([1, 13, 0, 1])),)
    )
    assert check_picture(srgb, limits=LIMITS).data == check_picture(plain, limits=LIMITS).data


@pytest.mark.parametrize("gamma", [None, 100_000])
@pytest.mark.parametrize("turn", [1, 6])
def test_grey_of_16_bits_is_kept_for_heights(gamma: int | None, turn: int) -> None:
    """A ramp of 2,000 levels has 8 left in 8 bits, all of which stay readable beside them."""
    ramp = np.linspace(30_000, 32_000, 40 * 50).astype(np.uint16).reshape(40, 50)
    extra = [png_chunk(b"gAMA", gamma.to_bytes(4, "big"))] if gamma else []
    if turn != 1:
        exif = Image.Exif()
        exif[0x0112] = turn
        extra.append(png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
    data = raw_png(ramp, depth=16, color_type=0, extra=tuple(extra))
    checked = check_picture(data, limits=LIMITS)
    shown = decode(checked.data)
    assert shown.mode == "L"
    upright = np.rot90(ramp, -1) if turn == 6 else ramp
    expected = upright.astype(float)
    if gamma:
        expected = 65535 * (1.055 * (upright / 65535) ** (1 / 2.4) - 0.055)
    assert np.abs(np.asarray(shown) - expected / 257).max() <= 1
    for read in (data, checked.data, check_picture(checked.data, limits=LIMITS).data):
        deep = decode_picture(read, limits=LIMITS).deep_grey
        assert deep is not None
        assert np.abs(deep - expected).max() <= (40 if gamma else 0)
    assert check_picture(checked.data, limits=LIMITS).data == checked.data
    sent = drop_deep(checked.data)
    assert len(sent) < len(checked.data)
    assert decode(sent).tobytes() == shown.tobytes()
    assert decode_picture(sent, limits=LIMITS).deep_grey is None
    assert drop_deep(sent) == sent


def test_deep_colors_say_that_half_of_their_bits_are_used() -> None:
    samples = np.random.default_rng(3).integers(0, 65_536, (20, 24, 3))
    checked = check_picture(raw_png(samples, depth=16, color_type=2), limits=LIMITS)
    assert checked.notes == ("8 of its 16 bits per colour are used",)


def test_alpha_survives_a_profile() -> None:
    samples = scene(channels=4)
    data = encode(samples, "PNG", icc_profile=display_p3())
    assert np.array_equal(decode_picture(data, limits=LIMITS).pixels[..., 3], samples[..., 3])
    assert check_picture(data, limits=LIMITS).has_alpha


@pytest.mark.parametrize("profile", [SRGB, b"not a profile", display_p3()[:200]])
def test_srgb_and_broken_profiles_change_nothing(profile: bytes) -> None:
    data = encode(scene(), "PNG", icc_profile=profile)
    assert np.array_equal(decode_picture(data, limits=LIMITS).pixels[..., :3], scene())
    plain = check_picture(encode(scene(), "PNG"), limits=LIMITS)
    assert check_picture(data, limits=LIMITS).data == plain.data


def test_a_profile_for_other_channels_is_ignored() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for image in (scene(), scene()[..., 0]):
        data = encode(image, "PNG", icc_profile=lab if image.ndim == 3 else display_p3())
        shown = decode_picture(data, limits=LIMITS).pixels[..., 0]
        assert np.array_equal(shown, image[..., 0] if image.ndim == 3 else image)


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_jpegs_become_rgb(adobe: bool) -> None:
    """Adobe programs store CMYK inverted and say so; others do neither."""
    ink = np.zeros((32, 32, 4), np.uint8)
    ink[:16, :, 1:3] = 255  # magenta and yellow: red
    ink[16:, :, 0] = 255  # cyan
    data = encode(Image.fromarray(ink, "CMYK"), "JPEG", quality=95)
    marker = data.find(b"\xff\xee")
    if not adobe:
        # Without the marker, the samples mean ink as they stand, so they are inverted by hand.
        data = encode(Image.fromarray(255 - ink, "CMYK"), "JPEG", quality=95)
        length = int.from_bytes(data[marker + 2 : marker + 4], "big")
        data = data[:marker] + data[marker + 2 + length :]
    checked = check_picture(data, limits=LIMITS)
    assert checked.media_type == "image/jpeg"
    assert decode(checked.data).mode == "RGB"
    for shown in (
        np.asarray(decode(checked.data)),
        decode_picture(data, limits=LIMITS).pixels[..., :3],
    ):
        assert np.abs(shown[8, 16].astype(int) - (255, 0, 0)).max() < 12
        assert np.abs(shown[24, 16].astype(int) - (0, 255, 255)).max() < 12


@pytest.mark.parametrize(("stored_gamma", "changes"), [(45455, False), (100000, True)])
def test_png_gamma_is_honoured(stored_gamma: int, changes: bool) -> None:
    """A linear PNG looks too dark unless its gAMA chunk is read."""
    samples = scene()
    gamma = png_chunk(b"gAMA", stored_gamma.to_bytes(4, "big"))
    shown = decode_picture(
        raw_png(samples, depth=8, color_type=2, extra=(gamma,)), limits=LIMITS
    ).pixels[..., :3]
    if not changes:
        assert np.array_equal(shown, samples)
    else:
        light = samples / 255
        srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        assert np.array_equal(shown, np.rint(255 * srgb).astype(np.uint8))


def test_grey_of_16_bits_in_three_channels_is_kept_for_heights() -> None:
    """Many programs write depth maps so."""
    ramp = np.linspace(30_000, 32_000, 40 * 50).astype(np.uint16).reshape(40, 50)
    written, data = cv2.imencode(".png", np.dstack([ramp, ramp, ramp]))
    assert written
    checked = check_picture(data.tobytes(), limits=LIMITS)
    kept = decode_picture(checked.data, limits=LIMITS).deep_grey
    assert kept is not None
    assert np.array_equal(kept, ramp)


@pytest.mark.parametrize("largest", [1_023, 4_095, 65_535])
def test_samples_are_scaled_to_the_nearest_of_8_bits(largest: int) -> None:
    samples = np.arange(largest + 1, dtype=np.uint16)
    exact = ((samples.astype(np.uint64) * 255 + largest // 2) // largest).astype(np.uint8)
    assert np.array_equal(scale_to_8_bits(samples, largest=largest), exact)
    pixels = samples.reshape(-1, 8, 4)[::-1]
    assert np.array_equal(scale_to_8_bits(pixels, largest=largest), exact.reshape(-1, 8, 4)[::-1])
