"""What a glTF file may use: honoured in the meshes, or said; refused only if the shape needs it."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest

from image2model.core.errors import InvalidMesh
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import FORMATS, Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.reader import read_glb
from image2model.geometry.inspection.facts import inspect_meshes
from image2model.geometry.inspection.report import report_file
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.render.preview import render_preview
from image2model.wire.inspection import InspectionOut
from tests.geometry.glb_files import SQUARE, Builder, square
from tests.khronos.validator import KhronosValidator

CUBE = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), "<f4").reshape(3, 8).T.copy()
CUBE_FACES = np.array(
    [
        *[(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)],
        *[(2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)],
    ],
    "<u2",
).ravel()
KTX2_HEAD = b"\xabKTX 20\xbb\r\n\x1a\n"
IN_A_ROW = np.array([(0, 0, 0), (2, 0, 0), (4, 0, 0), (6, 0, 0)], "<f4")


def cube(**fields: Any) -> Builder:
    builder = Builder()
    builder.primitive(POSITION=CUBE, indices=CUBE_FACES, **fields)
    return builder


def instanced(*, required: bool = False, **attributes: Any) -> Builder:
    builder = cube()
    accessors = {name: builder.accessor(values) for name, values in attributes.items()}
    builder.document["nodes"][0]["extensions"] = {
        "EXT_mesh_gpu_instancing": {"attributes": accessors}
    }
    builder.document["extensionsUsed"] = ["EXT_mesh_gpu_instancing"]
    if required:
        builder.document["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]
    return builder


def volume(meshes: list[Mesh]) -> float:
    corners = np.concatenate([mesh.positions[mesh.faces] for mesh in meshes]).astype(np.float64)
    return float(np.linalg.det(corners).sum() / 6)


def left_out(builder: Builder) -> str:
    return "; ".join(read_model(builder.glb()).left_out)


def png(color: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (4, 4), color).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("required", [False, True])
def test_instances_are_as_many_parts(required: bool, khronos: KhronosValidator) -> None:
    """Four cubes in a row: in the facts and in every format."""
    glb = instanced(required=required, TRANSLATION=IN_A_ROW).glb()
    facts = inspect_meshes(read_model(glb).meshes)
    assert facts.faces == 48
    assert facts.size_mm == pytest.approx((7000, 1000, 1000))
    assert volume(read_glb(glb)) == pytest.approx(4)
    for format_name in FORMATS:
        made = convert_file(glb, Conversion(format=format_name, pivot="base"), name="m")
        assert made.faces == 48, format_name
    again = convert_file(glb, Conversion(format="glb", pivot="base"), name="m").content
    assert inspect_meshes(read_glb(again)).size_mm == pytest.approx((7000, 1000, 1000))
    assert khronos.validate_glb(again).errors == 0
    assert render_preview(glb) != render_preview(cube().glb())


def test_instances_are_turned_scaled_and_mirrored() -> None:
    """Translation × rotation × scale below the node's own; quaternions may be normalised bytes."""
    half = np.sqrt(0.5)
    builder = instanced(
        TRANSLATION=np.array([(0, 0, 0), (10, 0, 0)], "<f4"),
        ROTATION=np.array([(0, 0, half, half), (0, 0, 0, 1)], "<f4"),
        SCALE=np.array([(2, 1, 1), (-1, 1, 1)], "<f4"),
    )
    builder.document["nodes"][0]["scale"] = [1, 3, 1]
    meshes = read_glb(builder.glb())
    first, second = np.split(np.concatenate([mesh.positions for mesh in meshes]), 2)
    # Two long along x, turned to y, stretched by the node.
    assert first.min(axis=0) == pytest.approx([-1, 0, 0], abs=1e-6)
    assert first.max(axis=0) == pytest.approx([0, 6, 1], abs=1e-6)
    assert second.min(axis=0) == pytest.approx([9, 0, 0], abs=1e-6)
    assert second.max(axis=0) == pytest.approx([10, 3, 1], abs=1e-6)
    # Outward all round though one is mirrored.
    assert volume(meshes) == pytest.approx(6 + 3, abs=1e-4)


