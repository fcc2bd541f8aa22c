"""How models stand before the camera on cards, so that nothing jumps when one begins to turn."""

import numpy as np
from numpy.typing import NDArray

PITCH_DEG = 12.0
"""How far above the camera stands, in previews and in sprites alike."""

_RINGS, _SIDES = 48, 72
"""Rounder, and finer from the bottom to the top, than the margin around a framed model."""


def swept(positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """
    Return points around what a model sweeps in a whole turn about its middle, upright.

    They look the same from all around, so whatever frames them frames every view of the model
    alike.

    Args:
        positions: Its vertices, shape (n, 3), n ≥ 1; Y is up.

    Returns:
        float64, shape (points, 3).
    """
    low, high = positions.min(axis=0), positions.max(axis=0)
    middle = (low + high) / 2
    reach = np.hypot(positions[:, 0] - middle[0], positions[:, 2] - middle[2])
    height = max(float(high[1] - low[1]), 1e-30)
    ring = np.rint((positions[:, 1] - low[1]) / height * (_RINGS - 1)).astype(np.int64)
    widest = np.zeros(_RINGS)
    np.maximum.at(widest, ring, reach)
    turns = 2 * np.pi * np.arange(_SIDES) / _SIDES
    around = np.stack([np.cos(turns), np.zeros(_SIDES), np.sin(turns)], axis=1)
    levels = np.linspace(low[1], high[1], _RINGS)
    heights = np.stack([np.full(_RINGS, middle[0]), levels, np.full(_RINGS, middle[2])], axis=1)
    return (heights[:, None] + around[None] * widest[:, None, None]).reshape(-1, 3)
