"""Puff: blow a silhouette up into a cushion whose cross-sections are round."""

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.shapes.poisson import solve_poisson
from image2model.geometry.shapes.shape import Shape, unit_vectors
from image2model.geometry.shapes.silhouette_faces import FlatShape, triangulate
from image2model.geometry.shapes.silhouette_grid import SilhouetteGrid, choose_grid
from image2model.geometry.subject.silhouette import Silhouette

_DEPTH_FACTOR = 0.7
"""How far a round cross-section is squashed at depth 1: real subjects are seldom full circles."""

_CAP_FRACTION = 0.2
"""Half depths level off towards this fraction of the long side, at depth 1."""

_RIM_SEAM_FRACTION = 1e-5
_SHALLOWEST = np.float32(1e-3)


def inflate(
    silhouette: Silhouette, *, face_limit: int, depth: float = 1.0, own_back: bool = False
) -> Shape:
    """
    Inflate *silhouette* to both sides of the picture's plane.

    The depth is the square root of a Poisson solution: Repoussé (Joshi and Carr, "Repoussé:
    automatic inflation of 2D artwork", 2008). It gives a ball over a disc and round limbs, and
    has no ridge along the middle as distance fields have.

    Args:
        silhouette: The outline.
        face_limit: The most triangles the shape may have.
        depth: Scales how far it bulges; 1 is natural.
        own_back: Give the back its own rim vertices, for a texture of its own. They lie 1/100,000
            of the size behind the front's and a strip joins them, so the shape stays closed
            without any vertex standing where another one does.

    Returns:
        The shape: front nodes, rim, back nodes and, with *own_back*, the back's rim.
    """
    grid = choose_grid(silhouette, face_limit=face_limit, rim_faces=2 if own_back else 0)
    flat = triangulate(silhouette, grid)
    bulge = _solve_bulge(grid, flat)
    cap = np.float32(_CAP_FRACTION * depth * silhouette.size_px * silhouette.scale / grid.spacing)
    z, normals = _heights(flat, bulge, np.float32(_DEPTH_FACTOR * depth), cap)
    scale = np.float32(grid.spacing / silhouette.scale)
    rows, columns = np.divmod(flat.nodes, grid.inside.shape[1])
    x, y = grid.to_field(rows.astype(np.float32), columns.astype(np.float32))
    nodes = np.column_stack([silhouette.to_picture(np.column_stack([x, y])), z * scale])
    rim = np.column_stack([silhouette.to_picture(flat.rim_points), np.zeros(len(flat.rim_points))])
    seam = _RIM_SEAM_FRACTION * silhouette.size_px
    return _both_sides(flat, nodes, rim, normals, seam if own_back else None)


def _solve_bulge(grid: SilhouetteGrid, flat: FlatShape) -> NDArray[np.float32]:
    inside = grid.inside
    diagonal = inside.astype(np.float32) * np.float32(4.0)
    # Each link that the rim cuts short holds its node down harder: 1 becomes 1 / t.
    np.add.at(diagonal.ravel(), flat.rim_nodes, 1 / flat.rim_fractions - 1)
    return solve_poisson(diagonal, source=4.0)


def _heights(
    flat: FlatShape,
    bulge: NDArray[np.float32],
    factor: np.float32,
    cap: np.float32,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height = bulge.ravel()[flat.nodes]
    root = np.sqrt(np.maximum(height, _SHALLOWEST))
    levelled = np.tanh(factor * root / cap)
    slope_x = cv2.Sobel(bulge, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8).ravel()[flat.nodes]
    slope_y = cv2.Sobel(bulge, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8).ravel()[flat.nodes]
    # z = cap tanh(factor sqrt(h) / cap): its gradient, times 2 sqrt(h), has no pole at the rim.
    steepness = factor * (1 - levelled * levelled)
    inner = np.column_stack([-slope_x * steepness, -slope_y * steepness, 2 * root])
    return cap * levelled, np.concatenate([unit_vectors(inner), _rim_normals(flat)])


def _rim_normals(flat: FlatShape) -> NDArray[np.float32]:
    first = flat.nodes.size
    a, b = flat.rim_edges[:, 0] - first, flat.rim_edges[:, 1] - first
    # The shape lies left of a segment on the screen, where y points down.
    along = flat.rim_points[b] - flat.rim_points[a]
    outward = np.column_stack([-along[:, 1], along[:, 0]])
    total = np.zeros((len(flat.rim_points), 3), np.float32)
    for axis in (0, 1):
        for end in (a, b):
            total[:, axis] += np.bincount(end, outward[:, axis], len(total)).astype(np.float32)
    return unit_vectors(total)


def _both_sides(
    flat: FlatShape,
    nodes: NDArray[np.float32],
    rim: NDArray[np.float32],
    normals: NDArray[np.float32],
    seam: float | None,
) -> Shape:
    count, rims = len(nodes), len(rim)
    flip = np.array([1, 1, -1], np.float32)
    points = [nodes, rim, nodes * flip]
    directions = [normals, normals[:count] * flip]
    back_of = np.arange(count + rims, dtype=np.int32)
    back_of[:count] += count + rims
    faces = [flat.faces]
    if seam is not None:
        points.append(rim - np.array([0, 0, seam]))
        points[2] = points[2] - np.array([0, 0, seam])
        directions.append(normals[count:])
        back_of[count:] += count + rims
        a, b = flat.rim_edges[:, 0], flat.rim_edges[:, 1]
        behind_a, behind_b = back_of[a], back_of[b]
        faces += [np.stack([b, a, behind_a], 1), np.stack([b, behind_a, behind_b], 1)]
    faces.append(back_of[flat.faces[:, ::-1]])
    vertices = np.concatenate(points).astype(np.float32)
    return Shape(
        points=vertices,
        normals=np.concatenate(directions).astype(np.float32),
        faces=np.concatenate(faces),
        back=np.arange(len(vertices)) >= count + rims,
    )
