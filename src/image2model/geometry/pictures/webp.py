"""Read a WebP's header and take its metadata out, without decoding (RFC 9649)."""

import struct
from collections.abc import Iterator

from image2model.core.errors import PictureDamaged
from image2model.geometry.pictures.header import StrippedPicture, read_orientation

_KEPT = (b"ALPH", b"VP8 ", b"VP8L")
_READ = (*_KEPT, b"VP8X", b"ICCP", b"EXIF")
_ANIMATED_FLAG, _ALPHA_FLAG = 0x02, 0x10
_MOST_MISSING_BYTES = 4096
_OTHER_FILLING = b"\xa5"


def strip_webp(data: bytes) -> StrippedPicture:
    """
    Rebuild the file from its pixel chunks alone.

    Args:
        data: A file that starts like a WebP.

    Returns:
        The same compressed pixels. An animation comes back as it is, not browser-ready, for
        its first frame lies on a canvas that only a decoder can draw.

    Raises:
        PictureDamaged: Much of the picture chunk is missing, or all of it.
    """
    chunks, missing = dict[bytes, bytes](), 0
    for kind, body, short in _walk_chunks(data):
        if kind in _KEPT and short:
            missing = short
        if kind in _READ and (kind in _KEPT or not short):
            chunks.setdefault(kind, body)
    extended = chunks.get(b"VP8X", b"")
    animated = len(extended) >= 10 and bool(extended[0] & _ANIMATED_FLAG)
    width_px, height_px = _read_canvas(extended) if animated else _read_frame(chunks)
    if missing > (0 if animated else _MOST_MISSING_BYTES):
        raise PictureDamaged(reason="the WebP stops before its end")
    filled = {kind: chunks[kind] for kind in _KEPT if kind in chunks}
    if missing:
        last = next(kind for kind in reversed(_KEPT) if kind in chunks)
        filled[last] += _OTHER_FILLING * missing
        chunks[last] += bytes(missing)
    return StrippedPicture(
        data=data if animated else _rebuild(chunks, width_px, height_px),
        width_px=width_px,
        height_px=height_px,
        orientation=read_orientation(chunks.get(b"EXIF", b"")),
        icc_profile=chunks.get(b"ICCP"),
        browser_ready=not animated,
        lossless=b"VP8L" in chunks,
        other_filling=_rebuild(filled, width_px, height_px) if missing else None,
    )


def _walk_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield each chunk's type, its content and how many bytes of that are missing."""
    end = 8 + int.from_bytes(data[4:8], "little")
    position = 12
    while position + 8 <= min(end, len(data)):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        if position + 8 + size > end:
            raise PictureDamaged(reason="the WebP stops before its end")
        body = data[position + 8 : position + 8 + size]
        yield data[position : position + 4], body, size - len(body)
        position += 8 + size + size % 2


def _read_canvas(extended: bytes) -> tuple[int, int]:
    width, height = extended[4:7], extended[7:10]
    return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1


def _read_frame(chunks: dict[bytes, bytes]) -> tuple[int, int]:
    lossy, lossless = chunks.get(b"VP8 ", b""), chunks.get(b"VP8L", b"")
    if len(lossy) >= 10 and lossy[3:6] == b"\x9d\x01\x2a":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", lossy, 6))
        if width and height:
            return width, height
    if len(lossless) >= 5 and lossless[0] == 0x2F:
        bits = int.from_bytes(lossless[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise PictureDamaged(reason="the WebP holds no picture")


def _rebuild(chunks: dict[bytes, bytes], width_px: int, height_px: int) -> bytes:
    parts = [_pack(kind, chunks[kind]) for kind in _KEPT if kind in chunks]
    if b"ALPH" in chunks:
        size = (width_px - 1).to_bytes(3, "little") + (height_px - 1).to_bytes(3, "little")
        parts.insert(0, _pack(b"VP8X", bytes([_ALPHA_FLAG, 0, 0, 0]) + size))
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _pack(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
