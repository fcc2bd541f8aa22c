"""Models get their true size and say what they are of; nothing else about them changes."""

import io
import json
import struct

import numpy as np
import pytest
import trimesh

from image2model.core.errors import InvalidMesh
from image2model.geometry.conversion.describe import describe_glb
from image2model.geometry.gltf.container import parse_glb
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.facts import inspect_glb
from image2model.geometry.mesh.types import Mesh
from image2model.testing.tiny_model import tiny_glb
from tests.khronos.validator import KhronosValidator

CUBE = tiny_glb()


def ball(subdivisions: int) -> bytes:
    solid = trimesh.creation.icosphere(subdivisions=subdivisions)
    mesh = Mesh(
        name="ball",
        positions=np.asarray(solid.vertices, np.float32),
        faces=np.asarray(solid.faces, np.uint32),
    )
    return write_glb(mesh)


def extras_of(glb: bytes) -> tuple[object, object]:
    """Read the extras of the scene and of the node that everything hangs from."""
    document = parse_glb(glb).document
    scene = document["scenes"][document["scene"]]
    (root,) = scene["nodes"]
    return scene["extras"], document["nodes"][root]["extras"]


@pytest.mark.parametrize(
    ("said", "side", "size_mm"),
    [
        ({"height_mm": 212.5}, "height_mm", 212.5),
        ({"width_mm": 5}, "width_mm", 5),
        ({"depth_mm": 50_000.0}, "depth_mm", 50_000),
        ({"depth_mm": 1.0, "height_mm": 30.0}, "height_mm", 30),
    ],
)
def test_true_size(said: dict[str, float], side: str, size_mm: float) -> None:
    """The cube is 100 mm wide: whichever side is given, all grow alike."""
    made = describe_glb(CUBE, said, name="cube")
    assert made.facts == {"scaled_to": side}
    assert inspect_glb(made.glb).size_mm == pytest.approx((size_mm,) * 3, rel=1e-5)


def test_what_is_known_stands_in_the_extras(khronos: KhronosValidator) -> None:
    said = {"title": "Gänsekrug", "accession_number": "1987.12", "height_mm": 50.0}
    made = describe_glb(CUBE, said, name="Gänsekrug")
    assert extras_of(made.glb) == (said, said)
    report = khronos.validate_glb(made.glb)
    assert (report.errors, report.warnings) == (0, 0)
    loaded = trimesh.load_scene(io.BytesIO(made.glb), file_type="glb")
    assert loaded.extents == pytest.approx([0.05] * 3)
    assert "Gänsekrug" in loaded.graph.nodes


def test_geometry_is_not_touched() -> None:
    before, made = parse_glb(CUBE), describe_glb(CUBE, {"height_mm": 7.0}, name="cube")
    after = parse_glb(made.glb)
    assert after.binary == before.binary
    assert after.document["meshes"] == before.document["meshes"]
    assert made.facts == {"scaled_to": "height_mm"}


def test_too_many_faces_are_simplified(khronos: KhronosValidator) -> None:
    made = describe_glb(ball(5), {"face_limit": 500, "height_mm": 80.0}, name="ball")
    found = inspect_glb(made.glb)
    assert made.facts == {"simplified_from": 20_480, "scaled_to": "height_mm"}
    assert found.faces <= 500
    assert found.size_mm[1] == pytest.approx(80, rel=1e-5)
    (note,) = made.notes
    assert note.startswith("simplified from 20,480 to ")
    assert khronos.validate_glb(made.glb).errors == 0
    few = describe_glb(CUBE, {"face_limit": 500}, name="cube")
    assert (few.facts, inspect_glb(few.glb).faces) == ({}, 12)


def test_several_scenes_nodes_and_extras_of_its_own(khronos: KhronosValidator) -> None:
    document = json.loads(json.dumps(parse_glb(CUBE).document))
    document["nodes"] = [{"mesh": 0, "translation": [1, 0, 0]}, {"mesh": 0}]
    document["scenes"] = [{"nodes": [0]}, {"nodes": [0, 1], "extras": {"by": "somebody"}}]
    document["scene"] = 1
    made = describe_glb(_glb(document, parse_glb(CUBE).binary), {"width_mm": 10.0}, name="two")
    assert extras_of(made.glb)[0] == {"by": "somebody", "width_mm": 10.0}
    assert inspect_glb(made.glb).size_mm[0] == pytest.approx(10, rel=1e-5)
    assert khronos.validate_glb(made.glb).errors == 0


def test_file_that_only_others_can_read_is_named_but_not_scaled() -> None:
    document = json.loads(json.dumps(parse_glb(CUBE).document))
    document["extensionsRequired"] = document["extensionsUsed"] = ["EXT_new_compression"]
    made = describe_glb(_glb(document, parse_glb(CUBE).binary), {"height_mm": 3.0}, name="cube")
    assert made.facts == {}
    assert extras_of(made.glb)[0] == {"height_mm": 3.0}
    (note,) = made.notes
    assert note.startswith("its size and number of faces were left as they are: it needs EXT_new")


@pytest.mark.parametrize("content", [b"", b"glTF", CUBE[:-8], b"PK\x03\x04"])
def test_what_is_no_glb(content: bytes) -> None:
    with pytest.raises(InvalidMesh):
        describe_glb(content, {"height_mm": 3.0}, name="x")


def _glb(document: object, binary: memoryview) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(binary), b"BIN\0") + bytes(binary)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
