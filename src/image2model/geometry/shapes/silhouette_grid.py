"""Lay a grid over a silhouette, as fine as a number of faces allows, coarser inside."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.subject.silhouette import Silhouette

COARSENINGS = 3
"""How often four cells merge into one on the way inwards: rim cells stay 8 times finer."""

_BLOCK = 2**COARSENINGS
_ISLAND_NODES = 4
_LENGTH_PER_STEP = math.pi / 4  # of a line in all directions, counted in pixel sides
_FULL = 15
# Triangles of one cut cell by its code, see `silhouette_faces`.
_CUT_FACES = np.array([0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 0])
_ATTEMPTS = 7
_COARSEN = 1.1
_FINEST_PX = 0.3
_NEAREST_FRACTION = 0.92
_AIM_FRACTION = 0.97

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SilhouetteGrid:
    """
    A square grid over a silhouette, with more nodes than cells by one each way.

    Attributes:
        spacing: Distance of neighbouring nodes, in field pixels.
        inside: Whether each node is inside, shape (rows, columns); False on the outermost ring.
        codes: uint8 per cell: 1 top left + 2 bottom left + 4 bottom right + 8 top right inside.
        merged: Per coarsening k from 1, whether each block of 2^k x 2^k cells is one cell there.
        face_count: Triangles that one side of the shape takes.
        rim_count: Segments of its outline.
    """

    spacing: float
    inside: Flags
    codes: NDArray[np.uint8]
    merged: tuple[Flags, ...]
    face_count: int
    rim_count: int

    def to_field(
        self, rows: NDArray[np.float32], columns: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Convert grid coordinates to field coordinates x, y."""
        offset = grid_offset_px(self.spacing)
        step = np.float32(self.spacing)
        return columns * step + np.float32(offset), rows * step + np.float32(offset)


def grid_offset_px(spacing: float) -> float:
    """Where the first node lies in field coordinates, so that the outermost ring is outside."""
    return -spacing


def choose_grid(silhouette: Silhouette, *, face_limit: int, rim_faces: int = 0) -> SilhouetteGrid:
    """
    Choose the finest grid whose mesh stays within *face_limit*.

    A grid chosen to fit needs no decimation afterwards, which is what breaks thin shapes.

    Args:
        silhouette: The outline.
        face_limit: Triangles of the closed shape: twice `face_count`, and the rim's own.
        rim_faces: Triangles that each outline segment adds beyond the two sides.

    Returns:
        The grid; its mesh has 90–100 % of the limit, unless the picture has not that many
        details, or the shape falls apart into ever fewer pieces as the grid coarsens.

    Raises:
        PictureTooSmall: The subject is too thin for any grid of so few faces.
    """
    spacing = _first_spacing(silhouette, face_limit)
    low, high = 0.0, math.inf
    best: SilhouetteGrid | None = None
    most = 0
    for _ in range(_ATTEMPTS):
        grid = lay_grid(silhouette, spacing)
        total = 2 * grid.face_count + rim_faces * grid.rim_count
        if total > face_limit:
            low = max(low, spacing)
        else:
            high = min(high, spacing)
            if total > most:
                best, most = grid, total
            if total >= _NEAREST_FRACTION * face_limit or spacing <= _FINEST_PX:
                break
        spacing = _next_spacing(spacing, total / (_AIM_FRACTION * face_limit), low, high)
    if best is None:
        best = _coarser_grid(silhouette, spacing, face_limit, rim_faces)
    return best


def _coarser_grid(
    silhouette: Silhouette, spacing: float, face_limit: int, rim_faces: int
) -> SilhouetteGrid:
    while spacing < max(silhouette.field.shape):
        grid = lay_grid(silhouette, spacing)
        if 0 < 2 * grid.face_count + rim_faces * grid.rim_count <= face_limit:
            return grid
        spacing *= _COARSEN
    raise silhouette.too_thin()


def _first_spacing(silhouette: Silhouette, face_limit: int) -> float:
    inside = silhouette.field > 127
    area = np.count_nonzero(inside)
    steps = np.count_nonzero(inside[1:] != inside[:-1]) + np.count_nonzero(
        inside[:, 1:] != inside[:, :-1]
    )
    # A plump shape: cells grow to 8 spacings inside, and the band along the outline takes about
    # 14 triangles per spacing and side: solve  a / s^2 + b / s = face_limit  for s.
    a, b = 4.0 * area / _BLOCK**2, 28.0 * steps * _LENGTH_PER_STEP
    plump = (b + math.sqrt(b * b + 4 * a * face_limit)) / (2 * face_limit)
    # A hairy one: nothing but band, two triangles per cell and side.
    hairy = math.sqrt(4.0 * area / face_limit)
    return max(_FINEST_PX, min(plump, hairy))


