"""Unpack vertices, indices and filtered values that meshoptimizer packed."""

from pathlib import Path
from typing import Literal

import numpy as np

from image2model.geometry.meshoptimizer.sandbox import Sandbox

_MODULE = Path(__file__).with_name("decoder.wasm")

Packing = Literal["VertexBuffer", "IndexBuffer", "IndexSequence"]
"""What was packed: any values, triangles, or any other indices."""

Filter = Literal["Oct", "Quat", "Exp", "Color"]

_OWN_BYTES = 1 << 20
_ROUNDED_UP_BYTES = 64


def decode(
    packing: Packing, data: memoryview, *, count: int, stride: int, unfilter: Filter | None = None
) -> bytes:
    """
    Unpack *data*.

    Args:
        packing: How it was packed.
        data: The packed bytes.
        count: How many elements there are.
        stride: Bytes of each: for `VertexBuffer` a multiple of 4, at most 256; else 2 or 4.
        unfilter: The filter to undo afterwards; None: none.

    Returns:
        count × stride bytes.

    Raises:
        ValueError: The bytes are damaged.
        MemoryError: There is not enough memory.
    """
    size_bytes = count * stride
    # Filters work on four elements at a time.
    room_bytes = size_bytes + _ROUNDED_UP_BYTES
    inside = Sandbox(_MODULE, room_bytes=room_bytes + len(data) + _OWN_BYTES)
    target = inside.room(room_bytes)
    source = inside.put(np.frombuffer(data, np.uint8))
    try:
        if inside.call(f"meshopt_decode{packing}", target, count, stride, source, len(data)) != 0:
            raise ValueError("the bytes are damaged")
        if unfilter is not None:
            inside.call(f"meshopt_decodeFilter{unfilter}", target, count, stride)
    except RuntimeError as error:
        raise ValueError("the bytes are damaged") from error
    return inside.get(target, size_bytes).tobytes()
