"""Tell from a mesh's indices alone whether it is a closed, oriented surface."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_COUNT_OF_SHORT_KEYS = 65_536


def is_watertight(faces: NDArray[np.integer]) -> bool:
    """
    Check that every edge joins exactly two faces that run along it in opposite directions.

    Args:
        faces: Vertex indices, shape (n, 3).

    Returns:
        Whether the surface is closed and consistently wound; False for no faces.
    """
    if len(faces) == 0:
        return False
    count = int(faces.max()) + 1
    # Half the bytes sort in half the time, which is most of what this takes.
    corners: NDArray[np.unsignedinteger[Any]] = (
        faces.astype(np.uint32) if count <= _COUNT_OF_SHORT_KEYS else faces.astype(np.uint64)
    )
    starts, ends = corners.ravel(), corners[:, [1, 2, 0]].ravel()
    factor = corners.dtype.type(count)
    forward, backward = starts * factor + ends, ends * factor + starts
    del starts, ends, corners
    # Most surfaces are open: then the edges of one direction are others than those of the other,
    # and so are their sums. Sorting takes many times as long.
    if _sum_of_squares(forward) != _sum_of_squares(backward):
        return False
    forward.sort()
    if not (forward[1:] != forward[:-1]).all():
        return False
    backward.sort()
    return bool((forward == backward).all())


def _sum_of_squares(keys: NDArray[np.unsignedinteger[Any]]) -> int:
    """Add up the squares modulo a power of two: the same for the same keys in any order."""
    return int((keys * keys).sum(dtype=keys.dtype))