def _next_spacing(spacing: float, excess: float, low: float, high: float) -> float:
    guess = spacing * math.pow(max(excess, 0.05), 0.8)
    if low < guess < high and guess != spacing:
        return max(guess, _FINEST_PX)
    return float(0.5 * (low + high)) if math.isfinite(high) else 1.2 * low


def lay_grid(silhouette: Silhouette, spacing: float) -> SilhouetteGrid:
    """
    Lay a grid of a given *spacing*, in field pixels, over *silhouette*.

    Islands of fewer than four nodes are left out, but never the largest one.
    """
    inside = _sample_nodes(silhouette.field, spacing)
    nodes = inside.view(np.uint8)
    codes = nodes[:-1, :-1] + 2 * nodes[1:, :-1] + 4 * nodes[1:, 1:] + 8 * nodes[:-1, 1:]
    merged = _merge_cells(codes == _FULL)
    cut_counts = np.bincount(codes.ravel(), minlength=16)
    faces = int((cut_counts * _CUT_FACES).sum()) + 2 * int(cut_counts[_FULL])
    for blocks in merged:
        faces += _saved_faces(blocks)
    rims = cut_counts.sum() - cut_counts[0] - cut_counts[_FULL] + cut_counts[5] + cut_counts[10]
    return SilhouetteGrid(
        spacing=spacing,
        inside=inside,
        codes=codes,
        merged=merged,
        face_count=faces,
        rim_count=int(rims),
    )


def _sample_nodes(field: NDArray[np.uint8], spacing: float) -> Flags:
    height, width = field.shape
    offset = grid_offset_px(spacing)
    columns, rows = (
        1 + _BLOCK * int(np.ceil((length + 2 * spacing) / spacing / _BLOCK))
        for length in (width, height)
    )
    to_field = np.array([[spacing, 0, offset], [0, spacing, offset]])
    nodes = cv2.warpAffine(
        field,
        to_field,
        (columns, rows),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=[0.0],
    )
    inside = cv2.inRange(nodes, np.array(128.0), np.array(255.0))
    return _drop_islands(np.asarray(inside, np.uint8))


def _drop_islands(inside: NDArray[np.uint8]) -> Flags:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA]
    keep = (areas >= _ISLAND_NODES) | (areas == areas[1:].max(initial=0))
    keep[0] = False
    if count <= 2 or keep[1:].all():
        return inside.astype(bool)
    return np.asarray(keep[labels], bool)


def _merge_cells(full: Flags) -> tuple[Flags, ...]:
    merged = []
    blocks = full
    for _ in range(COARSENINGS):
        whole = blocks[::2, ::2] & blocks[1::2, ::2] & blocks[::2, 1::2] & blocks[1::2, 1::2]
        # One ring of finer cells around every merged one: neighbours differ by one size at most.
        blocks = cv2.erode(
            whole.astype(np.uint8),
            np.ones((3, 3), np.uint8),
            borderType=cv2.BORDER_CONSTANT,
            borderValue=[0.0],
        ).astype(bool)
        merged.append(blocks)
    return tuple(merged)


def hanging_sides(blocks: Flags) -> tuple[Flags, Flags, Flags, Flags]:
    """
    Find the sides of merged cells that border on finer ones.

    Args:
        blocks: One entry of `SilhouetteGrid.merged`; False on its outermost ring.

    Returns:
        Left, bottom, right and top, each of the shape of *blocks*.
    """
    padded = np.pad(blocks, 1)
    return (
        blocks & ~padded[1:-1, :-2],
        blocks & ~padded[2:, 1:-1],
        blocks & ~padded[1:-1, 2:],
        blocks & ~padded[:-2, 1:-1],
    )


def own_blocks(merged: tuple[Flags, ...], level: int) -> Flags:
    """Find the cells of coarsening *level* that no coarser cell contains."""
    blocks = merged[level - 1]
    if level == len(merged):
        return blocks
    return blocks & ~np.repeat(np.repeat(merged[level], 2, axis=0), 2, axis=1)


def _saved_faces(blocks: Flags) -> int:
    # Each merged cell had 4 x 2 triangles; it now has 2, or a fan of 4 and one per hanging side.
    sides = hanging_sides(blocks)
    hanging = np.logical_or.reduce(sides)
    own = int(blocks.sum())
    return -6 * own + 2 * int(hanging.sum()) + sum(int(side.sum()) for side in sides)
