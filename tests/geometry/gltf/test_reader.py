"""Reading what others wrote: every encoding glTF allows, against trimesh as a second reader."""

import base64
import io
import json
from typing import Any

import numpy as np
import PIL.Image
import pytest
import trimesh
from numpy.typing import NDArray

from image2model.geometry.gltf.reader import read_glb, verify_glb
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh
from tests.geometry.glb_files import SQUARE, Builder, square

HALF_TURN = [0.0, 1.0, 0.0, 0.0]


def corners(meshes: list[Mesh]) -> NDArray[np.float32]:
    """Return all triangles' corners, shape (faces, 3, 3)."""
    return np.concatenate([mesh.positions[mesh.faces] for mesh in meshes])


def png(color: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (4, 4), color).save(file, "PNG")
    return file.getvalue()


def second_opinion(glb: bytes) -> NDArray[np.float64]:
    scene = trimesh.load_scene(io.BytesIO(glb), file_type="glb")
    return np.asarray(scene.to_mesh().triangles, np.float64)


def in_any_order(triangles: NDArray[np.floating]) -> NDArray[np.floating]:
    flat = triangles.reshape(len(triangles), 9).round(4)
    return flat[np.lexsort(flat.T)]


def test_reads_what_trimesh_writes() -> None:
    """A tree of moved, turned and scaled meshes lands where trimesh puts it."""
    scene = trimesh.Scene()
    box, ball = trimesh.creation.box((1, 2, 3)), trimesh.creation.icosphere(subdivisions=2)
    turned = np.array([(0, -1, 0, 0.3), (0, 0, -1, 0), (1, 0, 0, 2), (0, 0, 0, 1)])
    moved = np.array([(2, 0, 0, 1), (0, 1, 0, -2), (0, 0, 0.5, 3), (0, 0, 0, 1)])
    scene.add_geometry(box, node_name="box", transform=turned)
    scene.add_geometry(ball, node_name="ball", parent_node_name="box", transform=moved)
    scene.add_geometry(ball, node_name="again", transform=moved)
    glb = bytes(scene.export(file_type="glb"))  # type: ignore[no-untyped-call]
    found = corners(read_glb(glb))
    assert len(found) == 12 + 320 * 2
    assert in_any_order(found) == pytest.approx(in_any_order(second_opinion(glb)), abs=2e-4)


def test_reads_back_what_we_write() -> None:
    """Positions, faces, normals, coordinates, colours and the texture come back unchanged."""
    mesh = Mesh(
        name="square",
        positions=SQUARE,
        faces=np.array([(0, 1, 2), (0, 2, 3)], np.uint32),
        normals=np.tile(np.array([0, 0, 1], np.float32), (4, 1)),
        uvs=SQUARE[:, :2].copy(),
        colors=np.arange(16, dtype=np.uint8).reshape(4, 4),
        material=Material(
            name="paint",
            base_color=(0.25, 0.5, 0.75, 1.0),
            base_color_texture=EncodedImage(data=png((9, 8, 7)), media_type="image/png"),
            metallic=0.5,
            roughness=0.25,
            double_sided=True,
        ),
    )
    (found,) = read_glb(write_glb(mesh))
    for key in ("positions", "faces", "normals", "uvs", "colors"):
        assert np.array_equal(getattr(found, key), getattr(mesh, key)), key
        assert getattr(found, key).dtype == getattr(mesh, key).dtype
    assert (found.name, found.material.name) == ("square", "paint")
    assert found.material.base_color == mesh.material.base_color
    assert (found.material.metallic, found.material.roughness) == (0.5, 0.25)
    assert found.material.double_sided
    assert found.material.base_color_texture is not None
    assert found.material.base_color_texture.data == png((9, 8, 7))
    assert found.material.base_color_texture.media_type == "image/png"


