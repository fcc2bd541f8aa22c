"""Fewer faces, and still the same thing: its shape, its parts, its texture, closed as before."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from image2model.core.errors import InvalidRequest
from image2model.geometry.conversion.convert import convert_file, count_faces
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.facts import weld_faces
from image2model.geometry.mesh.simplification.simplify import simplify
from image2model.geometry.mesh.textures.decoding import texture_size_px
from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh
from image2model.geometry.mesh.welding import weld
from image2model.geometry.meshoptimizer.simplifier import collapse
from tests.geometry.conversion.test_adjust import noise
from tests.geometry.sample_meshes import drawn, picture, psnr_db, torus
from tests.geometry.seamed_shapes import (
    box,
    house,
    joined,
    uv_sphere,
    walking_figure,
    without_indices,
)
from tests.geometry.shapes.multiview.test_seams import random_solid, wrap

FIGURE = walking_figure()


def ball(level: int = 4, *, normals: bool = True) -> Mesh:
    solid = trimesh.creation.icosphere(level)
    points = np.asarray(solid.vertices, np.float32)
    return Mesh(
        name="ball",
        positions=points,
        faces=np.asarray(solid.faces, np.uint32),
        normals=points.copy() if normals else None,
    )


def surface(meshes: Sequence[Mesh]) -> trimesh.Trimesh:
    offsets = np.cumsum([0, *(len(mesh.positions) for mesh in meshes)])
    return trimesh.Trimesh(
        np.concatenate([mesh.positions for mesh in meshes]),
        np.concatenate([m.faces.astype(int) + at for m, at in zip(meshes, offsets, strict=False)]),
        process=False,
    )


def area_ratio(before: Mesh, after: Sequence[Mesh]) -> float:
    return float(surface(after).area / surface([before]).area)


def strays(before: Mesh, after: Sequence[Mesh]) -> float:
    """Measure both ways how far the surfaces are apart, as a share of the diagonal."""

    def samples(mesh: trimesh.Trimesh, seed: int) -> NDArray[np.float64]:
        points, _ = trimesh.sample.sample_surface(mesh, 40_000, seed=seed)
        return np.concatenate([points, mesh.vertices])

    first, second = samples(surface([before]), 1), samples(surface(after), 2)
    there, back = cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]
    diagonal = np.linalg.norm(np.ptp(before.positions, axis=0))
    return float(max(there.max(), back.max()) / diagonal)


def plain(mesh: Mesh, *, faces: int) -> Sequence[Mesh]:
    """Collapse edges of the welded mesh by its shape alone: what could be reached at best."""
    welded = weld([mesh])
    points = mesh.positions[welded.first]
    found = collapse(
        welded.place[mesh.faces].astype(np.uint32),
        points,
        np.zeros((len(points), 0), np.float32),
        weights=np.zeros(0, np.float32),
        most_faces=faces,
        most_error=1.0,
        move=True,
    )
    return [Mesh(name="plain", positions=found.positions, faces=found.faces)]


@pytest.mark.parametrize(
    ("mesh", "faces"),
    [
        (uv_sphere(), 480),
        (uv_sphere(), 96),
        (FIGURE, len(FIGURE.faces) // 10),
        (FIGURE, 587),
        (FIGURE, 200),
        (without_indices(uv_sphere()), 96),
        (torus(around=80, across=40), 200),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_shape_is_as_good_as_without_seams(mesh: Mesh, faces: int) -> None:
    found = simplify([mesh], faces=faces).meshes
    assert 0.95 * faces <= count_faces(found) <= faces
    assert area_ratio(mesh, found) > 0.96
    assert strays(mesh, found) < max(0.006, 1.4 * strays(mesh, plain(mesh, faces=faces)))


def test_thin_limbs_stay_or_faces_do() -> None:
    """So few faces cannot hold a figure: it gets more, or keeps its limbs with them."""
    found = simplify([FIGURE], faces=24).meshes
    assert 24 < count_faces(found) < 200
    assert strays(FIGURE, found) < 0.07


def test_texture_does_not_smear_over_a_seam() -> None:
    """A face with corners on both sides of the seam would show the whole texture in a strip."""
    material = Material(base_color_texture=picture(size_px=256))
    sphere = replace(uv_sphere(around=64, rows=32), material=material)
    found = simplify([sphere], faces=400).meshes
    uvs, faces = found[0].uvs, found[0].faces
    assert uvs is not None
    # At the poles a face may well reach half around.
    belt = np.abs(found[0].positions[faces][..., 1]).max(axis=1) < 0.9
    assert belt.sum() > 200
    assert np.ptp(uvs[faces][belt][..., 0], axis=1).max() < 0.25
    assert psnr_db(drawn([sphere]), drawn(found)) > 20


def test_patches_of_a_texture_do_not_mix() -> None:
    """Each has a cell of the atlas to itself, and every face of the figure stays within one."""
    found = simplify([FIGURE], faces=500).meshes[0]
    assert FIGURE.uvs is not None
    assert found.uvs is not None
    cells = np.floor(found.uvs[found.faces] * cells_across(FIGURE.uvs))
    assert len(np.unique(cells.reshape(-1, 2), axis=0)) > 40
    assert (cells == cells[:, :1]).all()


def cells_across(uvs: NDArray[np.float32]) -> int:
    """Find how many cells the atlas has side by side: no vertex lies on a border of them."""
    for count in range(2, 30):
        inside = uvs * count % 1
        if ((inside > 0.04) & (inside < 0.96)).all():
            return count
    raise AssertionError


@pytest.mark.parametrize("shading", ["none", "flat", "smooth"])
def test_faces_without_common_corners_are_simplified(shading: str) -> None:
    solid = ball(normals=shading == "smooth")
    mesh = without_indices(solid, flat=shading == "flat")
    assert len(mesh.positions) == 3 * 5_120
    (found,) = simplify([mesh], faces=500).meshes
    assert 480 <= len(found.faces) <= 500
    assert strays(mesh, [found]) < 0.01
    assert 0.99 < area_ratio(mesh, [found]) < 1.01
    assert is_watertight(weld_faces([found]))
    if shading == "none":
        assert found.normals is None
        assert len(found.positions) < 300
    elif shading == "smooth":
        assert found.normals is not None
        assert len(found.positions) < 300
        outward = found.positions / np.linalg.norm(found.positions, axis=1, keepdims=True)
        assert (outward * found.normals).sum(axis=1).min() > 0.98
    else:
        assert found.normals is not None
        across = surface([found]).face_normals
        assert np.allclose(found.normals[found.faces], across[:, None], atol=1e-4)


def test_hard_edges_stay_hard_and_round_ones_round() -> None:
    """A tin: its wall is shaded round, its ends are flat."""
    around = 96
    angle = np.arange(around + 1) * (2 * np.pi / around)
    ring = np.stack([np.cos(angle), np.zeros(around + 1), -np.sin(angle)], axis=1)
    ring[-1] = ring[0]
    up = np.array([0, 1, 0])
    low, high = ring - up, ring + up
    at = np.arange(around)
    wall = np.concatenate(
        [
            np.stack([at, at + 1, at + around + 2], axis=1),
            np.stack([at, at + around + 2, at + around + 1], axis=1),
        ]
    )
    rim, end = np.stack([at, at + 1], axis=1), np.full((around, 1), around + 1)
    ends_up = np.tile(up, (around + 2, 1))
    top, bottom = np.concatenate([rim, end], axis=1), np.concatenate([rim[:, ::-1], end], axis=1)
    offset = 2 * (around + 1)
    mesh = Mesh(
        name="tin",
        positions=np.concatenate([low, high, high, [up], low, [-up]]).astype("f4"),
        faces=np.concatenate([wall, top + offset, bottom + offset + around + 2]).astype("u4"),
        normals=np.concatenate([ring, ring, ends_up, -ends_up]).astype("f4"),
    )
    assert is_watertight(weld_faces([mesh]))
    (found,) = simplify([mesh], faces=150).meshes
    assert found.normals is not None
    assert len(found.faces) <= 150
    assert is_watertight(weld_faces([found]))
    across = surface([found]).face_normals
    ends = np.abs(across[:, 1]) > 0.9
    assert 0 < ends.sum() < 120
    corners = found.normals[found.faces]
    assert np.allclose(corners[ends], across[ends][:, None], atol=0.02)
    assert np.abs(corners[~ends][..., 1]).max() < 0.02
    outward = found.positions[found.faces][~ends] * (1, 0, 1)
    outward /= np.linalg.norm(outward, axis=2, keepdims=True)
    assert (outward * corners[~ends]).sum(axis=2).min() > 0.98


def test_a_house_of_boxes_keeps_all_of_them() -> None:
    whole = house()
    half = simplify([whole], faces=len(whole.faces) // 2)
    assert count_faces(half.meshes) <= len(whole.faces) // 2
    assert half.parts_lost == 0
    assert area_ratio(whole, half.meshes) > 0.85
    assert strays(whole, half.meshes) < 0.02


def test_parts_that_do_not_fit_stay_and_that_is_said() -> None:
    """A tenth of the faces is less than two for each of the boxes: the roof would be gone."""
    whole = house()
    wanted = len(whole.faces) // 10
    made = convert_file(write_glb(whole), Conversion(format="glb", faces=wanted), name="house")
    found = read_model(made.content).meshes
    assert wanted < made.faces < len(whole.faces) // 2
    assert area_ratio(whole, found) > 0.8
    assert strays(whole, found) < 0.02
    assert any(f"with {wanted:,} faces, as asked for, it would lose" in n for n in made.notes)


def test_eyes_and_buttons_stay() -> None:
    spots = [(0.05, 1.8, 0.11), (-0.05, 1.8, 0.11), (0, 1.2, 0.17)]
    small = ball(2, normals=False)
    small = replace(small, positions=small.positions * np.float32(0.01))
    parts = [replace(small, positions=small.positions + np.array(at, "f4")) for at in spots]
    body = replace(FIGURE, normals=None, uvs=None)
    made = simplify([body, *parts], faces=400)
    assert count_faces(made.meshes) <= 400
    assert made.parts_lost == 0
    assert len(made.meshes) == 4
    for before, after in zip(parts, made.meshes[1:], strict=True):
        assert area_ratio(before, [after]) > 0.4


def test_specks_that_go_are_counted() -> None:
    dust = np.random.default_rng(1).uniform(-3, 3, (600, 3))
    speck = ball(0, normals=False)
    points = speck.positions * np.float32(0.004)
    specks = joined(*(replace(speck, positions=points + at.astype("f4")) for at in dust))
    whole = joined(ball(4, normals=False), specks)
    made = convert_file(write_glb(whole), Conversion(format="glb", faces=800), name="dusty")
    assert made.faces <= 800
    (note,) = [note for note in made.notes if "left out" in note]
    found = re.fullmatch(
        r"(\d+) separate parts too small for so few faces left out \((.*)% of the surface\)", note
    )
    assert found is not None
    assert 550 < int(found[1]) <= 600
    share = surface([specks]).area / surface([whole]).area
    assert float(found[2]) == pytest.approx(100 * share, abs=0.1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_what_is_closed_stays_closed(seed: int, share: float) -> None:
    """Voxels at random: handles, tunnels and bridges that collapses make touch."""
    points, faces = wrap(random_solid(seed, share))
    mesh = Mesh(name="voxels", positions=points, faces=faces.astype(np.uint32))
    for part in (2, 4, 8):
        (found,) = simplify([mesh], faces=len(faces) // part).meshes
        assert len(found.faces) < len(faces)
        assert is_watertight(found.faces)


@pytest.mark.parametrize("faces", [3_000, 1_000, 300])
def test_closed_across_its_seams_stays_so(faces: int) -> None:
    assert is_watertight(weld_faces([FIGURE]))
    found = simplify([FIGURE], faces=faces).meshes
    assert is_watertight(weld_faces(found))


@pytest.mark.parametrize("faces", [600, 120])
def test_borders_between_materials_stay_closed_and_in_place(faces: int) -> None:
    sphere = uv_sphere(around=64, rows=32)
    upper = sphere.positions[sphere.faces][..., 1].mean(axis=1) > 0
    halves = [
        replace(sphere, faces=sphere.faces[upper], material=Material(name="sky")),
        replace(sphere, faces=sphere.faces[~upper], material=Material(name="earth")),
    ]
    found = simplify(halves, faces=faces).meshes
    assert [mesh.material.name for mesh in found] == ["sky", "earth"]
    assert count_faces(found) <= faces
    assert is_watertight(weld_faces(found))
    sky, earth = (mesh.positions[mesh.faces][..., 1] for mesh in found)
    assert sky.min() > -0.03
    assert earth.max() < 0.03


def test_a_leaf_seen_from_both_sides_keeps_its_outline() -> None:
    """Two sheets at the same place, back to back."""
    x, y = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-2, 2, 41))
    points = np.stack([x * np.cos(y * np.pi / 4.2), y, 0.2 * x * x], axis=-1).reshape(-1, 3)
    at = np.arange(x.size).reshape(x.shape)
    a, b, c, d = (part.ravel() for part in (at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]))
    front = np.concatenate([np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)])
    up = np.tile((0.0, 0.0, 1.0), (len(points), 1))
    leaf = Mesh(
        name="leaf",
        positions=np.concatenate([points, points]).astype("f4"),
        faces=np.concatenate([front, front[:, ::-1] + len(points)]).astype("u4"),
        normals=np.concatenate([up, -up]).astype("f4"),
    )
    found = simplify([leaf], faces=200).meshes
    assert count_faces(found) <= 200
    assert area_ratio(leaf, found) > 0.97
    assert strays(leaf, found) < 0.02


def test_byte_budget_prefers_small_textures_to_ruins() -> None:
    """A budget that the texture alone would fill is met with less of it, not without limbs."""
    material = Material(base_color_texture=noise(512, seed=1))
    figure = replace(FIGURE, material=material)
    limit = 90_000
    made = convert_file(write_glb(figure), Conversion(format="glb", max_bytes=limit), name="x")
    found = read_model(made.content).meshes
    assert len(made.content) <= limit
    assert strays(FIGURE, found) < 0.015
    assert texture_px(found) < 512


def texture_px(meshes: Sequence[Mesh]) -> int:
    image = meshes[0].material.base_color_texture
    assert isinstance(image, EncodedImage)
    return max(texture_size_px(image))


@pytest.mark.parametrize("flat", [False, True])
def test_byte_budget_of_a_model_without_indices(flat: bool) -> None:
    mesh = without_indices(ball(normals=False), flat=flat)
    glb = write_glb(mesh)
    made = convert_file(glb, Conversion(format="glb", max_bytes=len(glb) // 8), name="x")
    assert len(made.content) <= len(glb) // 8
    assert strays(mesh, read_model(made.content).meshes) < 0.02


def test_byte_budget_that_would_cost_the_shape_is_refused() -> None:
    """With the least that it can become, which is met when it is asked for."""
    glb = write_glb(house())
    with pytest.raises(InvalidRequest, match="With fewer faces it would lose its shape") as caught:
        convert_file(glb, Conversion(format="stl", max_bytes=20_000), name="x")
    (least,) = re.findall(r"the least it can become is ([\d,]+) bytes", str(caught.value))
    enough = int(least.replace(",", ""))
    made = convert_file(glb, Conversion(format="stl", max_bytes=enough), name="x")
    assert len(made.content) <= enough


@pytest.mark.parametrize("faces", [1, 4, 12])
@pytest.mark.parametrize(
    "mesh", [box((0, 0, 0), (1, 2, 3)), torus(), house()], ids=lambda m: m.name
)
def test_something_is_always_left(mesh: Mesh, faces: int) -> None:
    """However few faces are asked for: what is left is the thing still, or a note says more."""
    found = simplify([mesh], faces=faces).meshes
    assert count_faces(found) > 0
    assert strays(mesh, found) < 0.08
    assert area_ratio(mesh, found) > 0.7


def test_no_large_part_goes_for_small_ones() -> None:
    """A figure in front of a house, with faces for one of them."""
    whole = house()
    made = simplify([whole, FIGURE], faces=800)
    assert made.parts_lost == 0
    assert len(made.meshes) == 2
    assert area_ratio(whole, made.meshes[:1]) > 0.7
    assert strays(FIGURE, made.meshes[1:]) < 0.03


def test_faces_without_an_area_are_dropped_or_left_alone() -> None:
    flat = Mesh(
        name="dots",
        positions=np.zeros((30, 3), np.float32),
        faces=np.arange(30, dtype=np.uint32).reshape(-1, 3),
    )
    assert simplify([flat], faces=4).meshes == [flat]
    found = simplify([torus(), flat], faces=500).meshes
    assert [mesh.name for mesh in found] == ["torus"]


def test_box_needs_all_its_faces() -> None:
    cube = box((0, 0, 0), (1, 1, 1))
    assert is_watertight(weld_faces([cube]))
    plate = without_indices(replace(ball(3), normals=None))
    found = simplify([cube, replace(plate, positions=plate.positions * 5)], faces=500).meshes
    assert area_ratio(cube, [found[0]]) == pytest.approx(1, abs=0.2)
