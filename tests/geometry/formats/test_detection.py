"""3D files are known by their bytes."""

import struct

import pytest

from image2model.geometry.formats.detection import HEAD_BYTES, file_format, glb_length, mesh_format
from image2model.testing.tiny_model import tiny_glb

GLB = tiny_glb("cube")
BINARY_STL = bytes(80) + struct.pack("<I", 2) + bytes(100)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (GLB, "glb"),
        (b"Kaydara FBX Binary  \x00\x1a\x00", "fbx"),
        (b"; FBX 7.3.0 project file\n", "fbx"),
        (b"PK\x03\x04" + bytes(26) + b"model.usdc" + bytes(20), "usdz"),
        (b"PK\x03\x04" + bytes(26) + b"model.obj" + bytes(20), "zip"),
        (b"ply\nformat binary_little_endian 1.0\n", "ply"),
        (b"solid cube\n facet normal 0 0 1\n", "stl"),
        (b"# made by hand\nmtllib cube.mtl\no cube\nv -1.0 2 3\n", "obj"),
        (b"v 1 2 3\n", "obj"),
        (b'{"asset": {"version": "2.0"}}', "gltf"),
        (b"<!doctype html><title>Not found</title>", None),
        (b'{"detail": "gone"}', None),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), None),
        (b"very nice", None),
        (b"", None),
        (b"glTF\x01\x00\x00\x00" + bytes(12), None),
    ],
)
def test_format(head: bytes, expected: str | None) -> None:
    assert mesh_format(head, size_bytes=len(head)) == expected


def test_binary_stl_is_known_by_its_length() -> None:
    assert mesh_format(BINARY_STL, size_bytes=len(BINARY_STL)) == "stl"
    assert mesh_format(BINARY_STL, size_bytes=len(BINARY_STL) + 1) is None
    assert mesh_format(BINARY_STL, size_bytes=None) is None


def test_glb_length() -> None:
    assert glb_length(GLB[:12]) == len(GLB)
    assert glb_length(GLB[:11]) is None


REMARK = b"# " + b"a long licence " * 5 + b"\n"


@pytest.mark.parametrize(
    "head",
    [
        b"vn 0 0 1\nv 0 0 0\n",
        b"vt 0.5 .5\nv 0 0 0\n",
        b"lod 1\nv 0 0 0\n",
        b"  # indented\n\t# twice\nv 0 0 0\n",
        b"\xef\xbb\xbf# BOM\nv 0 0 0\n",
        b"\xef\xbb\xbfv 0 0 0\n",
        REMARK * 60 + b"v 0 0 0\n",
        REMARK * 600 + b"v 0 0 0\n",
        b"g default\ns off\no a b\nusemtl x\nv -.5 0 0\n",
        b"# \r\nmtllib a.mtl\r\nv 0 0 0\r\n",
        b"# Mac\rmtllib a.mtl\rv 0 0 0\r",
        b"\n\n\nv\t0\t0\t0\n",
        b"mg 1 0.5\nshadow_obj x.obj\nbevel on\nf 1 2 3\n",
        b"cstype bezier\ndeg 3\nvp 0.5\n",
    ],
    ids=lambda head: str(head[:20]),
)
def test_ways_in_which_obj_begins(head: bytes) -> None:
    assert mesh_format(head[:HEAD_BYTES], size_bytes=len(head)) == "obj"


@pytest.mark.parametrize(
    "head",
    [
        b"v for vendetta\n",
        b"# only a remark\n",
        b"g\n",
        b"o my\nthis is a letter\nv 0 0 0\n",
        b"p\0\1\0",
        b"<html>\nv 0 0 0",
        b"newmtl red\nKd 1 0 0\n",
    ],
)
def test_what_is_no_obj(head: bytes) -> None:
    assert mesh_format(head, size_bytes=len(head)) is None


@pytest.mark.parametrize(
    "head",
    [
        b"solid\nfacet normal 0 0 1\n",
        b"solid a b c\r\n  facet normal 0 0 1\r\n",
        b"solid a\rfacet normal 0 0 1\r",
        b"  SOLID a\nFACET NORMAL 0 0 1\n",
        b"\xef\xbb\xbfsolid a\n\n facet normal 0 0 1\n",
    ],
)
def test_ways_in_which_stl_begins(head: bytes) -> None:
    assert mesh_format(head, size_bytes=len(head)) == "stl"


def test_binary_stl_that_begins_as_text_does() -> None:
    """Its header is any text of 80 bytes, even that of the other kind."""
    for text in (b"solid made by a CAD program", b"solid\n facet ", b"v 0 0 0\n", b"ply\nformat"):
        data = text.ljust(80, b" ") + BINARY_STL[80:]
        assert mesh_format(data, size_bytes=len(data)) == "stl"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_ply_begins_with_any_ends_of_lines(end: bytes) -> None:
    for first in (b"format ascii 1.0", b"comment x", b"obj_info x"):
        head = b"ply" + end + first + end
        assert mesh_format(head, size_bytes=len(head)) == "ply"


def test_gltf_may_name_its_version_late() -> None:
    head = b'{"accessors": [' + b'{"count": 1},' * 1000 + b'{}], "asset": {"version": "2.0"}}'
    assert mesh_format(head, size_bytes=len(head)) == "gltf"


def test_whole_file_is_known_however_far_off_its_content_is() -> None:
    assert file_format(REMARK * 2000 + b"v 0 0 0\n") == "obj"
    assert file_format(b'{"meshes": [' + b"0, " * 50_000 + b'0], "asset": {}}') == "gltf"
    assert file_format(b"<html>" + REMARK * 2000 + b"v 0 0 0\n") is None
    assert file_format(REMARK * 2000) is None