def test_what_instances_have_besides_their_place_is_said() -> None:
    builder = instanced(TRANSLATION=IN_A_ROW, _COLOR_0=np.ones((4, 3), "<f4"))
    assert "what its instances have besides their places was left out" in left_out(builder)


def test_many_instances_have_a_limit() -> None:
    """A few bytes cannot ask for any number of triangles."""
    builder = instanced(TRANSLATION=np.zeros((5_000_000, 3), "<f4"))
    with pytest.raises(InvalidMesh, match="too many"):
        read_glb(builder.glb())


def extension_at(place: str, name: str) -> Callable[[Builder], None]:
    def change(builder: Builder) -> None:
        builder.document["extensionsUsed"] = builder.document["extensionsRequired"] = [name]
        target = builder.document if place == "root" else builder.document[place][0]
        target.setdefault("extensions", {})[name] = {}

    return change


def scene_twice(builder: Builder) -> None:
    builder.document["scenes"].append({"nodes": []})


def unused_mesh(builder: Builder) -> None:
    builder.document["meshes"].append(builder.document["meshes"][0])


def second_colours(builder: Builder) -> None:
    colors = builder.accessor(np.full((8, 4), 255, "<u1"), normalized=True)
    primitive(builder)["attributes"]["COLOR_1"] = colors


def own_attribute(builder: Builder) -> None:
    primitive(builder)["attributes"]["_BATCHID"] = builder.accessor(np.zeros(8, "<f4"))


def third_coordinates(builder: Builder) -> None:
    primitive(builder)["attributes"]["TEXCOORD_2"] = builder.accessor(np.zeros((8, 2), "<f4"))


def primitive(builder: Builder) -> dict[str, Any]:
    found: dict[str, Any] = builder.document["meshes"][0]["primitives"][0]
    return found


SAID: dict[str, tuple[Callable[[Builder], Any], str]] = {
    "lights": (extension_at("root", "KHR_lights_punctual"), "its lights were left out"),
    "lights at nodes": (extension_at("nodes", "KHR_lights_punctual"), "its lights were left out"),
    "variants": (extension_at("root", "KHR_materials_variants"), "material variants were left out"),
    "variants of parts": (
        lambda b: primitive(b).update(extensions={"KHR_materials_variants": {"mappings": []}}),
        "material variants were left out",
    ),
    "unknown at the scene": (extension_at("scenes", "ACME_fog"), "ACME_fog"),
    "unknown, used only": (lambda b: b.document.update(extensionsUsed=["ACME_a"]), "ACME_a"),
    "levels of detail": (extension_at("nodes", "MSFT_lod"), "coarser levels of detail"),
    "animations": (lambda b: b.document.update(animations=[{}]), "its animations were left out"),
    "copyright": (
        lambda b: b.document["asset"].update(copyright="CC BY, a museum"),
        "its copyright note was left out: CC BY, a museum",
    ),
    "cameras": (
        lambda b: b.document.update(cameras=[{"type": "perspective"}]),
        "its cameras were left out",
    ),
    "scenes": (scene_twice, "it has 2 scenes: only the one that is shown first was kept"),
    "hidden meshes": (unused_mesh, "1 of its meshes were left out: the scene does not show them"),
    "lines": (lambda b: b.primitive(POSITION=CUBE, mode=1), "1 part made of lines or points"),
    "points": (lambda b: b.primitive(POSITION=CUBE, mode=0), "1 part made of lines or points"),
    "second colours": (second_colours, "further colours of its vertices (COLOR_1 and up)"),
    "own attributes": (own_attribute, "its own data at the vertices was left out: _BATCHID"),
    "unused coordinates": (third_coordinates, "texture coordinates that none of its textures uses"),
}


@pytest.mark.parametrize("what", SAID)
def test_what_is_not_kept_is_said(what: str) -> None:
    """By the inspection and by every conversion, and the shape is there."""
    change, words = SAID[what]
    builder = cube()
    change(builder)
    assert words in left_out(builder)
    made = convert_file(builder.glb(), Conversion(format="stl"), name="m")
    assert made.faces == 12
    assert any(words in note for note in made.notes)