@pytest.mark.parametrize("kind", ["<u1", "<u2", "<u4"])
def test_index_types(kind: str) -> None:
    """Indices of one, two and four bytes mean the same."""
    builder = Builder()
    builder.primitive(POSITION=SQUARE, indices=np.array([0, 1, 2, 0, 2, 3], kind))
    (mesh,) = read_glb(builder.glb())
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize(
    ("mode", "indices", "expected"),
    [
        (4, None, [[0, 1, 2]]),
        (4, [3, 2, 1, 0, 1], [[3, 2, 1]]),
        (5, None, [[0, 1, 2], [1, 3, 2]]),
        (5, [0, 1, 3, 2], [[0, 1, 3], [1, 2, 3]]),
        (6, None, [[1, 2, 0], [2, 3, 0]]),
    ],
)
def test_strips_fans_and_bare_triangles(
    mode: int, indices: list[int] | None, expected: list[list[int]]
) -> None:
    """Every second triangle of a strip is turned round; a fan turns about its first corner."""
    builder = Builder()
    given = None if indices is None else np.array(indices, "<u2")
    builder.primitive(POSITION=SQUARE, indices=given, mode=mode)
    (mesh,) = read_glb(builder.glb())
    assert mesh.faces.tolist() == expected


def test_lines_and_points_are_left_out() -> None:
    """A file with a frame around the object gives the object only."""
    builder = square()
    builder.primitive(POSITION=SQUARE, mode=3)
    builder.primitive(POSITION=SQUARE, mode=0)
    assert len(read_glb(builder.glb())) == 1


def test_interleaved_vertices() -> None:
    """Attributes may lie in one view with a stride between them."""
    vertices = np.zeros(4, [("position", "<f4", 3), ("uv", "<f4", 2), ("rest", "<u4")])
    vertices["position"], vertices["uv"] = SQUARE, SQUARE[:, :2]
    builder = Builder()
    view = builder.view(vertices.tobytes(), byteStride=24)
    common = {"bufferView": view, "componentType": 5126, "count": 4}
    builder.document["accessors"] = [
        {**common, "type": "VEC3"},
        {**common, "type": "VEC2", "byteOffset": 12},
    ]
    builder.primitive(mode=5)["attributes"] = {"POSITION": 0, "TEXCOORD_0": 1}
    (mesh,) = read_glb(builder.glb())
    assert np.array_equal(mesh.positions, SQUARE)
    assert mesh.uvs is not None
    assert np.array_equal(mesh.uvs, SQUARE[:, :2])


def test_normalised_integers() -> None:
    """Whole numbers stand for shares of their largest value."""
    builder = square(
        TEXCOORD_0=np.array([(0, 0), (65535, 0), (65535, 65535), (0, 32768)], "<u2"),
        NORMAL=np.array([(0, 0, 127, 0)] * 4, "<i1")[:, :3].copy(),
        COLOR_0=np.array([(255, 128, 0)] * 4, "<u1"),
    )
    for key in ("TEXCOORD_0", "NORMAL", "COLOR_0"):
        where = builder.document["meshes"][0]["primitives"][0]["attributes"][key]
        builder.document["accessors"][where]["normalized"] = True
    (mesh,) = read_glb(builder.glb())
    assert mesh.uvs is not None
    assert mesh.normals is not None
    assert mesh.colors is not None
    assert mesh.uvs == pytest.approx(np.array([(0, 0), (1, 0), (1, 1), (0, 0.5)]), abs=1e-4)
    assert np.array_equal(mesh.normals, [[0, 0, 1]] * 4)
    assert np.array_equal(mesh.colors, [[255, 128, 0, 255]] * 4)


def test_quantised_positions() -> None:
    """KHR_mesh_quantization stores whole numbers that the node scales back."""
    builder = Builder()
    builder.primitive(POSITION=(SQUARE * 1000).astype("<i2"), mode=5)
    builder.document["nodes"][0]["scale"] = [0.001] * 3
    builder.document["extensionsRequired"] = ["KHR_mesh_quantization"]
    (mesh,) = read_glb(builder.glb())
    assert mesh.positions == pytest.approx(SQUARE)


