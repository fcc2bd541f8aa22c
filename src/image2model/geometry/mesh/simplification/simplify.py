"""Take faces away from a model where they are missed least, and keep its shape and textures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.edges import islands
from image2model.geometry.mesh.simplification.deviation import deviation
from image2model.geometry.mesh.simplification.texture_patches import Patches, mend_faces
from image2model.geometry.mesh.simplification.touching_edges import part_sheets
from image2model.geometry.mesh.simplification.vertex_table import Indices, VertexTable
from image2model.geometry.mesh.topology import is_watertight
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.meshoptimizer.simplifier import PROTECTED, Collapsed, collapse

_NORMAL_WEIGHT, _UV_WEIGHT, _COLOR_WEIGHT = 1.0, 1.0, 0.5
"""How much a turned normal, a shifted texture or another colour counts against a moved surface;
found by comparing pictures of a textured sphere and of cut-outs before and after."""

_BOLD = 0.15
"""How much of that, where it would cost shape."""

_UNSEEN_ERROR = 0.004
"""Up to this share of the model's size vertices only vanish, and seams stay as they are."""

MOST_DEVIATION = 0.05
"""Of the model's diagonal: what strays farther has lost its shape."""

_LARGEST_ERROR, _LEAST_ERROR, _NEXT_ERROR = 0.5, 1e-5, 0.6
"""Shares of the model's longest side; from round to round, less is allowed."""

_CHECKED_ERROR, _CHECKED_AREA = 0.4, 0.1
"""With smaller errors, as a share of the deviation allowed, and about the same area, the deviation
is not measured: it cannot be large."""

_OWN_ERRORS, _RESCUED_ERROR = (0.1, 0.25), 0.01
"""What parts that would be lost may change, as shares of their own size (the second if that must
be) and of the model's."""

_LOST_SHARE = 0.4
"""A part that keeps less of its surface counts as lost."""

_MOST_ROUNDS = 4
_RESCUE_SHARE = 0.25
"""Of the faces wanted; for so many, parts that would be lost are kept."""

