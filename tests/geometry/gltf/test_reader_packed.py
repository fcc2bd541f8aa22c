"""GLB files packed by Draco or meshoptimizer, and posed by skins, read as what they stand for."""

import tracemalloc
from contextlib import suppress

import DracoPy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf.draco_header import read_draco_counts
from image2model.geometry.gltf.reader import read_glb
from image2model.geometry.mesh.types import Mesh
from tests.geometry.glb_files import SQUARE, Builder, square
from tests.geometry.meshopt_packing import pack_triangles, pack_vertices
from tests.geometry.sample_meshes import torus


def draco_file(mesh: Mesh, packed: bytes, names: dict[str, int]) -> Builder:
    """Refer to *packed* from a primitive whose accessors have no data of their own."""
    builder = Builder()
    found = DracoPy.decode(packed)
    counts = {"POSITION": "VEC3", "TEXCOORD_0": "VEC2", "NORMAL": "VEC3"}
    attributes = {}
    for name in names:
        attributes[name] = len(builder.document["accessors"])
        builder.document["accessors"].append(
            {"componentType": 5126, "count": len(found.points), "type": counts[name]}
        )
    indices = len(builder.document["accessors"])
    builder.document["accessors"].append(
        {"componentType": 5125, "count": int(found.faces.size), "type": "SCALAR"}
    )
    view = builder.view(packed)
    builder.document["meshes"][0]["primitives"].append(
        {
            "attributes": attributes,
            "indices": indices,
            "extensions": {"KHR_draco_mesh_compression": {"bufferView": view, "attributes": names}},
        }
    )
    builder.document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    return builder


def packed_torus() -> tuple[Mesh, bytes, dict[str, int]]:
    mesh = torus()
    assert mesh.uvs is not None
    packed = DracoPy.encode(
        mesh.positions,
        mesh.faces,
        quantization_bits=16,
        tex_coord=mesh.uvs.astype(np.float64),
        preserve_order=True,
    )
    found = DracoPy.decode(packed)
    ids = {
        DracoPy.AttributeType(one["attribute_type"]).name: one["unique_id"]
        for one in found.attributes
    }
    return mesh, packed, {"POSITION": ids["POSITION"], "TEXCOORD_0": ids["TEX_COORD"]}


WHOLE_NUMBERS = {"BYTE": (5120, 127), "SHORT": (5122, 32767)} | {
    "UNSIGNED_BYTE": (5121, 255),
    "UNSIGNED_SHORT": (5123, 65535),
}


@pytest.mark.parametrize("kind", WHOLE_NUMBERS)
@pytest.mark.parametrize("normalized", [True, False])
def test_draco_of_whole_numbers_has_the_size_that_its_accessors_say(
    kind: str, normalized: bool
) -> None:
    """The decoder returns floats or wider numbers, whatever the accessor names."""
    component, largest = WHOLE_NUMBERS[kind]
    signed = not kind.startswith("UNSIGNED")
    low = -largest if signed else 0
    corners = [(low, 0, 0), (largest, 0, 0), (largest, largest, 0), (low, largest, 0)]
    packed = DracoPy.encode(
        np.array(corners, np.int32 if signed else np.uint32),
        np.array([(0, 1, 2), (0, 2, 3)], np.uint32),
        preserve_order=True,
    )
    builder = draco_file(Mesh(name="", positions=SQUARE, faces=SQUARE), packed, {"POSITION": 0})
    builder.document["accessors"][0].update(componentType=component, normalized=normalized)
    builder.document["extensionsRequired"] += ["KHR_mesh_quantization"]
    (found,) = read_glb(builder.glb())
    unit = 1 if normalized else largest
    assert found.positions.min(axis=0).tolist() == [-unit if signed else 0, 0, 0]
    assert found.positions.max(axis=0).tolist() == [unit, unit, 0]


