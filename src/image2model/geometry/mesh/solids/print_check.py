"""Say whether a model can be printed, why not, and whether it can be repaired."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.edges import EdgeFacts, edge_facts, turn_faces
from image2model.geometry.mesh.solids.parts import (
    Nesting,
    Parts,
    United,
    find_parts,
    make_solid,
    nest,
    unite,
)
from image2model.geometry.mesh.solids.repair import PRINTER_MIN_MM, SHELL_FACING, Repaired, repair
from image2model.geometry.mesh.solids.thickness import Thickness, measure_thickness
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.mesh.welding import weld

Verdict = Literal["ready", "repairable", "not"]

_MM = 1000.0
_THIN_SHARE = 0.01
"""Of the surface: less is a tip or an edge, which every printer rounds."""

_MOST_FACES_REPAIRED = 1_500_000
"""Of a model whose repair is tried only to know what comes of it."""

_ONE_WAY = 0.7
"""Of the area of an open part: if it faces one way with more, it is a sheet and no vessel."""

_SHELL_THIN = 0.5
"""Of a shell's surface at least so much is thin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintFacts:
    """
    What a printer has to know.

    Attributes:
        verdict: `ready`, `repairable` (the repaired model was checked, and is ready), or `not`.
        reasons: Why, one plain sentence each, without a stop; empty if it is ready.
        notes: What the repair does, and what could not be found out, one plain sentence each.
        edges: How its faces meet.
        islands: Parts that do not hang together.
        overlapping: Islands that lie partly in others.
        hollows: Islands that are voids in others.
        inside_out: Islands whose inside looks out, and which are no voids.
        degenerate: Faces that touch one place twice.
        area_mm2: Of the surface.
        volume_mm3: Of the solid, in which what overlaps counts once; None: it is none.
        thin_share: Of the surface, where the wall is thinner than the printer's minimum, 0.0–1.0;
            None: not known, since it is no solid.
    """

    verdict: Verdict
    reasons: Sequence[str]
    notes: Sequence[str]
    edges: EdgeFacts
    islands: int
    overlapping: int
    hollows: int
    inside_out: int
    degenerate: int
    area_mm2: float
    volume_mm3: float | None
    thin_share: float | None


def check_print(meshes: Sequence[Mesh], *, printer_min_mm: float = PRINTER_MIN_MM) -> PrintFacts:
    """
    Look at *meshes* with the eyes of a printer.

    Args:
        meshes: At least one, in metres.
        printer_min_mm: The thinnest wall the printer makes, in millimetres.

    Returns:
        The facts and the verdict.
    """
    facts = _look(meshes, printer_min_mm)
    if facts.verdict == "ready":
        return facts
    faces = sum(len(mesh.faces) for mesh in meshes)
    if faces > _MOST_FACES_REPAIRED:
        note = f"a repair may help: it was not tried, since there are {faces:,} faces"
        return replace(facts, notes=[*facts.notes, note])
    repaired = repair(meshes)
    if not repaired.steps:
        return facts
    return _after_repair(facts, repaired, printer_min_mm)


def _after_repair(facts: PrintFacts, repaired: Repaired, printer_min_mm: float) -> PrintFacts:
    """Give the verdict of the file that one would get."""
    steps = [f"repair: {step}" for step in repaired.steps]
    if not repaired.solid:
        return replace(facts, notes=[*facts.notes, *steps, "the repair did not succeed"])
    after = _look(repaired.meshes, printer_min_mm)
    if after.verdict == "ready":
        return replace(facts, verdict="repairable", notes=[*facts.notes, *steps, *after.notes])
    left = [f"after a repair {reason}" for reason in after.reasons]
    return replace(facts, notes=[*facts.notes, *steps, *left])


def _look(meshes: Sequence[Mesh], printer_min_mm: float) -> PrintFacts:
    """Give the facts and the verdict `ready` or `not`."""
    welded = weld(meshes)
    positions = np.concatenate([mesh.positions for mesh in meshes])[welded.first]
    all_faces = np.concatenate(
        [welded.places_of(index)[mesh.faces] for index, mesh in enumerate(meshes)]
    )
    a, b, c = all_faces.T
    faces = all_faces[(a != b) & (b != c) & (c != a)]
    edges = edge_facts(faces)
    if not len(faces):
        return _nothing(edges, degenerate=len(all_faces))
    parts = find_parts(positions, faces)
    nesting = nest(positions, faces, parts) if not edges.open else None
    inside_out = int(nesting.wrong.sum()) if nesting else 0
    united = None
    if nesting and edges.closed:
        # What it is once its parts are turned, which is what its maker meant.
        parts = parts.turned(nesting.wrong)
        faces = turn_faces(faces, nesting.wrong[parts.numbers])
        united = unite(parts, nesting, lambda which: make_solid(positions, faces[which]))
    usable = united if united and united.solid.volume() > 0 else None
    # Where parts may overlap, rays meet walls that are none.
    thickness = (
        _thickness(usable, positions, faces, parts, printer_min_mm)
        if usable and not usable.unknown
        else None
    )
    reasons = _broken(edges, inside_out, usable)
    if edges.open:
        reasons += _open_sheets(positions, faces, parts)
    if nesting and nesting.unknown:
        reasons.append(
            f"{nesting.unknown:,} parts are inside out or hollows of others, too many to find out"
        )
    if usable is None and not reasons:
        flat = parts.thicknesses.max() < printer_min_mm / _MM / 4
        reasons = [_sheets(len(parts.volumes)) if flat else "the surface crosses itself"]
    if thickness is not None and nesting and thickness.thin_share > _THIN_SHARE:
        reasons.append(_thin(thickness, parts, nesting, printer_min_mm))
    return PrintFacts(
        verdict="not" if reasons else "ready",
        reasons=reasons,
        notes=[],
        edges=edges,
        islands=len(parts.volumes),
        overlapping=usable.overlapping if usable else 0,
        hollows=int(nesting.voids.sum()) if nesting else 0,
        inside_out=inside_out,
        degenerate=len(all_faces) - len(faces),
        area_mm2=float(parts.areas.sum()) * _MM**2,
        volume_mm3=usable.volume * _MM**3 if usable else None,
        thin_share=None if thickness is None else thickness.thin_share,
    )


