"""Say whether a model can be printed, why not, and whether it can be repaired."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import manifold3d
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.edges import EdgeFacts, edge_facts, islands, signed_volumes
from image2model.geometry.mesh import Mesh
from image2model.geometry.repair import repair
from image2model.geometry.welding import weld

Verdict = Literal["ready", "repairable", "not"]

PRINTER_MIN_MM = 0.8
"""Two lines of a common nozzle of 0.4 mm: thinner walls come out as crumbs."""

_MM = 1000.0
_SAMPLES = 4000
_THIN_SHARE = 0.01
"""Of the surface: less is a tip or an edge, which every printer rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintFacts:
    """
    What a printer has to know.

    Attributes:
        verdict: `ready`, `repairable` (tried, and it worked), or `not`.
        reasons: Why, one plain sentence each, without a stop; empty if it is ready.
        edges: How its faces meet.
        islands: Parts that do not hang together.
        inside_out: Islands whose inside looks out.
        degenerate: Faces that touch one place twice.
        area_mm2: Of the surface.
        volume_mm3: Of the solid; None: it is none.
        thin_share: Of the surface, where the wall is thinner than the printer's minimum, 0.0–1.0;
            None: not known, since it is no solid.
    """

    verdict: Verdict
    reasons: Sequence[str]
    edges: EdgeFacts
    islands: int
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
    welded = weld(meshes)
    positions = np.concatenate([mesh.positions for mesh in meshes])[welded.first]
    all_faces = np.concatenate(
        [welded.places_of(index)[mesh.faces] for index, mesh in enumerate(meshes)]
    )
    a, b, c = all_faces.T
    faces = all_faces[(a != b) & (b != c) & (c != a)]
    edges = edge_facts(faces)
    numbers = islands(faces)
    volumes = signed_volumes(positions, faces, numbers)
    solid = _solid(positions, faces) if edges.closed or not edges.open else None
    inside_out = int((volumes < 0).sum()) if volumes.sum() <= 0 else 0
    thin = None if solid is None else _thin_share(solid, positions, faces, printer_min_mm)
    broken = _broken(edges, inside_out)
    if solid is None and not broken:
        broken = ["the surface crosses itself"]
    verdict, reasons = _verdict(meshes, broken, thin, printer_min_mm)
    return PrintFacts(
        verdict=verdict,
        reasons=reasons,
        edges=edges,
        islands=len(volumes),
        inside_out=inside_out,
        degenerate=len(all_faces) - len(faces),
        area_mm2=float(_areas(positions, faces).sum()) * _MM**2,
        volume_mm3=None if solid is None else float(volumes.sum()) * _MM**3,
        thin_share=thin,
    )


def _broken(edges: EdgeFacts, inside_out: int) -> list[str]:
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
    return reasons


def _verdict(
    meshes: Sequence[Mesh], broken: list[str], thin: float | None, printer_min_mm: float
) -> tuple[Verdict, list[str]]:
    if broken:
        # Trying is the only honest answer to whether it can be repaired.
        repaired = repair(meshes)
        return ("repairable" if repaired.solid else "not"), broken
    if thin is not None and thin > _THIN_SHARE:
        share = f"{thin:.0%}" if thin >= 0.1 else f"{thin:.1%}"
        return "not", [
            f"{share} of the surface is thinner than {printer_min_mm:g} mm: print it larger"
        ]
    return "ready", []


def _solid(positions: NDArray[np.float32], faces: NDArray[np.int64]) -> manifold3d.Manifold | None:
    mesh = manifold3d.Mesh(
        np.ascontiguousarray(positions, np.float32), np.ascontiguousarray(faces, np.uint32)
    )
    found = manifold3d.Manifold(mesh)
    usable = found.status() == manifold3d.Error.NoError and found.volume() > 0
    return found if usable else None


def _areas(positions: NDArray[np.float32], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(_crosses(positions, faces), axis=1) / 2)


def _crosses(positions: NDArray[np.float32], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    a, b, c = positions.astype(np.float64)[faces].swapaxes(0, 1)
    return np.cross(b - a, c - a)


def _thin_share(
    solid: manifold3d.Manifold,
    positions: NDArray[np.float32],
    faces: NDArray[np.int64],
    printer_min_mm: float,
) -> float:
    """
    Look inwards from points all over the surface, no farther than the minimum.

    The wall's thickness after L. Shapira et al., "Consistent mesh partitioning and
    skeletonisation using the shape diameter function" (2008), with one ray a point.
    """
    crosses = _crosses(positions, faces)
    doubled = np.linalg.norm(crosses, axis=1)
    # Points at even distances along the faces laid end to end: the same ones every time.
    reach = np.cumsum(doubled)
    spots = (np.arange(_SAMPLES) + 0.5) / _SAMPLES * reach[-1]
    chosen = np.minimum(np.searchsorted(reach, spots), len(faces) - 1)
    inward = -crosses[chosen] / np.maximum(doubled[chosen, None], 1e-300)
    centres = positions.astype(np.float64)[faces[chosen]].mean(axis=1)
    least = printer_min_mm / _MM
    # A hair below the surface, so that a ray does not hit the face it comes from.
    origins, ends = centres + inward * (least * 1e-3), centres + inward * least
    hits = sum(
        bool(solid.ray_cast(origin, end))
        for origin, end in zip(origins.tolist(), ends.tolist(), strict=True)
    )
    return hits / _SAMPLES
