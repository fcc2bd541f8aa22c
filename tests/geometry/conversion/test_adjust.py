"""Fewer faces, another size and place, smaller textures, a budget of bytes."""

from dataclasses import replace

import numpy as np
import pytest

from image2model.core.errors import FormatUnsupported, InvalidMesh, InvalidRequest
from image2model.geometry.conversion.adjust import bounds, place, shrink_textures
from image2model.geometry.conversion.convert import convert_file, count_faces
from image2model.geometry.conversion.request import FORMATS, Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.simplification.simplify import simplify
from image2model.geometry.mesh.textures.decoding import texture_size_px
from image2model.geometry.mesh.textures.recoding import encode_rgba
from image2model.geometry.mesh.types import EncodedImage, Material
from tests.geometry.sample_meshes import coat, drawn, pbr_material, psnr_db, torus

FINE = torus(around=160, across=80)


@pytest.mark.parametrize(("faces", "least_db"), [(12_000, 38), (6_000, 32), (2_000, 25)])
def test_simplified_looks_the_same(faces: int, least_db: float) -> None:
    """Of 25,600 faces; textures stay in place, since no vertex moves."""
    found = simplify([FINE], faces=faces).meshes
    assert 0.9 * faces < count_faces(found) <= faces
    assert psnr_db(drawn([FINE]), drawn(found)) > least_db
    known = {row.tobytes() for row in np.hstack([FINE.positions, np.asarray(FINE.uvs)])}
    assert {
        row.tobytes() for row in np.hstack([found[0].positions, np.asarray(found[0].uvs)])
    } <= known


def test_parts_stay_parts() -> None:
    """Each keeps its material, and colours where it has them."""
    colored = replace(torus(material=pbr_material()), uvs=None, colors=coat(torus()))
    found = simplify([FINE, colored], faces=5_000).meshes
    assert [mesh.material for mesh in found] == [FINE.material, colored.material]
    assert found[1].colors is not None
    assert len(found[1].colors) == len(found[1].positions)


def test_open_border_stays_where_it_is() -> None:
    """Half a ring keeps its extent, and ends where it ended."""
    half = replace(FINE, faces=FINE.faces[FINE.positions[FINE.faces][:, :, 0].min(axis=1) >= 0])
    before, after = bounds([half]), bounds(simplify([half], faces=2_000).meshes)
    assert np.allclose(before, after, atol=2e-3)


def test_enough_faces_are_left_alone() -> None:
    assert simplify([FINE], faces=len(FINE.faces)).meshes == [FINE]


@pytest.mark.parametrize(
    ("asked", "axis", "size_mm"),
    [({"width_mm": 60.0}, 0, 60), ({"height_mm": 250.0}, 1, 250), ({"depth_mm": 1.5}, 2, 1.5)],
)
def test_scaled_evenly(asked: dict[str, float], axis: int, size_mm: float) -> None:
    found = place([FINE], Conversion(format="glb", **asked))  # type: ignore[arg-type]
    low, high = bounds(found)
    before_low, before_high = bounds([FINE])
    assert (high - low)[axis] * 1000 == pytest.approx(size_mm, rel=1e-5)
    assert (high - low) / (before_high - before_low) == pytest.approx(
        [((high - low) / (before_high - before_low))[axis]] * 3, rel=1e-5
    )


def test_pivot() -> None:
    aside = replace(FINE, positions=FINE.positions + np.array([3, 4, 5], np.float32))
    low, high = bounds(place([aside], Conversion(format="glb", pivot="centre")))
    assert (low + high) / 2 == pytest.approx([0, 0, 0], abs=1e-6)
    low, high = bounds(place([aside], Conversion(format="glb", pivot="base")))
    assert [low[1], (low + high)[0], (low + high)[2]] == pytest.approx([0, 0, 0], abs=1e-6)


def test_flat_model_has_no_height_to_scale() -> None:
    flat = replace(FINE, positions=FINE.positions * np.array([1, 0, 1], np.float32))
    with pytest.raises(InvalidMesh, match="flat"):
        place([flat], Conversion(format="glb", height_mm=5))


@pytest.mark.parametrize("format_name", ["glb", "obj.zip", "ply"])
def test_z_up_is_what_the_file_says(format_name: str) -> None:
    """The ring lies flat; with Z up its axis, which was Y, is Z."""
    made = convert_file(
        write_glb(FINE), Conversion(format=format_name, up="z"), name="ring"
    ).content
    low, high = bounds(read_model(made).meshes)
    assert (high - low) == pytest.approx([0.3, 0.3, 0.1], rel=1e-3)


def test_textures_shrink_once_each() -> None:
    material = pbr_material(size_px=512)
    found = shrink_textures([torus(material=material), torus(material=material)], longest_px=100)
    images = found[0].material.textures()
    assert all(max(texture_size_px(image)) <= 100 for image in images.values())
    assert images == found[1].material.textures()
    # What was small enough keeps its bytes.
    assert images["normal"] is material.normal_texture


@pytest.mark.parametrize("format_name", FORMATS)
def test_byte_budget_is_met_and_told(format_name: str) -> None:
    glb = write_glb(replace(FINE, material=pbr_material(size_px=1024)))
    free = convert_file(glb, Conversion(format=format_name), name="x")
    limit = len(free.content) // 4
    made = convert_file(glb, Conversion(format=format_name, max_bytes=limit), name="x")
    assert limit // 4 < len(made.content) <= limit
    assert any("byte budget" in note for note in made.notes)


def noise(side_px: int, *, seed: int) -> EncodedImage:
    """Draw a texture that hardly packs."""
    rgba = np.random.default_rng(seed).integers(0, 256, (side_px, side_px, 4), dtype=np.uint8)
    rgba[..., 3] = 255
    return encode_rgba(rgba)


def test_byte_budget_is_used_and_keeps_the_size() -> None:
    """Faces that went before the textures made room come back; the height stays that asked for."""
    parts = [
        replace(
            FINE,
            positions=FINE.positions + np.array([0, 0.2 * seed, 0], np.float32),
            material=Material(base_color_texture=noise(512, seed=seed)),
        )
        for seed in range(2)
    ]
    limit = 160_000
    asked = Conversion(format="glb", max_bytes=limit, height_mm=80)
    made = convert_file(write_glb(*parts), asked, name="x")
    assert 0.75 * limit < len(made.content) <= limit
    low, high = bounds(read_model(made.content).meshes)
    assert (high - low)[1] == pytest.approx(0.08, rel=1e-5)


def test_impossible_budget_says_how_small_it_can_be() -> None:
    glb = write_glb(torus(material=pbr_material()))
    with pytest.raises(InvalidRequest, match="the least it can become is"):
        convert_file(glb, Conversion(format="usdz", max_bytes=1_000), name="x")


@pytest.mark.parametrize(
    "asked",
    [
        {"faces": 3},
        {"height_mm": 0.0},
        {"height_mm": float("nan")},
        {"height_mm": 1.0, "depth_mm": 1.0},
        {"texture_px": 1},
        {"max_bytes": 5},
    ],
    ids=str,
)
def test_senseless_conversions_are_refused(asked: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        Conversion(format="glb", **asked)  # type: ignore[arg-type]


def test_unknown_format_is_refused() -> None:
    with pytest.raises(FormatUnsupported):
        Conversion(format="dwg")
