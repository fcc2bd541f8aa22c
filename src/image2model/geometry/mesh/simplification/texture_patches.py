"""Keep each face on one patch of the texture after edges have collapsed across its seams."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.edges import islands
from image2model.geometry.mesh.simplification.vertex_table import Indices, VertexTable

_TEXTURE_COORDINATES = "uvs"
_ROUNDS = 2
_MOST_DISTANCES = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patches:
    """
    The parts of a surface that hang together on the texture, and within one mesh.

    Attributes:
        of_vertex: For each vertex the number of its patch.
        inner: For each vertex whether it lies on no seam.
    """

    of_vertex: Indices
    inner: NDArray[np.bool_]

    @classmethod
    def of(cls, table: VertexTable) -> "Patches":
        """Find the patches of *table*, before anything collapses."""
        of_vertex = np.zeros(len(table.positions), np.int64)
        of_vertex[table.faces] = islands(table.faces)[:, None]
        return cls(of_vertex=of_vertex, inner=np.bincount(table.place)[table.place] == 1)


def mend_faces(table: VertexTable, patches: Patches) -> VertexTable:
    """
    Give every face of *table* corners that belong together on the texture.

    Where an edge collapsed across a seam, a face may have got the corner of another patch, or that
    of its own on the other side of the seam: its texture would be a smear. It gets the corner at
    the same place that is right, or where there is none a new one, which carries what the nearest
    vertex of the patch does.

    Args:
        table: After the collapse; vertices have not changed their numbers.
        patches: Those of the table before it.

    Returns:
        The table, with more vertices where some were missing.
    """
    finder = _Corners(table, patches)
    patch = finder.patch_of_faces()
    faces = table.faces.copy()
    missing = finder.choose(faces, patch)
    return _with_vertices(replace(table, faces=faces), patches, patch, missing)


class _Corners:
    """Finds vertices by place and patch."""

    def __init__(self, table: VertexTable, patches: Patches) -> None:
        self._table = table
        self._patches = patches
        self._count = int(patches.of_vertex.max(initial=0)) + 1
        keys = table.place * self._count + patches.of_vertex
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        self._uvs = table.values[:, table.columns.get(_TEXTURE_COORDINATES, slice(0, 0))]

    def patch_of_faces(self) -> Indices:
        """Tell the patch of each face: that of a corner on no seam, else that of most corners."""
        faces, patches = self._table.faces, self._patches
        a, b, c = patches.of_vertex[faces].T
        found: Indices = np.where(b == c, b, a)
        for corner in range(3):
            inner = patches.inner[faces[:, corner]]
            found[inner] = patches.of_vertex[faces[inner, corner]]
        return found

    def choose(self, faces: Indices, patch: Indices) -> Indices:
        """Set the corners of *faces*; return which of them, counted flat, there are none for."""
        wanted = self._table.place[faces] * self._count + patch[:, None]
        start = np.searchsorted(self._keys, wanted)
        count = np.searchsorted(self._keys, wanted, side="right") - start
        one = count == 1
        faces[one] = self._order[start[one]]
        for _ in range(_ROUNDS):
            for corner in range(3):
                self._choose_corner(faces, corner, start[:, corner], count[:, corner])
        return np.flatnonzero(count.ravel() == 0)

    def _choose_corner(self, faces: Indices, corner: int, start: Indices, count: Indices) -> None:
        """Take of several corners at one place the one that is nearest on the texture."""
        rows = np.flatnonzero(count > 1)
        others = self._uvs[faces[rows][:, [(corner + 1) % 3, (corner + 2) % 3]]]
        least = np.full(len(rows), np.inf)
        for step in range(int(count.max(initial=0))):
            at = np.flatnonzero(count[rows] > step)
            candidate = self._order[start[rows[at]] + step]
            away = others[at] - self._uvs[candidate][:, None]
            distance = np.hypot.reduce(away, axis=2).sum(axis=1)
            # Where it makes no difference the corner stays as it is.
            distance -= 1e-6 * (candidate == faces[rows[at], corner])
            better = distance < least[at]
            faces[rows[at[better]], corner] = candidate[better]
            least[at[better]] = distance[better]


def _with_vertices(
    table: VertexTable, patches: Patches, patch: Indices, missing: Indices
) -> VertexTable:
    """Add a vertex for each of the corners *missing*."""
    if not len(missing):
        return table
    old = table.faces.ravel()[missing]
    keys = np.stack([old, patch[missing // 3]], axis=1)
    keys, corner_of = np.unique(keys, axis=0, return_inverse=True)
    source, model = keys[:, 0], np.zeros(len(keys), np.int64)
    for number in np.unique(keys[:, 1]):
        rows = np.flatnonzero(keys[:, 1] == number)
        known = np.flatnonzero(patches.of_vertex == number)
        model[rows] = known[_nearest(table.positions[source[rows]], table.positions[known])]
    faces = table.faces.copy()
    faces.reshape(-1)[missing] = len(table.positions) + corner_of.ravel()
    return replace(
        table,
        faces=faces,
        positions=np.concatenate([table.positions, table.positions[source]]),
        values=np.concatenate([table.values, table.values[model]]),
        place=np.concatenate([table.place, table.place[source]]),
        mesh=np.concatenate([table.mesh, table.mesh[model]]),
        origin=np.concatenate([table.origin, table.origin[source]]),
    )


def _nearest(points: NDArray[np.float32], known: NDArray[np.float32]) -> Indices:
    """Return for each of *points* the nearest of *known*."""
    found = np.zeros(len(points), np.int64)
    step = max(1, _MOST_DISTANCES // max(len(known), 1))
    squares = (known * known).sum(axis=1)
    for start in range(0, len(points), step):
        some = points[start : start + step]
        found[start : start + step] = (squares - 2 * some @ known.T).argmin(axis=1)
    return found
