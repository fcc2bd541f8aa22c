"""Find the vertices that are one place, though texture seams and hard edges double them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.types import Mesh


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Welded:
    """
    Several meshes as one surface.

    Attributes:
        first: For each different place, the first vertex there, counted through all meshes.
        place: For each vertex, counted through all meshes, its place.
        offsets: Where the vertices of each mesh begin, and the count of all; one more than meshes.
    """

    first: NDArray[np.int64]
    place: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def places_of(self, mesh: int) -> NDArray[np.int64]:
        """Return the place of each vertex of the mesh number *mesh*."""
        return self.place[self.offsets[mesh] : self.offsets[mesh + 1]]


def weld(meshes: Sequence[Mesh], *, also: NDArray[np.generic] | None = None) -> Welded:
    """
    Join *meshes* where their vertices lie at exactly the same place.

    Args:
        meshes: At least one.
        also: What else must be the same for two vertices to be one; a row per vertex of all.

    Returns:
        Which vertices are one; the places in the order of their first vertices.
    """
    keys = place_keys(np.concatenate([mesh.positions for mesh in meshes]))
    if also is not None:
        keys = _mixed(keys, row_keys(also))
    first, place = first_of_each(keys)
    return Welded(
        first=first,
        place=place,
        offsets=np.cumsum([0, *(len(mesh.positions) for mesh in meshes)]),
    )


def first_of_each(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """
    Find equal *keys*, in the order in which they come.

    Returns:
        For each different key where it comes first, and for each key the number of that.
    """
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    # In the order of the file: the sorted order of hashes would scatter every table.
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[number]


def place_keys(positions: NDArray[np.float32]) -> NDArray[np.uint64]:
    """
    Mix each place's bits into one number: sorting those is far faster than sorting rows.

    With n places the chance that two get one number is about n² / 2⁶⁵.

    Args:
        positions: Shape (n, 3).

    Returns:
        Shape (n,).
    """
    # Adding zero makes −0.0 the same place as 0.0.
    return row_keys(positions + np.float32(0))


def row_keys(rows: NDArray[np.generic]) -> NDArray[np.uint64]:
    """Mix the bits of each row into one number; see `place_keys`."""
    data = np.ascontiguousarray(rows)
    bits = data.view(f"u{min(data.dtype.itemsize, 4)}").reshape(len(data), -1).astype(np.uint64)
    keys = np.zeros(len(data), np.uint64)
    for column in bits.T:
        keys = _mixed(keys, column)
    return keys


def _mixed(keys: NDArray[np.uint64], more: NDArray[np.uint64]) -> NDArray[np.uint64]:
    # The finaliser of SplitMix64 (Steele, Lea, Flood, 2014) over key and addition.
    mixed = keys * np.uint64(0x9E3779B97F4A7C15) + more
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
