"""Read a JPEG's header and take its metadata out, without decoding (ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator

from image2model.core.errors import PictureDamaged
from image2model.geometry.picture_header import StrippedPicture, read_orientation

_APP0, _APP1, _APP2, _ADOBE, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_START_OF_SCAN, _END = 0xDA, 0xD9
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BROWSER_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; all Huffman
_METADATA = frozenset(range(_APP1, 0xF0)) - {_ADOBE} | {_COMMENT}
_MOST_SCANS = 200
"""Real progressive files have about 10; thousands make a decoder run for hours."""

# Inside a scan, FF is followed by a stuffed zero, a restart marker or another FF.
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def strip_jpeg(data: bytes) -> StrippedPicture:
    """
    Drop all metadata segments and whatever follows the end marker.

    Args:
        data: A file that starts like a JPEG.

    Returns:
        The same compressed pixels in the same order.

    Raises:
        PictureDamaged: A segment runs over the end, or frame or end marker is missing.
    """
    kept = [data[:2]]
    frame: tuple[int, bytes] | None = None
    exif, icc_parts, scans, adobe = b"", list[bytes](), 0, False
    for marker, start, stop in _walk_segments(data):
        body = data[start + 4 : stop]
        if marker in _FRAMES and frame is None:
            frame = (marker, body)
        elif marker == _START_OF_SCAN:
            scans += 1
        elif marker == _APP1 and body.startswith(b"Exif\0\0"):
            exif = exif or body
        elif marker == _APP2 and body.startswith(b"ICC_PROFILE\0"):
            icc_parts.append(body[12:])
        elif marker == _ADOBE and body.startswith(b"Adobe"):
            adobe = True
        if marker not in _METADATA:
            kept.append(data[start:stop])
    if frame is None or len(frame[1]) < 6 or scans == 0:
        raise PictureDamaged(reason="the JPEG holds no picture")
    if scans > _MOST_SCANS:
        raise PictureDamaged(reason=f"the JPEG has {scans} scans")
    kind, body = frame
    return StrippedPicture(
        data=b"".join(kept),
        width_px=int.from_bytes(body[3:5], "big"),
        height_px=int.from_bytes(body[1:3], "big"),
        orientation=read_orientation(exif),
        icc_profile=_join_profile(icc_parts),
        browser_ready=kind in _BROWSER_FRAMES and body[0] == 8 and body[5] in (1, 3),
        plain_ink=not adobe,
    )


def _walk_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, stop) of each segment; a scan's covers its compressed data too."""
    position = 2
    while True:
        while data[position : position + 2] == b"\xff\xff":  # fill bytes may precede a marker
            position += 1
        head = data[position : position + 4]
        if len(head) >= 2 and head[0] == 0xFF and head[1] == _END:
            yield _END, position, position + 2
            return
        stop = position + 2 + int.from_bytes(head[2:4], "big")
        if len(head) < 4 or head[0] != 0xFF or stop < position + 4 or stop > len(data):
            raise PictureDamaged(reason="the JPEG stops before its end")
        if head[1] == _START_OF_SCAN:
            found = _MARKER_IN_SCAN.search(data, stop)
            if found is None:
                raise PictureDamaged(reason="the JPEG stops before its end")
            stop = found.start()
        yield head[1], position, stop
        position = stop


def _join_profile(parts: list[bytes]) -> bytes | None:
    """Join a profile that was split over segments (ICC.1:2022, B.4); None when incomplete."""
    numbered = {part[0]: part[2:] for part in parts if len(part) > 2}
    if not numbered or sorted(numbered) != list(range(1, len(numbered) + 1)):
        return None
    return b"".join(numbered[number] for number in sorted(numbered))