def test_draco_of_normalised_colours_coordinates_and_joints() -> None:
    """Every attribute goes by the type of its accessor; joints stay whole."""
    shares = np.array([(0, 65535), (65535, 65535), (32768, 0), (0, 0)], np.uint32)
    joints = np.tile(np.array([1, 0, 0, 0], np.uint32), (4, 1))
    weights = np.tile(np.array([255, 0, 0, 0], np.uint32), (4, 1))
    colors = np.tile(np.array([255, 128, 0, 255], np.uint8), (4, 1))
    attributes = {"TEXCOORD_0": 11, "JOINTS_0": 12, "WEIGHTS_0": 13, "COLOR_0": 14}
    packed = DracoPy.encode(
        SQUARE,
        np.array([(0, 1, 2), (0, 2, 3)], np.uint32),
        preserve_order=True,
        generic_attributes={11: shares, 12: joints, 13: weights, 14: colors},
    )
    found = DracoPy.decode(packed)
    ids = {one["attribute_type"]: one["unique_id"] for one in found.attributes}
    builder = draco_file(
        Mesh(name="", positions=SQUARE, faces=SQUARE), packed, {"POSITION": ids[0]}
    )
    primitive = builder.document["meshes"][0]["primitives"][0]
    for name, kind in (
        ("TEXCOORD_0", {"componentType": 5123, "type": "VEC2", "normalized": True}),
        ("JOINTS_0", {"componentType": 5121, "type": "VEC4"}),
        ("WEIGHTS_0", {"componentType": 5121, "type": "VEC4", "normalized": True}),
        ("COLOR_0", {"componentType": 5121, "type": "VEC4", "normalized": True}),
    ):
        primitive["attributes"][name] = len(builder.document["accessors"])
        packing = primitive["extensions"]["KHR_draco_mesh_compression"]
        packing["attributes"] = {**packing["attributes"], name: attributes[name]}
        builder.document["accessors"].append({"count": 4, **kind})
    builder.document["nodes"] = [{"mesh": 0, "skin": 0}, {}, {"translation": [4, 0, 0]}]
    builder.document["scenes"] = [{"nodes": [0, 1, 2]}]
    builder.document["skins"] = [{"joints": [1, 2]}]
    (mesh,) = read_glb(builder.glb())
    assert mesh.uvs is not None
    assert mesh.uvs == pytest.approx(shares / 65535)
    assert mesh.colors is not None
    assert mesh.colors[0].tolist() == [255, 128, 0, 255]
    assert mesh.positions[:, 0] == pytest.approx(SQUARE[:, 0] + 4, abs=1e-3)


def test_draco_reads_as_what_was_packed() -> None:
    mesh, packed, names = packed_torus()
    (found,) = read_glb(draco_file(mesh, packed, names).glb())
    assert found.uvs is not None
    assert mesh.uvs is not None
    assert np.allclose(found.positions[found.faces], mesh.positions[mesh.faces], atol=1e-4)
    assert np.allclose(found.uvs[found.faces], mesh.uvs[mesh.faces], atol=1e-3)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_cut_draco_is_refused(kept: float) -> None:
    mesh, packed, names = packed_torus()
    builder = draco_file(mesh, packed, names)
    cut = int(len(packed) * kept)
    builder.document["bufferViews"][0]["byteLength"] = cut
    with pytest.raises(InvalidMesh):
        read_glb(builder.glb())


def test_draco_that_promises_more_is_refused() -> None:
    mesh, packed, names = packed_torus()
    builder = draco_file(mesh, packed, names)
    builder.document["accessors"][0]["count"] += 1
    with pytest.raises(InvalidMesh, match="promises"):
        read_glb(builder.glb())


def varint(number: int) -> bytes:
    """Write a number as Draco does, seven bits a byte."""
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


@pytest.mark.parametrize("level", [0, 1, 10])
@pytest.mark.parametrize("metadata", [False, True])
def test_draco_says_how_much_it_holds(level: int, metadata: bool) -> None:
    """Whatever its method, and with names and values before."""
    mesh = torus()
    packed = DracoPy.encode(
        mesh.positions, mesh.faces, compression_level=level, create_metadata=metadata
    )
    assert bool(packed[10] & 0x80) is metadata
    said = read_draco_counts(packed)
    assert said.faces == len(mesh.faces)
    assert said.vertices <= len(mesh.positions)


@pytest.mark.parametrize("level", [0, 10])
@pytest.mark.parametrize("faces", [2**31 - 1, 2**35 - 1, 5_000_000])
def test_draco_that_would_fill_the_memory_is_refused(level: int, faces: int) -> None:
    """Its own header asks for more than the file promises: nothing is made at all."""
    mesh = torus()
    packed = DracoPy.encode(mesh.positions, mesh.faces, compression_level=level)
    builder = draco_file(mesh, packed, {"POSITION": 0})
    number = varint(len(mesh.faces))
    start = packed.index(number, 11)
    lying = packed[:start] + varint(faces) + packed[start + len(number) :]
    assert read_draco_counts(lying).faces == faces
    builder.document["bufferViews"][0] = {
        "buffer": 0,
        "byteOffset": len(builder.binary),
        "byteLength": len(lying),
    }
    builder.binary += lying
    tracemalloc.start()
    try:
        with pytest.raises(InvalidMesh, match="promises"):
            read_glb(builder.glb())
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@given(data=st.binary(max_size=60))
def test_any_bytes_have_counts_or_are_refused(data: bytes) -> None:
    with suppress(InvalidMesh):
        read_draco_counts(b"DRACO\2\2\1" + data)


