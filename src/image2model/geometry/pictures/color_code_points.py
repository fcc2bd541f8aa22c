"""Colour profiles of the code points that pictures may name instead (ITU-T H.273)."""

import struct

_BT709, _BT2020, _DISPLAY_P3 = 1, 9, 12
_SDR_CURVES = frozenset({1, 6, 13, 14, 15})
"""All of these are shown like sRGB's by browsers."""

# Columns of red, green and blue in XYZ, adapted to D50 (Bradford), as in ICC profiles.
_PRIMARIES = {
    _DISPLAY_P3: (
        (0.51512, 0.2412, -0.00105),
        (0.29198, 0.69225, 0.04189),
        (0.1571, 0.06657, 0.78407),
    ),
    _BT2020: (
        (0.67348, 0.27904, -0.00194),
        (0.16568, 0.67535, 0.02998),
        (0.12505, 0.04561, 0.79686),
    ),
}
_D50 = (0.9642, 1.0, 0.8249)


def profile_of_code_points(primaries: int, transfer: int) -> bytes | None:
    """
    Make the ICC profile of a colour space that is named by its code points.

    Args:
        primaries: Code point of the primaries.
        transfer: Code point of the transfer curve.

    Returns:
        A matrix profile with the curve of sRGB (ICC.1:2001-04); None: sRGB, or not known here.
    """
    columns = _PRIMARIES.get(primaries)
    if columns is None or transfer not in _SDR_CURVES:
        return None
    curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0)
    curve += _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    name = b"display"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" + bytes(78),
        b"wtpt": _xyz(*_D50),
        b"rXYZ": _xyz(*columns[0]),
        b"gXYZ": _xyz(*columns[1]),
        b"bXYZ": _xyz(*columns[2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
        b"cprt": b"text\0\0\0\0none\0",
    }
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for tag, content in tags.items():
        table += tag + struct.pack(">II", offset + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _fixed(*_D50)
    return header.ljust(128, b"\0") + table + body


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)
