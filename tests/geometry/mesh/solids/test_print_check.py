"""Whether a model prints, why not, and what a repair makes of it, in manifold3d's eyes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import manifold3d
import numpy as np
import pytest

from image2model.geometry.conversion.adjust import bounds
from image2model.geometry.conversion.convert import convert_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.formats.writing import beyond_format
from image2model.geometry.gltf.reader import read_glb
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.facts import weld_faces
from image2model.geometry.inspection.report import report_file
from image2model.geometry.mesh.solids.parts import overlapping_boxes
from image2model.geometry.mesh.solids.print_check import check_print
from image2model.geometry.mesh.solids.repair import repair
from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.mesh.types import Material, Mesh
from tests.geometry.sample_meshes import drawn, pbr_material, psnr_db, torus
from tests.khronos.validator import KhronosValidator

RING = torus()
VOLUME_MM3 = 2 * np.pi**2 * 100 * 50**2


def without(mesh: Mesh, *faces: int) -> Mesh:
    return replace(mesh, faces=np.delete(mesh.faces, faces, axis=0))


def turned(mesh: Mesh, *faces: int) -> Mesh:
    changed = mesh.faces.copy()
    changed[list(faces)] = changed[list(faces), ::-1]
    return replace(mesh, faces=changed)


def torn(mesh: Mesh) -> Mesh:
    """Give every face corners of its own, moved by less than anybody sees."""
    rng = np.random.default_rng(1)
    positions = mesh.positions[mesh.faces.ravel()]
    shaken = np.round(positions * 1e5) / 1e5 + rng.uniform(-2e-8, 2e-8, positions.shape)
    return Mesh(
        name="torn",
        positions=shaken.astype(np.float32),
        faces=np.arange(len(positions), dtype=np.uint32).reshape(-1, 3),
        material=mesh.material,
    )


def doubled(mesh: Mesh) -> Mesh:
    return replace(mesh, faces=np.concatenate([mesh.faces, mesh.faces[5:9]]))


BROKEN = {
    "holes": (without(RING, 3, 500, 501, 502, 900), "not closed", "filled"),
    "turned faces": (turned(RING, 7, 8, 9, 400), "opposite sides", "turned"),
    "inside out": (turned(RING, *range(len(RING.faces))), "inside out", "inside-out"),
    "torn": (torn(RING), "not closed", "welded"),
    "doubled faces": (doubled(RING), "touches itself", "doubled"),
}


def test_a_ring_is_ready() -> None:
    facts = check_print([RING])
    assert facts.verdict == "ready"
    assert facts.reasons == []
    assert facts.edges.closed
    assert (facts.islands, facts.inside_out, facts.thin_share) == (1, 0, 0)
    assert facts.volume_mm3 == pytest.approx(VOLUME_MM3, rel=0.03)
    assert facts.area_mm2 == pytest.approx(4 * np.pi**2 * 100 * 50, rel=0.03)


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_is_repairable_and_repaired(fault: str) -> None:
    """The reason is named; the repair says what it did, and the result is ready."""
    mesh, reason, step = BROKEN[fault]
    facts = check_print([mesh])
    assert facts.verdict == "repairable"
    assert any(reason in one for one in facts.reasons), facts.reasons
    made = repair([mesh])
    assert made.solid
    assert any(step in one for one in made.steps), made.steps
    assert is_watertight(weld_faces(made.meshes))
    after = check_print(made.meshes)
    assert after.verdict == "ready"
    assert after.volume_mm3 == pytest.approx(VOLUME_MM3, rel=0.03)


def test_repair_keeps_the_texture() -> None:
    """Small holes filled with the look of their rims: the same picture but for a few specks."""
    made = repair([without(RING, 3, 500, 900)])
    assert psnr_db(drawn([RING]), drawn(made.meshes)) > 35


def test_nothing_is_done_to_a_solid() -> None:
    made = repair([RING])
    assert made.solid
    assert made.steps == []
    assert np.array_equal(made.meshes[0].faces, RING.faces)


def test_overlapping_parts_are_united_with_their_materials() -> None:
    other = torus(material=pbr_material(), name="other")
    moved = replace(other, positions=other.positions + np.array([0.1, 0.02, 0], np.float32))
    assert check_print([RING, moved]).islands == 2
    made = repair([RING, moved])
    assert made.solid
    assert any("united" in step for step in made.steps)
    assert [mesh.material for mesh in made.meshes] == [RING.material, moved.material]
    assert is_watertight(weld_faces(made.meshes))
    facts = check_print(made.meshes)
    assert facts.volume_mm3 is not None
    assert facts.volume_mm3 < 2 * VOLUME_MM3 * 0.97
    assert psnr_db(drawn([RING, moved]), drawn(made.meshes)) > 35


def test_a_hollow_stays_hollow() -> None:
    """A smaller ring inside, looking inwards, is a cavity and no fault."""
    inner = torus()
    scaled = (inner.positions - ring_line(inner)) * np.float32(0.5) + ring_line(inner)
    hollow = [RING, turned(replace(inner, positions=scaled), *range(len(inner.faces)))]
    facts = check_print(hollow)
    assert facts.verdict == "ready"
    assert facts.volume_mm3 == pytest.approx(VOLUME_MM3 * 0.75, rel=0.03)
    assert repair(hollow).steps == []


def ring_line(mesh: Mesh) -> np.ndarray:
    """Return the point of the ring's middle line that each vertex goes round."""
    flat = mesh.positions * np.array([1, 0, 1], np.float32)
    line: np.ndarray = flat / np.linalg.norm(flat, axis=1, keepdims=True) * np.float32(0.1)
    return line