@pytest.mark.parametrize("with_base", [True, False])
def test_sparse_accessors(with_base: bool) -> None:
    """A few vertices are replaced, in an array that is given or all zero."""
    builder = square()
    accessor = builder.document["accessors"][0]
    where = builder.view(np.array([1, 3], "<u1").tobytes())
    values = builder.view(np.array([(5, 6, 7), (8, 9, 10)], "<f4").tobytes())
    accessor["sparse"] = {
        "count": 2,
        "indices": {"bufferView": where, "componentType": 5121},
        "values": {"bufferView": values},
    }
    if not with_base:
        del accessor["bufferView"]
    (mesh,) = read_glb(builder.glb())
    expected = SQUARE.copy() if with_base else np.zeros((4, 3))
    expected[[1, 3]] = [(5, 6, 7), (8, 9, 10)]
    assert np.array_equal(mesh.positions, expected)


def test_mirrored_nodes_keep_their_outside_out() -> None:
    """A negative scale turns faces round, so the reader turns them back; normals follow."""
    builder = square(NORMAL=np.tile(np.array([0, 0, 1], "<f4"), (4, 1)))
    builder.document["nodes"][0]["scale"] = [1, 1, -2]
    (mesh,) = read_glb(builder.glb())
    a, b, c = mesh.positions[mesh.faces[0]]
    assert np.cross(b - a, c - a)[2] < 0
    assert mesh.normals is not None
    assert mesh.normals == pytest.approx(np.tile([0, 0, -1], (4, 1)))


def test_normals_follow_uneven_scales() -> None:
    """Normals stay at right angles to a surface that is stretched."""
    slope = np.array([(0, 0, 0), (1, 1, 0), (0, 0, 1)], "<f4")
    builder = Builder()
    normal = np.tile(np.array([1, -1, 0], "<f4") / np.float32(2**0.5), (3, 1)).astype("<f4")
    builder.primitive(POSITION=slope, NORMAL=normal)
    builder.document["nodes"][0].update(scale=[4, 1, 1], rotation=HALF_TURN)
    (mesh,) = read_glb(builder.glb())
    assert mesh.normals is not None
    assert abs(float(mesh.normals[0] @ (mesh.positions[1] - mesh.positions[0]))) < 1e-6
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1)


def test_matrices_and_parts_of_transformations_agree() -> None:
    """A column-major matrix does the same as translation, rotation and scale."""
    by_parts, by_matrix = square(), square()
    by_parts.document["nodes"][0].update(translation=[1, 2, 3], rotation=HALF_TURN, scale=[2, 3, 4])
    matrix = [-2, 0, 0, 0, 0, 3, 0, 0, 0, 0, -4, 0, 1, 2, 3, 1]
    by_matrix.document["nodes"][0]["matrix"] = matrix
    one, two = read_glb(by_parts.glb())[0], read_glb(by_matrix.glb())[0]
    assert one.positions == pytest.approx(two.positions)
    assert one.positions[2] == pytest.approx((-1, 5, 3))


def test_texture_transform_and_second_coordinates() -> None:
    """KHR_texture_transform moves the coordinates and may choose another set."""
    builder = square(
        material=0,
        TEXCOORD_0=np.zeros((4, 2), "<f4"),
        TEXCOORD_1=SQUARE[:, :2].astype("<f4").copy(),
    )
    view = builder.view(png((1, 2, 3)))
    moved = {"offset": [0.5, 0.25], "rotation": np.pi / 2, "scale": [2, 1], "texCoord": 1}
    builder.document.update(
        images=[{"bufferView": view, "mimeType": "image/png"}],
        textures=[{"source": 0}],
        materials=[
            {
                "pbrMetallicRoughness": {
                    "baseColorTexture": {
                        "index": 0,
                        "extensions": {"KHR_texture_transform": moved},
                    }
                }
            }
        ],
        extensionsRequired=["KHR_texture_transform"],
    )
    (mesh,) = read_glb(builder.glb())
    assert mesh.uvs is not None
    expected = [(0.5, 0.25), (0.5, -1.75), (1.5, -1.75), (1.5, 0.25)]
    assert mesh.uvs == pytest.approx(np.array(expected), abs=1e-6)


