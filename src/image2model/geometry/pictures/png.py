"""Read a PNG's header and take its metadata out, without decoding (W3C PNG, third edition)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace

from image2model.core.errors import PictureDamaged
from image2model.geometry.pictures.color_code_points import profile_of_code_points
from image2model.geometry.pictures.header import StrippedPicture, read_orientation

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
DEEP_CHUNK = b"dpTh"
"""
Our own: a grey PNG of 16 bits, for heights. Providers and browsers that clip 16 bits to white see
the 8 bits around it, and skip what they do not know.
"""
_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_READ = frozenset({b"IHDR", b"iCCP", b"cICP", b"eXIf", b"gAMA", b"sRGB", b"tRNS"})
_END = b"\0\0\0\0IEND\xaeB`\x82"
_PALETTE = 3
_KEY_SAMPLES = {0: 1, 2: 3}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_INTERLACED = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
"""The seven passes of Adam7: first column, first row, step across, step down."""
_REPEAT_ROW = b"\x02"
"""The filter of a row that is told as differences from the row above."""
_SMALLEST_SHARE_OF_ROWS = 0.97
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
        PictureDamaged: A chunk has a wrong checksum, or rows are missing.
    """
    kept, facts, cut, deep = [_SIGNATURE], dict[bytes, bytes](), False, None
    for kind, start, stop in _walk_chunks(data):
        if kind in _PIXELS and stop <= len(data):
            kept.append(data[start:stop])
        if kind in _READ and stop <= len(data):
            facts.setdefault(kind, data[start + 8 : stop - 4])
        if kind == DEEP_CHUNK and stop <= len(data):
            deep = data[start:stop]
            kept.append(deep)
        cut = stop > len(data) or kind == b""
        if cut and kind == b"IDAT":
            kept.append(_chunk(b"IDAT", data[start + 8 :]))
    header = facts.get(b"IHDR", b"")
    if len(header) != 13:
        raise PictureDamaged(reason="the PNG has no header")
    width_px, height_px, depth, color_type = struct.unpack_from(">IIBB", header)
    keyed = b"tRNS" in facts and color_type in _KEY_SAMPLES
    # Whether the rows are complete is looked into by the one who knows that the size is allowed.
    clean = b"".join(kept)
    return StrippedPicture(
        data=clean + _END if cut else clean,
        width_px=width_px,
        height_px=height_px,
        orientation=read_orientation(facts.get(b"eXIf", b"")),
        icc_profile=_profile(facts),
        gamma=_read_gamma(facts),
        # Pillow, which providers use, takes a transparent grey of fewer than 8 bits for another.
        browser_ready=depth == 8 or (depth < 8 and not keyed),
        lossless=True,
        libpng_only=keyed or depth == 16,
        key=_read_key(facts[b"tRNS"], _KEY_SAMPLES[color_type]) if keyed else None,
        depth=depth,
        deep=deep[8:-4] if deep is not None and color_type != 3 and depth == 8 else None,
        other_filling=b"" if cut else None,
    )


def complete_rows(picture: StrippedPicture) -> StrippedPicture:
    """
    Complete the pixels of a PNG that was cut off, by repeating the last row that is there.

    Args:
        picture: From `strip_png`, its size within the limits.

    Returns:
        A whole PNG; `lost_rows` says how many rows were missing.

    Raises:
        PictureDamaged: More than a few rows are missing, or its data is broken.
    """
    chunks = [(kind, picture.data[a:b]) for kind, a, b in _walk_chunks(picture.data)]
    header = next(whole[8:-4] for kind, whole in chunks if kind == b"IHDR")
    packed = b"".join(whole[8:-4] for kind, whole in chunks if kind == b"IDAT")
    _, height_px, _, _, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    row_bytes = _bytes_of_rows(header)
    needed = sum(row_bytes)
    try:
        rows = zlib.decompressobj().decompress(packed, needed)
    except zlib.error as error:
        raise PictureDamaged(reason="its compressed data is broken") from error
    lost_rows = 0
    if len(rows) < needed:
        whole_rows = 0 if interlaced else len(rows) // row_bytes[0]
        lost_rows = height_px - whole_rows
        if whole_rows < max(1, _SMALLEST_SHARE_OF_ROWS * height_px):
            raise PictureDamaged(reason="the PNG stops before its end")
        repeated = _REPEAT_ROW + bytes(row_bytes[0] - 1)
        rows = rows[: whole_rows * row_bytes[0]] + lost_rows * repeated
    pixels = _chunk(b"IDAT", zlib.compress(rows, 1))
    before = [whole for kind, whole in chunks if kind not in (b"IDAT", b"IEND")]
    data = b"".join([_SIGNATURE, *before, pixels, _END])
    return replace(picture, data=data, other_filling=None, lost_rows=lost_rows)


