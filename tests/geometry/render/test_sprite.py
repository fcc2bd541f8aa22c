"""Sprites: the front first, then all around, every view framed alike."""

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.mesh.types import Material, Mesh
from image2model.geometry.render.camera import frame
from image2model.geometry.render.coarsen import coarsen
from image2model.geometry.render.drawing import draw_scene
from image2model.geometry.render.preview import render_preview
from image2model.geometry.render.scene import prepare_scene
from image2model.geometry.render.sprite import render_sprite


def mesh_of(solid: trimesh.Trimesh, **material: Any) -> Mesh:
    return Mesh(
        name="solid",
        positions=np.asarray(solid.vertices, np.float32),
        faces=np.asarray(solid.faces, np.uint32),
        normals=np.asarray(solid.vertex_normals, np.float32),
        material=Material(**material),
    )


def box(*extents: float, move: tuple[float, float, float] = (0, 0, 0), **material: Any) -> Mesh:
    solid = trimesh.creation.box(extents=extents)
    solid.apply_translation(move)
    return mesh_of(solid, **material)


def views_of(glb: bytes, **layout: int) -> NDArray[np.uint8]:
    """Cut a sprite into its pictures, shape (views, size, size, 4)."""
    image = PIL.Image.open(io.BytesIO(render_sprite(glb, **layout)))
    assert (image.format, image.mode) == ("WEBP", "RGBA")
    size, columns = layout["size_px"], layout["columns"]
    cells = np.asarray(image).reshape(-1, size, columns, size, 4).swapaxes(1, 2)
    return np.ascontiguousarray(cells.reshape(-1, size, size, 4)[: layout["views"]])


def width_of(view: NDArray[np.uint8]) -> int:
    return int(np.ptp(np.flatnonzero((view[..., 3] > 127).any(axis=0)))) + 1


def test_layout_is_as_promised() -> None:
    image = PIL.Image.open(io.BytesIO(render_sprite(write_glb(box(1, 1, 1)))))
    assert image.size == (6 * 160, 6 * 160)


def test_cells_that_are_left_over_stay_empty() -> None:
    data = render_sprite(write_glb(box(1, 1, 1)), views=5, columns=3, size_px=32)
    sheet = np.asarray(PIL.Image.open(io.BytesIO(data)))
    assert sheet.shape == (64, 96, 4)
    assert not sheet[32:, 64:, 3].any()


def test_front_comes_first_then_the_right_side() -> None:
    """A plate whose marks tell front from right: red before it, green to the picture's right."""
    parts = [
        box(1, 1, 1, base_color=(0.8, 0.8, 0.8, 1)),
        box(0.6, 0.6, 0.1, move=(0, 0, 0.55), base_color=(0.9, 0, 0, 1)),
        box(0.1, 0.6, 0.6, move=(0.55, 0, 0), base_color=(0, 0.9, 0, 1)),
    ]
    views = views_of(write_glb(*parts), views=4, columns=2, size_px=64)
    middle = views[:, 28:36, 28:36, :3].astype(int).mean(axis=(1, 2))
    red, green = middle[:, 0] - middle[:, 1], middle[:, 1] - middle[:, 0]
    assert [int(red.argmax()), int(green.argmax())] == [0, 1]
    assert max(red[2:].max(), green[2:].max()) < 40


def test_nothing_jumps_or_breathes() -> None:
    """A post beside the middle keeps its height, and a round one its width, from all around."""
    post = trimesh.creation.cylinder(radius=0.3, height=2, sections=72)
    post.vertices = post.vertices[:, [1, 2, 0]]
    views = views_of(write_glb(mesh_of(post)), views=12, columns=4, size_px=96)
    widths = [width_of(view) for view in views]
    assert max(widths) - min(widths) <= 1
    rows = [np.flatnonzero((view[..., 3] > 127).any(axis=1)) for view in views]
    assert np.ptp([row[0] for row in rows]) <= 1
    assert np.ptp([row[-1] for row in rows]) <= 1


def test_models_fill_the_frame_alike() -> None:
    """Large or small, near or far from the origin: the turn of each just fits."""
    small = views_of(write_glb(box(1, 1, 0.2)), views=8, columns=4, size_px=64)
    large = box(50, 50, 10, move=(300, -40, 7))
    moved = views_of(write_glb(large), views=8, columns=4, size_px=64)
    assert np.abs(small[..., 3].astype(int) - moved[..., 3]).mean() < 1
    covered = small[..., 3].max(axis=0) > 127
    assert 50 <= np.ptp(np.flatnonzero(covered.any(axis=0))) + 1 <= 60
    assert not covered[[0, -1]].any()
    assert not covered[:, [0, -1]].any()


def test_a_card_does_not_jump_when_it_begins_to_turn() -> None:
    """The preview shows the model where the sprite shows it from there, and as large."""
    model = write_glb(box(1, 0.8, 0.1), box(0.2, 0.6, 0.9, move=(0.4, 0.2, 0.3)))
    views = views_of(model, views=180, columns=15, size_px=64)
    preview = np.asarray(PIL.Image.open(io.BytesIO(render_preview(model, size_px=64))))
    away = [np.abs(view[..., 3].astype(int) - preview[..., 3]).mean() for view in views]
    assert int(np.argmin(away)) == 22 / (360 / 180)
    assert min(away) < 1


def test_models_of_many_faces_look_the_same() -> None:
    ball = trimesh.creation.icosphere(subdivisions=7)
    scene = prepare_scene([mesh_of(ball, base_color=(0.7, 0.4, 0.2, 1))])
    simpler = coarsen(scene, cell=2 / 96)
    assert len(simpler.faces) < len(scene.faces) / 4
    camera = frame(scene.positions, yaw_deg=30)
    fine = draw_scene(scene, camera, size_px=96).astype(int)
    coarse = draw_scene(simpler, camera, size_px=96)
    assert np.abs(fine - coarse)[..., :3][fine[..., 3] == 255].mean() < 2
    assert np.abs(fine - coarse)[..., 3].mean() < 2


@given(cell=st.floats(1e-3, 5), materials=st.integers(1, 3))
def test_simpler_scenes_stay_in_bounds(cell: float, materials: int) -> None:
    solid = trimesh.creation.icosphere(subdivisions=2)
    scene = prepare_scene([mesh_of(solid) for _ in range(materials)])
    simpler = coarsen(scene, cell=cell)
    assert len(simpler.faces) == len(simpler.material_of_face) <= len(scene.faces)
    assert simpler.faces.max(initial=-1) < len(simpler.positions)
    assert np.abs(simpler.positions).max() <= 1.0001
    assert set(simpler.material_of_face) <= set(range(materials))


@pytest.mark.parametrize("content", [b"", b"glTF", write_glb(box(1, 1, 1))[:-40]])
def test_what_is_no_model(content: bytes) -> None:
    with pytest.raises(InvalidMesh):
        render_sprite(content)
