"""Cut a grid along a silhouette into triangles that keep the outline to a fraction of a pixel."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.shapes.silhouette_grid import (
    COARSENINGS,
    SilhouetteGrid,
    hanging_sides,
    own_blocks,
)
from image2model.geometry.subject.silhouette import Silhouette

_BISECTIONS = 6
_NEAREST = np.float32(0.02)
"""Outline vertices keep this fraction of a link away from its nodes: no triangle collapses."""

# The slots around a cell, counter-clockwise on the screen: top left corner, left edge, bottom left
# corner, bottom edge, and so on. Corners 0, 2, 4, 6 are the bits 1, 2, 4, 8 of a cell's code.
_AROUND = 8

Indices = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatShape:
    """
    A silhouette as flat triangles: grid nodes inside it first, then vertices on its rim.

    Attributes:
        nodes: Flat indices into the grid of the nodes used, shape (n,).
        rim_points: Field coordinates of the rim vertices, shape (m, 2).
        rim_fractions: How much of its grid link each rim vertex leaves inside, 0–1, shape (m,).
        rim_nodes: Flat indices of the inner node of each rim vertex's link, shape (m,).
        faces: Counter-clockwise on the screen, indices into nodes + rim, shape (f, 3). No edge
            inside the shape joins two rim vertices, so two copies may share the rim.
        rim_edges: Rim segments with the shape on their left, as indices like faces, shape (m, 2).
    """

    nodes: Indices
    rim_points: NDArray[np.float32]
    rim_fractions: NDArray[np.float32]
    rim_nodes: Indices
    faces: Indices
    rim_edges: Indices


def triangulate(silhouette: Silhouette, grid: SilhouetteGrid) -> FlatShape:
    """
    Triangulate the inside of *silhouette* over *grid*.

    Marching squares at the rim (Lorensen and Cline's idea in two dimensions), with the crossings
    searched in the full-resolution field rather than interpolated between nodes; a quadtree with
    fans where its cell sizes meet inside.

    Args:
        silhouette: The outline.
        grid: Chosen for it by `choose_grid`.

    Returns:
        The triangles; every rim vertex lies on exactly two rim segments.
    """
    rim = _rim_vertices(silhouette, grid)
    node_count = grid.inside.size
    cut = _cut_cells(grid, rim, first=node_count)
    faces = np.concatenate(
        [
            _from_templates(cut, _face_slots, 3),
            _whole_cells(grid),
            *(_merged_cells(grid, k + 1) for k in range(COARSENINGS)),
        ]
    )
    used = np.zeros(node_count + rim.inner.size, bool)
    used[faces] = True
    used[node_count:] = True
    numbers = np.cumsum(used, dtype=np.int32) - 1
    return FlatShape(
        nodes=np.flatnonzero(used[:node_count]).astype(np.int32),
        rim_points=rim.points,
        rim_fractions=rim.fractions,
        rim_nodes=rim.inner,
        faces=numbers[faces],
        rim_edges=numbers[_from_templates(cut, _segment_slots, 2)],
    )


def trace_rim(
    silhouette: Silhouette, grid: SilhouetteGrid
) -> tuple[NDArray[np.float32], Indices, Indices]:
    """
    Trace the outline alone, as `triangulate` would.

    Args:
        silhouette: The outline.
        grid: Laid over it; its inside is not empty.

    Returns:
        Field coordinates of the rim vertices, shape (m, 2); the flat index of the grid node
        inside next to each, shape (m,); rim segments with the shape on their left, shape (m, 2).
    """
    rim = _rim_vertices(silhouette, grid)
    cut = _cut_cells(grid, rim, first=0)
    return rim.points, rim.inner, _from_templates(cut, _segment_slots, 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rim:
    points: NDArray[np.float32]
    fractions: NDArray[np.float32]
    inner: Indices
    across: Indices
    """Rim vertex on the link from each node to its right neighbour; valid where one crosses."""
    down: Indices
    """The same for the link to the node below."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _CutCells:
    codes: NDArray[np.uint8]
    around: Indices
    """Vertices in the eight slots around each cell; meaningless where there is none."""


def _rim_vertices(silhouette: Silhouette, grid: SilhouetteGrid) -> _Rim:
    inside = grid.inside.ravel()
    columns = grid.inside.shape[1]
    numbers, inner, outer = [], [], []
    count = 0
    for step in (1, columns):
        # The outermost ring is outside, so no link wraps around to the next row.
        start = np.flatnonzero(inside[:-step] != inside[step:]).astype(np.int32)
        links = np.zeros(inside.size, np.int32)
        links[start] = np.arange(count, count + start.size, dtype=np.int32)
        count += start.size
        numbers.append(links)
        from_inside = inside[start]
        inner.append(np.where(from_inside, start, start + step))
        outer.append(np.where(from_inside, start + step, start))
    ins, outs = np.concatenate(inner), np.concatenate(outer)
    a, b = _field_points(grid, ins), _field_points(grid, outs)
    fractions = _crossings(silhouette, a, b)
    return _Rim(
        points=a + (b - a) * fractions[:, None],
        fractions=fractions,
        inner=ins.astype(np.int32),
        across=numbers[0],
        down=numbers[1],
    )


def _field_points(grid: SilhouetteGrid, flat: Indices) -> NDArray[np.float32]:
    rows, columns = np.divmod(flat, grid.inside.shape[1])
    x, y = grid.to_field(rows.astype(np.float32), columns.astype(np.float32))
    return np.stack([x, y], axis=1)


def _crossings(
    silhouette: Silhouette, inner: NDArray[np.float32], outer: NDArray[np.float32]
) -> NDArray[np.float32]:
    low = np.zeros(len(inner), np.float32)
    high = np.ones(len(inner), np.float32)
    for _ in range(_BISECTIONS):
        middle = np.float32(0.5) * (low + high)
        within = silhouette.sample(inner + (outer - inner) * middle[:, None]) > 127.5
        low = np.where(within, middle, low)
        high = np.where(within, high, middle)
    middle = np.float32(0.5) * (low + high)
    return np.asarray(np.clip(middle, _NEAREST, 1 - _NEAREST), np.float32)


def _cut_cells(grid: SilhouetteGrid, rim: _Rim, *, first: int) -> _CutCells:
    columns = grid.inside.shape[1]
    rows_of, columns_of = np.nonzero((grid.codes != 0) & (grid.codes != 15))
    corner = (rows_of * columns + columns_of).astype(np.int32)
    around = np.empty((corner.size, _AROUND), np.int32)
    around[:, 0] = corner
    around[:, 1] = first + rim.down[corner]
    around[:, 2] = corner + columns
    around[:, 3] = first + rim.across[corner + columns]
    around[:, 4] = corner + columns + 1
    around[:, 5] = first + rim.down[corner + 1]
    around[:, 6] = corner + 1
    around[:, 7] = first + rim.across[corner]
    return _CutCells(codes=grid.codes[rows_of, columns_of], around=around)


def _from_templates(
    cut: _CutCells, template: Callable[[int], list[tuple[int, ...]]], size: int
) -> Indices:
    found = [np.empty((0, size), np.int32)]
    for code in range(1, 15):
        cells = cut.around[cut.codes == code]
        found.append(cells[:, np.array(template(code))].reshape(-1, size))
    return np.concatenate(found)


def _rings(code: int) -> list[list[int]]:
    """
    Tell along which slots a cell of *code* is cut into polygons, each from rim to rim.

    Every run of neighbouring corners inside is one polygon. Two opposite corners make two: an
    outline never touches itself in a cell.
    """
    corners = [bool(code >> bit & 1) for bit in range(4)]
    rings = []
    for start in range(4):
        if not corners[start] or corners[start - 1]:
            continue
        length = next(n for n in range(1, 4) if not corners[(start + n) % 4])
        last = start + length - 1
        slots = [2 * start - 1, *range(2 * start, 2 * last + 1, 2), 2 * last + 1]
        rings.append([slot % _AROUND for slot in slots])
    return rings


def _face_slots(code: int) -> list[tuple[int, ...]]:
    faces: list[tuple[int, ...]] = []
    for ring in _rings(code):
        # Fanned from the middle corner: every inner edge has a node of the grid at one end.
        centre = (len(ring) - 1) // 2
        fan = ring[centre + 1 :] + ring[:centre]
        faces += [(ring[centre], a, b) for a, b in itertools.pairwise(fan)]
    return faces


def _segment_slots(code: int) -> list[tuple[int, ...]]:
    return [(ring[-1], ring[0]) for ring in _rings(code)]


def _whole_cells(grid: SilhouetteGrid) -> Indices:
    blocks = np.repeat(np.repeat(grid.merged[0], 2, axis=0), 2, axis=1)
    rows, columns = np.nonzero((grid.codes == 15) & ~blocks)
    return _squares(rows, columns, 1, grid.inside.shape[1])


def _merged_cells(grid: SilhouetteGrid, level: int) -> Indices:
    own = own_blocks(grid.merged, level)
    sides = [own & side for side in hanging_sides(grid.merged[level - 1])]
    fans = np.logical_or.reduce(sides)
    width, step = grid.inside.shape[1], 2**level
    rows, columns = np.nonzero(own & ~fans)
    plain = _squares(rows * step, columns * step, step, width)
    rows, columns = np.nonzero(fans)
    corner = (rows * step * width + columns * step).astype(np.int32)
    half = step // 2
    centre = corner + half * width + half
    steps = [0, step * width, step * width + step, step]
    faces = [plain]
    for side, finer in enumerate(sides):
        a, b = corner + steps[side], corner + steps[(side + 1) % 4]
        split = finer[rows, columns]
        faces.append(np.stack([centre, a, b], axis=1)[~split])
        middle = (a + b) // 2
        faces.append(np.stack([centre, a, middle], axis=1)[split])
        faces.append(np.stack([centre, middle, b], axis=1)[split])
    return np.concatenate(faces)


def _squares(rows: NDArray[np.intp], columns: NDArray[np.intp], step: int, width: int) -> Indices:
    a = (rows * width + columns).astype(np.int32)
    b, c, d = a + step * width, a + step * width + step, a + step
    # Diagonals alternate like a chessboard: no direction is favoured.
    even = ((rows + columns) // step) % 2 == 0
    first = np.where(even[:, None], np.stack([a, b, c], 1), np.stack([a, b, d], 1))
    second = np.where(even[:, None], np.stack([a, c, d], 1), np.stack([b, c, d], 1))
    return np.concatenate([first, second])
