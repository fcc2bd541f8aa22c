"""3D files are known by their bytes."""

import struct

import pytest

from image2model.geometry.mesh_types import glb_length, mesh_format
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
