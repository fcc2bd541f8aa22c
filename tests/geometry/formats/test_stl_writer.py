"""STL: millimetres, Z up, still closed, as trimesh reads it."""

import io

import numpy as np
import pytest
import trimesh

from image2model.geometry.formats.stl.writer import write_stl
from image2model.geometry.mesh.types import Mesh


def mesh_of(solid: trimesh.Trimesh) -> Mesh:
    return Mesh(
        name="solid",
        positions=np.asarray(solid.vertices, np.float32),
        faces=np.asarray(solid.faces, np.uint32),
    )


def load(stl: bytes) -> trimesh.Trimesh:
    found = trimesh.load_mesh(io.BytesIO(stl), file_type="stl")
    assert isinstance(found, trimesh.Trimesh)
    return found


def test_is_closed_upright_and_in_millimetres() -> None:
    """A box of 1 × 2 × 3 m (width, height, depth) stands 2000 mm high on Z, and is solid."""
    found = load(write_stl([mesh_of(trimesh.creation.box((1, 2, 3)))]))
    assert found.extents == pytest.approx([1000, 3000, 2000])
    assert found.is_watertight
    assert found.volume == pytest.approx(6e9)


def test_front_faces_the_printer_operator() -> None:
    """+Z, the front, becomes −Y; +X stays on the right."""
    corners = np.array([(0, 0, 2), (3, 0, 2), (0, 5, 2)], np.float32)
    mesh = Mesh(name="front", positions=corners, faces=np.array([(0, 1, 2)], np.uint32))
    found = load(write_stl([mesh], scale_to_mm=1.0))
    assert np.array_equal(found.bounds, [(0, -2, 0), (3, -2, 5)])
    assert found.face_normals[0] == pytest.approx((0, -1, 0))


def test_parts_become_one_solid_and_stay_closed() -> None:
    """A fine, bent surface with awkward coordinates keeps every shared corner shared."""
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.0371)
    far = trimesh.creation.torus(0.3, 0.1)
    far.apply_translation((1.7, 0.333, -0.1))
    found = load(write_stl([mesh_of(ball), mesh_of(far)]))
    assert found.is_watertight
    assert len(found.faces) == len(ball.faces) + len(far.faces)
    assert found.volume == pytest.approx((ball.volume + far.volume) * 1e9, rel=1e-5)


def test_faces_that_are_lines_by_sharing_corners_are_left_out() -> None:
    """What seams leave is dropped; a flat sliver between three corners closes the surface."""
    positions = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 0, 0), (2, 0, 0)], np.float32)
    faces = np.array([(0, 1, 2), (1, 3, 2), (0, 1, 4)], np.uint32)
    stl = write_stl([Mesh(name="thin", positions=positions, faces=faces)])
    assert int.from_bytes(stl[80:84], "little") == 2
    assert len(stl) == 84 + 2 * 50
    normals = np.frombuffer(stl[84:], np.dtype([("n", "<f4", 3), ("rest", "V38")]))["n"]
    assert np.array_equal(normals, [(0, -1, 0), (0, 0, 0)])
