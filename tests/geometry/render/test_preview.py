"""Previews: the right shape, colours and transparency, whatever the file holds."""

import io
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
import trimesh
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.textures.srgb import to_linear, to_srgb
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh
from image2model.geometry.render.camera import frame
from image2model.geometry.render.drawing import draw_scene
from image2model.geometry.render.preview import render_preview
from image2model.geometry.render.scene import prepare_scene
from image2model.geometry.render.turntable import swept

PURE = {"red": (220, 40, 30), "green": (40, 170, 60), "blue": (40, 70, 200)}


def solid_mesh(solid: trimesh.Trimesh, *, smooth: bool = True, **material: Any) -> Mesh:
    return Mesh(
        name="solid",
        positions=np.asarray(solid.vertices, np.float32),
        faces=np.asarray(solid.faces, np.uint32),
        normals=np.asarray(solid.vertex_normals, np.float32) if smooth else None,
        material=Material(**material),
    )


def ball(**material: Any) -> Mesh:
    return solid_mesh(trimesh.creation.icosphere(subdivisions=4), **material)


def decoded(webp: bytes) -> NDArray[np.uint8]:
    image = PIL.Image.open(io.BytesIO(webp))
    assert (image.format, image.mode) == ("WEBP", "RGBA")
    return np.asarray(image)


def encoded(pixels: NDArray[np.uint8], suffix: str = ".png") -> EncodedImage:
    data = cv2.imencode(suffix, pixels[..., ::-1])[1].tobytes()
    return EncodedImage(data=data, media_type="image/png" if suffix == ".png" else "image/jpeg")


