"""Judge and mend the end of a picture whose file was cut off."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from image2model.core.errors import PictureDamaged

_MOST_SHARE = 0.03
_MOST_ROWS = 16
"""One row of a JPEG's blocks may be lost even of a small picture …"""
_MOST_SHARE_OF_SMALL = 0.2
"""… but no more than this share of it."""
_REACH_PX = 17
"""A lost block may look right in places by chance; a block is 16 pixels."""


def mend_end(image: Image.Image, other: Image.Image) -> tuple[Image.Image, int]:
    """
    Find what of a picture is missing, and repeat the last whole row there.

    Args:
        image: The picture, decoded with one filling in place of what was cut off.
        other: The same with another filling: where they differ, pixels are made up.

    Returns:
        *image* itself and 0 where nothing is missing; else a mended copy, and how many rows at
        the bottom are not whole.

    Raises:
        PictureDamaged: More than a few rows are missing.
    """
    pixels, others = np.asarray(image), np.asarray(other)
    different = pixels != others
    wrong = different.any(axis=2) if different.ndim == 3 else different
    rows = np.flatnonzero(wrong.any(axis=1))
    if rows.size == 0:
        return image, 0
    first, height = int(rows[0]), len(pixels)
    lost = height - first
    most = max(_MOST_SHARE * height, min(_MOST_ROWS, _MOST_SHARE_OF_SMALL * height))
    if lost > most:
        raise PictureDamaged(reason=f"the last {lost} of {height} rows are missing")
    mended = np.array(pixels)
    box = np.ones((_REACH_PX, _REACH_PX), np.uint8)
    made_up: NDArray[np.bool_] = np.asarray(cv2.dilate(wrong.astype(np.uint8), box), bool)[first:]
    mended[first:][made_up] = np.broadcast_to(pixels[first - 1], pixels[first:].shape)[made_up]
    return Image.fromarray(mended, image.mode), lost
