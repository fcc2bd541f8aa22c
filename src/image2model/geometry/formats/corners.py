"""Corners of faces that have more than a vertex each: which of them are the same."""

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.triangulation import Triangles

_LARGEST_KEY = 2**62


def distinct_rows(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """
    Find the different rows of a table of small numbers.

    Args:
        rows: Shape (n, columns).

    Returns:
        Where each different row stands first, and for every row which of the different ones it is.
    """
    low = rows.min(axis=0)
    spans = [int(span) for span in rows.max(axis=0) - low + 1]
    size = 1
    for span in spans:
        size *= span
    if size < _LARGEST_KEY:
        # One number per row sorts ten times faster than a row.
        keys = np.zeros(len(rows), np.int64)
        for column, span in zip((rows - low).T, spans, strict=True):
            keys = keys * span + column
        _, first, index = np.unique(keys, return_index=True, return_inverse=True)
        return first, index
    _, first, index = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, index.ravel()


def polygon_notes(cut: Triangles) -> list[str]:
    """Say which faces of a file could not be taken as they are."""
    notes = []
    if cut.too_few:
        notes.append(f"{_faces(cut.too_few)} left out: fewer than three corners")
    if cut.crossing:
        crosses = "crosses itself" if cut.crossing == 1 else "cross themselves"
        count = "1 face" if cut.crossing == 1 else f"{cut.crossing:,} faces"
        notes.append(f"{count} {crosses}, so the shape there is a guess")
    return notes


def _faces(count: int) -> str:
    return "1 face was" if count == 1 else f"{count:,} faces were"
