"""Read untrusted pictures: check, strip, normalise, decode."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from image2model.core.errors import PictureEmpty, PictureTooManyPixels, PictureTooSmall
from image2model.geometry.pictures.color import apply_gamma, convert_profile, srgb_of_light
from image2model.geometry.pictures.credentials import Credentials, read_credentials
from image2model.geometry.pictures.decoders import decode_heif, decode_stripped
from image2model.geometry.pictures.header import StrippedPicture
from image2model.geometry.pictures.heif import read_heif_size
from image2model.geometry.pictures.jpeg import strip_jpeg
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.png import add_deep, strip_png
from image2model.geometry.pictures.types import PictureType, recognise_type
from image2model.geometry.pictures.webp import strip_webp

_JPEG_QUALITY = 92
_PNG_LEVEL = 1
"""Level 6 takes twice as long and saves an eighth of the bytes."""
_SHRINKS = (1, 2, 4, 8)
_PALE, _GROUND_OF_PALE = 200, 128

_STRIPPERS: dict[PictureType, Callable[[bytes], StrippedPicture]] = {
    PictureType.JPEG: strip_jpeg,
    PictureType.PNG: strip_png,
    PictureType.WEBP: strip_webp,
}

_UPRIGHT = {  # Exif orientation to the operation that undoes it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """
    A decoded picture, upright and in sRGB.

    Attributes:
        pixels: uint8 RGBA, straight alpha, shape (height, width, 4), read-only or not.
        has_alpha: Whether alpha is used: some pixel is not fully opaque.
        deep_grey: uint16, shape (height, width), the same in grey where the file has 16 bits of
            it, as depth maps and scans do; else None.
    """

    pixels: NDArray[np.uint8]
    has_alpha: bool
    deep_grey: NDArray[np.uint16] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedPicture:
    """
    An upload that can be kept, shown in any browser and handed to any provider.

    Attributes:
        data: The picture, upright, sRGB, 8 bits, without metadata, of one colour where it is
            fully transparent. Grey of 16 bits lies beside it, for heights.
        media_type: The type of *data*; may differ from what was uploaded.
        width_px: Width, upright.
        height_px: Height, upright.
        has_alpha: Whether some pixel is not fully opaque.
        sha256: Of *data*, 64 lower-case hex digits.
        notes: What there is to say to the one who sent it, without stops.
        credentials: What the upload said of its own origin, or None.
    """

    data: bytes
    media_type: Literal["image/jpeg", "image/png", "image/webp"]
    width_px: int
    height_px: int
    has_alpha: bool
    sha256: str
    notes: tuple[str, ...] = ()
    credentials: Credentials | None = None


def check_picture(data: bytes, *, limits: PictureLimits) -> CheckedPicture:
    """
    Prove that an upload is a whole picture and make it fit to keep and to show.

    Everything is decoded once. A file that is upright, sRGB and of 8 bits already keeps its
    compressed pixels and only loses its metadata; any other is encoded anew: as PNG when it
    has alpha or was stored without loss, else as JPEG.

    Args:
        data: The uploaded file.
        limits: What is refused before any pixel is decoded. A JPEG may be larger: it is scaled
            down while it is decoded.

    Returns:
        The picture without metadata. Checking its data again changes nothing.

    Raises:
        NotAPicture: The bytes are something else.
        PictureTypeUnsupported: A picture of a type that is not read.
        PictureTooManyPixels: The header promises more than *limits* allow.
        PictureTooSmall: A side is shorter than *limits* allow.
        PictureDamaged: More than a few rows are missing or cannot be decoded.
        PictureEmpty: Fully transparent, or one single colour.
    """
    return check_and_decode(data, limits=limits)[0]


def check_and_decode(data: bytes, *, limits: PictureLimits) -> tuple[CheckedPicture, Image.Image]:
    """
    Do as `check_picture`, and hand out the pixels too.

    Args:
        data: The uploaded file.
        limits: As for `check_picture`.

    Returns:
        The picture to keep, and the same decoded: upright and in sRGB, L, LA, RGB or RGBA.

    Raises:
        InvalidPictureError: As for `check_picture`.
    """
    found = _decode(data, limits)
    image = _clean_hidden(_show(found.image, found.header))
    _refuse_blank(image)
    has_alpha, deep = _uses_alpha(image), _show_deep(found)
    kept_as_it_is = image is found.image and found.header.browser_ready and not found.changed
    if kept_as_it_is and (deep is None) == (found.header.deep is None):
        clean, media_type = found.header.data, found.kind
    else:
        clean, media_type = _encode(image, lossless=found.header.lossless or has_alpha)
        if deep is not None and media_type is PictureType.PNG:
            clean = add_deep(clean, _encode_deep(deep))
    credentials = read_credentials(found.kind, data)
    checked = CheckedPicture(
        data=clean,
        media_type=media_type.value,  # type: ignore[arg-type]
        width_px=image.width,
        height_px=image.height,
        has_alpha=has_alpha,
        sha256=hashlib.sha256(clean).hexdigest(),
        notes=(*found.notes, *((credentials.note,) if credentials else ())),
        credentials=credentials,
    )
    return checked, image


def count_pixels(data: bytes, *, limits: PictureLimits) -> int:
    """
    Tell how many pixels `check_picture` would decode, by the header alone.

    Raises:
        InvalidPictureError: As for `check_picture`, as far as the header tells.
    """
    kind = recognise_type(data)
    if kind not in _STRIPPERS:
        width_px, height_px = read_heif_size(data)
        return width_px * height_px
    header = _STRIPPERS[kind](data)
    shrink = _shrink_of(header, limits) if kind is PictureType.JPEG else 1
    return -(-header.width_px // shrink) * -(-header.height_px // shrink)


def decode_picture(data: bytes, *, limits: PictureLimits) -> Picture:
    """
    Decode a picture for a shape maker, as safely as `check_picture` does.

    Args:
        data: A picture file, checked before or not.
        limits: As for `check_picture`.

    Returns:
        The pixels, upright and in sRGB.

    Raises:
        InvalidPictureError: As for `check_picture`, but a blank picture is decoded.
    """
    found = _decode(data, limits)
    image = _show(found.image, found.header)
    return Picture(pixels=to_rgba(image), has_alpha=_uses_alpha(image), deep_grey=_show_deep(found))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """
    A decoded file.

    Attributes:
        kind: Its type.
        header: What it says about its pixels.
        image: Its pixels as stored.
        deep: uint16, the same in grey, or None.
        changed: Whether the pixels are not those of the file: scaled down, or mended.
        notes: What there is to say to the one who sent it, without stops.
    """

    kind: PictureType
    header: StrippedPicture
    image: Image.Image
    deep: NDArray[np.uint16] | None = None
    changed: bool = False
    notes: tuple[str, ...] = ()


def _decode(data: bytes, limits: PictureLimits) -> _Found:
    kind = recognise_type(data)
    if kind not in _STRIPPERS:
        width_px, height_px = read_heif_size(data)
        _check_size(width_px, height_px, limits)
        header, image = decode_heif(kind, data)
        _check_size(image.width, image.height, limits)
        return _Found(kind=kind, header=header, image=image)
    header = _STRIPPERS[kind](data)
    shrink = _shrink_of(header, limits) if kind is PictureType.JPEG else 1
    _check_size(-(-header.width_px // shrink), -(-header.height_px // shrink), limits)
    decoded = decode_stripped(kind, header, shrink=shrink)
    image = decoded.image
    # The decoder may have believed another header than the one that was checked.
    _check_size(image.width, image.height, limits)
    notes: list[str] = []
    if shrink > 1:
        notes.append(
            f"it was scaled down from {header.width_px} × {header.height_px} to "
            f"{image.width} × {image.height} pixels, for the limit is "
            f"{limits.max_pixels / 1e6:g} megapixels and {limits.max_side_px} pixels a side"
        )
    if decoded.lost_rows:
        notes.append(
            f"its file is cut off: the last {decoded.lost_rows} of {image.height} rows are not "
            "whole and were filled in"
        )
    if header.depth == 16 and decoded.deep is None:
        notes.append("8 of its 16 bits per colour are used")
    return _Found(
        kind=kind,
        header=header,
        image=image,
        deep=decoded.deep,
        changed=shrink > 1 or decoded.lost_rows > 0 or header.other_filling == b"",
        notes=tuple(notes),
    )


def _shrink_of(header: StrippedPicture, limits: PictureLimits) -> int:
    """Choose by how much a JPEG is scaled down; 1 where it fits, or would not fit anyway."""
    width_px, height_px = header.width_px, header.height_px
    if width_px * height_px <= limits.max_shrunk_pixels:
        for shrink in _SHRINKS:
            width, height = -(-width_px // shrink), -(-height_px // shrink)
            if width * height <= limits.max_pixels and max(width, height) <= limits.max_side_px:
                return shrink
    return 1


def _check_size(width_px: int, height_px: int, limits: PictureLimits) -> None:
    if width_px * height_px > limits.max_pixels or max(width_px, height_px) > limits.max_side_px:
        raise PictureTooManyPixels(
            width_px=width_px,
            height_px=height_px,
            limit_px=limits.max_pixels,
            limit_side_px=limits.max_side_px,
        )
    if min(width_px, height_px) < limits.min_side_px:
        raise PictureTooSmall(width_px=width_px, height_px=height_px, minimum_px=limits.min_side_px)


def _show(image: Image.Image, header: StrippedPicture) -> Image.Image:
    """Bring a decoded picture to upright sRGB; the very same object when it already is."""
    if header.icc_profile is not None:
        image = convert_profile(image, header.icc_profile) or image
    elif header.gamma is not None:
        image = apply_gamma(image, header.gamma)
    if image.mode == "CMYK":
        image = image.convert("RGB")
    turn = _UPRIGHT.get(header.orientation)
    return image if turn is None else image.transpose(turn)


def _show_deep(found: _Found) -> NDArray[np.uint16] | None:
    """Do to the grey of 16 bits what `_show` does to that of 8."""
    if found.deep is None:
        return None
    deep, header = found.deep, found.header
    if header.icc_profile is not None:
        ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
        if (shown := convert_profile(ramp, header.icc_profile)) is not None:
            tones = np.asarray(shown.convert("L"), np.float64)[0] * 257
            deep = np.rint(np.interp(deep, np.arange(256) * 257, tones)).astype(np.uint16)
    elif header.gamma is not None:
        levels = srgb_of_light((np.arange(65_536) / 65_535) ** header.gamma)
        deep = np.rint(65_535 * levels).astype(np.uint16)[deep]
    turn = _UPRIGHT.get(found.header.orientation)
    if turn is None:
        return deep
    return np.asarray(Image.fromarray(deep).transpose(turn), np.uint16)


def _encode_deep(deep: NDArray[np.uint16]) -> bytes:
    written, data = cv2.imencode(".png", deep, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
    assert written
    return data.tobytes()


def _clean_hidden(image: Image.Image) -> Image.Image:
    """
    Give what is fully transparent one flat colour; the very same object where it has one.

    Services that drop the alpha channel show what lies there, and cut-outs keep whatever was
    around the object before. Pale objects get a grey ground, so that they stand out from it.
    """
    if image.mode not in ("LA", "RGBA"):
        return image
    pixels = np.asarray(image)
    alpha = pixels[..., -1]
    hidden = alpha == 0
    if not hidden.any():
        return image
    colors = pixels[..., :-1]
    first = colors.reshape(-1, colors.shape[-1])[int(hidden.argmax())]
    if not (colors[hidden] != first).any():
        return image
    seen = cv2.mean(pixels, (alpha > 127).astype(np.uint8))
    pale = min(seen[: colors.shape[-1]]) > _PALE
    cleaned = np.array(pixels)
    cleaned[hidden, :-1] = _GROUND_OF_PALE if pale else 255
    return Image.fromarray(cleaned, image.mode)


def _uses_alpha(image: Image.Image) -> bool:
    return "A" in image.getbands() and _extrema(image.getchannel("A"))[0] < 255


def _refuse_blank(image: Image.Image) -> None:
    sample = image.resize((64, 64), Image.Resampling.NEAREST)
    if not _is_blank(sample):
        return
    if "A" in image.getbands() and _extrema(image.getchannel("A"))[1] == 0:
        raise PictureEmpty(reason="it is fully transparent")
    if all(low == high for low, high in map(_extrema, image.split())):
        raise PictureEmpty(reason="it is one single colour")


def _is_blank(sample: Image.Image) -> bool:
    bands = [_extrema(band) for band in sample.split()]
    return all(low == high for low, high in bands) or (
        "A" in sample.getbands() and bands[-1][1] == 0
    )


def _extrema(band: Image.Image) -> tuple[int, int]:
    low, high = cast("tuple[int, int]", band.getextrema())  # one band of 8 bits
    return low, high


def _encode(image: Image.Image, *, lossless: bool) -> tuple[bytes, PictureType]:
    out = io.BytesIO()
    if lossless:
        image.save(out, "PNG", compress_level=_PNG_LEVEL)
        return out.getvalue(), PictureType.PNG
    opaque = image if image.mode in ("L", "RGB") else image.convert("RGB")
    opaque.save(out, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return out.getvalue(), PictureType.JPEG


def to_rgba(image: Image.Image) -> NDArray[np.uint8]:
    """Give the pixels of *image* as uint8 RGBA, straight alpha."""
    if image.mode == "RGB":  # twice as fast as Pillow's own conversion
        return np.asarray(cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2RGBA), np.uint8)
    return np.asarray(image if image.mode == "RGBA" else image.convert("RGBA"), np.uint8)
