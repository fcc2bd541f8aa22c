"""Textures that are bombs, damaged, or lie: refused wherever a model is read, drawn or written."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from image2model.core.errors import InvalidMesh
from image2model.geometry.conversion import FORMATS, Conversion
from image2model.geometry.formats.convert import convert_file
from image2model.geometry.glb_writer import write_glb
from image2model.geometry.mesh import EncodedImage, Material
from image2model.geometry.preview import render_preview
from image2model.geometry.report import report_file
from tests.geometry.shapes import picture, torus


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack("!I", len(content)) + kind + content + struct.pack("!I", checksum)


def png(width_px: int, height_px: int, packed: bytes) -> bytes:
    header = struct.pack("!2I5B", width_px, height_px, 8, 6, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


BOMBS = {
    "pixels without end": png(100_000, 100_000, zlib.compress(bytes(1000))),
    "just too many": png(8193, 8193, zlib.compress(bytes(1000))),
    "a thin line": png(2**31 - 1, 1, zlib.compress(bytes(1000))),
}
DAMAGED = {
    "not a picture": b"\x89PNG\r\n\x1a\n" + bytes(60),
    "empty": b"",
    "nothing in it": png(0, 0, b""),
    "no pixels": png(64, 64, b""),
}


def with_texture(data: bytes) -> bytes:
    image = EncodedImage(data=data, media_type="image/png")
    return write_glb(torus(material=Material(base_color_texture=image)))


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize(
    "use",
    [
        render_preview,
        lambda glb: convert_file(glb, Conversion(format="ply"), name="m"),
        lambda glb: convert_file(glb, Conversion(format="glb", texture_px=64), name="m"),
    ],
    ids=["drawn", "sampled", "reduced"],
)
def test_bombs_are_refused_before_they_are_unpacked(
    bomb: str, use: Callable[[bytes], object]
) -> None:
    glb = with_texture(BOMBS[bomb])
    tracemalloc.start()
    try:
        with pytest.raises(InvalidMesh, match="texture"):
            use(glb)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_textures_are_refused_where_they_are_looked_at(what: str) -> None:
    glb = with_texture(DAMAGED[what])
    with pytest.raises(InvalidMesh, match="texture"):
        render_preview(glb)
    with pytest.raises(InvalidMesh, match="texture"):
        convert_file(glb, Conversion(format="ply"), name="m")


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_cut_textures_never_raise_anything_else(format_name: str, kind: str) -> None:
    """Wherever a download stopped: written as it is, or refused."""
    whole = picture(kind=kind, size_px=64)
    for kept in np.linspace(0, len(whole.data) - 1, 12).astype(int).tolist():
        cut = EncodedImage(data=whole.data[:kept], media_type=whole.media_type)
        glb = write_glb(torus(around=6, across=4, material=Material(base_color_texture=cut)))
        for use in (
            lambda: report_file(glb),  # noqa: B023
            lambda: convert_file(glb, Conversion(format=format_name, pivot="base"), name="m"),  # noqa: B023
        ):
            with suppress(InvalidMesh):
                use()
