"""USDZ: OpenUSD finds nothing wrong with it and reads what went in."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pxr import Sdf, Usd, UsdGeom, UsdShade

from image2model.geometry.formats.usd.writer import write_usdz
from image2model.geometry.mesh.types import Material, Mesh
from tests.geometry.formats.outside_readers import complaints_of_usd, opened_usdz
from tests.geometry.sample_meshes import coat, pbr_material, picture, torus

SHAPES = {
    "pbr": [torus(material=pbr_material())],
    "webp": [torus(material=pbr_material(kind="webp", alpha_mode="MASK"))],
    "coat": [replace(torus(material=Material()), colors=coat(torus()))],
    "bare": [replace(torus(material=Material()), uvs=None, normals=None)],
    "parts": [torus(name="a"), torus(material=pbr_material(alpha_mode="BLEND"))],
    "shared": [torus(), torus()],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_validators_find_nothing(shape: str, tmp_path: Path) -> None:
    """All of OpenUSD's own, those for Apple's devices among them."""
    stage = opened_usdz(write_usdz(SHAPES[shape], metadata={"sku": "A 7"}), tmp_path)
    assert complaints_of_usd(stage) == []


def test_validators_find_a_mistake(tmp_path: Path) -> None:
    """Guards the test above: a material that is bound and not there is seen."""
    stage = opened_usdz(write_usdz([torus()]), tmp_path)
    flat = Usd.Stage.Open(stage.Flatten())
    mesh = flat.GetPrimAtPath("/Model/Mesh_0")
    UsdGeom.Mesh(mesh).GetFaceVertexIndicesAttr().Set([0, 1])
    mesh.RemoveAPI(UsdShade.MaterialBindingAPI)
    assert complaints_of_usd(flat)


def test_mesh_reads_back(tmp_path: Path) -> None:
    mesh = torus(material=pbr_material())
    stage = opened_usdz(write_usdz([mesh]), tmp_path)
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    read = UsdGeom.Mesh(stage.GetPrimAtPath("/Model/Mesh_0"))
    assert mesh.normals is not None
    assert mesh.uvs is not None
    assert np.array_equal(read.GetPointsAttr().Get(), mesh.positions)
    assert np.array_equal(np.reshape(read.GetFaceVertexIndicesAttr().Get(), (-1, 3)), mesh.faces)
    assert np.array_equal(read.GetNormalsAttr().Get(), mesh.normals)
    uvs = UsdGeom.PrimvarsAPI(read).GetPrimvar("st").Get()
    assert np.allclose(np.array(uvs) * (1, -1) + (0, 1), mesh.uvs, atol=1e-6)
    low, high = read.GetExtentAttr().Get()
    assert np.array_equal([low, high], [mesh.positions.min(0), mesh.positions.max(0)])


def test_material_reads_back(tmp_path: Path) -> None:
    """Each texture feeds the input it is for, with the factor that glTF multiplies it by."""
    stage = opened_usdz(write_usdz([torus(material=pbr_material())]), tmp_path)
    bound = UsdShade.MaterialBindingAPI(stage.GetPrimAtPath("/Model/Mesh_0"))
    material, _ = bound.ComputeBoundMaterial()
    surface, _, _ = material.ComputeSurfaceSource()
    wanted = {
        "diffuseColor": ("base_color.jpg", "rgb", (1, 1, 1, 1)),
        "roughness": ("metallic_roughness.png", "g", (1, 0.75, 0.5, 1)),
        "metallic": ("metallic_roughness.png", "b", (1, 0.75, 0.5, 1)),
        "normal": ("normal.png", "rgb", (2, 2, 2, 1)),
        "occlusion": ("occlusion.png", "r", (0.75, 0.75, 0.75, 1)),
        "emissiveColor": ("emissive.jpg", "rgb", (0.25, 0.5, 0, 1)),
    }
    for name, (file, channel, scale) in wanted.items():
        [source], _ = surface.GetInput(name).GetConnectedSources()
        assert source.sourceName == channel
        texture = UsdShade.Shader(source.source.GetPrim())
        asset = texture.GetInput("file").Get()
        assert isinstance(asset, Sdf.AssetPath)
        assert asset.path == f"textures/{file}"
        assert np.allclose(texture.GetInput("scale").Get(), scale)
        assert texture.GetInput("wrapS").Get() == "repeat"
        assert texture.GetInput("wrapT").Get() == "mirror"


def test_package_is_stored_and_aligned() -> None:
    """Nothing packed, every file at a multiple of 64 bytes, the layer first, no WebP."""
    content = write_usdz([torus(material=pbr_material(kind="webp"))])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        assert archive.testzip() is None
    assert entries[0].filename == "model.usdc"
    assert {entry.filename.rpartition(".")[2] for entry in entries} == {"usdc", "jpg", "png"}
    for entry in entries:
        assert entry.compress_type == zipfile.ZIP_STORED
        name, extra = (
            int.from_bytes(content[entry.header_offset + at :][:2], "little") for at in (26, 28)
        )
        assert (entry.header_offset + 30 + name + extra) % 64 == 0


def test_a_picture_used_twice_is_packed_once() -> None:
    shared = picture()
    parts: list[Mesh] = [
        torus(material=Material(name=name, base_color_texture=shared)) for name in "ab"
    ]
    with zipfile.ZipFile(io.BytesIO(write_usdz(parts))) as archive:
        assert archive.namelist() == ["model.usdc", "textures/base_color.jpg"]
