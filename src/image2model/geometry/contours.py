"""A silhouette's outline as closed polygons."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.silhouette import Silhouette
from image2model.geometry.silhouette_faces import triangulate
from image2model.geometry.silhouette_grid import lay_grid

_COARSEST_PX = 1.5
_FINEST_PX = 0.5
_STEPS_PER_SIDE = 600
_LOOSEN = 1.6
_TIGHTEST_PX = 0.2
_CORNER_COSINE = 0.8
_CORNER_CUT_PX = 0.5
_SHORTEST_LOOP = 4

Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """
    One connected part of a silhouette.

    Attributes:
        loops: Its outer boundary and its holes' in picture coordinates, each shape (n, 2) and
            with the part on the left on the screen; the longest, the outer one, comes first.
    """

    loops: tuple[Points, ...]


def trace_regions(silhouette: Silhouette, *, point_limit: int) -> list[Region]:
    """
    Trace the outline of *silhouette* to a fraction of a pixel.

    Corners are cut by half a pixel, so that a surface raised over them can be shaded sharply
    without splitting vertices.

    Args:
        silhouette: The outline.
        point_limit: The most points that all loops may have together.

    Returns:
        The silhouette's parts. Loops never touch themselves or each other before they are
        simplified, and by less than the simplification after.
    """
    steps_px = max(silhouette.field.shape) / _STEPS_PER_SIDE
    grid = lay_grid(silhouette, min(max(steps_px, _FINEST_PX), _COARSEST_PX))
    flat = triangulate(silhouette, grid)
    _, labels = cv2.connectedComponents(grid.inside.astype(np.uint8), connectivity=4)
    first = flat.nodes.size
    parts: dict[int, list[Points]] = {}
    for loop in _chain(flat.rim_edges - first):
        part = int(labels.flat[flat.rim_nodes[loop[0]]])
        parts.setdefault(part, []).append(silhouette.to_picture(flat.rim_points[loop]))
    tolerance_px = _TIGHTEST_PX / silhouette.scale
    while True:
        regions = [_region(loops, tolerance_px) for loops in parts.values()]
        count = sum(len(loop) for region in regions for loop in region.loops)
        if count <= point_limit:
            return regions
        tolerance_px *= _LOOSEN


def _chain(edges: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    following = np.empty(len(edges), np.int32)
    following[edges[:, 0]] = edges[:, 1]
    after = following.tolist()
    seen = bytearray(len(after))
    loops = []
    for start in range(len(after)):
        if seen[start]:
            continue
        loop = []
        at = start
        while not seen[at]:
            seen[at] = 1
            loop.append(at)
            at = after[at]
        loops.append(np.array(loop, np.int32))
    return loops


def _region(loops: list[Points], tolerance_px: float) -> Region:
    simplified = [_cut_corners(_simplify(loop, tolerance_px)) for loop in loops]
    lengths = [cv2.contourArea(loop) for loop in loops]
    outer = int(np.argmax(lengths))
    kept = [loop for i, loop in enumerate(simplified) if i == outer or lengths[i] > tolerance_px**2]
    return Region(
        loops=(simplified[outer], *(loop for loop in kept if loop is not simplified[outer]))
    )


def _simplify(loop: Points, tolerance_px: float) -> Points:
    simple = np.asarray(cv2.approxPolyDP(loop, tolerance_px, True), np.float32).reshape(-1, 2)
    return simple if len(simple) >= _SHORTEST_LOOP else loop[:: max(1, len(loop) // 8)]


def _cut_corners(loop: Points) -> Points:
    before, after = loop - np.roll(loop, 1, axis=0), np.roll(loop, -1, axis=0) - loop
    length_before = np.linalg.norm(before, axis=1, keepdims=True)
    length_after = np.linalg.norm(after, axis=1, keepdims=True)
    cosine = (before * after).sum(axis=1) / np.maximum(length_before * length_after, 1e-6)[:, 0]
    sharp = cosine < _CORNER_COSINE
    cut_before = np.minimum(_CORNER_CUT_PX / np.maximum(length_before, 1e-6), 0.25)
    cut_after = np.minimum(_CORNER_CUT_PX / np.maximum(length_after, 1e-6), 0.25)
    pair = np.stack([loop - before * cut_before, loop + after * cut_after], axis=1)
    pair[~sharp, 0] = loop[~sharp]
    keep = np.stack([np.ones_like(sharp), sharp], axis=1)
    return np.asarray(pair[keep], np.float32)