def test_thin_walls_do_not_print() -> None:
    """Half a millimetre, unless the printer is a fine one."""
    plate = replace(RING, positions=RING.positions * np.array([1, 0.005, 1], np.float32))
    coarse, fine = check_print([plate]), check_print([plate], printer_min_mm=0.05)
    assert coarse.verdict == "not"
    assert "thinner than 0.8 mm" in coarse.reasons[0]
    assert fine.thin_share is not None
    assert fine.thin_share < 0.1


def test_a_lone_sheet_cannot_be_repaired() -> None:
    sheet = replace(RING, faces=RING.faces[:1])
    facts = check_print([sheet])
    assert facts.verdict == "not"
    assert not repair([sheet]).solid


def test_report_tells_of_materials_and_textures() -> None:
    told = report_file(write_glb(torus(material=pbr_material())))
    assert told["format"] == "glb"
    assert told["size_mm"] == pytest.approx([300, 100, 300], rel=0.01)
    assert [texture["use"] for texture in told["textures"]] == [
        "base_color",
        "metallic_roughness",
        "normal",
        "occlusion",
        "emissive",
    ]
    assert told["textures"][0]["width_px"] == 256
    # The whole texture once over the ring: 256² texels on about 197,000 mm².
    assert told["texels_per_mm"] == pytest.approx(np.sqrt(256**2 / 197_392), rel=0.03)
    assert told["print"]["verdict"] == "ready"


