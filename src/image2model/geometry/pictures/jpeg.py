"""Read a JPEG's header and take its metadata out, without decoding (ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator

from image2model.core.errors import PictureDamaged
from image2model.geometry.pictures.header import StrippedPicture, read_orientation

_APP0, _APP1, _APP2, _ADOBE, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_START_OF_SCAN, _END = 0xDA, 0xD9
_CUT = 0x00
"""No marker: stands for an end marker that is missing."""

_COEFFICIENTS = frozenset(range(64))
_FILLING = bytes(range(0x11, 0xEF, 7)) * 128
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

    A file whose last scan is cut off is closed, since every browser shows it; how much of the
    picture is missing then shows only when it is decoded.

    Args:
        data: A file that starts like a JPEG.

    Returns:
        The same compressed pixels in the same order.

    Raises:
        PictureDamaged: A segment runs over the end, or the frame or a scan is missing.
    """
    kept = [data[:2]]
    frame: tuple[int, bytes] | None = None
    exif, icc_parts, adobe, cut = b"", list[bytes](), False, False
    scans = list[bytes]()
    for marker, start, stop in _walk_segments(data):
        body = data[start + 4 : stop]
        if marker in _FRAMES and frame is None:
            frame = (marker, body)
        elif marker == _START_OF_SCAN:
            scans.append(body[:16])
        elif marker == _APP1 and body.startswith(b"Exif\0\0"):
            exif = exif or body
        elif marker == _APP2 and body.startswith(b"ICC_PROFILE\0"):
            icc_parts.append(body[12:])
        elif marker == _ADOBE and body.startswith(b"Adobe"):
            adobe = True
        elif marker == _CUT:
            cut = True
        if marker not in _METADATA:
            kept.append(data[start:stop])
    if frame is None or len(frame[1]) < 6 or not scans:
        raise PictureDamaged(reason="the JPEG holds no picture")
    if len(scans) > _MOST_SCANS:
        raise PictureDamaged(reason=f"the JPEG has {len(scans)} scans")
    kind, body = frame
    clean, end = b"".join(kept), bytes([0xFF, _END])
    if cut and not _begins_all_scans(body, scans):
        raise PictureDamaged(reason="the JPEG stops before its end")
    return StrippedPicture(
        data=clean + end if cut else clean,
        width_px=int.from_bytes(body[3:5], "big"),
        height_px=int.from_bytes(body[1:3], "big"),
        orientation=read_orientation(exif),
        icc_profile=_join_profile(icc_parts),
        browser_ready=kind in _BROWSER_FRAMES and body[0] == 8 and body[5] in (1, 3),
        plain_ink=not adobe,
        other_filling=clean + _FILLING + end if cut else None,
    )


def _begins_all_scans(frame: bytes, scans: list[bytes]) -> bool:
    """Tell whether each coefficient of each component has at least the start of its last scan."""
    components = {frame[at] for at in range(6, min(len(frame), 6 + 3 * frame[5]), 3)}
    final = dict[int, set[int]]()
    for scan in scans:
        count = scan[0] if scan else 0
        if len(scan) < 4 + 2 * count:
            return False
        first, last, approximation = scan[1 + 2 * count : 4 + 2 * count]
        if approximation & 0x0F == 0:
            for place in range(count):
                final.setdefault(scan[1 + 2 * place], set()).update(range(first, last + 1))
    return all(final.get(component, set()) >= _COEFFICIENTS for component in components)


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
                stop = len(data) - data.endswith(b"\xff")
                yield _START_OF_SCAN, position, stop
                yield _CUT, stop, stop
                return
            stop = found.start()
        yield head[1], position, stop
        position = stop


def _join_profile(parts: list[bytes]) -> bytes | None:
    """Join a profile that was split over segments (ICC.1:2022, B.4); None when incomplete."""
    numbered = {part[0]: part[2:] for part in parts if len(part) > 2}
    if not numbered or sorted(numbered) != list(range(1, len(numbered) + 1)):
        return None
    return b"".join(numbered[number] for number in sorted(numbered))
