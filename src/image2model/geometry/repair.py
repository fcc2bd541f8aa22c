"""Make a closed solid of a model that is not one, for printing, and keep its textures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import manifold3d
import mapbox_earcut
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.edges import (
    edge_facts,
    islands,
    open_half_edges,
    signed_volumes,
    turn_consistently,
)
from image2model.geometry.mesh import Mesh
from image2model.geometry.welding import weld

_NEAR = 1e-5
"""Corners closer than this share of the model's size are one."""

_MOST_FACES_TURNED = 600_000
_MOST_ISLANDS_JOINED = 200


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
    Weld, drop what is no face, turn faces to one side, fill holes, join what overlaps.

    Nothing is done to a model that is a closed solid already. Filled holes take the look of their
    rims. The last step, manifold3d (E. Lalish, 2023), proves that what it returns is solid.

    Args:
        meshes: At least one, in metres.

    Returns:
        The model as far as it could be repaired; check `solid`.
    """
    surface = _Surface(meshes)
    surface.weld_near()
    surface.drop_useless()
    surface.turn()
    surface.fill()
    surface.turn_outward()
    surface.join()
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
        _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
        single = np.zeros(len(faces), bool)
        single[first] = True
        if not single[proper].all():
            self.steps.append(f"{int((proper & ~single).sum()):,} doubled faces were removed")
        self._keep(proper & single)

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

    def fill(self) -> None:
        """Close every hole with triangles between the corners of its rim."""
        faces = self._faces
        if not len(faces):
            return
        vertex_at = np.zeros(int(self._place.max()) + 1, np.int64)
        vertex_at[faces.ravel()] = self._corners.ravel()
        owner_at = np.zeros(len(vertex_at), np.int64)
        owner_at[faces] = self._owner[:, None]
        filled = 0
        for loop in _loops(*open_half_edges(faces)):
            rim = vertex_at[loop]
            triangles = _triangulate(self._table[rim, :3])
            self._corners = np.concatenate([self._corners, rim[triangles]])
            self._owner = np.r_[self._owner, np.full(len(triangles), owner_at[loop[0]])]
            filled += 1
        if filled:
            self.steps.append(f"{filled:,} {'hole was' if filled == 1 else 'holes were'} filled")

    def turn_outward(self) -> None:
        """Turn parts whose inside looks out, unless they are hollows of others."""
        faces = self._faces
        if not len(faces) or edge_facts(faces).open:
            return
        numbers = islands(faces)
        volumes = signed_volumes(self._place_positions(), faces, numbers)
        if volumes.sum() < 0:
            wrong = np.ones(len(volumes), bool) if (volumes <= 0).all() else volumes < 0
            chosen = wrong[numbers]
            self._corners[chosen] = self._corners[chosen][:, ::-1]
            self.steps.append(f"{int(wrong.sum()):,} inside-out parts were turned")

    def join(self) -> None:
        """Have manifold3d prove the solid, and unite its parts where they overlap."""
        faces = self._faces
        if not len(faces):
            return
        whole = manifold3d.Manifold(self._manifold_mesh())
        if whole.status() != manifold3d.Error.NoError:
            return
        parts = whole.decompose()
        if 1 < len(parts) <= _MOST_ISLANDS_JOINED:
            joined = manifold3d.Manifold.batch_boolean(parts, manifold3d.OpType.Add)
            hollow = any(part.volume() < 0 for part in parts)
            if not hollow and joined.volume() < whole.volume() * (1 - 1e-6):
                self.steps.append(f"{len(parts):,} overlapping parts were united")
                whole = joined
                self._take(whole.to_mesh())
        self.solid = whole.status() == manifold3d.Error.NoError and whole.volume() > 0

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

    def _manifold_mesh(self) -> manifold3d.Mesh:
        order = np.argsort(self._owner, kind="stable")
        self._corners, self._owner = self._corners[order], self._owner[order]
        counts = np.bincount(self._owner, minlength=len(self._given))
        first_of_place = np.zeros(int(self._place.max()) + 1, np.int64)
        first_of_place[self._place[::-1]] = np.arange(len(self._place))[::-1]
        doubled = np.flatnonzero(first_of_place[self._place] != np.arange(len(self._place)))
        self._first_id = manifold3d.Manifold.reserve_ids(len(self._given))
        return manifold3d.Mesh(
            np.ascontiguousarray(self._table, np.float32),
            np.ascontiguousarray(self._corners, np.uint32),
            merge_from_vert=doubled.astype(np.uint32),
            merge_to_vert=first_of_place[self._place[doubled]].astype(np.uint32),
            run_index=np.r_[0, np.cumsum(counts) * 3].astype(np.uint32),
            run_original_id=np.arange(
                self._first_id, self._first_id + len(self._given), dtype=np.uint32
            ),
        )

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
