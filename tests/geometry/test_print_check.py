"""Whether a model prints, why not, and what a repair makes of it, in manifold3d's eyes."""

from dataclasses import replace

import numpy as np
import pytest

from image2model.geometry.glb_writer import write_glb
from image2model.geometry.inspect import weld_faces
from image2model.geometry.mesh import Mesh
from image2model.geometry.print_check import check_print
from image2model.geometry.repair import repair
from image2model.geometry.report import report_file
from image2model.geometry.topology import is_watertight
from tests.geometry.shapes import drawn, pbr_material, psnr_db, torus

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
