"""Textures that are bombs, damaged, or lie: left out, and said, while the shape is kept."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from image2model.core.errors import InvalidMesh, JsonValue
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import FORMATS, Conversion
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.report import report_file
from image2model.geometry.mesh.textures.recoding import encode_rgba
from image2model.geometry.mesh.types import EncodedImage, Material
from image2model.geometry.render.preview import render_preview
from image2model.geometry.render.scene import prepare_scene
from image2model.geometry.render.sprite import render_sprite
from tests.geometry.sample_meshes import picture, torus


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


ASKED = {
    "sampled": Conversion(format="ply"),
    "recoded": Conversion(format="3mf"),
    "reduced": Conversion(format="glb", texture_px=64),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("use", ASKED)
def test_bombs_are_left_out_before_they_are_unpacked(bomb: str, use: str) -> None:
    glb = with_texture(BOMBS[bomb])
    tracemalloc.start()
    try:
        made = convert_file(glb, ASKED[use], name="m")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert made.faces == len(torus().faces)
    assert any("texture" in note and "left out" in note for note in made.notes)


@pytest.mark.parametrize("data", [*BOMBS.values(), *DAMAGED.values()], ids=[*BOMBS, *DAMAGED])
def test_what_cannot_be_decoded_is_drawn_in_plain_colours(data: bytes) -> None:
    plain = render_preview(write_glb(torus(material=Material())))
    glb = with_texture(data)
    tracemalloc.start()
    try:
        assert render_preview(glb) == plain
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def many(count: int, data: Callable[[int], bytes]) -> bytes:
    """Make a model of so many parts, each with a texture of its own."""
    images = [EncodedImage(data=data(index), media_type="image/png") for index in range(count)]
    parts = [
        torus(around=6, across=4, material=Material(base_color_texture=image)) for image in images
    ]
    return write_glb(*parts)


def allowed(index: int) -> bytes:
    """Promise as many pixels as one texture may have; the bytes of each are others."""
    return png(8192, 8192, zlib.compress(bytes(1000 + index)))


@pytest.mark.parametrize(
    "use",
    [
        render_preview,
        render_sprite,
        lambda glb: convert_file(glb, Conversion(format="usdz"), name="m"),
        lambda glb: convert_file(glb, Conversion(format="glb", texture_px=64), name="m"),
        lambda glb: convert_file(glb, Conversion(format="gltf.zip", max_bytes=9000), name="m"),
    ],
    ids=["preview", "sprite", "recoded", "reduced", "within bytes"],
)
def test_many_textures_have_a_limit_in_common(use: Callable[[bytes], object]) -> None:
    """Each is allowed by itself; all together would take minutes."""
    with pytest.raises(InvalidMesh, match="its 15 textures have 1,007 million pixels in all"):
        use(many(15, allowed))


def test_textures_that_need_not_be_decoded_have_none() -> None:
    glb = many(15, allowed)
    for asked in (Conversion(format="glb", pivot="base"), Conversion(format="stl", texture_px=64)):
        convert_file(glb, asked, name="m")


def test_many_textures_are_drawn_coarser() -> None:
    """What is held of them at once has a limit, however many there are."""
    data = encode_rgba(np.full((2048, 2048, 4), 255, np.uint8), lossless=True).data
    images = [EncodedImage(data=data, media_type="image/png") for _ in range(20)]
    parts = [
        torus(around=6, across=4, material=Material(base_color_texture=image)) for image in images
    ]
    for shown, side_px in ((parts[:4], 2048), (parts, 894)):
        scene = prepare_scene(shown, texture_px=1100)
        assert {texture.shape[0] for texture in scene.textures if texture is not None} == {side_px}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_textures_are_left_out_and_said(what: str) -> None:
    """In every format and by the inspection; a format without textures does not look at them."""
    glb = with_texture(DAMAGED[what])
    assert any("texture" in note for note in told(report_file(glb)["left_out"]))
    made = convert_file(glb, Conversion(format="ply"), name="m")
    assert any("texture" in note and "left out" in note for note in made.notes)
    assert convert_file(glb, Conversion(format="stl"), name="m").faces == made.faces


def told(notes: JsonValue) -> list[str]:
    assert isinstance(notes, list)
    return [str(note) for note in notes]


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
