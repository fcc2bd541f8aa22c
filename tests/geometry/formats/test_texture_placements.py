"""Textures that do not all lie on a mesh in the same way: kept, drawn anew, or said."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pxr import UsdShade

from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.textures.decoding import decode_texture, sample_texture
from image2model.geometry.mesh.types import EncodedImage, Mesh
from tests.geometry.formats.outside_readers import complaints_of_usd, opened_usdz
from tests.geometry.glb_files import Builder
from tests.geometry.sample_meshes import picture
from tests.khronos.validator import KhronosValidator

CELLS = 20


def plane(
    *, normal: dict[str, Any], base: dict[str, Any] | None = None, occlusion_set: int = 0
) -> Builder:
    """Make a grid with a mirrored second set of coordinates, and a texture in three slots."""
    across = np.linspace(0, 1, CELLS + 1, dtype="<f4")
    u, v = (part.ravel() for part in np.meshgrid(across, across))
    corner = np.arange(CELLS * (CELLS + 1)).reshape(CELLS, CELLS + 1)[:, :-1].ravel()
    below, beside = corner + CELLS + 1, corner + 1
    faces = [np.stack([corner, below, beside], 1), np.stack([beside, below, below + 1], 1)]
    builder = Builder()
    builder.primitive(
        POSITION=np.stack([u, -v, np.zeros_like(u)], 1).astype("<f4"),
        NORMAL=np.tile(np.array([0, 0, 1], "<f4"), (len(u), 1)),
        TEXCOORD_0=np.stack([u, v], 1),
        TEXCOORD_1=np.stack([1 - u, v], 1).astype("<f4"),
        indices=np.concatenate(faces).astype("<u4").ravel(),
        material=0,
    )
    images = [picture(seed=seed, kind="png").data for seed in range(3)]
    views = [builder.view(image) for image in images]
    builder.document.update(
        images=[{"bufferView": view, "mimeType": "image/png"} for view in views],
        textures=[{"source": number} for number in range(3)],
        materials=[
            {
                "pbrMetallicRoughness": {"baseColorTexture": reference(0, base or {})},
                "normalTexture": reference(1, normal),
                "occlusionTexture": {"index": 2, "texCoord": occlusion_set},
            }
        ],
        extensionsUsed=["KHR_texture_transform"],
    )
    return builder


def reference(index: int, transform: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"index": index}
    return made | {"extensions": {"KHR_texture_transform": transform}} if transform else made


def seen(mesh: Mesh, slot: str) -> NDArray[np.uint8]:
    """Return what a texture shows at a grid of places on the surface, in order of the places."""
    image, uvs = mesh.material.textures()[slot], mesh.coordinates(slot)
    assert uvs is not None
    middles = mesh.positions[mesh.faces].mean(axis=1)
    at = uvs[mesh.faces].mean(axis=1)
    u, v = (at[:, 0] % 1, at[:, 1] % 1)
    texels = sample_texture(decode_texture(image, longest_px=4096), u, v)[:, :3]
    order = np.lexsort(np.round(middles, 4).T)
    return np.asarray(texels[order], np.uint8)


def psnr_db(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    apart = float(((first.astype(float) - second) ** 2).mean())
    return 99.0 if apart == 0 else 10 * float(np.log10(255**2 / apart))


def only(data: bytes) -> Mesh:
    (mesh,) = read_model(data).meshes
    return mesh


SLOTS = ("base_color", "normal", "occlusion")
TRANSFORMS: dict[str, dict[str, Any]] = {
    "scaled": {"scale": [2, 2]},
    "moved": {"offset": [0.25, 0.5]},
    "unevenly": {"scale": [3, 0.5], "offset": [0.11, 0]},
}


@pytest.mark.parametrize("what", TRANSFORMS)
@pytest.mark.parametrize("where", ["base", "normal"])
@pytest.mark.parametrize("occlusion_set", [0, 1])
def test_glb_keeps_all_of_them(
    what: str, where: str, occlusion_set: int, khronos: KhronosValidator
) -> None:
    """Another size, half the faces: every texture shows the same at every place."""
    transforms: dict[str, Any] = {"normal": {}, where: TRANSFORMS[what]}
    glb = plane(occlusion_set=occlusion_set, **transforms).glb()
    made = convert_file(glb, Conversion(format="glb", height_mm=100), name="m")
    assert made.notes == (
        []
        if occlusion_set
        else ["texture coordinates that none of its textures uses were left out"]
    )
    assert khronos.validate_glb(made.content).errors == 0
    before, after = only(glb), only(made.content)
    assert len(after.uv_sets()) == 1 + occlusion_set
    for slot in SLOTS:
        assert psnr_db(seen(before, slot), seen(after, slot)) > 50, slot
    fewer = convert_file(glb, Conversion(format="glb", faces=CELLS * CELLS), name="m")
    mesh = only(fewer.content)
    for slot in SLOTS:
        uvs = mesh.coordinates(slot)
        assert uvs is not None
        assert len(uvs) == len(mesh.positions)
    # On this plane the second set is the first, mirrored.
    if occlusion_set and where == "normal":
        assert mesh.uvs is not None
        assert mesh.more_uvs == pytest.approx(np.array([1, 0]) + mesh.uvs * [-1, 1], abs=1e-5)


@pytest.mark.parametrize("what", TRANSFORMS)
@pytest.mark.parametrize("where", ["base", "normal"])
def test_obj_and_usdz_show_the_same(what: str, where: str, tmp_path: Path) -> None:
    """The maps are drawn anew so that all lie like the base colour, as iPhones take them."""
    transforms: dict[str, Any] = {"normal": {}, where: TRANSFORMS[what]}
    glb = plane(**transforms).glb()
    before = only(glb)
    made = convert_file(glb, Conversion(format="obj.zip"), name="m")
    assert "the normal texture was drawn anew, to lie like the base colour" in made.notes
    after = only(made.content)
    for slot in ("base_color", "normal"):
        assert psnr_db(seen(before, slot), seen(after, slot)) > 30, slot
    made = convert_file(glb, Conversion(format="usdz"), name="m")
    stage = opened_usdz(made.content, tmp_path)
    assert complaints_of_usd(stage) == []
    sets = {
        UsdShade.Shader(prim).GetInput("varname").Get()
        for prim in stage.Traverse()
        if UsdShade.Shader(prim) and UsdShade.Shader(prim).GetInput("varname")
    }
    assert sets == {"st"}


def test_usdz_keeps_a_second_set(tmp_path: Path) -> None:
    made = convert_file(
        plane(normal={}, occlusion_set=1).glb(), Conversion(format="usdz"), name="m"
    )
    assert made.notes == []
    stage = opened_usdz(made.content, tmp_path)
    assert complaints_of_usd(stage) == []
    body = stage.GetPrimAtPath("/Model/Mesh_0")
    first, second = (np.array(body.GetAttribute(f"primvars:{n}").Get()) for n in ("st", "st1"))
    assert second == pytest.approx(np.array([1, 0]) + first * [-1, 1], abs=1e-5)
    reader = stage.GetPrimAtPath("/Model/Materials/Material_0/Occlusion").GetAttribute("inputs:st")
    (source,) = reader.GetConnections()
    varname = stage.GetPrimAtPath(source.GetPrimPath()).GetAttribute("inputs:varname")
    assert varname.Get() == "st1"


def test_obj_says_what_lies_on_a_second_set() -> None:
    glb = plane(normal={}, occlusion_set=1).glb()
    made = convert_file(glb, Conversion(format="obj.zip"), name="m")
    assert made.notes == ["the occlusion texture was left out: it lies on other coordinates"]
    with zipfile.ZipFile(io.BytesIO(made.content)) as files:
        assert not any("occlusion" in name for name in files.namelist())


def test_directions_turn_with_the_normal_map() -> None:
    """A quarter turn: what leant along the map's u leans along the base colour's v, down."""
    quarter = {"rotation": np.pi / 2}
    builder = plane(normal=quarter)
    leaning = np.full((8, 8, 3), (255, 128, 200), np.uint8)[..., ::-1]
    done, data = cv2.imencode(".png", np.ascontiguousarray(leaning))
    assert done
    mesh = only(builder.glb())
    image = EncodedImage(data=data.tobytes(), media_type="image/png")
    material = mesh.material.with_textures({**mesh.material.textures(), "normal": image})
    material = replace(material, placements=mesh.material.placements)
    glb = write_glb(replace(mesh, material=material))
    after = only(convert_file(glb, Conversion(format="obj.zip"), name="m").content)
    texels = decode_texture(after.material.textures()["normal"], longest_px=64)
    assert texels[4, 4, :3].tolist() == [128, 0, 200]


def test_pixel_art_stays_sharp() -> None:
    builder = plane(normal={})
    builder.document["samplers"] = [{"magFilter": 9728}]
    builder.document["textures"][0]["sampler"] = 0
    made = convert_file(builder.glb(), Conversion(format="glb", height_mm=10), name="m")
    assert only(made.content).material.pixelated
