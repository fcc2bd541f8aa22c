"""The facts about a model, against what trimesh finds."""

import io

import numpy as np
import PIL.Image
import pytest
import trimesh

from image2model.core.errors import InvalidMesh
from image2model.geometry.inspection.facts import inspect_glb, inspect_meshes, weld_faces
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh
from tests.geometry.glb_files import square


def taken_apart(solid: trimesh.Trimesh) -> Mesh:
    """Give every face its own corners, as hard edges and texture seams do."""
    return Mesh(
        name="solid",
        positions=np.asarray(solid.triangles, np.float32).reshape(-1, 3),
        faces=np.arange(len(solid.faces) * 3, dtype=np.uint32).reshape(-1, 3),
    )


def picture(width_px: int, height_px: int) -> EncodedImage:
    file = io.BytesIO()
    PIL.Image.new("RGB", (width_px, height_px)).save(file, "PNG")
    return EncodedImage(data=file.getvalue(), media_type="image/png")


def test_counts_and_sizes() -> None:
    """Faces, vertices, box and millimetres of a file that another program wrote."""
    solid = trimesh.creation.box((0.1, 0.2, 0.3))
    solid.apply_translation((1, 0, 0))
    facts = inspect_glb(bytes(solid.export(file_type="glb")))
    assert (facts.faces, facts.vertices, facts.meshes) == (12, 8, 1)
    assert facts.low == pytest.approx((0.95, -0.1, -0.15))
    assert facts.high == pytest.approx((1.05, 0.1, 0.15))
    assert facts.size_mm == pytest.approx((100, 200, 300), rel=1e-5)
    assert facts.watertight
    assert (facts.textures, facts.texture_px, facts.vertex_colors) == (0, 0, False)


def test_stray_vertices_do_not_count_for_the_size() -> None:
    """A forgotten point far away does not make the object larger."""
    positions = np.array([(0, 0, 0), (1, 0, 0), (0, 2, 0), (99, 99, 99)], np.float32)
    mesh = Mesh(name="x", positions=positions, faces=np.array([(0, 1, 2)], np.uint32))
    assert inspect_meshes([mesh]).size_mm == (1000, 2000, 0)


def test_an_open_surface_is_not_watertight() -> None:
    """A square has a rim."""
    facts = inspect_glb(square(COLOR_0=np.zeros((4, 3), "<f4")).glb())
    assert not facts.watertight
    assert facts.vertex_colors


def test_watertight_across_seams_and_parts() -> None:
    """Corners that coincide are one corner, even between meshes."""
    whole = taken_apart(trimesh.creation.icosphere(subdivisions=3))
    assert inspect_meshes([whole]).watertight
    half = len(whole.faces) // 2
    parts = [
        Mesh(name="part", positions=whole.positions, faces=faces)
        for faces in (whole.faces[:half], whole.faces[half:])
    ]
    assert inspect_meshes(parts).watertight
    assert not inspect_meshes(parts[:1]).watertight


def test_a_face_turned_round_or_doubled_is_a_leak() -> None:
    """Closed is not enough: neighbours must agree which side is outside."""
    ball = taken_apart(trimesh.creation.icosphere(subdivisions=1))
    turned = ball.faces.copy()
    turned[5] = turned[5][::-1]
    doubled = np.concatenate([ball.faces, ball.faces[:1]])
    for faces in (turned, doubled):
        assert not inspect_meshes(
            [Mesh(name="x", positions=ball.positions, faces=faces)]
        ).watertight


def test_zero_and_negative_zero_are_one_place() -> None:
    """Mirroring makes −0.0, which has other bits."""
    positions = np.array([(0.0, 1, 2), (-0.0, 1, 2), (3, 4, 5), (6, 7, 8)], np.float32)
    faces = np.array([(0, 2, 3), (1, 3, 2), (0, 1, 2)], np.uint32)
    welded = weld_faces([Mesh(name="x", positions=positions, faces=faces)])
    assert len(welded) == 2
    assert welded[0, 0] == welded[1, 0]


def test_textures_are_counted_once() -> None:
    """Two meshes that share a picture have one texture; the largest side is told."""
    small, large = picture(8, 4), picture(16, 64)
    meshes = [
        Mesh(
            name="part",
            positions=np.eye(3, dtype=np.float32),
            faces=np.array([(0, 1, 2)], np.uint32),
            material=Material(base_color_texture=image),
        )
        for image in (small, large, small)
    ]
    facts = inspect_meshes(meshes)
    assert (facts.textures, facts.texture_px) == (2, 64)


def test_a_texture_that_is_no_picture_is_told() -> None:
    """Better here than in the viewer."""
    broken = EncodedImage(data=b"\x89PNG\r\n\x1a\n", media_type="image/png")
    mesh = Mesh(
        name="part",
        positions=np.eye(3, dtype=np.float32),
        faces=np.array([(0, 1, 2)], np.uint32),
        material=Material(base_color_texture=broken),
    )
    with pytest.raises(InvalidMesh, match="texture"):
        inspect_meshes([mesh])
