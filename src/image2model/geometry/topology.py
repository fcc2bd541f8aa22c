"""Tell from a mesh's indices alone whether it is a closed, oriented surface."""

import numpy as np
from numpy.typing import NDArray


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
    corners = faces.astype(np.int64)
    starts, ends = corners.ravel(), np.roll(corners, -1, axis=1).ravel()
    count = int(corners.max()) + 1
    forward = np.sort(starts * count + ends)
    backward = np.sort(ends * count + starts)
    return bool((forward == backward).all() and (forward[1:] != forward[:-1]).all())
