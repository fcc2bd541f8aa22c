"""Files that are damaged or lie: one kind of error, soon, and nothing else."""

import contextlib
import random
import struct
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf.reader import read_glb, verify_glb
from tests.geometry.glb_files import SQUARE, Builder, pack, pack_text, square

Change = Callable[[dict[str, Any]], object]


def primitive(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["meshes"][0]["primitives"][0]
    return found


def nested(depth: int) -> list[dict[str, Any]]:
    return [{"children": [index + 1]} for index in range(depth)] + [{"children": [0]}]


CHANGES: dict[str, Change] = {
    "count of a thousand million": lambda d: d["accessors"][0].update(count=10**9),
    "count without data": lambda d: d["accessors"].__setitem__(
        0, {"componentType": 5126, "type": "VEC3", "count": 10**9}
    ),
    "negative count": lambda d: d["accessors"][0].update(count=-1),
    "count is a text": lambda d: d["accessors"][0].update(count="4"),
    "count is true": lambda d: d["accessors"][0].update(count=True),
    "count has a fraction": lambda d: d["accessors"][0].update(count=1.5),
    "count beyond 64 bits": lambda d: d["accessors"][0].update(count=2**70),
    "offset beyond the view": lambda d: d["accessors"][0].update(byteOffset=44),
    "huge offset": lambda d: d["accessors"][0].update(byteOffset=2**52),
    "unknown component": lambda d: d["accessors"][0].update(componentType=5124),
    "unknown type": lambda d: d["accessors"][0].update(type="MAT4"),
    "type is a number": lambda d: d["accessors"][0].update(type=3),
    "positions in a plane": lambda d: d["accessors"][0].update(type="VEC2"),
    "accessor out of range": lambda d: primitive(d).update(indices=9),
    "accessor is an object": lambda d: primitive(d).update(indices={}),
    "float indices": lambda d: primitive(d).update(indices=0),
    "no positions": lambda d: primitive(d).update(attributes={}),
    "attributes is a list": lambda d: primitive(d).update(attributes=[]),
    "material out of range": lambda d: primitive(d).update(material=0),
    "fewer normals": lambda d: primitive(d)["attributes"].update(NORMAL=1),
    "view beyond the buffer": lambda d: d["bufferViews"][0].update(byteLength=10**6),
    "view far beyond": lambda d: d["bufferViews"][0].update(byteOffset=2**52),
    "view of another buffer": lambda d: d["bufferViews"][0].update(buffer=1),
    "short stride": lambda d: d["bufferViews"][0].update(byteStride=4),
    "huge stride": lambda d: d["bufferViews"][0].update(byteStride=2**52),
    "buffer longer than its data": lambda d: d.update(buffers=[{"byteLength": 10**6}]),
    "buffer elsewhere": lambda d: d.update(buffers=[{"byteLength": 60, "uri": "model.bin"}]),
    "buffer of bad base64": lambda d: d.update(
        buffers=[{"byteLength": 60, "uri": "data:;base64,%%%"}]
    ),
    "node out of range": lambda d: d["scenes"][0].update(nodes=[3]),
    "scene out of range": lambda d: d.update(scene=1),
    "mesh out of range": lambda d: d["nodes"][0].update(mesh=1),
    "nodes in a circle": lambda d: d.update(nodes=nested(5)),
    "node reached twice": lambda d: d["scenes"][0].update(nodes=[0, 0]),
    "nodes is a text": lambda d: d.update(nodes="all"),
    "node is a number": lambda d: d.update(nodes=[1]),
    "short matrix": lambda d: d["nodes"][0].update(matrix=[1, 2, 3]),
    "matrix of texts": lambda d: d["nodes"][0].update(matrix=["1"] * 16),
    "matrix beyond floats": lambda d: d["nodes"][0].update(matrix=[10**400] * 16),
    "matrix that overflows": lambda d: d["nodes"][0].update(matrix=[1e200] * 16),
    "far away": lambda d: d["nodes"][0].update(translation=[1e12, 0, 0]),
    "lines only": lambda d: primitive(d).update(mode=1),
    "unknown mode": lambda d: primitive(d).update(mode=99),
    "no meshes": lambda d: d.update(meshes=[], nodes=[]),
    "meshes is an object": lambda d: d.update(meshes={"0": {}}, nodes=[]),
    "sparse out of range": lambda d: d["accessors"][0].update(
        sparse={
            "count": 1,
            "indices": {"bufferView": 1, "byteOffset": 2, "componentType": 5123},
            "values": {"bufferView": 0},
        },
        count=1,
    ),
    "sparse count is huge": lambda d: d["accessors"][0].update(
        sparse={
            "count": 10**9,
            "indices": {"bufferView": 1, "componentType": 5123},
            "values": {"bufferView": 0},
        }
    ),
    "instances that do not fit each other": lambda d: d["nodes"][0].update(
        extensions={"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 0, "ROTATION": 1}}}
    ),
    "Draco data that is none": lambda d: primitive(d).update(
        extensions={"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}}
    ),
    "meshopt data that is none": lambda d: d["bufferViews"][0].update(
        extensions={
            "EXT_meshopt_compression": {
                "buffer": 0,
                "byteLength": 16,
                "byteStride": 12,
                "count": 4,
                "mode": "ATTRIBUTES",
            }
        }
    ),
    "meshopt count is huge": lambda d: d["bufferViews"][0].update(
        extensions={
            "EXT_meshopt_compression": {
                "buffer": 0,
                "byteLength": 16,
                "byteStride": 12,
                "count": 10**9,
                "mode": "ATTRIBUTES",
            }
        }
    ),
    "asset of version 1": lambda d: d.update(asset={"version": "1.0"}),
    "no asset": lambda d: d.pop("asset"),
    "alpha mode": lambda d: (
        primitive(d).update(material=0),
        d.update(materials=[{"alphaMode": "X"}]),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_lies_in_the_json(change: Change) -> None:
    """Every reference, count and type that cannot be right is refused, at once."""
    builder = square()
    change(builder.document)
    glb = builder.glb()
    started = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(InvalidMesh):
            read_glb(glb)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 10


@pytest.mark.parametrize("place", ["nodes", "meshes", "accessors", "bufferViews", None])
def test_refusals_name_the_extension(place: str | None) -> None:
    """What may decide on the shape is refused, and a person can look up what the file needs."""
    builder = square()
    builder.document["extensionsRequired"] = ["EXT_made_up"]
    if place:
        builder.document[place][0]["extensions"] = {"EXT_made_up": {}}
    with pytest.raises(InvalidMesh, match="EXT_made_up, which is not supported"):
        read_glb(builder.glb())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_positions_that_are_nowhere(value: float) -> None:
    """A vertex must be somewhere."""
    positions = SQUARE.copy()
    positions[2, 1] = value
    builder = Builder()
    builder.primitive(POSITION=positions, mode=5)
    with pytest.raises(InvalidMesh):
        read_glb(builder.glb())


def test_index_beyond_the_vertices() -> None:
    """One wrong corner of one face is found."""
    builder = Builder()
    builder.primitive(POSITION=SQUARE, indices=np.array([0, 1, 4], "<u2"))
    with pytest.raises(InvalidMesh, match="vertex"):
        read_glb(builder.glb())


def test_many_appearances_of_one_mesh_are_limited() -> None:
    """A small file cannot ask for a million copies."""
    builder = square()
    builder.document["nodes"] = [{"mesh": 0}] * 50_000
    builder.document["scenes"] = [{"nodes": list(range(50_000))}]
    with pytest.raises(InvalidMesh, match="too many"):
        read_glb(builder.glb())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"glTF",
        b"not a model at all",
        struct.pack("<4sII", b"glTF", 1, 12),
        struct.pack("<4sII", b"glTF", 2, 12),
        struct.pack("<4sII", b"glTF", 2, 2**32 - 1),
        struct.pack("<4sIII", b"glTF", 2, 16, 5),
        struct.pack("<4sIII4s", b"glTF", 2, 20, 2**32 - 1, b"JSON"),
        struct.pack("<4sIII4s", b"glTF", 2, 20, 0, b"BIN\0"),
        pack_text(b"{"),
        pack_text(b"\xff\xfe{}"),
        pack_text(b"[]"),
        pack_text(b"[" * 200_000),
        pack_text(b'{"asset":{"version":"2.0"},"x":NaN}'),
        pack_text(b'{"asset":{"version":"2.0"},"x":' + b"9" * 5000 + b"}"),
        pack({"asset": {"version": "2.0"}}),
    ],
)
@pytest.mark.parametrize("read", [read_glb, verify_glb])
def test_containers_that_are_none(read: Callable[[bytes], object], data: bytes) -> None:
    """The outside of the file is checked before its inside."""
    with pytest.raises(InvalidMesh):
        read(data)


@pytest.mark.parametrize("many", [b"[]", b"{}", b"0", b'""'])
def test_json_of_countless_values_is_refused(many: bytes) -> None:
    """Eight megabytes of text would become half a gigabyte of objects."""
    text = b'{"asset":{"version":"2.0"},"extras":[' + b",".join([many] * 3_000_000) + b"]}"
    glb = pack_text(text)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidMesh, match="holds too much"):
            read_glb(glb)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(glb)
    finally:
        tracemalloc.stop()


def test_every_truncation_is_noticed() -> None:
    """A download that stopped is never taken for a model, wherever it stopped."""
    glb = square().glb()
    for size in range(len(glb)):
        for read in (read_glb, verify_glb):
            with pytest.raises(InvalidMesh):
                read(glb[:size])


def exported(scene: trimesh.Scene) -> bytes:
    return bytes(scene.export(file_type="glb"))  # type: ignore[no-untyped-call]


def whole_files() -> list[bytes]:
    ball = trimesh.creation.icosphere(subdivisions=1)
    textured = square(
        material=0,
        TEXCOORD_0=SQUARE[:, :2].astype("<f4").copy(),
        COLOR_0=np.full((4, 4), 128, "<u1"),
    )
    textured.document.update(
        images=[{"bufferView": textured.view(b"\x89PNG\r\n\x1a\n----"), "mimeType": "image/png"}],
        textures=[{"source": 0}],
        materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": 0}}}],
    )
    textured.document["nodes"][0].update(rotation=[0, 1, 0, 0], scale=[1, 2, 3])
    return [square().glb(), textured.glb(), exported(trimesh.Scene([ball, ball]))]


def read_or_refuse(glb: bytes) -> None:
    for read in (read_glb, verify_glb):
        with contextlib.suppress(InvalidMesh):
            read(glb)


@pytest.mark.parametrize("which", range(3))
def test_damaged_bytes_never_raise_anything_else(which: int) -> None:
    """Thousands of random damages: read, or refused as InvalidMesh."""
    whole, dice = whole_files()[which], random.Random(which)
    for _ in range(1500):
        damaged = bytearray(whole)
        for _ in range(dice.choice([1, 1, 2, 8, 40])):
            damaged[dice.randrange(12, len(damaged))] = dice.randrange(256)
        read_or_refuse(bytes(damaged))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2**54)
    | st.floats()
    | st.sampled_from(["2.0", "VEC3"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["0", "a"]), inner),
    max_leaves=6,
)


@settings(max_examples=300)
@given(data=st.data())
def test_any_json_in_any_place(data: st.DataObject) -> None:
    """Whatever stands where something else should: read, or refused as InvalidMesh."""
    builder = square(material=0)
    builder.document.update(
        materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        textures=[{"source": 0}],
        images=[{"bufferView": 0}],
    )
    place: Any = builder.document
    for _ in range(data.draw(st.integers(1, 5))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]
    read_or_refuse(builder.glb())
