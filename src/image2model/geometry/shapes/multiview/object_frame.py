"""How several views of one object lie to each other."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.generator import View

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectFrame:
    """
    How the views of one object lie to each other, in pixels of the front picture.

    x and y are the front picture's; z points to its viewer, 0 in the middle of the object. The
    views are orthographic and each fills its silhouette's box: the sides are as high as the
    front, the top is as wide.

    Attributes:
        boxes_px: Each view's box in its own picture: left, top, right, bottom.
    """

    boxes_px: Mapping[View, tuple[int, int, int, int]]

    @property
    def size_px(self) -> tuple[float, float, float]:
        """Width, height and depth of the object; a depth of 0 is unknown."""
        left, top, right, bottom = self.boxes_px[View.FRONT]
        depth = 0.0
        for view in (View.TOP, View.RIGHT, View.LEFT):
            if view in self.boxes_px:
                a, b, c, d = self.boxes_px[view]
                depth = (d - b if view is View.TOP else c - a) * self.scale(view)
        return right - left, bottom - top, depth

    def scale(self, view: View) -> float:
        """Return how many pixels of the front picture one pixel of *view* is."""
        left, top, right, bottom = self.boxes_px[View.FRONT]
        a, b, c, d = self.boxes_px[view]
        return (right - left) / (c - a) if view is View.TOP else (bottom - top) / (d - b)

    def to_view(self, view: View, points: Floats) -> Floats:
        """
        Project *points* into the picture of *view*.

        The left view is seen from the left of the front picture (from -X), so the object's
        front is on its right; the top view has the front at its bottom.

        Args:
            view: One of `boxes_px`.
            points: Shape (n, 3).

        Returns:
            Picture coordinates, shape (n, 2).
        """
        if view is View.FRONT:
            return points[:, :2]
        front, box = self.boxes_px[View.FRONT], self.boxes_px[view]
        x = points[:, 0] - (front[0] + front[2]) / 2
        y = points[:, 1] - (front[1] + front[3]) / 2
        z = points[:, 2]
        across, down = {
            View.BACK: (-x, y),
            View.LEFT: (z, y),
            View.RIGHT: (-z, y),
            View.TOP: (x, z),
        }[view]
        middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
        return np.asarray(np.column_stack([across, down]) / self.scale(view) + middle, np.float32)
