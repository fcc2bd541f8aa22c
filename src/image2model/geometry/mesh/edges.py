"""How the faces of a welded surface meet: open edges, crowded edges, islands, directions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeFacts:
    """
    What the edges say about a surface.

    Attributes:
        edges: Different edges.
        open: With one face only: there is a hole beside each.
        crowded: With more than two faces: the surface touches itself there.
        flipped: With two faces that look to opposite sides.
    """

    edges: int
    open: int
    crowded: int
    flipped: int

    @property
    def closed(self) -> bool:
        """Whether every edge joins exactly two faces that look to the same side."""
        return self.manifold and not self.open

    @property
    def manifold(self) -> bool:
        """Whether at most two faces meet at every edge, and look to the same side."""
        return not (self.crowded or self.flipped)


def edge_facts(faces: Indices) -> EdgeFacts:
    """
    Count the edges of *faces* by how faces meet there.

    Args:
        faces: Indices of places, shape (n, 3), without faces that touch a place twice.
    """
    start, end = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    span = int(faces.max(initial=0)) + 1
    forward = start < end
    keys = np.where(forward, start * span + end, end * span + start)
    order = np.argsort(keys, kind="stable")
    keys, direction = keys[order], np.where(forward, 1, -1)[order]
    first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else keys
    count = np.diff(np.r_[first, len(keys)])
    balance = np.add.reduceat(direction, first) if len(first) else first
    return EdgeFacts(
        edges=len(first),
        open=int((count == 1).sum()),
        crowded=int((count > 2).sum()),
        flipped=int(((count == 2) & (balance != 0)).sum()),
    )


def islands(faces: Indices) -> Indices:
    """
    Number the parts of a surface that hang together.

    Args:
        faces: Indices of places, shape (n, 3).

    Returns:
        For each face the number of its island, from 0, shape (n,).
    """
    count = int(faces.max(initial=-1)) + 1
    label = np.arange(count)
    a, b, c = faces.T
    while True:
        least = np.minimum(np.minimum(label[a], label[b]), label[c])
        before = label.copy()
        for corner in (a, b, c):
            np.minimum.at(label, corner, least)
        # Following labels of labels halves the way with every step.
        label = np.minimum(label, label[label])
        if (label == before).all():
            break
    _, numbers = np.unique(label[a], return_inverse=True)
    return numbers


def open_half_edges(faces: Indices) -> tuple[Indices, Indices]:
    """Return the half edges, from place and to place, that no face runs along the other way."""
    start, end = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    span = int(faces.max(initial=0)) + 1
    forward, backward = start * span + end, end * span + start
    lonely = ~np.isin(forward, backward)
    return start[lonely], end[lonely]


def signed_volumes(
    positions: NDArray[np.floating], faces: Indices, numbers: Indices
) -> NDArray[np.float64]:
    """Return the volume of each island, in cubed units; negative if it is inside out."""
    a, b, c = positions.astype(np.float64)[faces].swapaxes(0, 1)
    # Products of scalars, since waking a BLAS costs more; about the middle, to keep digits.
    middle = positions.mean(axis=0, dtype=np.float64)
    six = np.einsum("ij,ij->i", a - middle, np.cross(b - middle, c - middle))
    return np.bincount(numbers, six) / 6


def turn_faces(faces: Indices, which: NDArray[np.bool_]) -> Indices:
    """Return *faces* with some of them looking to the other side."""
    turned: Indices = np.where(which[:, None], faces[:, ::-1], faces)
    return turned


def crowded_faces(faces: Indices) -> NDArray[np.bool_]:
    """Tell for each face whether it has an edge with more than two faces."""
    start, end = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    span = int(faces.max(initial=0)) + 1
    keys = np.minimum(start, end) * span + np.maximum(start, end)
    _, number, count = np.unique(keys, return_inverse=True, return_counts=True)
    found: NDArray[np.bool_] = np.any((count[number] > 2).reshape(-1, 3), axis=1)
    return found


def turn_consistently(faces: Indices) -> Indices:
    """
    Turn faces so that neighbours look to the same side, starting anew in every island.

    Args:
        faces: Indices of places, shape (n, 3).

    Returns:
        The faces, in their order; where an edge has more than two, its neighbours are not joined.
    """
    start, end = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    span = int(faces.max(initial=0)) + 1
    keys = np.minimum(start, end) * span + np.maximum(start, end)
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    first = np.flatnonzero(np.r_[True, sorted_keys[1:] != sorted_keys[:-1]])
    pairs = first[np.diff(np.r_[first, len(keys)]) == 2]
    one, two = order[pairs], order[pairs + 1]
    same = (start[one] == start[two]).tolist()
    neighbours: list[list[tuple[int, bool]]] = [[] for _ in range(len(faces))]
    for left, right, opposed in zip((one // 3).tolist(), (two // 3).tolist(), same, strict=True):
        neighbours[left].append((right, opposed))
        neighbours[right].append((left, opposed))
    turned = _spread(neighbours)
    fixed = faces.copy()
    fixed[turned] = fixed[turned][:, ::-1]
    return fixed


def _spread(neighbours: list[list[tuple[int, bool]]]) -> NDArray[np.bool_]:
    turned: list[bool | None] = [None] * len(neighbours)
    for root in range(len(neighbours)):
        if turned[root] is not None:
            continue
        turned[root] = False
        waiting = [root]
        while waiting:
            face = waiting.pop()
            mine = turned[face]
            for other, opposed in neighbours[face]:
                if turned[other] is None:
                    turned[other] = mine != opposed
                    waiting.append(other)
    return np.array(turned, bool)
