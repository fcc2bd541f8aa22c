"""Picture files made on the spot, for the picture tests."""

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from image2model.geometry.pictures.limits import PictureLimits

LIMITS = PictureLimits()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def scene(width: int = 64, height: int = 48, *, channels: int = 3) -> NDArray[np.uint8]:
    """A smooth picture without any symmetry; with four channels, alpha rises to the right."""
    y, x = np.mgrid[0:height, 0:width]
    bands = [
        255 * x / (width - 1),
        255 * y / (height - 1),
        255 * ((x - width / 3) ** 2 + (y - height / 4) ** 2) / (width**2 + height**2),
        255 * x / (width - 1),
    ]
    return np.asarray(np.rint(np.stack(bands[:channels], axis=-1)), np.uint8)


def encode(image: Image.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    """Write a picture with Pillow."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def decode(data: bytes) -> Image.Image:
    """Read a picture with Pillow, as any other program would."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def raw_png(
    samples: NDArray[Any], *, depth: int, color_type: int, extra: tuple[bytes, ...] = ()
) -> bytes:
    """
    Write a PNG by hand, also of the kinds that Pillow does not write.

    Args:
        samples: Big-endian rows as bytes would lie in the file: (height, width[, channels]).
        depth: Bits per sample, 8 or 16.
        color_type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
        extra: Whole chunks that stand before the pixels.
    """
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    rows = samples.astype(">u2" if depth == 16 else "u1")
    pixels = b"".join(b"\0" + row.tobytes() for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + b"".join(extra)
        + png_chunk(b"IDAT", zlib.compress(pixels))
        + png_chunk(b"IEND", b"")
    )


def bomb_png(width: int, height: int) -> bytes:
    """A whole and valid PNG of one bit per pixel, all zero: kilobytes for megapixels."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", pixels)
        + png_chunk(b"IEND", b"")
    )


def display_p3() -> bytes:
    """A matrix profile with the primaries of Display P3 and the sRGB curve (ICC.1:2001-04)."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + fixed(*values)

    curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0)
    curve += fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 3) + b"P3\0" + bytes(78),
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.51512, 0.2412, -0.00105),
        b"gXYZ": xyz(0.29198, 0.69225, 0.04189),
        b"bXYZ": xyz(0.1571, 0.06657, 0.78407),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
        b"cprt": b"text\0\0\0\0none\0",
    }
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += padded
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x04000000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += fixed(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\0") + table + body


P3_CHART = (
    ((255, 0, 0), (0, 255, 0), (0, 0, 255)),
    ((200, 120, 90), (255, 255, 255), (90, 90, 90)),
)
"""Patches of 16 pixels, in Display P3: what `heic_chart` shows."""

_HEIC_CHART = (
    "eNpjYGCQSSupLMhIzaxgAILczDRDEDs3MzGNgYG5PTe1JJEBAhQzUnKKoGyGgszkEgY0oJSZk58MYrg4MDACIRAwr4"
    "bQQLAUiJUzM/PSwDyQqCiQk8oE5WWUJRuCmHwFmSW5MCXM7JkFRQUMDEzPMwuS84Fi5UBlzowsHEDmPAuQIrkPDH/+"
    "//jBwMDPnADUIe7AyMP4/z9IATNYBTNQyS4mh0SgnJYTIyOqxAQWAYVNd2OmXDdn5GVjAYmlgAgWhSSgcg4XxoPFEg"
    "YcE4DWyyTn5xQVFOUD3c4kkJefl8oCCqq8kqIgdyeFiMgoBfZXMB8zMCQmFxcw4AXfrkHUXtZlIB1wpqQWg0L5AxDH"
    "lpcUAKOBMQDIFikCOgTITgGx0yFsUJSKJEHYPWA1IUHOQPYCIFshHcI+AGInQdgPQOzkgiKgmeB44YXaBY7KAGMGqg"
    "NQ2KGHCUKs+T4Dg+3+////70aIee1nYNhozsDAtRMhpgGMT0FuBoYTOwsSiyDJFRi9DExpwPj6tBzojUgGBuELQD3R"
    "lMqXpFaAkz0oDUC9IJJZXABjO0CxRnJOIigNGEBTOsidwGT5HxRnTEAaFM6gABYoyKzIBFvHwQFK0xKZBbmw7AZMT6"
    "yNTMysLUD22tyURJC9CzUY17PtSBEy/rfjPNAUibr27+sM/bM/r7z+/22W/v9vCQv+lz97+srsyfb/r+s41A9+/3TH"
    "/9N5r+N3Ta74Lv51eIX9t33K/XcPe/TXfNhyX/Wal3md5q4Ug9dT84Lnaf26eoBffiufZE6TWtk6+aDLR9Yx6SXZ8I"
    "bo7vv/+JabT5D9If0rTc5T+jxXyz7x7PjNl1amdv6dTv2T1WZ/+nvupwXrv3/z3vEHACrv60w="
)


def heic_chart(*, quarter_turns: int = 0) -> bytes:
    """
    A HEIC of `P3_CHART` with its colour profile; there is no encoder among what we install.

    Args:
        quarter_turns: Against the clock; how an `irot` box has the pixels turned when shown.
    """
    data = zlib.decompress(base64.b64decode(_HEIC_CHART))
    if not quarter_turns:
        return data
    turn = struct.pack(">I4sB", 9, b"irot", quarter_turns)
    properties, links, pixels = (data.index(kind) - 4 for kind in (b"ipco", b"ipma", b"mdat"))
    number = 6  # behind the five that are there
    longer = (data[links:pixels] + bytes([0x80 | number])).replace(b"\0\x01\x05", b"\0\x01\x06", 1)
    made = bytearray(data[:links] + turn + longer + data[pixels:])
    for kind, more in ((b"ipco", 9), (b"ipma", 1), (b"iprp", 10), (b"meta", 10)):
        at = made.index(kind) - 4
        made[at : at + 4] = (int.from_bytes(made[at : at + 4], "big") + more).to_bytes(4, "big")
    at = made.index(pixels.to_bytes(4, "big").replace(b"\xa3", b"\xab"))
    made[at : at + 4] = (pixels + 8 + 10).to_bytes(4, "big")
    assert properties < links
    return bytes(made)


def avif_without_alpha_size(samples: NDArray[np.uint8]) -> bytes:
    """An AVIF whose alpha plane declares no size of its own, as some encoders write them."""
    data = encode(samples, "AVIF", quality=95)
    links = data.index(b"ipma")
    # The second item's properties, of which the first is the size it shares with the colours.
    at = data.index(b"\0\x02\x04\x01", links)
    return data[: at + 3] + data[at + 4 : at + 5] + data[at + 4 :]
