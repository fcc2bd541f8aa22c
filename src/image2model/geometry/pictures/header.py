"""What a picture file says about itself before any pixel is decoded."""

import struct
from dataclasses import dataclass

ORIENTATION_TAG = 0x0112


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StrippedPicture:
    """
    A picture file reduced to what its pixels need, and what its metadata said about them.

    Attributes:
        data: The same pixels, losslessly, without metadata.
        width_px: Width as stored, before *orientation* is applied.
        height_px: Height as stored, before *orientation* is applied.
        orientation: 1–8 as in Exif 2.32, table 6; 1 is upright.
        icc_profile: The embedded colour profile, or None: sRGB.
        gamma: Exponent from samples to light that differs from sRGB's (PNG gAMA), or None.
        browser_ready: Whether any browser shows *data* right as it is, orientation and
            colours apart.
        lossless: Whether the pixels were stored without loss, so keep them so.
        plain_ink: Whether CMYK samples mean ink as they stand. Adobe's programs store them
            inverted, and readers take that for granted.
        libpng_only: Whether only libpng decodes this kind exactly (deep or keyed PNG).
        key: The samples, at *depth* bits, that a PNG declares transparent, or None.
        depth: Bits per sample.
        deep: A PNG of 16 bits that the file carries beside its 8-bit grey pixels, or None.
        other_filling: The same as *data*, with other bytes in place of an end that is missing:
            what decodes alike from both does not depend on it. Empty for a PNG, whose rows are
            counted instead. None: nothing is missing.
        lost_rows: Rows at the bottom that were repeated from the last one that is there.
    """

    data: bytes
    width_px: int
    height_px: int
    orientation: int = 1
    icc_profile: bytes | None = None
    gamma: float | None = None
    browser_ready: bool = True
    lossless: bool = False
    plain_ink: bool = False
    libpng_only: bool = False
    key: tuple[int, ...] | None = None
    depth: int = 8
    deep: bytes | None = None
    other_filling: bytes | None = None
    lost_rows: int = 0


def read_orientation(exif: bytes) -> int:
    """
    Read the orientation from an Exif block.

    Args:
        exif: A TIFF structure, with or without the six bytes that lead it in a JPEG.

    Returns:
        1–8; 1 (upright) when absent or unreadable, as every viewer does.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(count):
            tag, kind, number, value = struct.unpack_from(
                f"{order}HHIH", tiff, start + 2 + 12 * index
            )
            if tag == ORIENTATION_TAG and kind == 3 and number == 1:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
