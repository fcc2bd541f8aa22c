"""Read a PNG's header and take its metadata out, without decoding (W3C PNG, third edition)."""

import struct
import zlib
from collections.abc import Iterator

from image2model.core.errors import PictureDamaged
from image2model.geometry.picture_header import StrippedPicture, read_orientation

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_READ = frozenset({b"IHDR", b"iCCP", b"eXIf", b"gAMA", b"sRGB", b"tRNS"})
_PALETTE = 3
_LARGEST_PROFILE_BYTES = 4 * 2**20
_SRGB_GAMMA = 1 / 2.2


def strip_png(data: bytes) -> StrippedPicture:
    """
    Keep the five chunk types that make the (first) picture and drop all others.

    Args:
        data: A file that starts like a PNG.

    Returns:
        The same compressed pixels; frames of an animation after the first are gone.

    Raises:
        PictureDamaged: A chunk runs over the end, has a wrong checksum, or IEND is missing.
    """
    kept, facts = [_SIGNATURE], dict[bytes, bytes]()
    for kind, start, stop in _walk_chunks(data):
        if kind in _PIXELS:
            kept.append(data[start:stop])
        if kind in _READ:
            facts.setdefault(kind, data[start + 8 : stop - 4])
    header = facts.get(b"IHDR", b"")
    if len(header) != 13:
        raise PictureDamaged(reason="the PNG has no header")
    width_px, height_px, depth, color_type = struct.unpack_from(">IIBB", header)
    keyed = b"tRNS" in facts and color_type != _PALETTE
    return StrippedPicture(
        data=b"".join(kept),
        width_px=width_px,
        height_px=height_px,
        orientation=read_orientation(facts.get(b"eXIf", b"")),
        icc_profile=_unpack_profile(facts.get(b"iCCP", b"")),
        gamma=_read_gamma(facts),
        browser_ready=depth <= 8,
        lossless=True,
        libpng_only=keyed or depth == 16,
    )


def _walk_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, stop) of each chunk up to IEND, its checksum verified."""
    view, position = memoryview(data), len(_SIGNATURE)
    while True:
        head = data[position : position + 8]
        stop = position + 12 + int.from_bytes(head[:4], "big")
        if len(head) < 8 or stop > len(data):
            raise PictureDamaged(reason="the PNG stops before its end")
        kind = head[4:]
        if kind in _PIXELS or kind in _READ:
            checksum = int.from_bytes(data[stop - 4 : stop], "big")
            if zlib.crc32(view[position + 4 : stop - 4]) != checksum:
                raise PictureDamaged(reason="a checksum in the PNG is wrong")
        yield kind, position, stop
        if kind == b"IEND":
            return
        position = stop


def _unpack_profile(chunk: bytes) -> bytes | None:
    _, _, packed = chunk.partition(b"\0")
    if not packed:
        return None
    try:
        # Bounded: a few kilobytes can be made to unpack to gigabytes.
        return zlib.decompressobj().decompress(packed[1:], _LARGEST_PROFILE_BYTES)
    except zlib.error:
        return None


def _read_gamma(facts: dict[bytes, bytes]) -> float | None:
    """Give the exponent from samples to light, unless it is sRGB's or a better source exists."""
    chunk = facts.get(b"gAMA", b"")
    if len(chunk) != 4 or b"sRGB" in facts or b"iCCP" in facts:
        return None
    stored = int.from_bytes(chunk, "big") / 100_000
    if not 0.1 <= stored <= 2.0 or abs(stored - _SRGB_GAMMA) < 0.05 * _SRGB_GAMMA:
        return None
    return 1 / stored
