"""Every format: what goes in comes out, and looks the same."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import FORMATS, Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.facts import weld_faces
from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.mesh.types import Material, Mesh
from tests.geometry.sample_meshes import coat, drawn, pbr_material, picture, psnr_db, torus
from tests.khronos.validator import KhronosValidator

READ_BACK = ("glb", "gltf.zip", "obj.zip", "ply", "stl")
USUAL = {"MESH_PRIMITIVE_GENERATED_TANGENT_SPACE", "UNUSED_OBJECT"}
SHAPES = {
    "textured": [torus()],
    "pbr": [torus(material=pbr_material())],
    "webp": [torus(material=pbr_material(kind="webp"))],
    "tinted": [
        torus(
            material=Material(
                name="tinted", base_color=(0.9, 0.4, 0.2, 1.0), base_color_texture=picture()
            )
        )
    ],
    "see-through": [
        torus(
            material=Material(
                name="glass",
                base_color=(1.0, 1.0, 1.0, 0.5),
                base_color_texture=picture(kind="png", alpha=True),
                alpha_mode="BLEND",
                double_sided=True,
            )
        )
    ],
    "plain": [replace(torus(material=Material(base_color=(0.2, 0.5, 0.8, 1.0))), uvs=None)],
    "vertex colours": [
        replace(torus(material=Material(name="coat")), uvs=None, colors=coat(torus()))
    ],
    "flat faces": [replace(torus(), normals=None)],
    "parts": [
        torus(name="a b"),
        replace(
            torus(around=20, across=10, material=Material(base_color=(0.1, 0.6, 0.1, 1.0))),
            positions=torus(around=20, across=10).positions + np.float32(0.12),
        ),
    ],
}


@pytest.fixture(params=SHAPES)
def meshes(request: pytest.FixtureRequest) -> list[Mesh]:
    shape: str = request.param
    return SHAPES[shape]


def convert(meshes: list[Mesh], format_name: str) -> bytes:
    return convert_file(write_glb(*meshes), Conversion(format=format_name), name="model").content


def test_written_glb_is_valid(meshes: list[Mesh], khronos: KhronosValidator) -> None:
    report = khronos.validate_glb(write_glb(*meshes, extras={"sku": "7"}))
    # Viewers make tangents of normals and texture coordinates, as glTF says they do; and
    # coordinates are kept for whoever adds a texture.
    serious = [one for one in report.messages if one.code not in USUAL]
    assert report.errors == 0
    assert serious == []


@pytest.mark.parametrize("format_name", READ_BACK)
def test_looks_the_same_after_a_round_trip(meshes: list[Mesh], format_name: str) -> None:
    """
    Draw the same mesh before and after.

    GLB and glTF are exact; OBJ writes decimals and recodes WebP; PLY has one colour per vertex,
    STL none at all, so that only the outline counts.
    """
    back = read_model(convert(meshes, format_name))
    assert sum(len(mesh.faces) for mesh in back.meshes) == sum(len(m.faces) for m in meshes)
    before, after = drawn(meshes), drawn(back.meshes)
    if format_name == "stl":
        assert ((before[..., 3] > 0) == (after[..., 3] > 0)).mean() > 0.999
        return
    coarse = meshes[0].material.base_color_texture is not None and format_name == "ply"
    exact = format_name in {"glb", "gltf.zip"}
    assert psnr_db(before, after) >= (99 if exact else 27 if coarse else 36)


@pytest.mark.parametrize("format_name", READ_BACK)
def test_closed_surface_stays_closed(format_name: str) -> None:
    """Also where a texture seam doubles its vertices."""
    for shape in ("textured", "vertex colours"):
        back = read_model(convert(SHAPES[shape], format_name))
        assert is_watertight(weld_faces(back.meshes)), shape


def test_glb_keeps_all_of_a_material() -> None:
    """Every field and every texture, byte for byte."""
    materials = [
        pbr_material(),
        pbr_material(kind="webp", alpha_mode="MASK", alpha_cutoff=0.25, double_sided=True),
        pbr_material(emissive=(3.0, 1.5, 0.0), unlit=True, alpha_mode="BLEND"),
    ]
    for material in materials:
        [mesh] = read_model(write_glb(torus(material=material))).meshes
        found = mesh.material
        assert found.with_textures({}) == material.with_textures({}) or vars_of(found) == vars_of(
            material
        )
        assert {slot: image.data for slot, image in found.textures().items()} == {
            slot: image.data for slot, image in material.textures().items()
        }


def vars_of(material: Material) -> dict[str, object]:
    bare = material.with_textures({})
    return {name: getattr(bare, name) for name in Material.__slots__}


def test_untouched_file_comes_back_byte_for_byte() -> None:
    """Even what no mesh can hold, such as an animation, is still there."""
    glb = write_glb(torus())
    assert convert_file(glb, Conversion(format="glb"), name="x").content == glb


def test_gltf_zip_has_the_original_textures(khronos: KhronosValidator) -> None:
    material = pbr_material(kind="webp")
    with zipfile.ZipFile(io.BytesIO(convert([torus(material=material)], "gltf.zip"))) as archive:
        packed = {archive.read(name) for name in archive.namelist()}
        assert archive.testzip() is None
        assert "model.gltf" in archive.namelist()
    assert {image.data for image in material.textures().values()} <= packed


@pytest.mark.parametrize("format_name", FORMATS)
def test_same_model_gives_the_same_bytes(format_name: str) -> None:
    glb = [torus(material=pbr_material())]
    assert convert(glb, format_name) == convert(glb, format_name)


@pytest.mark.parametrize(
    ("format_name", "said"),
    [
        ("stl", "STL holds no colours"),
        ("ply", "PLY holds no textures"),
        ("3mf", "metallic roughness"),
        ("obj.zip", "occlusion"),
        ("usdz", None),
        ("gltf.zip", None),
    ],
)
def test_says_what_a_format_does_not_hold(format_name: str, said: str | None) -> None:
    glb = write_glb(torus(material=pbr_material()))
    notes = convert_file(glb, Conversion(format=format_name), name="x").notes
    assert any(said in note for note in notes) if said else not notes, notes