def panel(image: EncodedImage | None = None, **material: Any) -> Mesh:
    """Return a square that faces the front, its texture upright."""
    corners = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], np.float32)
    return Mesh(
        name="panel",
        positions=corners,
        faces=np.array([(0, 1, 2), (0, 2, 3)], np.uint32),
        normals=np.tile(np.array([0, 0, 1], np.float32), (4, 1)),
        uvs=np.array([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32),
        material=Material(base_color_texture=image, **material),
    )


def from_the_front(mesh: Mesh, *, size_px: int = 128, samples: int = 2) -> NDArray[np.uint8]:
    camera = frame(mesh.positions, field_of_view_deg=None, margin=0.0)
    return draw_scene(prepare_scene([mesh]), camera, size_px=size_px, samples=samples)


@pytest.mark.parametrize("size_px", [96, 256])
def test_a_ball_fills_the_picture_on_nothing(size_px: int) -> None:
    """Centred, up to the margin, opaque inside, transparent outside, a soft edge between."""
    picture = decoded(render_preview(write_glb(ball()), size_px=size_px))
    assert picture.shape == (size_px, size_px, 4)
    alpha = picture[..., 3]
    rows, columns = np.nonzero(alpha > 127)
    margin = 0.06 * size_px
    for low, high in ((rows.min(), rows.max()), (columns.min(), columns.max())):
        assert low == pytest.approx(margin, abs=1 + 0.005 * size_px)
        assert size_px - 1 - high == pytest.approx(margin, abs=1 + 0.005 * size_px)
    assert (alpha > 0).mean() == pytest.approx(np.pi * 0.44**2, rel=0.03)
    assert (alpha[[0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()
    assert ((alpha > 30) & (alpha < 225)).sum() > size_px


def test_the_silhouette_is_that_of_the_model() -> None:
    """Against a hull of the projected vertices, filled by another program."""
    solid = trimesh.creation.box((1, 2, 0.5))
    picture = decoded(render_preview(write_glb(solid_mesh(solid, smooth=False)), size_px=256))
    camera = frame(swept(np.asarray(solid.vertices)), yaw_deg=22, pitch_deg=12)
    points = camera.project(np.asarray(solid.vertices), width_px=256, height_px=256)[:, :2]
    expected = np.zeros((256, 256), np.uint8)
    cv2.fillConvexPoly(expected, cv2.convexHull(points.astype(np.float32)).astype(np.int32), 1)
    found = picture[..., 3] > 127
    union = found | (expected > 0)
    assert (found & (expected > 0)).sum() / union.sum() > 0.97


@pytest.mark.parametrize("color", PURE.values(), ids=PURE.keys())
def test_colours_stay_what_they_were(color: tuple[int, int, int]) -> None:
    """A texture seen from the front keeps its colour within a tenth."""
    pixels = np.full((32, 32, 3), color, np.uint8)
    picture = from_the_front(panel(encoded(pixels)))
    assert (picture[..., 3] > 250).all()
    middle = picture[64, 64, :3].astype(int)
    assert np.abs(middle - color).max() < 26


def test_factors_and_vertex_colours_multiply_in_linear_light() -> None:
    """Half the light is 188 of 255 in sRGB, by factor or by vertex."""
    expected = from_the_front(panel(unlit=True, base_color=(0.5, 0.5, 0.5, 1.0)))
    assert expected[64, 64].tolist() == [188, 188, 188, 255]
    base = panel(unlit=True)
    colored = Mesh(
        name="colored",
        positions=base.positions,
        faces=base.faces,
        normals=base.normals,
        colors=np.tile(np.array([127, 0, 255, 255], np.uint8), (4, 1)),
        material=base.material,
    )
    assert from_the_front(colored)[64, 64].tolist() == [187, 0, 255, 255]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_textures_are_upright_and_not_mirrored(suffix: str) -> None:
    """An unlit picture on a panel is that picture."""
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:64, :64] = (200, 0, 0)
    pixels[:64, 64:] = (0, 200, 0)
    pixels[64:, :64] = (0, 0, 200)
    drawn = from_the_front(panel(encoded(pixels, suffix), unlit=True))
    for row, column in ((30, 30), (30, 98), (98, 30), (98, 98)):
        assert np.abs(drawn[row, column, :3].astype(int) - pixels[row, column]).max() < 10


def test_large_textures_are_drawn_as_small_ones() -> None:
    """Scaling while decoding must not shift or recolour the picture."""
    y, x = np.mgrid[0:1024, 0:1024]
    pixels = np.stack([x // 4, y // 4, 255 - x // 8 - y // 8], axis=-1).astype(np.uint8)
    mesh = panel(encoded(pixels, ".jpg"), unlit=True)
    camera = frame(mesh.positions, field_of_view_deg=None, margin=0.0)
    fine, coarse = (
        draw_scene(prepare_scene([mesh], texture_px=side), camera, size_px=64).astype(int)
        for side in (1024, 64)
    )
    assert np.abs(fine - coarse)[2:-2, 2:-2].max() <= 6


def test_light_comes_from_the_upper_left() -> None:
    """The form is modelled: bright towards the key lamp, darker away from it, never black."""
    picture = from_the_front(ball(), size_px=200).astype(int)
    upper_left, lower_right = picture[55, 60, 0], picture[160, 150, 0]
    assert upper_left > lower_right + 40
    assert picture[picture[..., 3] == 255][:, 0].min() > 60


def test_edges_do_not_darken() -> None:
    """Half-covered pixels keep the object's colour; only their alpha is less."""
    picture = from_the_front(ball(unlit=True, base_color=(1.0, 0.2, 0.0, 1.0)))
    edge = (picture[..., 3] > 40) & (picture[..., 3] < 200)
    assert edge.sum() > 100
    assert np.abs(picture[edge][:, :3].astype(int) - picture[64, 64, :3]).max() <= 2


def test_back_faces_follow_the_material() -> None:
    """Seen from behind, a panel is there only if it is double-sided, and then it is lit."""
    for double_sided, visible in ((False, 0), (True, 64 * 64)):
        mesh = panel(double_sided=double_sided)
        camera = frame(mesh.positions, yaw_deg=180, field_of_view_deg=None, margin=0.0)
        picture = draw_scene(prepare_scene([mesh]), camera, size_px=64)
        assert (picture[..., 3] > 0).sum() == visible
        if double_sided:
            assert picture[32, 32, 0] > 200


def stacked(*panels: Mesh) -> NDArray[np.uint8]:
    """Draw panels one behind the other, the first nearest."""
    for depth, mesh in enumerate(panels):
        mesh.positions[:, 2] -= depth
    together = np.concatenate([mesh.positions for mesh in panels])
    camera = frame(together, field_of_view_deg=None, margin=0.0)
    return draw_scene(prepare_scene(panels), camera, size_px=64)


def test_transparent_layers_blend_from_front_to_back() -> None:
    """A quarter of red over half of green over blue, in linear light; or over nothing."""
    red = panel(unlit=True, alpha_mode="BLEND", base_color=(1.0, 0.0, 0.0, 0.25))
    green = panel(unlit=True, alpha_mode="BLEND", base_color=(0.0, 1.0, 0.0, 0.5))
    blue = panel(unlit=True, base_color=(0.0, 0.0, 1.0, 0.1))
    expected = to_srgb(np.array([0.25, 0.375, 0.375], np.float32))
    assert np.abs(stacked(red, green, blue)[32, 32, :3].astype(int) - expected).max() <= 1
    assert stacked(red)[32, 32].tolist() == [255, 0, 0, 64]


def test_masks_cut_holes() -> None:
    """Where the texture's alpha is below the cutoff, what lies behind is seen; else nothing is."""
    pixels = np.full((64, 64, 4), (0, 0, 255, 255), np.uint8)
    pixels[:, :32, 3] = 90
    data = cv2.imencode(".png", pixels)[1].tobytes()
    image = EncodedImage(data=data, media_type="image/png")
    leaf = panel(image, unlit=True, alpha_mode="MASK", alpha_cutoff=0.5)
    behind = panel(unlit=True, base_color=(0.0, 1.0, 0.0, 1.0))
    seen = stacked(leaf, behind)
    assert seen[32, 10].tolist() == [0, 255, 0, 255]
    assert seen[32, 54].tolist() == [255, 0, 0, 255]
    assert stacked(leaf)[32, 10, 3] == 0


def test_meshes_hide_each_other_and_keep_their_own_look() -> None:
    """Several meshes, one with a texture, drawn as one scene."""
    front = panel(encoded(np.full((4, 4, 3), PURE["green"], np.uint8)), unlit=True)
    behind = solid_mesh(
        trimesh.creation.box((4, 4, 1)), unlit=True, base_color=(1.0, 0.0, 0.0, 1.0)
    )
    behind.positions[:, 2] -= 1
    meshes = [behind, front]
    together = np.concatenate([mesh.positions for mesh in meshes])
    camera = frame(together, field_of_view_deg=None, margin=0.0)
    picture = draw_scene(prepare_scene(meshes), camera, size_px=80)
    assert picture[40, 40].tolist() == [*PURE["green"], 255]
    assert picture[5, 5].tolist() == [255, 0, 0, 255]


def test_a_mesh_without_normals_has_flat_faces() -> None:
    """The format asks for it; each side of a box then has one shade."""
    box = solid_mesh(trimesh.creation.box((1, 1, 1)), smooth=False)
    camera = frame(box.positions, yaw_deg=30, pitch_deg=20)
    picture = draw_scene(prepare_scene([box]), camera, size_px=128, samples=1)
    shades = np.unique(picture[picture[..., 3] == 255][:, 0])
    assert len(shades) == 3


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0 no jpeg"])
def test_damaged_textures_are_left_out(data: bytes) -> None:
    """The shape can be shown without them."""
    broken = EncodedImage(data=data, media_type="image/png")
    assert prepare_scene([panel(broken)]).textures == [None]


def test_a_texture_of_too_many_pixels_is_left_out_before_decoding() -> None:
    """The header alone tells; nothing of that size is allocated."""
    honest = encoded(np.zeros((8, 8, 3), np.uint8)).data
    header = honest[:16] + (60_000).to_bytes(4, "big") * 2 + honest[24:]
    scene = prepare_scene([panel(EncodedImage(data=header, media_type="image/png"))])
    assert scene.textures == [None]


def test_nothing_to_show_is_refused() -> None:
    """No meshes, or meshes without faces."""
    with pytest.raises(InvalidMesh):
        prepare_scene([])


def test_srgb_survives_the_round_trip() -> None:
    """Every encoded value decodes and encodes to itself."""
    values = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_srgb(to_linear(values)), values)
