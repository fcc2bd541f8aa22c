"""Models of millions of faces: what is left of them is the same shape, in the same place."""

import numpy as np
import pytest

from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.gltf.reader import read_glb
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.facts import inspect_meshes
from image2model.geometry.mesh.simplification.vertex_clustering import thin
from image2model.geometry.mesh.types import Material, Mesh
from image2model.jobs.computations import examine_model
from tests.geometry.sample_meshes import picture, torus


def area_of(meshes: list[Mesh]) -> float:
    corners = np.concatenate([mesh.positions[mesh.faces] for mesh in meshes]).astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(np.linalg.norm(across, axis=1).sum() / 2)


def hills(cells: int) -> Mesh:
    """Make a height field over a square metre; two triangles a cell, a texture over all."""
    across = np.linspace(0, 1, cells + 1, dtype=np.float32)
    x, z = (part.ravel() for part in np.meshgrid(across, across))
    height = np.float32(0.1) * np.sin(9 * x) * np.cos(7 * z)
    corner = np.arange(cells * (cells + 1)).reshape(cells, cells + 1)[:, :-1].ravel()
    below, beside = corner + cells + 1, corner + 1
    faces = [
        np.stack([corner, below, beside], axis=1),
        np.stack([beside, below, below + 1], axis=1),
    ]
    return Mesh(
        name="hills",
        positions=np.stack([x, height, z], axis=1).astype(np.float32),
        faces=np.concatenate(faces).astype(np.uint32),
        uvs=np.stack([x, z], axis=1),
        material=Material(base_color_texture=picture(size_px=256)),
    )


@pytest.mark.parametrize("wanted", [2_000, 5_000, 20_000])
def test_fewer_faces_of_the_same_shape(wanted: int) -> None:
    whole = [hills(150), torus(around=120, across=60)]
    left = list(thin(whole, faces=wanted))
    faces = sum(len(mesh.faces) for mesh in left)
    assert wanted / 3 < faces <= wanted
    assert area_of(left) == pytest.approx(area_of(whole), rel=0.12)
    before, after = inspect_meshes(whole), inspect_meshes(left)
    assert after.size_mm == pytest.approx(before.size_mm, rel=0.08)
    # Textures stay where they are.
    ground = next(mesh for mesh in left if mesh.name == "hills")
    assert ground.uvs is not None
    assert np.abs(ground.positions[:, [0, 2]] - ground.uvs).max() < 0.06


def test_few_enough_are_left_alone() -> None:
    whole = [torus()]
    assert thin(whole, faces=len(whole[0].faces)) is whole


def test_three_million_faces() -> None:
    """Just above a round number nothing is refused: facts, a picture, a small file."""
    mesh = hills(1242)
    glb = write_glb(mesh)
    found = examine_model(glb)
    assert found.facts["faces"] == 3_085_128
    assert found.facts["width_mm"] == 1000
    assert found.preview is not None
    made = convert_file(glb, Conversion(format="glb", faces=20_000, max_bytes=4_000_000), name="m")
    assert 15_000 < made.faces <= 20_000
    assert len(made.content) <= 4_000_000
    assert area_of(read_glb(made.content)) == pytest.approx(area_of([mesh]), rel=0.01)
    assert "simplified from 3,085,128 to" in made.notes[0]
    # Where no number of faces is asked for, so many as most programs open.
    made = convert_file(glb, Conversion(format="stl"), name="m")
    assert 2_000_000 < made.faces <= 3_000_000
    assert made.notes[0] == (
        f"simplified from 3,085,128 to {made.faces:,} faces: more are not written"
    )