def add_deep(data: bytes, deep: bytes) -> bytes:
    """Put *deep*, a grey PNG of 16 bits, into the PNG *data*, in front of its pixels."""
    start = next(start for kind, start, _ in _walk_chunks(data) if kind == b"IDAT")
    return data[:start] + _chunk(DEEP_CHUNK, deep) + data[start:]


def drop_deep(data: bytes) -> bytes:
    """Take out of the PNG *data* what `add_deep` put in; anything else comes back as it is."""
    if not data.startswith(_SIGNATURE):
        return data
    for kind, start, stop in _walk_chunks(data):
        if kind == DEEP_CHUNK:
            return data[:start] + data[stop:]
        if kind == b"IDAT":
            break
    return data


def drop_key(picture: StrippedPicture) -> bytes:
    """Take the transparent colour out of a PNG: it is compared with the samples as they are."""
    if picture.key is None:
        return picture.data
    chunks = _walk_chunks(picture.data)
    kept = (picture.data[start:stop] for kind, start, stop in chunks if kind != b"tRNS")
    return b"".join([_SIGNATURE, *kept])


def _bytes_of_rows(header: bytes) -> list[int]:
    """List the bytes of each row as compressed; the passes of an interlaced one in order."""
    width_px, height_px, depth, color_type, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _CHANNELS.get(color_type, 1)
    if not interlaced:
        return [1 + (width_px * bits + 7) // 8] * height_px
    rows: list[int] = []
    for left, top, across, down in _INTERLACED:
        columns = max(0, (width_px - left + across - 1) // across)
        count = max(0, (height_px - top + down - 1) // down) if columns else 0
        rows += [1 + (columns * bits + 7) // 8] * count
    return rows


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big")
    return len(body).to_bytes(4, "big") + kind + body + checksum


def _read_key(body: bytes, samples: int) -> tuple[int, ...] | None:
    return struct.unpack_from(f">{samples}H", body) if len(body) >= 2 * samples else None


def _walk_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """
    Yield (type, start, stop) of each chunk up to IEND, its checksum verified.

    Where the file is cut off, the last chunk stops behind its end or has no type.
    """
    view, position = memoryview(data), len(_SIGNATURE)
    while True:
        head = data[position : position + 8]
        stop = position + 12 + int.from_bytes(head[:4], "big")
        if len(head) < 8:
            yield b"", position, len(data)
            return
        kind = head[4:]
        if stop > len(data):
            yield kind, position, stop
            return
        if kind in _PIXELS or kind in _READ:
            checksum = int.from_bytes(data[stop - 4 : stop], "big")
            if zlib.crc32(view[position + 4 : stop - 4]) != checksum:
                raise PictureDamaged(reason="a checksum in the PNG is wrong")
        yield kind, position, stop
        if kind == b"IEND":
            return
        position = stop


def _profile(facts: dict[bytes, bytes]) -> bytes | None:
    """Give the colour profile; code points count for more than a profile (W3C PNG, 4.3)."""
    if cicp := facts.get(b"cICP", b""):
        return profile_of_code_points(*struct.unpack_from("BB", cicp)) if len(cicp) > 1 else None
    return _unpack_profile(facts.get(b"iCCP", b""))


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
    if len(chunk) != 4 or b"sRGB" in facts or b"iCCP" in facts or b"cICP" in facts:
        return None
    stored = int.from_bytes(chunk, "big") / 100_000
    if not 0.1 <= stored <= 2.0 or abs(stored - _SRGB_GAMMA) < 0.05 * _SRGB_GAMMA:
        return None
    return 1 / stored
