"""Colours that stand with vertices or faces, in the ranges that programs write."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.textures.srgb import to_linear


def shown_colors(
    channels: Sequence[NDArray[Any]], alpha: NDArray[Any] | None = None
) -> NDArray[np.uint8]:
    """
    Turn colours as screens show them into those of a `Mesh`.

    Args:
        channels: Red, green and blue, shape (n,) each. Whole numbers of 16 bits run to 65,535,
            others to 255; fractions to 1, or where one is above 2, to 255 or 65,535.
        alpha: Opacity in the same way; None: opaque.

    Returns:
        Shape (n, 4), linear.
    """
    rgb = np.stack(channels, axis=1)
    colors = np.full((len(rgb), 4), 255, np.uint8)
    colors[:, :3] = np.rint(to_linear(_bytes(rgb)) * 255)
    if alpha is not None:
        colors[:, 3] = _bytes(alpha)
    return colors


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.dtype.kind in "iu":
        deep = values.dtype == np.uint16 and values.max(initial=0) > 255
        most = 65535 if deep else 255
    else:
        values = np.nan_to_num(values, posinf=0, neginf=0)
        # Factors may be a little above 1; nobody writes 2 of 255.
        highest = float(values.max(initial=0))
        most = 1 if highest <= 2 else 255 if highest <= 255 else 65535
    scaled: NDArray[np.float64] = values.astype(np.float64) * (255 / most)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