def meshopt_file() -> tuple[Mesh, Builder]:
    """Pack positions and indices; the views have a fallback buffer without data."""
    mesh = torus()
    vertices = pack_vertices(mesh.positions)
    indices = pack_triangles(mesh.faces)
    builder = Builder()
    for data, mode, count, stride in (
        (vertices, "ATTRIBUTES", len(mesh.positions), 12),
        (indices, "TRIANGLES", mesh.faces.size, 4),
    ):
        at = builder.view(data)
        view = builder.document["bufferViews"][at]
        builder.document["bufferViews"][at] = {
            "buffer": 1,
            "byteLength": count * stride,
            "extensions": {
                "EXT_meshopt_compression": {
                    "buffer": 0,
                    "byteOffset": view["byteOffset"],
                    "byteLength": len(data),
                    "byteStride": stride,
                    "count": count,
                    "mode": mode,
                }
            },
        }
    builder.document["accessors"] = [
        {"bufferView": 0, "componentType": 5126, "count": len(mesh.positions), "type": "VEC3"},
        {"bufferView": 1, "componentType": 5125, "count": mesh.faces.size, "type": "SCALAR"},
    ]
    builder.document["meshes"][0]["primitives"] = [{"attributes": {"POSITION": 0}, "indices": 1}]
    builder.document["extensionsRequired"] = ["EXT_meshopt_compression"]
    builder.document["buffers"] = [
        {"byteLength": len(builder.binary)},
        {"byteLength": 10**6, "extensions": {"EXT_meshopt_compression": {"fallback": True}}},
    ]
    return mesh, builder


def test_meshopt_reads_as_what_was_packed() -> None:
    mesh, builder = meshopt_file()
    (found,) = read_glb(builder.glb())
    assert np.array_equal(found.positions, mesh.positions)
    # The packer may begin a triangle at another corner, but never turns it.
    assert np.array_equal(turned_to_least(found.faces), turned_to_least(mesh.faces))


def turned_to_least(faces: np.ndarray) -> np.ndarray:
    least = faces.argmin(axis=1)[:, None]
    turned: np.ndarray = np.take_along_axis(faces, (least + np.arange(3)) % 3, axis=1)
    return turned


@pytest.mark.parametrize("view", [0, 1])
def test_cut_meshopt_is_refused(view: int) -> None:
    _, builder = meshopt_file()
    packed = builder.document["bufferViews"][view]["extensions"]["EXT_meshopt_compression"]
    packed["byteLength"] //= 2
    with pytest.raises(InvalidMesh, match="meshopt"):
        read_glb(builder.glb())


@pytest.mark.parametrize(
    "change", [{"mode": "X"}, {"filter": "X"}, {"filter": "QUATERNION"}, {"byteStride": 6}], ids=str
)
def test_unknown_meshopt_is_refused(change: dict[str, object]) -> None:
    _, builder = meshopt_file()
    view = builder.document["bufferViews"][0]
    view["extensions"]["EXT_meshopt_compression"].update(change)
    with pytest.raises(InvalidMesh, match="meshopt"):
        read_glb(builder.glb())


def skinned(scale: float) -> Builder:
    """Hang a square half and half on two joints; the second is moved up and scaled."""
    joints = np.array([(0, 0, 0, 0), (0, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0)], "u1")
    weights = np.tile(np.array([1, 0, 0, 0], "<f4"), (4, 1))
    builder = square(JOINTS_0=joints, WEIGHTS_0=weights)
    builder.document["nodes"] = [
        {"mesh": 0, "skin": 0, "translation": [50, 50, 50]},
        {"children": [2]},
        {"translation": [0, 3, 0], "scale": [scale] * 3},
    ]
    builder.document["scenes"] = [{"nodes": [0, 1]}]
    builder.document["skins"] = [{"joints": [1, 2]}]
    return builder


def test_skin_poses_its_mesh() -> None:
    """By its joints alone: where its own node stands does not count."""
    (found,) = read_glb(skinned(2.0).glb())
    expected = SQUARE.copy()
    expected[2:] = SQUARE[2:] * 2 + (0, 3, 0)
    assert np.allclose(found.positions, expected)


@pytest.mark.parametrize("joints", [[1], [], [1, 99]], ids=str)
def test_skin_with_wrong_joints_is_refused(joints: list[int]) -> None:
    builder = skinned(1.0)
    builder.document["skins"] = [{"joints": joints}]
    with pytest.raises(InvalidMesh):
        read_glb(builder.glb())
