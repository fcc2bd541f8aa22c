"""All meshes of a model as one table of vertices, to work on and to make meshes of again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.simplification.corner_normals import CornerNormals
from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.mesh.welding import first_of_each, place_keys, row_keys, weld

Indices = NDArray[np.int64]

_NORMALS = "normals"
_NOT_PER_VERTEX = frozenset({"faces", "positions"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VertexTable:
    """
    Vertices that differ in something else than their normals, and faces of them.

    Attributes:
        given: The meshes that it was made of.
        faces: Shape (f, 3), indices of vertices.
        positions: float32, shape (n, 3).
        values: All else that vertices carry, each kind in columns of its own; float32, (n, k).
        columns: Which columns of *values* hold what, by the name of the mesh's attribute.
        place: For each vertex the number of its place; seams have several at one place.
        mesh: For each vertex the number of its mesh.
        origin: For each vertex the number it had first; copies have that of what they copy.
        normals: How the meshes were shaded.
    """

    given: Sequence[Mesh]
    faces: Indices
    positions: NDArray[np.float32]
    values: NDArray[np.float32]
    columns: Mapping[str, slice]
    place: Indices
    mesh: Indices
    origin: Indices
    normals: CornerNormals

    @classmethod
    def of(cls, meshes: Sequence[Mesh]) -> "VertexTable":
        """Join the vertices of *meshes* that are the same but for their normals."""
        columns = _layout(meshes)
        table = np.concatenate([_values(mesh, columns) for mesh in meshes])
        # What is closed by its indices has nothing to join, and must not be joined elsewhere.
        apart = np.concatenate([_told_apart(mesh, at) for at, mesh in enumerate(meshes)])
        own = [part for name, part in columns.items() if name != _NORMALS]
        rest = [table[:, part] for part in own]
        welded = weld(meshes, also=np.concatenate([apart.view(np.float32), *rest], axis=1))
        corners = np.concatenate(
            [
                mesh.faces.astype(np.int64) + at
                for mesh, at in zip(meshes, welded.offsets, strict=False)
            ]
        )
        # Vertices that no face uses must not look like the other side of a seam.
        used, faces = np.unique(welded.place[corners], return_inverse=True)
        faces = faces.reshape(-1, 3)
        kept = _are_faces(faces)
        first = welded.first[used]
        positions = np.concatenate([mesh.positions for mesh in meshes])[first]
        _, place = first_of_each(place_keys(positions))
        closed = (apart[:, 1] != 0)[first]
        kept &= _are_faces(place[faces]) | closed[faces[:, 0]]
        shaded = np.concatenate([_normals(mesh) for mesh in meshes])
        mesh = np.searchsorted(welded.offsets, first, side="right") - 1
        normals = CornerNormals(faces[kept], mesh, shaded[corners[kept]], positions)
        values = table[first]
        if _NORMALS in columns:
            values[:, columns[_NORMALS]] = normals.of_vertices
        return cls(
            given=meshes,
            faces=faces[kept],
            positions=positions,
            values=values,
            columns=columns,
            place=place,
            mesh=mesh,
            origin=np.arange(len(first)),
            normals=normals,
        )

    def on_borders(self) -> NDArray[np.bool_]:
        """Tell for each vertex whether several meshes meet at its place."""
        least = np.full(self.place.max(initial=-1) + 1, len(self.given))
        most = np.zeros(len(least), np.int64)
        np.minimum.at(least, self.place, self.mesh)
        np.maximum.at(most, self.place, self.mesh)
        return np.asarray((least != most)[self.place])

    def meshes(self) -> Sequence[Mesh]:
        """Make meshes of what is there now; those without a face are left out."""
        owner = self.mesh[self.faces[:, 0]]
        own = [self.faces[owner == number] for number in range(len(self.given))]
        return [
            self._mesh(mesh, faces)
            for mesh, faces in zip(self.given, own, strict=True)
            if len(faces)
        ]

    def _mesh(self, given: Mesh, faces: Indices) -> Mesh:
        corners, normals = faces.ravel(), None
        if given.normals is None:
            used, indices = np.unique(corners, return_inverse=True)
        else:
            shaded = self.normals.of_corners(
                faces, self.origin, self.positions, self.values[:, self.columns[_NORMALS]]
            )
            at, indices = first_of_each(row_keys(np.column_stack([corners, shaded])))
            used, normals = corners[at], shaded[at]
        changed: dict[str, Any] = {
            name: _as(getattr(given, name), self.values[used, part])
            for name, part in self.columns.items()
            if name != _NORMALS and getattr(given, name) is not None
        }
        return replace(
            given,
            positions=self.positions[used],
            faces=indices.reshape(-1, 3).astype(np.uint32),
            normals=normals,
            **changed,
        )


def _layout(meshes: Sequence[Mesh]) -> Mapping[str, slice]:
    """Give all that any of *meshes* carries per vertex columns of its own."""
    found: dict[str, slice] = {}
    at = 0
    for field in fields(Mesh):
        values = [getattr(mesh, field.name) for mesh in meshes]
        widths = [value.shape[1] for value in values if isinstance(value, np.ndarray)]
        if widths and field.name not in _NOT_PER_VERTEX:
            found[field.name] = slice(at, at + max(widths))
            at += max(widths)
    return found


def _values(mesh: Mesh, columns: Mapping[str, slice]) -> NDArray[np.float32]:
    width = max((part.stop for part in columns.values()), default=0)
    table = np.zeros((len(mesh.positions), width), np.float32)
    for name, part in columns.items():
        values = getattr(mesh, name)
        if values is not None:
            # Zero is always positive, so that it is always the same.
            table[:, part.start : part.start + values.shape[1]] = _as_floats(values) + 0
    return table


def _told_apart(mesh: Mesh, number: int) -> NDArray[np.uint32]:
    """Return two numbers per vertex that keep it from being joined with what it must not be."""
    apart = np.zeros((len(mesh.positions), 2), np.uint32)
    apart[:, 0] = number
    if is_watertight(mesh.faces):
        apart[:, 1] = np.arange(1, len(apart) + 1)
    return apart


def _are_faces(faces: Indices) -> NDArray[np.bool_]:
    a, b, c = faces.T
    return np.asarray((a != b) & (b != c) & (c != a))


def _normals(mesh: Mesh) -> NDArray[np.float32]:
    return np.zeros_like(mesh.positions) if mesh.normals is None else mesh.normals


def _as_floats(values: NDArray[Any]) -> NDArray[np.float32]:
    """Bring bytes to 0.0-1.0; all else stays as it is."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) / np.float32(255)
    return values.astype(np.float32, copy=False)


def _as(given: NDArray[Any], values: NDArray[np.float32]) -> NDArray[Any]:
    """Undo `_as_floats` for what is to be like *given*."""
    values = values[:, : given.shape[1]]
    if given.dtype == np.uint8:
        return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return values.astype(given.dtype)