def _nothing(edges: EdgeFacts, *, degenerate: int) -> PrintFacts:
    return PrintFacts(
        verdict="not",
        reasons=["it has no surface: all of its faces touch one place twice"],
        notes=[],
        edges=edges,
        islands=0,
        overlapping=0,
        hollows=0,
        inside_out=0,
        degenerate=degenerate,
        area_mm2=0.0,
        volume_mm3=None,
        thin_share=None,
    )


def _thickness(
    united: United,
    positions: NDArray[np.float32],
    faces: NDArray[np.int64],
    parts: Parts,
    printer_min_mm: float,
) -> Thickness:
    if united.overlapping:
        # Inside of what overlaps there are no walls.
        made = united.solid.to_mesh()
        positions, faces = made.vert_properties[:, :3], made.tri_verts.astype(np.int64)
        parts = find_parts(positions, faces)
    return measure_thickness(united.solid, positions, faces, parts=parts, least_mm=printer_min_mm)


def _broken(edges: EdgeFacts, inside_out: int, united: United | None) -> list[str]:
    reasons = []
    if edges.open:
        reasons.append(f"the surface is not closed: {edges.open:,} edges have a hole beside them")
    if edges.flipped:
        reasons.append(f"faces look to opposite sides at {edges.flipped:,} edges")
    if edges.crowded:
        reasons.append(f"the surface touches itself along {edges.crowded:,} edges")
    if inside_out:
        parts = "part is" if inside_out == 1 else "parts are"
        reasons.append(f"{inside_out:,} {parts} inside out")
    if united and united.overlapping:
        reasons.append(f"{united.overlapping:,} parts overlap; the volume counts them once")
    if united and united.unknown:
        reasons.append(
            f"{united.unknown:,} parts may overlap, too many to try here: "
            "unite them in a modelling program; the volume may be too large"
        )
    return reasons


def _open_sheets(
    positions: NDArray[np.float32], faces: NDArray[np.int64], parts: Parts
) -> list[str]:
    """Name the parts that are open and face one way: they have no inside."""
    a, b, c = positions.astype(np.float64)[faces].swapaxes(0, 1)
    crosses = np.cross(b - a, c - a) / 2
    facing = np.stack([np.bincount(parts.numbers, column) for column in crosses.T], axis=1)
    sheets = np.linalg.norm(facing, axis=1) > parts.areas * _ONE_WAY
    count = int(sheets.sum())
    if not count:
        return []
    which = "part is an open sheet" if count == 1 else "parts are open sheets"
    area_mm2 = float(parts.areas[sheets].sum()) * _MM**2
    return [f"{count:,} {which} without thickness, too thin to print ({area_mm2:,.0f} mm²)"]


def _sheets(count: int) -> str:
    return f"{'it is a sheet' if count == 1 else 'its parts are sheets'} without thickness"


def _thin(thickness: Thickness, parts: Parts, nesting: Nesting, printer_min_mm: float) -> str:
    thin = thickness.thin_share
    share = f"{thin:.0%}" if thin >= 0.1 else f"{thin:.1%}"
    wall = f"{thickness.wall_mm:.2g} mm"
    around_inside = thickness.facing_share > SHELL_FACING and len(parts.volumes) == 1
    if thin > _SHELL_THIN and (nesting.voids.any() or around_inside):
        return (
            f"it is hollow, with a wall of {wall}, thinner than {printer_min_mm:g} mm: "
            "fill it, or make the wall thicker"
        )
    sheets = int((parts.thicknesses < printer_min_mm / _MM / 4).sum())
    if sheets:
        which = "part is a sheet" if sheets == 1 else "parts are sheets"
        return (
            f"{share} of the surface is thinner than {printer_min_mm:g} mm: "
            f"{sheets:,} {which} with hardly any thickness"
        )
    return f"{share} of the surface is thinner than {printer_min_mm:g} mm: print it larger"