def test_material_variants() -> None:
    """Unlit, transparency and the older specular-glossiness colours are understood."""
    builder = square(material=0)
    builder.document["materials"] = [
        {
            "alphaMode": "MASK",
            "alphaCutoff": 0.3,
            "extensions": {
                "KHR_materials_unlit": {},
                "KHR_materials_pbrSpecularGlossiness": {"diffuseFactor": [0.1, 0.2, 0.3, 1]},
            },
        }
    ]
    (mesh,) = read_glb(builder.glb())
    assert mesh.material.unlit
    assert (mesh.material.alpha_mode, mesh.material.alpha_cutoff) == ("MASK", 0.3)
    assert mesh.material.base_color == (0.1, 0.2, 0.3, 1.0)


def test_textures_in_data_uris_and_shared() -> None:
    """A picture may stand in the JSON; two parts that share it share one object."""
    builder = square(material=0)
    builder.primitive(POSITION=SQUARE, material=0, mode=5)
    uri = f"data:image/png;base64,{base64.b64encode(png((1, 2, 3))).decode()}"
    builder.document.update(
        images=[{"uri": uri}],
        textures=[{"extensions": {"EXT_texture_webp": {"source": 0}}}],
        materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
    )
    first, second = read_glb(builder.glb())
    assert first.material.base_color_texture is not None
    assert first.material.base_color_texture.data == png((1, 2, 3))
    assert first.material.base_color_texture is second.material.base_color_texture


def test_buffers_in_data_uris() -> None:
    """A buffer may stand in the JSON as well."""
    builder = square()
    glb = builder.glb()
    text_bytes = int.from_bytes(glb[12:16], "little")
    document: dict[str, Any] = json.loads(glb[20 : 20 + text_bytes])
    encoded = base64.b64encode(builder.binary).decode()
    document["buffers"][0]["uri"] = f"data:application/octet-stream;base64,{encoded}"
    builder.document, builder.binary = document, b""
    (mesh,) = read_glb(builder.glb())
    assert np.array_equal(mesh.positions, SQUARE)


def test_only_the_shown_scene_is_read() -> None:
    """Nodes of other scenes are left out; without scenes every root is shown."""
    builder = square()
    builder.document["nodes"] = [{"children": [1]}, {"mesh": 0}, {"mesh": 0}]
    builder.document["scenes"] = [{"nodes": [2]}, {"nodes": [0]}]
    assert len(read_glb(builder.glb())) == 1
    del builder.document["scenes"], builder.document["scene"]
    assert len(read_glb(builder.glb())) == 2
    del builder.document["nodes"]
    assert len(read_glb(builder.glb())) == 1


def test_spoilt_normals_do_not_spoil_the_model() -> None:
    """A zero or missing direction points up; the others stay."""
    normals = np.array([(0, 0, 0), (np.nan, 0, 0), (0, 0, 2), (0, 0, 1)], "<f4")
    (mesh,) = read_glb(square(NORMAL=normals).glb())
    assert mesh.normals is not None
    assert np.array_equal(mesh.normals, [(0, 1, 0), (0, 1, 0), (0, 0, 1), (0, 0, 1)])


def test_verify_accepts_what_it_need_not_read() -> None:
    """A compressed file is a model too."""
    builder = square()
    verify_glb(builder.glb())
    builder.document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    del builder.document["accessors"][0]["bufferView"]
    verify_glb(builder.glb())
