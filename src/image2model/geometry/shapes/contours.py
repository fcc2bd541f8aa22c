"""A silhouette's outline as closed polygons."""

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.shapes.silhouette_faces import trace_rim
from image2model.geometry.shapes.silhouette_grid import lay_grid
from image2model.geometry.subject.silhouette import Silhouette

_CORNER_COSINE = 0.8
_CORNER_CUT_PX = 0.5
_SHORTEST_LOOP = 4

Points = NDArray[np.float32]


Loops = tuple[Points, ...]
"""
One connected part of a silhouette: its outer boundary first, then its holes', each shape (n, 2)
and with the part on the left on the screen.
"""


def trace_parts(silhouette: Silhouette, *, spacing: float) -> list[Loops]:
    """
    Trace the outline of *silhouette*.

    Args:
        silhouette: The outline.
        spacing: Of the points, in field pixels; thinner details are lost.

    Returns:
        The parts in field coordinates, none if *spacing* is wider than all of them. Loops never
        touch themselves or each other.
    """
    grid = lay_grid(silhouette, spacing)
    if grid.rim_count == 0:
        return []
    points, inner, edges = trace_rim(silhouette, grid)
    _, labels = cv2.connectedComponents(grid.inside.astype(np.uint8), connectivity=4)
    parts: dict[int, list[Points]] = {}
    for loop in _chain(edges):
        parts.setdefault(int(labels.flat[inner[loop[0]]]), []).append(points[loop])
    return [tuple(sorted(loops, key=cv2.contourArea, reverse=True)) for loops in parts.values()]


def simplify(loops: Loops, tolerance: float) -> Loops:
    """
    Leave out points that lie within *tolerance* of a straight line.

    Args:
        loops: In field coordinates.
        tolerance: In field pixels; above 0, loops may come to cross each other.

    Returns:
        The same loops with fewer points.
    """
    return tuple(_thin_out(loop, tolerance) for loop in loops)


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


def _thin_out(loop: Points, tolerance: float) -> Points:
    if tolerance == 0:
        return loop
    simple = np.asarray(cv2.approxPolyDP(loop, tolerance, True), np.float32).reshape(-1, 2)
    return simple if len(simple) >= _SHORTEST_LOOP else loop


def cut_corners(loop: Points) -> Points:
    """Cut corners by half a pixel: a wall over them is shaded sharply without split vertices."""
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