def test_a_plain_file_has_nothing_left_out() -> None:
    assert read_model(cube().glb()).left_out == []


def test_morph_targets_are_applied_as_the_file_weighs_them() -> None:
    """By the mesh's weights, or by the node's, which go before."""
    builder = cube()
    up = np.zeros_like(CUBE)
    up[:, 1] = 1
    primitive(builder)["targets"] = [{"POSITION": builder.accessor(up)}]
    builder.document["meshes"][0]["weights"] = [2.0]
    (mesh,) = read_glb(builder.glb())
    assert mesh.positions[:, 1].min() == pytest.approx(2)
    builder.document["nodes"][0]["weights"] = [0.5]
    (mesh,) = read_glb(builder.glb())
    assert mesh.positions[:, 1].min() == pytest.approx(0.5)
    assert "morph targets were left out" in left_out(builder)


def test_a_vertex_hangs_on_more_than_four_joints() -> None:
    """Half of the weight on a joint of the first set, half on one of the second."""
    joints = np.zeros((8, 4), "<u1")
    weights = np.tile(np.array([0.5, 0, 0, 0], "<f4"), (8, 1))
    builder = cube(JOINTS_0=joints, WEIGHTS_0=weights, JOINTS_1=joints + 1, WEIGHTS_1=weights)
    builder.document["nodes"] = [{"mesh": 0, "skin": 0}, {}, {"translation": [4, 0, 0]}]
    builder.document["scenes"] = [{"nodes": [0, 1, 2]}]
    builder.document["skins"] = [{"joints": [1, 2]}]
    (mesh,) = read_glb(builder.glb())
    assert mesh.positions[:, 0].min() == pytest.approx(2)


def test_hidden_nodes_stay_hidden() -> None:
    builder = cube()
    hidden = {"KHR_node_visibility": {"visible": False}}
    builder.document["nodes"] = [
        {"mesh": 0},
        {"translation": [5, 0, 0], "extensions": hidden, "children": [2]},
        {"mesh": 0},
    ]
    builder.document["scenes"] = [{"nodes": [0, 1]}]
    assert inspect_meshes(read_glb(builder.glb())).size_mm == pytest.approx((1000, 1000, 1000))
    assert "parts that the file hides were left out" in left_out(builder)


def test_only_lines_are_no_model() -> None:
    builder = Builder()
    builder.primitive(POSITION=SQUARE, mode=3)
    with pytest.raises(InvalidMesh, match="no triangles, only lines or points"):
        read_glb(builder.glb())


def test_what_is_quoted_from_the_file_is_fit_for_a_screen() -> None:
    builder = cube()
    builder.document["extensionsUsed"] = ["ACME_\x1b[31m\r\nred" + "x" * 500]
    builder.document["asset"]["copyright"] = "me\x07\x1b]0;title"
    for note in read_model(builder.glb()).left_out:
        assert note.isprintable()
        assert len(note) < 200


@pytest.mark.parametrize("told", [True, False])
def test_far_from_the_origin_nothing_is_lost(told: bool) -> None:
    """A tile of a map stands at its place on the globe; its vertices are centimetres apart."""
    builder = cube()
    place = [4_157_223.25, 671_459.75, 4_774_769.5]
    builder.document["nodes"][0].update(translation=place, scale=[0.01, 0.01, 0.01])
    if told:
        builder.document["accessors"][0].update(min=[0, 0, 0], max=[1, 1, 1])
    model = read_model(builder.glb())
    assert inspect_meshes(model.meshes).size_mm == pytest.approx((10, 10, 10), rel=1e-4)
    assert "it lies 6,366 km from the origin" in "; ".join(model.left_out)
    assert "(4157223, 671460, 4774770) m" in "; ".join(model.left_out)
    made = convert_file(builder.glb(), Conversion(format="stl"), name="m")
    assert any("6,366 km" in note for note in made.notes)


def test_near_the_origin_it_stays_where_it_is() -> None:
    builder = cube()
    builder.document["nodes"][0]["translation"] = [100, 0, 0]
    builder.document["accessors"][0].update(min=[0, 0, 0], max=[1, 1, 1])
    assert inspect_meshes(read_glb(builder.glb())).low == (100, 0, 0)


