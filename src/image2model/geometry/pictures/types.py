"""Tell from the first bytes what a file is, whatever its name says."""

import re
from enum import StrEnum

from image2model.core.errors import NotAPicture, PictureTypeUnsupported


class PictureType(StrEnum):
    """The picture types that are read; the value is the media type."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    AVIF = "image/avif"
    HEIC = "image/heic"


_ACCEPTED: tuple[tuple[re.Pattern[bytes], PictureType], ...] = (
    (re.compile(rb"\xff\xd8\xff"), PictureType.JPEG),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), PictureType.PNG),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), PictureType.WEBP),
)

_OTHER_PICTURES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL), "BMP"),
    (re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+"), "TIFF or camera raw"),
    (re.compile(rb"\0\0\x01\0"), "icon (ICO)"),
    (re.compile(rb"8BPS"), "Photoshop (PSD)"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "JPEG XL"),
    (re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"), "JPEG 2000"),
    (re.compile(rb"\x76\x2f\x31\x01"), "OpenEXR"),
    (re.compile(rb"#\?(RADIANCE|RGBE)"), "Radiance HDR"),
    (re.compile(rb"DDS "), "DDS"),
    (re.compile(rb"qoif"), "QOI"),
    (re.compile(rb"P[1-7]\s"), "Netpbm"),
    (re.compile(rb"%!PS"), "PostScript"),
)

_TEXT_START = rb"(?:\xef\xbb\xbf)?\s*"

_OTHER_FILES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"%PDF-"), "a PDF document"),
    (re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"), "a zip archive or an office document"),
    (re.compile(rb"\x1f\x8b"), "a gzip archive"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "a 7-Zip archive"),
    (re.compile(rb"Rar!\x1a\x07"), "a RAR archive"),
    (re.compile(rb"glTF"), "a glTF (GLB) 3D model"),
    (re.compile(_TEXT_START + rb'\{.{0,4000}"asset"\s*:', re.DOTALL), "a glTF 3D model"),
    (re.compile(rb"Kaydara FBX"), "an FBX 3D model"),
    (re.compile(rb"PXR-USDC|#usda"), "a USD 3D model"),
    (re.compile(rb"ply\r?\n"), "a PLY 3D model"),
    (re.compile(rb"solid\s"), "an STL 3D model"),
    (re.compile(rb"....ftyp", re.DOTALL), "a video"),
    (re.compile(rb"\x1aE\xdf\xa3"), "a video"),
    (re.compile(rb"RIFF....AVI ", re.DOTALL), "a video"),
    (re.compile(rb"RIFF....WAVE|ID3|OggS|fLaC", re.DOTALL), "a sound file"),
    (re.compile(rb"MZ|\x7fELF"), "a program"),
    (
        re.compile(_TEXT_START + rb"<!doctype html|" + _TEXT_START + rb"<html", re.IGNORECASE),
        "a web page",
    ),
    (re.compile(_TEXT_START + rb"<"), "an HTML or XML document"),
    (re.compile(_TEXT_START + rb"[{\[]"), "a JSON document"),
)

_SVG = re.compile(
    _TEXT_START + rb"<(?:svg\b|[?!].{0,4000}?<(?:\w+:)?svg\b)", re.DOTALL | re.IGNORECASE
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_RESAVE = "Save it as PNG, WebP or JPEG and send that file."


def recognise_type(data: bytes) -> PictureType:
    """
    Name the picture type of *data* by its first bytes.

    Args:
        data: The whole file, or at least its first 4 KB.

    Returns:
        The type, which says nothing yet about whether the rest can be read.

    Raises:
        PictureTypeUnsupported: A picture, of a type that is not read here.
        NotAPicture: Anything else; the error names what it looks like.
    """
    head = data[:8192]
    for pattern, accepted in _ACCEPTED:
        if pattern.match(head):
            return accepted
    if brand := _recognise_brand(head):
        return brand
    if _SVG.match(head):
        raise PictureTypeUnsupported(
            type_name="SVG", advice="Export it as PNG with a transparent background."
        )
    for pattern, name in _OTHER_PICTURES:
        if pattern.match(head):
            raise PictureTypeUnsupported(type_name=name, advice=_RESAVE)
    raise NotAPicture(looks_like=_name_other(head))


def _recognise_brand(head: bytes) -> PictureType | None:
    """Tell AVIF and HEIC apart by the brands of the ISO 23008-12 file type box."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), 256)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    if brands & _AVIF_BRANDS:
        return PictureType.AVIF
    return PictureType.HEIC if brands & _HEIC_BRANDS else None


def _name_other(head: bytes) -> str | None:
    if not head:
        return "an empty file"
    for pattern, name in _OTHER_FILES:
        if pattern.match(head):
            return name
    return "a text file" if head.isascii() and b"\0" not in head else None
