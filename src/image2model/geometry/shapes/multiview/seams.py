"""Give neighbouring parts of a closed mesh textures of their own without opening it."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeamedMesh:
    """
    A mesh whose vertices along seams were doubled, the gaps closed by hair-thin strips.

    Attributes:
        faces: int32, shape (f, 3): the faces given, in their order, then the strips'.
        origin: The vertex that each new vertex was, shape (n,).
        chart: The chart that each new vertex belongs to, shape (n,).
        pull: Unit directions, shape (n, 3), from a doubled vertex into its chart; 0 elsewhere.
    """

    faces: NDArray[np.int32]
    origin: Indices
    chart: Indices
    pull: NDArray[np.float32]


def split_charts(
    points: NDArray[np.float32], faces: NDArray[np.int32], twins: Indices, charts: Indices
) -> SeamedMesh:
    """
    Double the vertices between faces of different charts and zip the halves up.

    A texture atlas normally cuts a mesh open, as a vertex has one place in the texture. Here
    every seam edge becomes a strip of two triangles and every place where three charts meet a
    small polygon, so the mesh stays closed by its indices alone.

    Args:
        points: Shape (n, 3).
        faces: Shape (f, 3), closed and oriented.
        twins: See `twin_half_edges`.
        charts: The chart of each face, shape (f,).

    Returns:
        The mesh; move its doubled vertices a little along `pull` to give the strips an area.
    """
    fan = _fans(faces, charts, twins)
    roots, copies = np.unique(fan, return_inverse=True)
    split = copies.reshape(-1, 3)
    flat = copies.ravel()
    strips, sides = _strips(flat, charts, twins)
    return SeamedMesh(
        faces=np.concatenate([split, strips, _corner_faces(sides)]).astype(np.int32),
        origin=faces.ravel()[roots].astype(np.int64),
        chart=charts[roots // 3],
        pull=_pulls(points, faces, flat, sides, len(roots)),
    )


def twin_half_edges(faces: NDArray[np.int32]) -> Indices:
    """Return the half edge opposite to each; half edge 3 f + k leaves corner k of face f."""
    start = faces.astype(np.int64).ravel()
    end = np.roll(faces, -1, axis=1).astype(np.int64).ravel()
    count = int(start.max()) + 1
    forward, backward = start * count + end, end * count + start
    order = np.argsort(forward)
    return order[np.searchsorted(forward, backward, sorter=order)]


def _next(half_edges: Indices) -> Indices:
    return half_edges + np.where(half_edges % 3 == 2, -2, 1)


def _fans(faces: NDArray[np.int32], charts: Indices, twins: Indices) -> Indices:
    """Return, per corner, the least corner that shares its vertex within its chart."""
    label = np.arange(faces.size)
    # The corner before it around the vertex: across the half edge that leaves the corner.
    before = _next(twins)
    joined = charts[before // 3] == charts[label // 3]
    here, there = label[joined], before[joined]
    while True:
        least = np.minimum(label[here], label[there])
        if (label[here] == least).all() and (label[there] == least).all():
            return label
        np.minimum.at(label, here, least)
        np.minimum.at(label, there, least)
        label = label[label]


def _strips(
    copies: Indices, charts: Indices, twins: Indices
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the strips' faces, and their short sides as vertex pairs."""
    half = np.arange(copies.size)
    seam = half[(charts[half // 3] != charts[twins // 3]) & (half < twins)]
    other = twins[seam]
    a, b = copies[seam], copies[_next(seam)]
    b_other, a_other = copies[other], copies[_next(other)]
    faces = np.concatenate(
        [np.stack([b, a, a_other], axis=1), np.stack([b, a_other, b_other], axis=1)]
    )
    sides = np.concatenate([np.stack([a, a_other], axis=1), np.stack([b_other, b], axis=1)])
    return faces, sides


def _corner_faces(sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """Close the holes where three or more charts meet."""
    after = {int(end): int(start) for start, end in sides}
    faces: list[tuple[int, int, int]] = []
    while after:
        first, at = after.popitem()
        loop = [first]
        while at != first:
            loop.append(at)
            at = after.pop(at)
        faces += [(loop[0], b, c) for b, c in itertools.pairwise(loop[1:])]
    return np.array(faces, np.int64).reshape(-1, 3)


def _pulls(
    points: NDArray[np.float32],
    faces: NDArray[np.int32],
    copies: Indices,
    sides: NDArray[np.int64],
    count: int,
) -> NDArray[np.float32]:
    doubled = np.zeros(count, bool)
    doubled[sides] = True
    corners = np.flatnonzero(doubled[copies])
    middles = points[faces[corners // 3]].mean(axis=1)
    away = middles - points[faces.ravel()[corners]]
    total = np.zeros((count, 3), np.float32)
    np.add.at(total, copies[corners], away)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(total / np.maximum(length, 1e-12), np.float32)
