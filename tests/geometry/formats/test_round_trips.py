"""Whole models through every format: others read them rightly, and they look as before."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import FORMATS, Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.facts import weld_faces
from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.mesh.types import Material, Mesh
from image2model.geometry.pictures.limits import PictureLimits
from image2model.providers.local.engine import make_model
from tests.geometry.formats.outside_readers import is_solid, see
from tests.geometry.mask_scenes import SAMPLES
from tests.geometry.sample_meshes import coat, drawn, pbr_material, picture, psnr_db, torus, wedge
from tests.khronos.validator import KhronosValidator

LIMITS = PictureLimits()
PENGUIN = Path(__file__).parents[3] / "examples" / "views" / "penguin"
NAMES = (
    "chair", "flamingo", "hamburger", "horse", "iso_house", "marble",
    "poly_fox", "robot", "stripes", "teapot", "tiger_girl", "unicorn",
)  # fmt: skip
GENERATORS = ("local/puff", "local/extrude", "local/lathe", "local/relief")
LEAST_PSNR_DB = {"glb": 99.0, "gltf.zip": 99.0, "obj.zip": 34.0, "ply": 13.0}
"""Of the drawn pictures; PLY has one colour per vertex, and these models have few vertices."""


def shaped(solid: trimesh.Trimesh, material: Material) -> Mesh:
    """Lay a texture around *solid* as on a globe."""
    positions = np.asarray(solid.vertices, np.float32)
    outward = positions / np.linalg.norm(positions, axis=1, keepdims=True)
    u = np.arctan2(outward[:, 0], outward[:, 2]) / (2 * np.pi) + 0.5
    v = np.arccos(np.clip(outward[:, 1], -1, 1)) / np.pi
    return Mesh(
        name="solid",
        positions=positions,
        faces=np.asarray(solid.faces, np.uint32),
        normals=np.asarray(solid.vertex_normals, np.float32),
        uvs=np.column_stack([u, v]).astype(np.float32),
        material=material,
    )


def ball(material: Material) -> Mesh:
    return shaped(trimesh.creation.icosphere(subdivisions=3, radius=0.1), material)


def moved(mesh: Mesh, x_m: float) -> Mesh:
    return replace(mesh, positions=mesh.positions + np.array([x_m, 0, 0], np.float32))


def sheet() -> Mesh:
    """An open surface, seen from both sides, that glows."""
    u, v = np.meshgrid(np.linspace(0, 1, 25), np.linspace(0, 1, 25))
    x, y = u.ravel() * 0.2, 0.2 - v.ravel() * 0.2
    at = np.arange(625).reshape(25, 25)
    a, b, c, d = (part.ravel() for part in (at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]))
    return Mesh(
        name="sheet",
        positions=np.column_stack([x, y, 0.02 * np.sin(x * 40)]).astype(np.float32),
        faces=np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.uint32),
        uvs=np.column_stack([u.ravel(), v.ravel()]).astype(np.float32),
        material=pbr_material(double_sided=True, emissive=(1.0, 0.5, 0.25)),
    )


METAL = pbr_material(metallic=1.0, roughness=0.2, wrap=("repeat", "repeat"))
LEAVES = pbr_material(kind="webp", alpha_mode="MASK", alpha_cutoff=0.4, name="leaves")
GLASS = Material(
    name="glass",
    base_color=(0.8, 1.0, 0.9, 0.6),
    base_color_texture=picture(kind="png", alpha=True),
    alpha_mode="BLEND",
)
MADE: dict[str, Callable[[], list[Mesh]]] = {
    "metal ring": lambda: [torus(material=METAL)],
    "leafy ball": lambda: [ball(LEAVES)],
    "glass capsule": lambda: [shaped(trimesh.creation.capsule(0.2, 0.08), GLASS)],
    "glowing sheet": lambda: [sheet()],
    "three parts": lambda: [
        ball(METAL),
        moved(replace(ball(Material(name="coat")), uvs=None, colors=coat(ball(METAL))), 0.3),
        moved(wedge(), -0.3),
    ],
    "mirrored texture": lambda: [torus(material=pbr_material(wrap=("mirror", "clamp")))],
    "unlit": lambda: [ball(Material(base_color_texture=picture(), unlit=True))],
}


def generated(generator: str, path: Path) -> bytes:
    pictures = {"front": path.read_bytes()}
    return make_model(generator, pictures, {"face_limit": 3000}, name="m", limits=LIMITS).glb


def check_round_trips(glb: bytes, khronos: KhronosValidator, folder: Path) -> None:
    """Convert to every format; have it validated, read by others, read back, and drawn."""
    before = centred(read_model(glb).meshes)
    faces = sum(len(mesh.faces) for mesh in before)
    closed = is_watertight(weld_faces(before))
    volume_m3 = see("glb", glb, folder).volume_m3
    for format_name in FORMATS:
        wanted = Conversion(format=format_name, pivot="centre")
        content = convert_file(glb, wanted, name="model").content
        place = folder / format_name
        place.mkdir()
        seen = see(format_name, content, place)
        assert (seen.complaints, seen.faces) == ([], faces), format_name
        if closed:
            assert seen.volume_m3 == pytest.approx(volume_m3, rel=1e-3), format_name
        if format_name == "glb":
            assert khronos.validate_glb(content).errors == 0
        if format_name == "stl" and closed:
            assert is_solid(trimesh.load_mesh(io.BytesIO(content), file_type="stl"))
        if format_name in LEAST_PSNR_DB:
            after = read_model(content).meshes
            assert is_watertight(weld_faces(after)) == closed, format_name
            both = (before, after) if "gl" in format_name else (bare(before), bare(after))
            psnr = psnr_db(drawn(both[0]), drawn(both[1]))
            assert psnr >= LEAST_PSNR_DB[format_name], format_name


def bare(meshes: Sequence[Mesh]) -> list[Mesh]:
    """Forget what only glTF says of a surface: which of its sides is seen, and that it is unlit."""
    return [
        replace(mesh, material=replace(mesh.material, double_sided=True, unlit=False))
        for mesh in meshes
    ]


def centred(meshes: Sequence[Mesh]) -> list[Mesh]:
    corners = np.concatenate([mesh.positions[np.unique(mesh.faces)] for mesh in meshes])
    middle = (corners.min(axis=0).astype(np.float64) + corners.max(axis=0)) / 2
    return [
        replace(mesh, positions=(mesh.positions - middle).astype(np.float32)) for mesh in meshes
    ]


@pytest.mark.parametrize("kind", MADE)
def test_materials_and_shapes(kind: str, khronos: KhronosValidator, tmp_path: Path) -> None:
    check_round_trips(write_glb(*MADE[kind]()), khronos, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_sample_pictures(name: str, khronos: KhronosValidator, tmp_path: Path) -> None:
    """What the generators make of them, in turn."""
    if not SAMPLES.is_dir():
        pytest.skip("the sample pictures are not there")
    generator = GENERATORS[NAMES.index(name) % len(GENERATORS)]
    check_round_trips(generated(generator, SAMPLES / f"{name}.png"), khronos, tmp_path)


def test_model_of_several_views(khronos: KhronosValidator, tmp_path: Path) -> None:
    views = {path.stem.rpartition("_")[2]: path.read_bytes() for path in PENGUIN.iterdir()}
    made = make_model("local/hull", views, {"face_limit": 3000}, name="penguin", limits=LIMITS)
    check_round_trips(made.glb, khronos, tmp_path)
