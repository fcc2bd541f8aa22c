"""Bring the colours of a decoded picture to 8-bit sRGB."""

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_CHANNELS = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_JUST_VISIBLE = 2
"""Largest difference, of 255, at which a profile counts as sRGB: rounding, not colour."""


def convert_profile(image: Image.Image, icc_profile: bytes) -> Image.Image | None:
    """
    Convert *image* from its embedded profile to sRGB.

    Args:
        image: Mode L, LA, RGB, RGBA or CMYK.
        icc_profile: The profile as embedded in the file.

    Returns:
        The picture in RGB or RGBA, or None when there is nothing to convert: the profile is
        sRGB within rounding, is unreadable, or is meant for other channels. Viewers ignore
        such profiles, too.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        mode = _CHANNELS.get(profile.profile.xcolor_space.strip())
        if mode is None or not image.mode.startswith(mode):
            return None
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    if mode != "CMYK" and _changes_nothing(transform, mode):
        return None
    converted = transform.apply(image if image.mode == mode else image.convert(mode))
    converted.info = {}  # the transform notes its profile there, and encoders would write it
    if image.mode in ("RGBA", "LA"):
        converted.putalpha(image.getchannel("A"))
    return converted


def apply_gamma(image: Image.Image, gamma: float) -> Image.Image:
    """
    Re-encode samples whose light is sample ** *gamma* with the sRGB curve.

    Args:
        image: Mode L, LA, RGB or RGBA.
        gamma: Exponent from samples to light; about 2.2 for ordinary pictures.

    Returns:
        A picture of the same mode; alpha is left as it is.
    """
    srgb = srgb_of_light((np.arange(256) / 255) ** gamma)
    curve = np.rint(255 * srgb).astype(int).tolist()
    table = [
        value for band in image.getbands() for value in (list(range(256)) if band == "A" else curve)
    ]
    return image.point(table)


def srgb_of_light(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Encode linear light, 0.0–1.0, with the curve of sRGB (IEC 61966-2-1)."""
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(encoded, np.float64)


def narrow_to_8_bits(samples: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """
    Scale 16-bit samples to 8 bits, rounding to the nearest.

    Args:
        samples: Any shape.

    Returns:
        The same shape; 0 and 65535 become exactly 0 and 255.
    """
    return scale_to_8_bits(samples, largest=65_535)


def scale_to_8_bits(samples: NDArray[np.uint16], *, largest: int) -> NDArray[np.uint8]:
    """
    Scale samples to 8 bits, rounding to the nearest.

    Args:
        samples: Any shape.
        largest: What becomes 255; odd.
    """
    # A tenth of the time and of the memory that whole numbers take in numpy. No sample lies in the
    # middle between two levels, so rounding is the same.
    narrow = cv2.convertScaleAbs(samples, alpha=255 / largest)
    return np.asarray(narrow, np.uint8).reshape(samples.shape)


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    if mode == "L":
        samples = steps[None]
        expected = np.repeat(samples[..., None], 3, axis=2)
    else:
        samples = expected = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    seen = np.asarray(transform.apply(Image.fromarray(samples)), np.int16)
    return int(np.abs(seen - expected).max()) <= _JUST_VISIBLE