def textured(image: bytes, *, texture: dict[str, Any], required: tuple[str, ...] = ()) -> Builder:
    builder = square(TEXCOORD_0=SQUARE[:, :2].copy(), material=0)
    view = builder.view(image)
    builder.document.update(
        images=[{"bufferView": view, "mimeType": "image/png"}],
        textures=[texture],
        materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
    )
    if required:
        builder.document.update(extensionsUsed=[*required], extensionsRequired=[*required])
    return builder


def ktx2_only() -> Builder:
    image = KTX2_HEAD + np.array([0, 1, 64, 32, 0, 0, 1, 1, 1], "<u4").tobytes() + bytes(100)
    builder = textured(
        image,
        texture={"extensions": {"KHR_texture_basisu": {"source": 0}}},
        required=("KHR_texture_basisu",),
    )
    builder.document["images"][0]["mimeType"] = "image/ktx2"
    return builder


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_shape_of_a_model_with_ktx2_only(format_name: str) -> None:
    """Who wants a size or an STL gets it; formats with colours say what they lack."""
    glb = ktx2_only().glb()
    assert report_file(glb)["size_mm"] == [1000, 1000, 0]
    made = convert_file(glb, Conversion(format=format_name, height_mm=50), name="m")
    assert made.faces == 2
    said = any("KTX2 (Basis Universal)" in note for note in made.notes)
    assert said is (format_name not in {"glb", "gltf.zip", "stl"})
    if format_name in {"glb", "gltf.zip"}:
        (mesh,) = read_model(made.content).meshes
        kept = mesh.material.base_color_texture
        assert kept is not None
        assert kept.media_type == "image/ktx2"


def test_ktx2_is_kept_in_valid_glb(khronos: KhronosValidator) -> None:
    made = convert_file(ktx2_only().glb(), Conversion(format="glb", height_mm=50), name="m")
    assert khronos.validate_glb(made.content).errors == 0


def test_ktx2_is_said_by_the_inspection_and_drawn_plain() -> None:
    glb = ktx2_only().glb()
    said = report_file(glb)["left_out"]
    assert isinstance(said, list)
    assert any("KTX2 (Basis Universal)" in str(note) for note in said)
    assert render_preview(glb) == render_preview(square(material=None).glb())


def test_a_png_beside_the_ktx2_is_taken() -> None:
    builder = textured(png(), texture={"source": 0, "extensions": {"KHR_texture_basisu": {}}})
    (mesh,) = read_glb(builder.glb())
    assert mesh.material.base_color_texture is not None


@pytest.mark.parametrize(
    ("image", "texture", "words"),
    [
        (b"DDS " + bytes(124), {"extensions": {"MSFT_texture_dds": {"source": 0}}}, "MSFT_texture"),
        (b"GIF89a" + bytes(20), {"source": 0}, "no JPEG, PNG or WebP"),
        (png()[:20], {"source": 0}, "no JPEG, PNG or WebP"),
    ],
    ids=["DDS", "GIF", "cut"],
)
def test_one_texture_that_cannot_be_read(image: bytes, texture: dict[str, Any], words: str) -> None:
    builder = textured(image, texture=texture, required=tuple(texture.get("extensions", ())))
    assert words in left_out(builder)
    made = convert_file(builder.glb(), Conversion(format="usdz"), name="m")
    assert any(words in note for note in made.notes)


def test_old_versions_are_called_so() -> None:
    """GLB 1 begins like GLB 2, and has other things in it."""
    glb = bytearray(cube().glb())
    glb[4] = 1
    with pytest.raises(InvalidMesh, match=r"GLB version 1, not 2; export it as glTF 2\.0"):
        read_model(bytes(glb))
    with pytest.raises(InvalidMesh, match=r"glTF version '1.0', not 2; export it as glTF 2\.0"):
        read_model(b'{"asset": {"version": "1.0"}, "meshes": {}}')


def test_a_report_names_a_texture_of_any_kind() -> None:
    report = InspectionOut.model_validate(report_file(ktx2_only().glb()))
    assert [texture.media_type for texture in report.textures] == ["image/ktx2"]
