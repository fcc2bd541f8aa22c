"""Make a closed solid of a model that is not one, for printing, and keep its textures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import manifold3d
import mapbox_earcut
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.edges import (
    crowded_faces,
    edge_facts,
    islands,
    open_half_edges,
    signed_volumes,
    turn_consistently,
    turn_faces,
)
from image2model.geometry.mesh.solids.parts import face_areas, find_parts, nest, unite
from image2model.geometry.mesh.solids.shells import outer_skin
from image2model.geometry.mesh.solids.thickness import measure_thickness
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.mesh.welding import weld

_NEAR = 1e-5
"""Corners closer than this share of the model's size are one."""

_MOST_FACES_TURNED = 600_000

PRINTER_MIN_MM = 0.8
"""Two lines of a common nozzle of 0.4 mm: thinner walls come out as crumbs."""

_SHEET_MM = 1.0
"""What sheets are thickened to: the minimum and a bit."""

_MM = 1000.0
_MOSTLY_HOLE = 0.2
"""Of a closed part's surface: if filled holes are more, they may be the whole other side."""

_PINHOLES = 0.02
"""Of a shell's outer skin, that its openings may be together for its inside to be a void."""

SHELL_FACING = 0.3
"""Of a shell's thin surface, at least so much looks into its inside."""

_SHELL_THIN = 0.5
"""Of a hollow part's surface: if more is too thin to print, its void is filled."""

_MOST_SHELLS = 50
"""Hollow parts whose walls are measured."""

