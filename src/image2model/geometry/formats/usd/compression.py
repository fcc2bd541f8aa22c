"""Numbers and bytes as OpenUSD's crate files pack them."""

import struct
from collections.abc import Sequence

import numpy as np


def compress(data: bytes) -> bytes:
    """
    Wrap *data* as one LZ4 block of literals, behind the byte that says there is but one.

    Nothing gets smaller: the tables of a model are a thousandth of its file. After the LZ4 block
    format (Y. Collet, 2011).
    """
    length = len(data)
    if length < 15:
        return bytes([0, length << 4]) + data
    rest = length - 15
    return bytes([0, 0xF0]) + b"\xff" * (rest // 255) + bytes([rest % 255]) + data


def compress_integers(values: Sequence[int]) -> bytes:
    """
    Pack 32-bit numbers: the size, then differences with a two-bit code for each one's width.

    All differences are written with 32 bits here, which readers take as well.
    """
    numbers = np.array(values, np.int64)
    steps = np.diff(numbers, prepend=0).astype("<i4")
    # Code 3 is "32 bits follow"; the first number, the most frequent step, is then never used.
    codes = bytearray(b"\xff" * (len(numbers) // 4))
    if len(numbers) % 4:
        codes.append((1 << 2 * (len(numbers) % 4)) - 1)
    packed = compress(struct.pack("<i", 0) + bytes(codes) + steps.tobytes())
    return struct.pack("<Q", len(packed)) + packed
