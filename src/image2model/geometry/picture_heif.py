"""Read the size of an AVIF or HEIC picture from its boxes (ISO/IEC 23008-12)."""

from collections.abc import Iterator

from image2model.core.errors import PictureDamaged


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
        for meta in _find(data, b"meta")
        for properties in _find(meta[4:], b"iprp")
        for container in _find(properties, b"ipco")
        for box in _find(container, b"ispe")
        if len(box) >= 12
    ]
    if not sizes:
        raise PictureDamaged(reason="the file declares no picture size")
    return max(sizes, key=lambda size: size[0] * size[1])


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
            raise PictureDamaged(reason="the file stops before its end")
        if kind == wanted:
            yield data[position + header : position + size]
        position += size
