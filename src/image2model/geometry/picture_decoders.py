"""Decode the pixels of a picture whose header was read and found acceptable."""

import importlib
import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from PIL import (
    AvifImagePlugin,
    Image,
    ImageChops,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from image2model.core.errors import PictureDamaged, PictureTypeUnsupported
from image2model.geometry.picture_color import narrow_to_8_bits
from image2model.geometry.picture_header import StrippedPicture, read_orientation
from image2model.geometry.picture_types import PictureType, readable_types

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


def decode_stripped(kind: PictureType, header: StrippedPicture) -> Image.Image:
    """
    Decode a JPEG, PNG or WebP to its last row.

    Args:
        kind: The type of the file.
        header: The file without metadata, its size within the limits.

    Returns:
        The first frame in mode L, LA, RGB, RGBA or CMYK, as stored: not turned, not converted.

    Raises:
        PictureDamaged: Some pixels are missing or cannot be decoded.
    """
    with _damage_reported():
        if header.libpng_only:
            return _decode_with_libpng(header.data)
        image = _load(_READERS[kind](io.BytesIO(header.data)))
    if image.mode == "CMYK" and header.plain_ink:
        return ImageChops.invert(image)
    return image


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
        PictureTypeUnsupported: HEIC, and the `heic` extra is not installed.
    """
    # The metadata reader of Pillow warns about damage that does not touch the pixels.
    with _damage_reported(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = _open_heic(data) if kind is PictureType.HEIC else _READERS[kind](io.BytesIO(data))
        info = dict(opened.info)
        image = _load(opened)
    return (
        StrippedPicture(
            data=data,
            width_px=image.width,
            height_px=image.height,
            # libheif has turned the picture already; Pillow reports an AVIF's turn as Exif.
            orientation=1 if kind is PictureType.HEIC else read_orientation(info.get("exif", b"")),
            icc_profile=info.get("icc_profile"),
            browser_ready=False,
        ),
        image,
    )


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


def _decode_with_libpng(data: bytes) -> Image.Image:
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise ValueError("its compressed data is broken")
    deep = samples.dtype == np.uint16
    shown = narrow_to_8_bits(samples.astype(np.uint16, copy=False)) if deep else samples
    if shown.ndim == 2:
        return Image.fromarray(shown)
    swap = cv2.COLOR_BGRA2RGBA if shown.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return Image.fromarray(cv2.cvtColor(shown, swap))


def _open_heic(data: bytes) -> Image.Image:
    if PictureType.HEIC not in readable_types():
        raise PictureTypeUnsupported(
            type_name="HEIC",
            advice="Export it as JPEG (on an iPhone: Settings, Camera, Formats, Most "
            "Compatible). The operator can have HEIC read by installing an extra part: "
            "make extra EXTRA=heic in a source checkout, else pip install 'WHEEL[heic]'.",
        )
    # Loaded on demand: an extra that most deployments do without. Damaged metadata can crash
    # version 1.4 of it, process and all, so untrusted HEIC belongs in a worker process.
    opened: Image.Image = importlib.import_module("pi_heif").open_heif(data).to_pillow()
    return opened
