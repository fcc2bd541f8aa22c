"""Light that a surface sends out is seen: in previews, and in formats that know of none."""

import io
from dataclasses import replace

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.formats.three_mf.writer import write_3mf
from image2model.geometry.formats.writing import beyond_format
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.textures.decoding import decode_texture
from image2model.geometry.mesh.textures.surface_colors import surface_colors
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh, Placement
from image2model.geometry.render.preview import draw_preview
from tests.geometry.formats.outside_readers import read_3mf
from tests.geometry.sample_meshes import coat, torus

BLACK = (0.0, 0.0, 0.0, 1.0)
RED = (1.0, 0.0, 0.0)


def flat(color: tuple[int, int, int]) -> EncodedImage:
    done, data = cv2.imencode(".png", np.full((16, 16, 3), color[::-1], np.uint8))
    assert done
    return EncodedImage(data=data.tobytes(), media_type="image/png")


GLOWING = {
    "factor": Material(base_color=BLACK, emissive=RED),
    "texture": Material(
        base_color=BLACK, emissive=(1.0, 1.0, 1.0), emissive_texture=flat((255, 0, 0))
    ),
    "beside a texture": Material(base_color_texture=flat((0, 0, 0)), emissive=RED),
    "two textures": Material(
        base_color_texture=flat((0, 0, 0)),
        emissive=(1.0, 1.0, 1.0),
        emissive_texture=flat((255, 0, 0)),
    ),
}


def drawn(mesh: Mesh) -> NDArray[np.uint8]:
    """Return the opaque pixels of a preview."""
    with PIL.Image.open(io.BytesIO(draw_preview([mesh], size_px=96))) as picture:
        pixels = np.asarray(picture.convert("RGBA"), np.uint8)
    opaque: NDArray[np.uint8] = pixels[pixels[..., 3] == 255][:, :3]
    return opaque


@pytest.mark.parametrize("what", GLOWING)
def test_what_glows_is_seen(what: str) -> None:
    """Black that sends out red is red, in the picture, at the vertices, in 3MF."""
    mesh = torus(material=GLOWING[what])
    pixels = drawn(mesh)
    assert pixels.mean(axis=0) == pytest.approx([255, 0, 0], abs=6)
    colors = surface_colors(mesh)
    assert colors is not None
    assert set(map(tuple, colors.tolist())) == {(255, 0, 0, 255)}
    assert _color_in_3mf(mesh) == pytest.approx([255, 0, 0], abs=3)
    for format_name, knows in (("ply", False), ("3mf", False), ("usdz", True), ("obj.zip", True)):
        said = any("knows no light" in note for note in beyond_format([mesh], format_name))
        assert said is not knows


def _color_in_3mf(mesh: Mesh) -> list[float]:
    model = read_3mf(write_3mf([mesh]))
    groups = model.GetBaseMaterialGroups()
    if groups.MoveNext():
        color = groups.GetCurrentBaseMaterialGroup().GetDisplayColor(1)
        return [color.Red, color.Green, color.Blue]
    textures = model.GetTexture2DGroups()
    assert textures.MoveNext()
    attachment = textures.GetCurrentTexture2DGroup().GetTexture2D().GetAttachment()
    data = bytes(attachment.WriteToBuffer())
    image = EncodedImage(data=data, media_type="image/png" if data[0] == 0x89 else "image/jpeg")
    found: list[float] = decode_texture(image, longest_px=64)[..., :3].mean(axis=(0, 1)).tolist()
    return found


def test_light_is_added_to_the_colour_it_falls_on() -> None:
    """Linear: half of the light on top of a fifth; never darker than without."""
    mesh = torus(material=Material(base_color=(0.2, 0.2, 0.2, 1), emissive=(0.5, 0, 0)))
    colors = surface_colors(mesh)
    assert colors is not None
    # 0.7 and 0.2 as sRGB.
    assert colors[0].tolist() == [218, 124, 124, 255]


def test_colours_of_vertices_glow_too() -> None:
    mesh = replace(torus(material=Material(emissive=(0.0, 0.0, 1.0))), colors=coat(torus()))
    with_light, without = surface_colors(mesh), surface_colors(mesh, glow=False)
    assert with_light is not None
    assert without is not None
    assert (with_light[:, 2] == 255).all()
    assert np.array_equal(with_light[:, :2], without[:, :2])


def test_unlit_materials_do_not_glow() -> None:
    """The extension says so: the base colour alone is shown."""
    mesh = torus(material=Material(base_color=BLACK, emissive=RED, unlit=True))
    assert drawn(mesh).max() == 0
    assert _color_in_3mf(mesh) == [0, 0, 0]


def test_a_glow_on_other_coordinates_is_taken_there() -> None:
    """A texture half red, half black; moved by a half, everything that is drawn is black."""
    half = np.zeros((16, 16, 3), np.uint8)
    half[:, :8] = (0, 0, 255)
    done, data = cv2.imencode(".png", half)
    assert done
    image = EncodedImage(data=data.tobytes(), media_type="image/png")
    still = ((0.0, 0.0, 0.75), (0.0, 0.0, 0.5))
    material = Material(
        base_color=BLACK,
        emissive=(1.0, 1.0, 1.0),
        emissive_texture=image,
        placements={"emissive": Placement(transform=still, wrap=("repeat", "repeat"))},
    )
    mesh = torus(material=material)
    assert drawn(mesh).max() == 0
    colors = surface_colors(mesh)
    assert colors is not None
    assert colors[:, :3].max() == 0
    assert any("emissive texture was left out" in note for note in beyond_format([mesh], "3mf"))


@pytest.mark.parametrize("format_name", ["stl", "ply", "3mf"])
@pytest.mark.parametrize("mode", ["MASK", "BLEND"])
def test_lost_transparency_is_said(format_name: str, mode: str) -> None:
    material = Material(base_color=(1, 1, 1, 0.4), alpha_mode=mode)  # type: ignore[arg-type]
    made = convert_file(
        write_glb(torus(material=material)), Conversion(format=format_name), name="m"
    )
    assert any("knows no transparency" in note for note in made.notes)


def test_lost_colours_of_plain_materials_are_said() -> None:
    glb = write_glb(torus(material=Material(base_color=(1, 0, 0, 1))))
    made = convert_file(glb, Conversion(format="stl"), name="m")
    assert "STL holds no colours: textures and colours were left out" in made.notes


def test_an_stl_says_nothing_of_its_one_grey() -> None:
    stl = convert_file(write_glb(torus()), Conversion(format="stl"), name="m").content
    made = convert_file(stl, Conversion(format="stl", height_mm=10), name="m")
    assert made.notes == []