_MOST_RESIZED = 0.05
"""Of a model's size, that a repair may change."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repaired:
    """
    A model after its repair.

    Attributes:
        meshes: One per material, as before.
        solid: Whether it is now a closed solid; if not, the repair failed.
        steps: What was done, one plain sentence each, without a stop.
    """

    meshes: Sequence[Mesh]
    solid: bool
    steps: Sequence[str]


def repair(meshes: Sequence[Mesh]) -> Repaired:
    """
    Weld, drop what is no face, turn faces to one side, fill holes, thicken sheets, join parts.

    Nothing is done to a model that is a closed solid already. Filled holes take the look of their
    rims. Voids whose walls are too thin to print are filled. The last step, manifold3d (E. Lalish,
    2023), proves that what it returns is solid.

    Args:
        meshes: At least one, in metres.

    Returns:
        The model as far as it could be repaired; check `solid`.
    """
    surface = _Surface(meshes)
    surface.weld_near()
    surface.drop_useless()
    surface.open_sheets()
    surface.turn()
    surface.close()
    surface.turn_outward()
    surface.fill_voids()
    surface.fill_pierced()
    surface.join()
    surface.compare()
    return Repaired(meshes=surface.meshes(), solid=surface.solid, steps=surface.steps)


class _Surface:
    """All meshes as one table of vertices, with the place of each and the mesh of each face."""

    def __init__(self, meshes: Sequence[Mesh]) -> None:
        self._given = meshes
        self._layout = _layout(meshes)
        welded = weld(meshes)
        self._table = np.concatenate([_row(mesh, self._layout) for mesh in meshes])
        self._place = welded.place
        self._corners = np.concatenate(
            [
                mesh.faces.astype(np.int64) + at
                for mesh, at in zip(meshes, welded.offsets, strict=False)
            ]
        )
        self._owner = np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes])
        self._first_id = manifold3d.Manifold.reserve_ids(len(meshes))
        self._bounds = self._box()
        self.steps: list[str] = []
        self.solid = False

    @property
    def _faces(self) -> NDArray[np.int64]:
        faces: NDArray[np.int64] = self._place[self._corners]
        return faces

    def _keep(self, which: NDArray[np.bool_]) -> None:
        self._corners, self._owner = self._corners[which], self._owner[which]

    def weld_near(self) -> None:
        """Join corners that rounding has torn apart, if there are open edges at all."""
        if not edge_facts(_proper(self._faces)).open:
            return
        positions = self._table[:, :3]
        size = float(np.ptp(positions, axis=0).max())
        cells = np.round((positions - positions.min(axis=0)) / max(size * _NEAR, 1e-30))
        rows = cells.astype(np.int64)
        keys = (rows[:, 0] << 42) | (rows[:, 1] << 21) | rows[:, 2]
        _, first, place = np.unique(keys, return_index=True, return_inverse=True)
        before = int(self._place.max()) + 1
        self._place = place
        self._table[:, :3] = positions[first][place]
        if len(first) < before:
            self.steps.append(f"{before - len(first):,} corners were welded to their neighbours")

    def drop_useless(self) -> None:
        """Drop faces without area by their corners, and all but one of equal ones."""
        faces = self._faces
        a, b, c = faces.T
        proper = (a != b) & (b != c) & (c != a)
        _, first, number = np.unique(
            np.sort(faces, axis=1), axis=0, return_index=True, return_inverse=True
        )
        single = np.zeros(len(faces), bool)
        single[first] = True
        if not single[proper].all():
            # Where solids touch, both faces between them are inside.
            lone = (np.bincount(number.ravel())[number.ravel()] == 1) & proper
            # A sheet with a back has no other faces, and is kept.
            parts = islands(faces)
            lone |= single & proper & (np.bincount(parts, lone) == 0)[parts]
            if _faults(faces[lone]) < _faults(faces[proper & single]):
                single = lone
            self.steps.append(f"{int((proper & ~single).sum()):,} doubled faces were removed")
        self._keep(proper & single)

    def open_sheets(self) -> None:
        """Drop the backs of flat parts without thickness, which are sheets then."""
        faces = self._faces
        if not len(faces):
            return
        positions = self._place_positions()
        parts = find_parts(positions, faces)
        size = np.linalg.norm(parts.high - parts.low, axis=1)
        flat = (parts.thicknesses < size * _NEAR)[parts.numbers]
        a, b, c = positions.astype(np.float64)[faces].swapaxes(0, 1)
        crosses = np.cross(b - a, c - a)
        # Each part's largest face says which side is its front.
        order = np.argsort(np.linalg.norm(crosses, axis=1), kind="stable")
        front = np.zeros((len(parts.volumes), 3))
        front[parts.numbers[order]] = crosses[order]
        toward = np.einsum("ij,ij->i", crosses, front[parts.numbers])
        back = flat & (toward <= 0)
        balanced = np.bincount(parts.numbers, toward) / np.maximum(
            np.bincount(parts.numbers, np.abs(toward)), 1e-300
        )
        self._keep(~(back & (np.abs(balanced) < _NEAR * 100)[parts.numbers]))

    def turn(self) -> None:
        """Turn faces to the side their neighbours look to."""
        faces = self._faces
        if not len(faces) or not edge_facts(faces).flipped or len(faces) > _MOST_FACES_TURNED:
            return
        fixed = turn_consistently(faces)
        turned = (fixed != faces).any(axis=1)
        self._corners[turned] = self._corners[turned][:, ::-1]
        fewer = min(int(turned.sum()), len(faces) - int(turned.sum()))
        self.steps.append(f"about {fewer:,} faces were turned to the side their neighbours face")

    def close(self) -> None:
        """Fill holes, and thicken what is no shell with a hole but a sheet."""
        faces = self._faces
        if not len(faces):
            return
        before = len(faces)
        corners, owner = self._corners, self._owner
        filled = self._filled()
        if not filled:
            return
        sheets = self._sheets(before)
        if sheets.any():
            self._corners, self._owner = corners, owner
            self._thicken(islands(self._faces)[:before], sheets)
            filled = self._filled()
        if filled:
            self.steps.append(f"{filled:,} {'hole was' if filled == 1 else 'holes were'} filled")

    def _filled(self) -> int:
        """Close every hole with triangles between the corners of its rim; return how many."""
        faces = self._faces
        vertex_at = np.zeros(int(self._place.max()) + 1, np.int64)
        vertex_at[faces.ravel()] = self._corners.ravel()
        owner_at = np.zeros(len(vertex_at), np.int64)
        owner_at[faces] = self._owner[:, None]
        made, owners = [self._corners], [self._owner]
        for loop in _loops(*open_half_edges(faces)):
            rim = vertex_at[loop]
            triangles = _triangulate(self._table[rim, :3])
            made.append(rim[triangles])
            owners.append(np.full(len(triangles), owner_at[loop[0]]))
        self._corners, self._owner = np.concatenate(made), np.concatenate(owners)
        return len(made) - 1

    def _sheets(self, before: int) -> NDArray[np.bool_]:
        """
        Tell which parts are sheets: filled, they are hardly more than the fill.

        Args:
            before: How many faces there were; those after them fill holes.
        """
        faces, positions = self._faces, self._place_positions()
        parts = find_parts(positions, faces)
        fill = face_areas(positions, faces)
        fill[:before] = 0
        fill_share = np.bincount(parts.numbers, fill) / np.maximum(parts.areas, 1e-300)
        thin = parts.thicknesses < _SHEET_MM / _MM
        crowded = np.bincount(parts.numbers, crowded_faces(faces)) > 0
        sheets = (fill_share > _MOSTLY_HOLE) & (thin | crowded)
        # A model of nothing but sheets has no thickness that could be meant.
        return sheets if not sheets.all() else np.zeros(len(sheets), bool)

    def _thicken(self, numbers: NDArray[np.int64], sheets: NDArray[np.bool_]) -> None:
        """Give sheets a back and sides, so that each lies in the middle of its thickness."""
        chosen = sheets[numbers]
        corners, owner = self._corners[chosen], self._owner[chosen]
        faces = self._place[corners]
        starts, ends = open_half_edges(faces)
        vertex_at = np.zeros(int(self._place.max()) + 1, np.int64)
        vertex_at[faces.ravel()] = corners.ravel()
        owner_at = np.zeros(len(vertex_at), np.int64)
        owner_at[faces] = owner[:, None]
        aside = self._mitres(faces) * (_SHEET_MM / _MM / 2)
        used, back = np.unique(corners, return_inverse=True)
        back = back.reshape(-1, 3)
        rows, offset = self._table[used].copy(), aside[self._place[used]]
        rows[:, :3] -= offset
        if self._layout.normals:
            rows[:, self._layout.normals : self._layout.normals + 3] *= -1
        self._table[used, :3] += offset
        first, place = len(self._table), int(self._place.max()) + 1
        back_of = np.zeros(first, np.int64)
        back_of[used] = first + np.arange(len(used))
        self._table = np.concatenate([self._table, rows.astype(np.float32)])
        self._place = np.concatenate([self._place, place + self._place[used]])
        one, other = vertex_at[starts], vertex_at[ends]
        sides = np.concatenate(
            [
                np.stack([other, one, back_of[one]], axis=1),
                np.stack([other, back_of[one], back_of[other]], axis=1),
            ]
        )
        behind = first + back[:, ::-1]
        self._corners = np.concatenate([self._corners, behind, sides])
        self._owner = np.concatenate([self._owner, owner, owner_at[starts], owner_at[starts]])
        count = int(sheets.sum())
        what = "sheet was" if count == 1 else "sheets were"
        self.steps.append(f"{count:,} {what} thickened to {_SHEET_MM:g} mm")

    def _mitres(self, faces: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return for each place the way to the surface that lies at a distance of one."""
        positions = self._place_positions().astype(np.float64)
        a, b, c = positions[faces].swapaxes(0, 1)
        crosses = np.cross(b - a, c - a)
        normals = crosses / np.maximum(np.linalg.norm(crosses, axis=1, keepdims=True), 1e-300)
        found, reach = np.zeros_like(positions), np.zeros(len(positions))
        for corner in faces.T:
            np.add.at(found, corner, crosses)
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-300)
        count = np.bincount(faces.ravel(), minlength=len(positions))
        for corner in faces.T:
            np.add.at(reach, corner, np.einsum("ij,ij->i", found[corner], normals))
        mean = reach / np.maximum(count, 1)
        return np.asarray(found / np.clip(mean, 0.5, 1)[:, None])

    def turn_outward(self) -> None:
        """Turn parts whose inside looks out, unless they are voids of others."""
        faces = self._faces
        if not len(faces) or edge_facts(faces).open:
            return
        positions = self._place_positions()
        parts = find_parts(positions, faces)
        wrong = nest(positions, faces, parts).wrong
        if wrong.any():
            self._corners = turn_faces(self._corners, wrong[parts.numbers])
            count = int(wrong.sum())
            what = "inside-out part was" if count == 1 else "inside-out parts were"
            self.steps.append(f"{count:,} {what} turned")

    def fill_voids(self) -> None:
        """Fill the voids of parts whose walls are mostly too thin to print."""
        faces = self._faces
        if not len(faces) or not edge_facts(faces).closed:
            return
        positions = self._place_positions()
        parts = find_parts(positions, faces)
        nesting = nest(positions, faces, parts)
        gone = np.zeros(len(parts.volumes), bool)
        for host in np.unique(nesting.host[nesting.voids])[:_MOST_SHELLS].tolist():
            voids = nesting.voids & (nesting.host == host)
            which = np.flatnonzero((voids | (np.arange(len(voids)) == host))[parts.numbers])
            shell = self._solid(which)
            if shell.status() != manifold3d.Error.NoError:
                continue
            own = faces[which]
            thickness = measure_thickness(
                shell, positions, own, parts=find_parts(positions, own), least_mm=PRINTER_MIN_MM
            )
            if thickness.thin_share > _SHELL_THIN:
                gone |= voids
                full = float(parts.volumes[host])
                before = float(parts.volumes[voids].sum()) + full
                self.steps.append(_hollow_filled(thickness.wall_mm, before, full))
        self._keep(~gone[parts.numbers])

    def fill_pierced(self) -> None:
        """Fill a thin shell whose void is open to the outside through pinholes."""
        faces = self._faces
        if not len(faces) or not edge_facts(faces).closed or islands(faces).max():
            return
        positions = self._place_positions()
        shell = self._solid(np.arange(len(faces)))
        if shell.status() != manifold3d.Error.NoError:
            return
        thickness = measure_thickness(
            shell, positions, faces, parts=find_parts(positions, faces), least_mm=PRINTER_MIN_MM
        )
        if thickness.thin_share <= _SHELL_THIN or thickness.facing_share <= SHELL_FACING:
            return
        outer = outer_skin(shell, positions, faces)
        if outer is None or not _is_skin(positions, faces, outer):
            return
        corners, owner = self._corners, self._owner
        before = float(signed_volumes(positions, faces, np.zeros(len(faces), np.int64))[0])
        self._keep(outer)
        kept = len(self._corners)
        self._filled()
        closed = self._faces
        lids = face_areas(positions, closed)[kept:].sum()
        sound = edge_facts(closed).closed and islands(closed).max() == 0
        if not sound or lids > _PINHOLES * face_areas(positions, faces[outer]).sum():
            self._corners, self._owner = corners, owner
            return
        after = float(signed_volumes(positions, closed, np.zeros(len(closed), np.int64))[0])
        self.steps.append(_hollow_filled(thickness.wall_mm, before, after))

    def join(self) -> None:
        """Have manifold3d prove the solid, and unite its parts where they overlap."""
        faces = self._faces
        if not len(faces) or not edge_facts(faces).closed:
            return
        positions = self._place_positions()
        parts = find_parts(positions, faces)
        united = unite(parts, nest(positions, faces, parts), self._solid)
        if united is None:
            return
        if united.overlapping:
            apart = float(parts.volumes.sum()) * _MM**3
            self.steps.append(
                f"{united.overlapping:,} overlapping parts were united: together they have "
                f"{united.volume * _MM**3:,.0f} mm³, each for itself {apart:,.0f} mm³"
            )
            self._take(united.solid.to_mesh())
        self.solid = united.solid.volume() > 0

    def compare(self) -> None:
        """Refuse what has another size than the model had."""
        if not self.solid:
            return
        (low, high), (now_low, now_high) = self._bounds, self._box()
        size = float(np.linalg.norm(high - low))
        strayed = max(float(np.abs(now_low - low).max()), float(np.abs(now_high - high).max()))
        if strayed > size * _MOST_RESIZED:
            self.solid = False
            self.steps.append(
                f"its size would change from {_sides(high - low)} to {_sides(now_high - now_low)}"
            )

    def _box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        used = self._table[np.unique(self._corners), :3].astype(np.float64)
        if not len(used):
            return np.zeros(3), np.zeros(3)
        return used.min(axis=0), used.max(axis=0)

    def meshes(self) -> Sequence[Mesh]:
        """Return the surface as meshes again."""
        found = []
        for index, mesh in enumerate(self._given):
            used, corners = np.unique(self._corners[self._owner == index], return_inverse=True)
            if len(used):
                found.append(_mesh_of(mesh, self._table[used], corners, self._layout))
        return found

    def _place_positions(self) -> NDArray[np.float32]:
        positions = np.zeros((int(self._place.max()) + 1, 3), np.float32)
        positions[self._place] = self._table[:, :3]
        return positions

    def _solid(self, which: NDArray[np.int64]) -> manifold3d.Manifold:
        """Make a solid of the faces with the numbers *which*."""
        which = which[np.argsort(self._owner[which], kind="stable")]
        counts = np.bincount(self._owner[which], minlength=len(self._given))
        used, corners = np.unique(self._corners[which], return_inverse=True)
        _, first, place = np.unique(self._place[used], return_index=True, return_inverse=True)
        merged = first[place]
        doubled = np.flatnonzero(merged != np.arange(len(used)))
        mesh = manifold3d.Mesh(
            np.ascontiguousarray(self._table[used], np.float32),
            np.ascontiguousarray(corners.reshape(-1, 3), np.uint32),
            merge_from_vert=doubled.astype(np.uint32),
            merge_to_vert=merged[doubled].astype(np.uint32),
            run_index=np.r_[0, np.cumsum(counts) * 3].astype(np.uint32),
            run_original_id=np.arange(
                self._first_id, self._first_id + len(self._given), dtype=np.uint32
            ),
        )
        return manifold3d.Manifold(mesh)

    def _take(self, made: manifold3d.Mesh) -> None:
        self._table = np.array(made.vert_properties, np.float32)
        self._corners = np.array(made.tri_verts, np.int64)
        ends = np.array(made.run_index, np.int64)
        runs = (ends[1:] - ends[:-1]) // 3
        self._owner = np.repeat(np.array(made.run_original_id, np.int64) - self._first_id, runs)
        self._place = np.arange(len(self._table))
        self._place[np.array(made.merge_from_vert, np.int64)] = np.array(
            made.merge_to_vert, np.int64
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where in a row of the table which attribute stands; 0: no mesh has it."""

    normals: int
    uvs: int
    colors: int
    width: int


def _layout(meshes: Sequence[Mesh]) -> _Layout:
    at, starts = 3, []
    for name, width in (("normals", 3), ("uvs", 2), ("colors", 4)):
        has = any(getattr(mesh, name) is not None for mesh in meshes)
        starts.append(at if has else 0)
        at += width if has else 0
    return _Layout(normals=starts[0], uvs=starts[1], colors=starts[2], width=at)


def _row(mesh: Mesh, layout: _Layout) -> NDArray[np.float32]:
    table = np.zeros((len(mesh.positions), layout.width), np.float32)
    # Adding zero makes −0.0 the same place as 0.0.
    table[:, :3] = mesh.positions + np.float32(0)
    if mesh.normals is not None:
        table[:, layout.normals : layout.normals + 3] = mesh.normals
    if mesh.uvs is not None:
        table[:, layout.uvs : layout.uvs + 2] = mesh.uvs
    if mesh.colors is not None:
        table[:, layout.colors : layout.colors + 4] = mesh.colors
    return table


def _mesh_of(
    mesh: Mesh, table: NDArray[np.float32], corners: NDArray[np.int64], layout: _Layout
) -> Mesh:
    normals = None
    if mesh.normals is not None:
        normals = table[:, layout.normals : layout.normals + 3]
        size = np.linalg.norm(normals, axis=1, keepdims=True)
        up = np.array([0, 1, 0], np.float32)
        normals = np.where(size > 1e-6, normals / np.maximum(size, 1e-6), up).astype(np.float32)
    colors = None
    if mesh.colors is not None:
        colors = np.clip(np.rint(table[:, layout.colors : layout.colors + 4]), 0, 255)
    return replace(
        mesh,
        positions=np.ascontiguousarray(table[:, :3]),
        faces=corners.reshape(-1, 3).astype(np.uint32),
        normals=normals,
        uvs=None if mesh.uvs is None else table[:, layout.uvs : layout.uvs + 2].copy(),
        colors=None if colors is None else colors.astype(np.uint8),
    )


def _sides(size: NDArray[np.float64]) -> str:
    width, height, depth = size * _MM
    return f"{width:.4g} × {height:.4g} × {depth:.4g} mm"


def _hollow_filled(wall_mm: float, before: float, after: float) -> str:
    return (
        f"a hollow with a wall of {wall_mm:.2g} mm was filled: its volume grew from "
        f"{before * _MM**3:,.0f} to {after * _MM**3:,.0f} mm³"
    )


def _is_skin(
    positions: NDArray[np.float32], faces: NDArray[np.int64], outer: NDArray[np.bool_]
) -> bool:
    """Tell whether the faces *outer* reach as far as all do."""
    all_places, kept = positions[faces].reshape(-1, 3), positions[faces[outer]].reshape(-1, 3)
    return bool(
        len(kept)
        and (kept.min(axis=0) == all_places.min(axis=0)).all()
        and (kept.max(axis=0) == all_places.max(axis=0)).all()
    )


def _faults(faces: NDArray[np.int64]) -> int:
    facts = edge_facts(faces)
    return facts.open + facts.crowded if len(faces) else facts.edges + 1


def _proper(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    a, b, c = faces.T
    found: NDArray[np.int64] = faces[(a != b) & (b != c) & (c != a)]
    return found


def _loops(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the rims of holes, each as its places in the order that new faces run along."""
    after: dict[int, list[int]] = {}
    # A new face runs along an open half edge the other way.
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        after.setdefault(end, []).append(start)
    while after:
        first = next(iter(after))
        path, seen = [first], {first: 0}
        while True:
            following = after.get(path[-1])
            if not following:
                # A dead end: the rim is torn, which nothing here can close.
                after.pop(path[-1], None)
                break
            place = following.pop()
            if not following:
                del after[path[-1]]
            if place in seen:
                loop = path[seen[place] :]
                if len(loop) >= 3:
                    yield np.array(loop)
                for gone in loop[1:]:
                    del seen[gone]
                path = path[: seen[place] + 1]
                if place == first and not after.get(place):
                    break
                continue
            seen[place] = len(path)
            path.append(place)


def _triangulate(rim: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return triangles between the corners of *rim*, in its direction."""
    if len(rim) == 3:
        return np.array([[0, 1, 2]])
    points = rim.astype(np.float64) - rim.mean(axis=0)
    # M. Newell's normal: the best plane of a rim that lies in none.
    normal = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
    size = np.linalg.norm(normal)
    fan = np.stack([np.zeros(len(rim) - 2), np.arange(1, len(rim) - 1), np.arange(2, len(rim))], 1)
    if size < 1e-30:
        return fan.astype(np.int64)
    normal /= size
    aside = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    aside /= np.linalg.norm(aside)
    flat = np.stack([points @ aside, points @ np.cross(normal, aside)], axis=1)
    ends = np.array([len(rim)], np.uint32)
    triangles = mapbox_earcut.triangulate_float64(flat, ends).reshape(-1, 3).astype(np.int64)
    if len(triangles) != len(rim) - 2:
        return fan.astype(np.int64)
    a, b, c = flat[triangles].swapaxes(0, 1)
    ab, ac = b - a, c - a
    doubled = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    if doubled.sum() < 0:
        triangles = triangles[:, ::-1]
    return triangles
