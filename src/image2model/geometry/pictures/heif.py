"""Read what the boxes of an AVIF or HEIC picture say (ISO/IEC 23008-12)."""

import struct
from collections.abc import Iterator

from image2model.core.errors import PictureDamaged
from image2model.geometry.pictures.color_code_points import profile_of_code_points

_FILLERS = frozenset({b"free", b"skip"})
_TURNS = {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}


def read_heif_size(data: bytes) -> tuple[int, int]:
    """
    Find the largest picture that the file declares.

    Args:
        data: A file with AVIF or HEIC brands.

    Returns:
        Width and height, in pixels, of the declared size that covers the largest area: a
        decoder that is then given the file allocates no more than that per plane.

    Raises:
        PictureDamaged: A box runs over the end, or no size is declared.
    """
    sizes = [
        (int.from_bytes(box[4:8], "big"), int.from_bytes(box[8:12], "big"))
        for box in _properties(data, b"ispe")
        if len(box) >= 12
    ]
    if not sizes:
        raise PictureDamaged(reason="the file declares no picture size")
    return max(sizes, key=lambda size: size[0] * size[1])


def read_heif_colors(data: bytes) -> bytes | None:
    """
    Find the colour profile of the picture, embedded or named by its code points.

    Args:
        data: A file with AVIF or HEIC brands whose boxes are whole.

    Returns:
        An ICC profile; None: sRGB.
    """
    named = None
    for box in _properties(data, b"colr"):
        if box[:4] in (b"prof", b"rICC"):
            return box[4:]
        if box[:4] == b"nclx" and len(box) >= 8 and named is None:
            named = profile_of_code_points(*struct.unpack_from(">HH", box, 4))
    return named


def read_heif_turn(data: bytes) -> int:
    """Give the Exif orientation, 1–8, that means the same as the `irot` and `imir` boxes."""
    quarters = next((box[0] & 3 for box in _properties(data, b"irot") if box), 0)
    mirror = next((box[0] & 1 for box in _properties(data, b"imir") if box), None)
    # Turned against the clock first, then mirrored: 0 top to bottom, 1 left to right.
    return _TURNS[mirror][quarters]


def read_avif_depth(data: bytes) -> int:
    """Give the bits per sample of an AVIF: 8, 10 or 12 (AV1 codec ISO media binding, 2.3)."""
    for box in _properties(data, b"av1C"):
        if len(box) > 2 and box[2] & 0x40:
            return 12 if box[2] & 0x20 else 10
    return 8


def _properties(data: bytes, kind: bytes) -> Iterator[bytes]:
    for meta in _find(data, b"meta"):
        for properties in _find(meta[4:], b"iprp"):
            for container in _find(properties, b"ipco"):
                yield from _find(container, kind)


def _find(data: bytes, wanted: bytes) -> Iterator[bytes]:
    """Yield the content of each box of type *wanted* that lies directly in *data*."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        kind, header = data[position + 4 : position + 8], 8
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
            header = 16
        elif size == 0:  # the last box runs to the end
            size = len(data) - position
        if size < header or position + size > len(data):
            if kind in _FILLERS:
                return  # what is cut off there is missed by nobody
            raise PictureDamaged(reason="the file stops before its end")
        if kind == wanted:
            yield data[position + header : position + size]
        position += size
