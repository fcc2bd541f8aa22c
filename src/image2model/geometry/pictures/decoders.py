"""Decode the pixels of a picture whose header was read and found acceptable."""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    Image,
    ImageChops,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from image2model.core.errors import PictureDamaged
from image2model.geometry.pictures.color import narrow_to_8_bits, scale_to_8_bits
from image2model.geometry.pictures.header import StrippedPicture, read_orientation
from image2model.geometry.pictures.heif import (
    read_avif_depth,
    read_heif_colors,
    read_heif_turn,
)
from image2model.geometry.pictures.png import complete_rows, drop_key, strip_png
from image2model.geometry.pictures.truncation import mend_end
from image2model.geometry.pictures.types import PictureType

# The reader is named rather than guessed: Image.open would try formats we never accept and
# apply a pixel limit of its own.
_READERS: dict[PictureType, type[ImageFile.ImageFile]] = {
    PictureType.JPEG: JpegImagePlugin.JpegImageFile,
    PictureType.PNG: PngImagePlugin.PngImageFile,
    PictureType.WEBP: WebPImagePlugin.WebPImageFile,
    PictureType.AVIF: AvifImagePlugin.AvifImageFile,
}
_MODES = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})

# All that Pillow and OpenCV raise on malformed files; running out of memory is not among them.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    cv2.error,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """
    The pixels of a picture as they are stored: not turned, not converted.

    Attributes:
        image: The first frame in mode L, LA, RGB, RGBA or CMYK.
        deep: uint16, the same in grey, where the file has 16 bits of it; else None.
        lost_rows: How many rows at the bottom were missing and were filled in.
    """

    image: Image.Image
    deep: NDArray[np.uint16] | None = None
    lost_rows: int = 0


def decode_stripped(kind: PictureType, header: StrippedPicture, *, shrink: int = 1) -> Decoded:
    """
    Decode a JPEG, PNG or WebP to its last row.

    Args:
        kind: The type of the file.
        header: The file without metadata, its size within the limits.
        shrink: 1, 2, 4 or 8: the sides of a JPEG are divided by it while it is decoded.

    Returns:
        The pixels.

    Raises:
        PictureDamaged: More than a few rows are missing or cannot be decoded.
    """
    with _damage_reported():
        if kind is PictureType.PNG and header.other_filling is not None:
            header = complete_rows(header)
        if header.libpng_only:
            image, deep = _decode_with_libpng(header)
            return Decoded(image=image, deep=deep, lost_rows=header.lost_rows)
        image = _load(_open(kind, header.data, shrink))
        lost_rows = header.lost_rows
        if header.other_filling:
            other = _load(_open(kind, header.other_filling, shrink))
            image, lost_rows = mend_end(image, other)
        deep = None if header.deep is None else _decode_deep(header.deep, image.size)
    if image.mode == "CMYK" and header.plain_ink:
        image = ImageChops.invert(image)
    return Decoded(image=image, deep=deep, lost_rows=lost_rows)


def decode_heif(kind: PictureType, data: bytes) -> tuple[StrippedPicture, Image.Image]:
    """
    Decode an AVIF or HEIC, which are never kept as they are.

    Args:
        kind: `AVIF` or `HEIC`.
        data: The whole file; the size that its boxes declare is within the limits.

    Returns:
        What the file says about its pixels, and the pixels of its main picture.

    Raises:
        PictureDamaged: Some pixels are missing or cannot be decoded.
    """
    # The metadata reader of Pillow warns about damage that does not touch the pixels.
    with _damage_reported(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind is PictureType.HEIC:
            # libheif has turned the picture already. Damaged metadata can crash version 1.4 of
            # its binding, process and all, so untrusted HEIC belongs in a worker process.
            image, orientation = _load(pi_heif.open_heif(data).to_pillow()), 1
        else:
            image, orientation = _decode_avif(data)
    return (
        StrippedPicture(
            data=data,
            width_px=image.width,
            height_px=image.height,
            orientation=orientation,
            icc_profile=read_heif_colors(data),
            browser_ready=False,
        ),
        image,
    )


def _decode_avif(data: bytes) -> tuple[Image.Image, int]:
    try:
        opened = _READERS[PictureType.AVIF](io.BytesIO(data))
        # Pillow reports an AVIF's turn as Exif.
        orientation = read_orientation(opened.info.get("exif", b""))
        return _load(opened), orientation
    except _DECODER_ERRORS:
        # Pillow insists on boxes that many files with alpha lack, and browsers do without.
        # OpenCV has the same decoder and does not insist.
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if samples is None:
            raise
        if samples.dtype == np.uint16:
            largest = (1 << read_avif_depth(data)) - 1
            samples = scale_to_8_bits(np.asarray(samples, np.uint16), largest=largest)
        return _from_bgr(np.asarray(samples, np.uint8)), read_heif_turn(data)


@contextmanager
def _damage_reported() -> Iterator[None]:
    try:
        yield
    except _DECODER_ERRORS as error:
        raise PictureDamaged(reason=str(error) or type(error).__name__) from error


def _load(opened: Image.Image) -> Image.Image:
    opened.load()
    keyed = "transparency" in opened.info
    mode = opened.mode if opened.mode in _MODES else "RGBA" if keyed else "RGB"
    image = opened if opened.mode == mode else opened.convert(mode)
    image.info = {}  # else the encoders would write the metadata back
    return image


def _open(kind: PictureType, data: bytes, shrink: int) -> Image.Image:
    opened = _READERS[kind](io.BytesIO(data))
    if shrink > 1:
        opened.draft(None, (opened.width // shrink, opened.height // shrink))
    return opened


def _decode_with_libpng(header: StrippedPicture) -> tuple[Image.Image, NDArray[np.uint16] | None]:
    """Decode a PNG of 16 bits or with a transparent colour."""
    samples = cv2.imdecode(np.frombuffer(drop_key(header), np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise ValueError("its compressed data is broken")
    deep = samples.astype(np.uint16, copy=False) if samples.dtype == np.uint16 else None
    shown = np.asarray(samples if deep is None else narrow_to_8_bits(deep), np.uint8)
    image = Image.fromarray(shown) if shown.ndim == 2 else _from_bgr(shown)
    if header.key is not None:
        image = image.convert("RGB" if shown.ndim == 3 else "L")
        image.putalpha(Image.fromarray(_opacity(samples, header)))
    grey = None if deep is None else _grey_of(deep)
    return image, grey


def _opacity(samples: NDArray[Any], header: StrippedPicture) -> NDArray[np.uint8]:
    """Make transparent what has exactly the declared colour."""
    assert header.key is not None
    # libpng has widened samples of fewer than 8 bits.
    factor = 255 // ((1 << header.depth) - 1) if header.depth < 8 else 1
    most = (1 << header.depth) - 1
    key = [(value & most) * factor for value in header.key]
    if samples.ndim == 2:
        alike = samples == key[0]
    else:
        red, green, blue = key[0], key[len(key) // 2], key[-1]
        alike = (samples[..., :3] == np.array([blue, green, red])).all(axis=2)
    return np.where(alike, 0, 255).astype(np.uint8)


def _grey_of(samples: NDArray[np.uint16]) -> NDArray[np.uint16] | None:
    if samples.ndim == 2:
        return samples
    blue, green, red = samples[..., 0], samples[..., 1], samples[..., 2]
    same = bool((blue == green).all() and (green == red).all())
    return np.ascontiguousarray(blue) if same else None


def _decode_deep(data: bytes, size: tuple[int, int]) -> NDArray[np.uint16] | None:
    """Decode what `add_deep` put in; None where it is not what that makes."""
    header = strip_png(data)
    if header.depth != 16 or (header.width_px, header.height_px) != size:
        return None
    samples = cv2.imdecode(np.frombuffer(header.data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16 or samples.ndim != 2:
        return None
    return np.asarray(samples, np.uint16)


def _from_bgr(samples: NDArray[np.uint8]) -> Image.Image:
    if samples.ndim == 2:
        return Image.fromarray(samples)
    swap = cv2.COLOR_BGRA2RGBA if samples.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return Image.fromarray(np.asarray(cv2.cvtColor(samples, swap), np.uint8))
