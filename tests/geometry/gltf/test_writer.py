"""GLB files as written."""

import json
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh
from image2model.geometry.shapes.texture_sheet import encode_jpeg


def triangles(vertices: int) -> Mesh:
    """A fan of triangles with everything a mesh can have."""
    angle = np.linspace(0, 6, vertices)
    around = np.arange(1, vertices - 1)
    return Mesh(
        name="Fächer",
        positions=np.column_stack([np.cos(angle), np.sin(angle), angle * 0]).astype(np.float32),
        faces=np.column_stack([around * 0, around, around + 1]).astype(np.uint32),
        normals=np.tile(np.array([0, 0, 1], np.float32), (vertices, 1)),
        uvs=np.tile(np.array([0.5, 0.25], np.float32), (vertices, 1)),
        material=Material(
            name="paper", base_color_texture=encode_jpeg(np.zeros((5, 7, 3), np.uint8))
        ),
    )


def chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    magic, version, size = struct.unpack_from("<4sII", data)
    assert (magic, version, size) == (b"glTF", 2, len(data))
    length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    start = 20 + length
    binary_length, binary_kind = struct.unpack_from("<I4s", data, start)
    assert binary_kind == b"BIN\0"
    binary = data[start + 8 :]
    assert len(binary) == binary_length
    document: dict[str, Any] = json.loads(data[20:start])
    return document, binary


def test_arrays_come_back_as_they_went_in() -> None:
    mesh = triangles(50)
    document, binary = chunks(write_glb(mesh))
    primitive = document["meshes"][0]["primitives"][0]
    attributes = primitive["attributes"]
    for accessor, expected in (
        (attributes["POSITION"], mesh.positions),
        (attributes["NORMAL"], mesh.normals),
        (attributes["TEXCOORD_0"], mesh.uvs),
        (primitive["indices"], mesh.faces.astype(np.uint16)),
    ):
        assert expected is not None
        view = document["bufferViews"][document["accessors"][accessor]["bufferView"]]
        start = view["byteOffset"]
        assert start % 4 == 0
        assert binary[start : start + view["byteLength"]] == expected.tobytes()
    image = document["bufferViews"][document["images"][0]["bufferView"]]
    stored = binary[image["byteOffset"] : image["byteOffset"] + image["byteLength"]]
    assert isinstance(mesh.material.base_color_texture, EncodedImage)
    assert stored == mesh.material.base_color_texture.data


def test_names_and_maker_are_written() -> None:
    document, _ = chunks(write_glb(triangles(4)))
    assert document["nodes"][0]["name"] == "Fächer"
    assert document["meshes"][0]["name"] == "Fächer"
    assert document["materials"][0]["name"] == "paper"
    assert document["asset"]["generator"].startswith("image2model ")


def test_names_that_are_no_text_are_mended() -> None:
    document, _ = chunks(write_glb(replace(triangles(4), name="a\udcffb")))
    assert document["nodes"][0]["name"] == "a?b"


@pytest.mark.parametrize(("vertices", "component"), [(65_535, 5123), (65_536, 5125)])
def test_indices_are_as_wide_as_needed(vertices: int, component: int) -> None:
    """65,535 as a 16-bit index means "restart", so that many vertices are the most."""
    document, _ = chunks(write_glb(triangles(vertices)))
    indices = document["accessors"][document["meshes"][0]["primitives"][0]["indices"]]
    assert indices["componentType"] == component


def test_a_bare_mesh_has_no_texture() -> None:
    mesh = replace(triangles(5), normals=None, uvs=None, material=Material())
    document, _ = chunks(write_glb(mesh))
    assert "textures" not in document
    assert list(document["meshes"][0]["primitives"][0]["attributes"]) == ["POSITION"]
