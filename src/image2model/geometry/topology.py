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
    factor = np.uint32(count)
    forward = np.sort(starts * factor + ends)
    backward = np.sort(ends * factor + starts)
    return bool((forward == backward).all() and (forward[1:] != forward[:-1]).all())