_MISSED_SHARE = 0.03
"""Of the surface; what is larger is kept, even for more faces than wanted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simplified:
    """
    A model with fewer faces.

    Attributes:
        meshes: Those that still have a face.
        parts_lost: How many separate parts are gone.
        lost_share: Their share of the surface, 0.0-1.0.
    """

    meshes: Sequence[Mesh]
    parts_lost: int = 0
    lost_share: float = 0.0


def simplify(
    meshes: Sequence[Mesh], *, faces: int, most_deviation: float = MOST_DEVIATION
) -> Simplified:
    """
    Bring *meshes* down to *faces* triangles in all, or as near as their shape allows.

    Vertices that differ in nothing but their normal are joined first, so unindexed and flat-shaded
    models are simplified like others; flat ones are flat again afterwards. While the error is too
    small to be seen, vertices only vanish and seams collapse along themselves. Beyond that, edges
    collapse across seams, too, and vertices and their texture coordinates move to where the error
    is least. Open borders collapse along themselves, borders between meshes stay closed, and a
    mesh that is closed by its indices stays so.

    Args:
        meshes: At least one; the faces of each shrink by what the whole can spare.
        faces: The most wanted, in all.
        most_deviation: How far the surface may stray, as a share of the model's diagonal.

    Returns:
        The model. More faces than wanted are left where fewer would ruin it: count them.
    """
    if sum(len(mesh.faces) for mesh in meshes) <= faces:
        return Simplified(meshes=meshes)
    table = VertexTable.of(meshes)
    if not len(table.faces):
        # No face has an area: there is no shape to keep or to lose.
        return Simplified(meshes=meshes)
    return _Surface(table, most_deviation=most_deviation).simplified(faces)


class _Surface:
    """All meshes as one, while it is made simpler."""

    def __init__(self, table: VertexTable, *, most_deviation: float) -> None:
        self._table = table
        self._patches = Patches.of(table)
        self._closed = is_watertight(table.place[table.faces])
        self._weights = _weights(table)
        # Borders between meshes stay: what lies on either side must not mix.
        self._marks = np.where(table.on_borders(), PROTECTED, 0).astype(np.uint8)
        self._part = islands(table.place[table.faces])
        self._part_of_vertex = np.zeros(len(table.positions), np.int64)
        self._part_of_vertex[table.faces] = self._part[:, None]
        self._areas = self._areas_of_parts(table)
        size = np.ptp(table.positions[table.faces].reshape(-1, 3), axis=0)
        self._longest = float(size.max())
        self._checked_error = _CHECKED_ERROR * most_deviation
        self._most_deviation = float(np.linalg.norm(size)) * most_deviation

    def simplified(self, wanted: int) -> Simplified:
        """Collapse edges; keep parts that would be lost, or count them."""
        faces = self._table.faces
        kept = dropped = np.zeros(len(self._areas), bool)
        saved = faces[:0]
        made = self._collapsed(faces, wanted)
        for _ in range(_MOST_ROUNDS):
            lost = self._lost(made) & ~kept & ~dropped
            if len(lost) == 1 or not lost.any():
                break
            chosen, saved = self._rescued(lost, kept, room=int(wanted * _RESCUE_SHARE))
            dropped = dropped | ((lost | kept) & ~chosen)
            kept = chosen
            rest = faces[~(kept | dropped)[self._part]]
            made = self._collapsed(rest, max(wanted - len(saved), wanted // 2))
        whole = self._parted(replace(made, faces=np.concatenate([made.faces, saved])))
        return Simplified(
            meshes=whole.meshes(),
            parts_lost=int(dropped.sum()),
            lost_share=self._share(dropped),
        )

    def _rescued(
        self, lost: NDArray[np.bool_], kept: NDArray[np.bool_], *, room: int
    ) -> tuple[NDArray[np.bool_], Indices]:
        """Choose parts to keep, and thin them; those that are not missed only if there is room."""
        for own_error in _OWN_ERRORS:
            small = self._thinned(lost | kept, own_error)
            if len(small) <= room:
                return lost | kept, small
        part = self._part_of_vertex[small[:, 0]]
        largest_first = np.argsort(-self._areas, kind="stable")
        count = np.bincount(part, minlength=len(self._areas))[largest_first]
        chosen = np.zeros(len(lost), bool)
        chosen[largest_first] = (count > 0) & (np.cumsum(count) <= room)
        if self._share((lost | kept) & ~chosen) > _MISSED_SHARE:
            return lost | kept, small
        return chosen, small[chosen[part]]

    def _collapsed(self, faces: Indices, wanted: int) -> VertexTable:
        """Collapse edges, across seams and with moving vertices only if that is needed."""
        if len(faces) <= wanted:
            return replace(self._table, faces=faces)
        for attributes_count in (1.0, _BOLD):
            found = self._collapse(
                faces, wanted, most_error=_UNSEEN_ERROR, attributes_count=attributes_count
            )
            if len(found.faces) <= wanted:
                made = self._changed(found)
                if self._keeps_shape(faces, made, found.error):
                    return made
        most_error = _LARGEST_ERROR
        while most_error > _LEAST_ERROR:
            found = self._collapse(
                faces, wanted, most_error=most_error, attributes_count=_BOLD, boldly=True
            )
            made = self._changed(found)
            if self._keeps_shape(faces, made, found.error):
                return made
            most_error = min(found.error, most_error) * _NEXT_ERROR
        return replace(self._table, faces=faces)

    def _collapse(
        self,
        faces: Indices,
        wanted: int,
        *,
        most_error: float,
        attributes_count: float,
        boldly: bool = False,
    ) -> Collapsed:
        table = self._table
        return collapse(
            faces.astype(np.uint32),
            table.positions,
            table.values,
            weights=self._weights * attributes_count,
            most_faces=wanted,
            most_error=most_error,
            open_seams=boldly,
            move=boldly,
            marks=self._marks if boldly else None,
        )

    def _changed(self, found: Collapsed) -> VertexTable:
        table, faces = self._table, found.faces.astype(np.int64)
        used = np.unique(faces)
        positions, values = table.positions.copy(), table.values.copy()
        # All vertices of a place move with it: those that are not used now may be needed yet.
        place = np.full(len(table.positions), -1)
        place[table.place[used]] = used
        moved = np.flatnonzero(place[table.place] >= 0)
        positions[moved] = found.positions[place[table.place[moved]]]
        inner = used[self._patches.inner[used]]
        values[inner] = found.attributes[inner]
        # On a seam the sides have had their texture coordinates mixed; normals mix well.
        normals = table.columns.get("normals", slice(0, 0))
        values[used, normals] = found.attributes[used, normals]
        made = replace(table, faces=faces, positions=positions, values=values)
        made = mend_faces(made, self._patches)
        return self._parted(made)

    def _parted(self, made: VertexTable) -> VertexTable:
        return part_sheets(made, tiny=_UNSEEN_ERROR * self._longest) if self._closed else made

    def _keeps_shape(self, before: Indices, made: VertexTable, error: float) -> bool:
        parts = np.unique(self._part_of_vertex[before[:, 0]])
        area, areas = self._areas[parts].sum(), self._areas_of_parts(made)
        if error < self._checked_error and abs(areas.sum() - area) <= _CHECKED_AREA * area:
            return True
        after = made.faces
        if len(self._areas) > 1:
            # Parts that are lost are looked after later.
            kept = ~self._lost(made)
            before = before[kept[self._part_of_vertex[before[:, 0]]]]
            after = after[kept[self._part_of_vertex[made.origin[after[:, 0]]]]]
        if not len(before) or not len(after):
            return len(self._areas) > 1
        strays = deviation(
            self._table.positions[before].astype(np.float64),
            made.positions[after].astype(np.float64),
        )
        return strays <= self._most_deviation

    def _thinned(self, parts: NDArray[np.bool_], own_error: float) -> Indices:
        """Simplify *parts*, each on its own, as far as its shape allows."""
        table = self._table
        faces = table.faces[parts[self._part]]
        used, corners = np.unique(faces, return_inverse=True)
        _, part = np.unique(self._part_of_vertex[used], return_inverse=True)
        found = collapse(
            corners.reshape(-1, 3).astype(np.uint32),
            _side_by_side(
                table.positions[used], part, share=own_error, most=self._longest * _RESCUED_ERROR
            ),
            table.values[used][:, :0],
            weights=self._weights[:0],
            most_faces=0,
            most_error=1.0,
            open_seams=True,
            absolute=True,
        )
        return used[found.faces.astype(np.int64)]

    def _areas_of_parts(self, table: VertexTable) -> NDArray[np.float64]:
        part = self._part_of_vertex[table.origin[table.faces[:, 0]]]
        a, b, c = (
            table.positions[table.faces[:, corner]].astype(np.float64) for corner in range(3)
        )
        areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        count = int(self._part.max(initial=0)) + 1
        return np.bincount(part, areas, count).astype(np.float64)

    def _lost(self, made: VertexTable) -> NDArray[np.bool_]:
        return self._areas_of_parts(made) < self._areas * _LOST_SHARE

    def _share(self, parts: NDArray[np.bool_]) -> float:
        return float(self._areas[parts].sum() / max(self._areas.sum(), 1e-30))


def _weights(table: VertexTable) -> NDArray[np.float32]:
    """Tell how much a change of each value counts against a way; both as shares of the whole."""
    weights = np.full(table.values.shape[1], _UV_WEIGHT, np.float32)
    for name, part in table.columns.items():
        if name == "normals":
            weights[part] = _NORMAL_WEIGHT
        elif name == "colors":
            weights[part] = _COLOR_WEIGHT
        else:
            # A texture that is repeated ten times does not count ten times.
            weights[part] /= max(1.0, float(np.ptp(table.values[:, part], axis=0).max(initial=0)))
    return weights


def _side_by_side(
    positions: NDArray[np.float32], part: Indices, *, share: float, most: float
) -> NDArray[np.float32]:
    """
    Scale every part so that 1 is what may be lost of it; bring it to a place of its own in a grid.

    That is *share* of its size, but at most *most*.
    """
    count = int(part.max()) + 1
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, part, positions)
    np.maximum.at(high, part, positions)
    size = (high - low).max(axis=1)
    unit = np.maximum(np.minimum(size * share, most), 1e-30)
    side = int(np.ceil(count ** (1 / 3)))
    cell = np.stack(np.unravel_index(np.arange(count), (side, side, side)), axis=1)
    apart = 2 * (size / unit).max()
    placed = (positions - low[part]) / unit[part][:, None] + apart * cell[part]
    return np.asarray(placed, np.float32)