def box(size_mm: Sequence[float], at_mm: Sequence[float] = (0, 0, 0), *, name: str = "box") -> Mesh:
    """Make a closed box with its lower corner at *at_mm*."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [[a, b, c] for a, b, c, _ in sides] + [[a, c, d] for a, _, c, d in sides]
    return shape_mm(corners * size_mm + np.array(at_mm), faces, name=name)


def cube(size_mm: float, at_mm: Sequence[float] = (0, 0, 0)) -> Mesh:
    return box([size_mm] * 3, at_mm)


def lidless(mesh: Mesh) -> Mesh:
    """Take the first side of a box away."""
    return without(mesh, 0, 6)


def inside_out(mesh: Mesh) -> Mesh:
    return turned(mesh, *range(len(mesh.faces)))


def shape_mm(corners_mm: object, faces: object, *, name: str = "shape") -> Mesh:
    positions = np.asarray(corners_mm, np.float64) / 1000
    return replace(
        RING,
        name=name,
        positions=positions.astype(np.float32),
        faces=np.asarray(faces, np.uint32),
        normals=None,
        uvs=None,
    )


def ground(side_mm: float) -> Mesh:
    half = side_mm / 2
    corners = [[-half, 0, -half], [half, 0, -half], [half, 0, half], [-half, 0, half]]
    return shape_mm(corners, [[0, 2, 1], [0, 3, 2]])


def ball(radius_mm: float) -> Mesh:
    made = manifold3d.Manifold.sphere(radius_mm, 96).to_mesh()
    return shape_mm(made.vert_properties[:, :3], made.tri_verts)


def volume_mm3(mesh: Mesh) -> float:
    a, b, c = mesh.positions.astype(np.float64)[mesh.faces].swapaxes(0, 1) * 1000
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def one(meshes: Sequence[Mesh]) -> Mesh:
    """Join meshes of one material to one."""
    starts = np.cumsum([0, *(len(mesh.positions) for mesh in meshes)])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]
    positions = np.concatenate([mesh.positions for mesh in meshes])
    return replace(meshes[0], positions=positions, faces=np.concatenate(faces).astype(np.uint32))


def size_mm(meshes: Sequence[Mesh]) -> np.ndarray:
    low, high = bounds(meshes)
    size: np.ndarray = (high - low) * 1000
    return size


def pierced(outer: Mesh, inner: Mesh) -> Mesh:
    """Join two skins of the same faces through a pinhole: a face of each is missing."""
    count = len(outer.positions)
    a, b, c = outer.faces[0].tolist()
    tube = [
        face
        for one, other in ((a, b), (b, c), (c, a))
        for face in ([one, other, other + count], [one, other + count, one + count])
    ]
    faces = np.concatenate([outer.faces[1:], inner.faces[1:, ::-1] + count, np.array(tube)])
    return shape_mm(np.concatenate([outer.positions, inner.positions]) * 1000, faces)


LATTICES: Mapping[str, tuple[Callable[[Mesh], Mesh], str]] = {
    "open": (lidless, "repairable"),
    "inside out": (inside_out, "repairable"),
    "closed": (lambda mesh: mesh, "ready"),
}


@pytest.mark.parametrize("kind", LATTICES)
def test_ten_thousand_parts_are_checked_one_by_one(kind: str) -> None:
    change, verdict = LATTICES[kind]
    part = change(cube(5))
    many = one([moved(part, (x * 8, 0, z * 8)) for x in range(100) for z in range(100)])
    facts = check_print([many])
    assert (facts.islands, facts.verdict) == (10_000, verdict)
    after = check_print(repair([many]).meshes)
    assert after.volume_mm3 == pytest.approx(10_000 * 125, rel=1e-5)


def test_boxes_of_a_large_lattice_are_not_compared_pair_by_pair() -> None:
    """Only those that are near each other in the direction that parts them best."""
    low = np.stack(np.meshgrid(*[np.arange(30.0)] * 3), axis=-1).reshape(-1, 3)
    pairs = overlapping_boxes(low[:9000], low[:9000] + 0.5)
    assert pairs is not None
    assert len(pairs) == 0
    same = np.zeros((5000, 3))
    assert overlapping_boxes(same, same + 1) is None


def test_boxes_overlap_where_they_share_room() -> None:
    rng = np.random.default_rng(3)
    low = rng.uniform(0, 10, (200, 3))
    high = low + rng.uniform(0.1, 3, (200, 3))
    pairs = overlapping_boxes(low, high)
    assert pairs is not None
    expected = {
        (i, j)
        for i in range(200)
        for j in range(i)
        if (np.minimum(high[i], high[j]) > np.maximum(low[i], low[j])).all()
    }
    assert {(max(pair), min(pair)) for pair in pairs.tolist()} == expected
    assert len(pairs) == len(expected)


def moved(mesh: Mesh, by_mm: Sequence[float]) -> Mesh:
    positions = mesh.positions + np.array(by_mm) / 1000
    return replace(mesh, positions=positions.astype(np.float32))


@pytest.mark.parametrize("lying", [0, 20])
def test_a_sheet_beside_solids_gets_a_thickness(lying: float) -> None:
    """It is kept, and said to be too thin, whether it overlaps others or not."""
    scene = [ground(200), cube(10, (0, lying, 0)), cube(10, (8, lying, 0))]
    facts = check_print(scene)
    assert facts.verdict == "repairable"
    assert any("1 part is an open sheet without thickness" in reason for reason in facts.reasons)
    made = repair(scene)
    assert any("1 sheet was thickened to 1 mm" in step for step in made.steps)
    assert size_mm(made.meshes)[[0, 2]] == pytest.approx([200, 200], abs=0.01)
    after = check_print(made.meshes)
    assert after.verdict == "ready"
    # The plate, and of the two cubes what is above it.
    cubes = 18 * 10 * (10 - (0.5 if lying == 0 else 0))
    assert after.volume_mm3 == pytest.approx(200 * 200 * 1 + cubes, rel=1e-4)


def test_a_sheet_drawn_from_both_sides_is_kept() -> None:
    """Its faces lie on each other, as those between solids that touch do; those go."""
    sheet = ground(100)
    both = replace(sheet, faces=np.concatenate([sheet.faces, sheet.faces[:, ::-1]]))
    made = repair([both, cube(10, (0, 20, 0)), cube(10, (10, 20, 0))])
    assert any("thickened" in step for step in made.steps)
    after = check_print(made.meshes)
    assert after.verdict == "ready"
    assert after.volume_mm3 == pytest.approx(100 * 100 * 1 + 2000, rel=1e-4)


def test_a_sheet_with_a_back_is_thin() -> None:
    """Closed, without a volume: it is as if it had one side only."""
    corners = ground(100).positions * 1000
    sheet = shape_mm(corners, [[0, 2, 1], [0, 3, 2], [0, 1, 3], [1, 2, 3]])
    scene = [sheet, cube(10, (0, 20, 0))]
    facts = check_print(scene)
    assert facts.verdict == "repairable"
    assert facts.thin_share == pytest.approx(20_000 / 20_600, abs=0.01)
    assert "1 part is a sheet" in facts.reasons[0]
    after = check_print(repair(scene).meshes)
    assert after.volume_mm3 == pytest.approx(100 * 100 * 1 + 1000, rel=1e-4)


def test_a_folded_sheet_gets_a_thickness_all_over() -> None:
    fold = shape_mm(
        [[0, 0, 0], [50, 0, 0], [50, 0, 50], [0, 0, 50], [0, 50, 0], [50, 50, 0]],
        [[0, 1, 2], [0, 2, 3], [0, 4, 1], [4, 5, 1]],
    )
    made = repair([fold, cube(10, (100, 0, 0))])
    assert check_print(made.meshes).verdict == "ready"
    assert check_print(made.meshes).volume_mm3 == pytest.approx(1000 + 2 * 50 * 50, rel=0.02)


FOLDED = shape_mm(
    [[0, 0, 0], [50, 0, 0], [50, 0, 50], [0, 0, 50], [0, 50, 0], [50, 50, 0]],
    [[0, 1, 2], [0, 2, 3], [0, 4, 1], [4, 5, 1]],
)
HARD = {
    "folded": [FOLDED],
    "flat box": [lidless(box([50, 50, 0.5]))],
    "flat box, large side open": [without(box([50, 50, 0.5]), 5, 11)],
    "touching edges": [cube(10), cube(10, (10, 10, 0))],
    "touching sides": [cube(10), cube(10, (10, 0, 0))],
    "overlapping": [cube(10), cube(10, (6, 1, 1))],
    "one in the other": [ball(20), ball(10)],
    "hollow": [ball(20), inside_out(ball(19.6))],
    "sheet and solid": [ground(200), cube(10)],
    "small hole": [without(ball(20), 5)],
    "nothing": [shape_mm([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 0, 1], [1, 1, 2]])],
}


@pytest.mark.parametrize("name", HARD)
def test_repairable_means_that_the_repaired_file_is_ready(name: str) -> None:
    """And `not` that it is not, in the file that comes out of the conversion."""
    glb = write_glb(*HARD[name])
    verdict = report_file(glb)["print"]["verdict"]
    converted = convert_file(glb, Conversion(format="glb", repair=True), name="m")
    after = report_file(converted.content)["print"]["verdict"]
    assert (after == "ready") == (verdict in {"ready", "repairable"})


def test_an_inside_out_part_is_told_and_turned() -> None:
    parts = [cube(10), inside_out(cube(8, (20, 0, 0)))]
    facts = check_print(parts)
    assert (facts.verdict, facts.inside_out, facts.reasons) == (
        "repairable",
        1,
        ["1 part is inside out"],
    )
    assert facts.volume_mm3 == pytest.approx(1512, rel=1e-4)
    after = check_print(repair(parts).meshes)
    assert (after.verdict, after.inside_out) == ("ready", 0)
    assert after.volume_mm3 == pytest.approx(1512, rel=1e-4)


def test_an_inside_out_hollow_keeps_its_void() -> None:
    """Outer and inner skin are both mirrored: turning one of them would fill it."""
    facts = check_print([inside_out(ball(20)), ball(10)])
    assert (facts.inside_out, facts.hollows) == (2, 1)
    after = check_print(repair([inside_out(ball(20)), ball(10)]).meshes)
    assert after.verdict == "ready"
    assert after.volume_mm3 == pytest.approx(volume_mm3(ball(20)) - volume_mm3(ball(10)), rel=1e-3)


def test_parts_that_overlap_count_once() -> None:
    parts = [cube(10), cube(10, (6, 1, 0))]
    facts = check_print(parts)
    assert (facts.verdict, facts.overlapping) == ("repairable", 2)
    assert facts.reasons == ["2 parts overlap; the volume counts them once"]
    assert facts.volume_mm3 == pytest.approx(2000 - 4 * 9 * 10, rel=1e-4)
    made = repair(parts)
    assert "together they have 1,640 mm³, each for itself 2,000 mm³" in made.steps[0]
    assert check_print(made.meshes).volume_mm3 == pytest.approx(1640, rel=1e-4)


def test_a_ball_in_a_hollow_touches_nothing() -> None:
    facts = check_print([ball(20), inside_out(ball(15)), ball(10)])
    assert (facts.verdict, facts.overlapping, facts.hollows) == ("ready", 0, 1)
    expected = volume_mm3(ball(20)) - volume_mm3(ball(15)) + volume_mm3(ball(10))
    assert facts.volume_mm3 == pytest.approx(expected, rel=1e-3)


SHELLS = {
    "ball": [ball(20), inside_out(ball(19.6))],
    "box": [cube(20), inside_out(moved(cube(19.2), (0.4, 0.4, 0.4)))],
    "ball with a pinhole": [pierced(ball(20), ball(19.6))],
}


@pytest.mark.parametrize("name", SHELLS)
def test_thin_shells_are_called_hollow_and_filled(name: str) -> None:
    facts = check_print(SHELLS[name])
    assert facts.verdict == "repairable"
    assert "it is hollow, with a wall of 0.4 mm" in facts.reasons[0]
    made = repair(SHELLS[name])
    solid = volume_mm3(cube(20) if name == "box" else ball(20))
    assert any("a hollow with a wall of 0.4 mm was filled" in step for step in made.steps)
    after = check_print(made.meshes)
    assert after.verdict == "ready"
    assert after.volume_mm3 == pytest.approx(solid, rel=0.01)
    assert size_mm(made.meshes) == pytest.approx(size_mm(SHELLS[name]), abs=1e-3)


def test_a_repair_looks_at_the_size_asked_for() -> None:
    """A wall of 0.4 mm in the file is 4 mm in a model ten times as large: it stays hollow."""
    glb = write_glb(*SHELLS["ball"])
    asked = Conversion(format="glb", height_mm=400, repair=True)
    made = report_file(convert_file(glb, asked, name="m").content)["print"]
    assert (made["verdict"], made["hollows"]) == ("ready", 1)


def test_a_repair_that_changes_the_size_is_refused() -> None:
    """A tiny sheet would become a thick one."""
    scene = [ground(4), cube(2, (0, 2, 0))]
    made = repair(scene)
    assert not made.solid
    assert any("its size would change from 4 × 4 × 4 mm" in step for step in made.steps)
    assert check_print(scene).verdict == "not"


def test_many_voids_are_told_from_parts_that_are_inside_out() -> None:
    """All on the grid of the block around them, where rays along it meet edges."""
    made = manifold3d.Manifold.cube([60, 60, 60]).refine(12).to_mesh()
    block = shape_mm(made.vert_properties[:, :3], made.tri_verts)
    places = [(x, y, z) for x in range(5, 55, 10) for y in range(5, 55, 10) for z in (5, 25, 45)]
    voids = one([inside_out(cube(5, place)) for place in places])
    facts = check_print([block, voids])
    assert (facts.verdict, facts.inside_out, facts.hollows) == ("ready", 0, len(places))
    assert facts.volume_mm3 == pytest.approx(60**3 - len(places) * 125, rel=1e-4)


def test_3mf_says_that_colors_are_no_filaments() -> None:
    plain = replace(RING, material=Material(name="plain"), colors=None)
    textured = torus(material=pbr_material())
    assert not any("filament" in note for note in beyond_format([plain], "3mf"))
    assert any("filament" in note for note in beyond_format([textured], "3mf"))
    assert not any("filament" in note for note in beyond_format([textured], "glb"))


def textured_sheet() -> Mesh:
    """Cut the upper half of a textured ring open, seams and normals and all."""
    ring = torus(material=pbr_material(), name="sheet")
    high = ring.positions[ring.faces][:, :, 1].min(axis=1) > 0.045
    return moved(replace(ring, faces=ring.faces[high]), (0, 300, 0))


@pytest.mark.parametrize("name", ["textured sheet", "hollow", "overlapping", "sheet and solid"])
def test_repaired_files_are_valid(name: str, khronos: KhronosValidator) -> None:
    given = HARD.get(name) or [textured_sheet(), RING]
    asked = Conversion(format="glb", repair=True)
    made = convert_file(write_glb(*given), asked, name="m")
    assert made.notes
    assert khronos.validate_glb(made.content).errors == 0
    if name == "textured sheet":
        assert any("thickened" in note for note in made.notes), made.notes
        assert psnr_db(drawn(given), drawn(read_glb(made.content))) > 25
