"""Where a picture of a mesh is taken from, and which pixel each vertex falls on."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ORTHOGRAPHIC_DISTANCE = 4.0
_CENTRING_STEPS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Camera:
    """
    A camera that frames a set of points.

    Attributes:
        right: Unit vector to the picture's right.
        up: Unit vector to the picture's top.
        back: Unit vector from the scene to the camera.
        position: Where the camera stands, in the scene's units.
        half_width: Half the picture's width: at distance 1 with perspective, else in the
            scene's units.
        half_height: Half the picture's height, likewise.
        near: Distance of the nearest drawn plane, in the scene's units.
        far: Distance of the farthest drawn plane, in the scene's units.
        perspective: Whether far things are smaller.
    """

    right: NDArray[np.float64]
    up: NDArray[np.float64]
    back: NDArray[np.float64]
    position: NDArray[np.float64]
    half_width: float
    half_height: float
    near: float
    far: float
    perspective: bool

    def to_view(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """
        Return *points* as seen from the camera.

        Args:
            points: World positions, shape (n, 3).

        Returns:
            float64, shape (n, 3): right, up, and towards the camera (negative before it).
        """
        axes = np.stack([self.right, self.up, self.back])
        # Not `@`: waking the threads of a BLAS costs more than these few products.
        seen: NDArray[np.float64] = np.einsum("ij,kj->ik", points - self.position, axes)
        return seen

    def project(
        self, points: NDArray[np.floating], *, width_px: int, height_px: int
    ) -> NDArray[np.float64]:
        """
        Return where *points* fall on a picture, as `raster.rasterize` takes them.

        Args:
            points: World positions, shape (n, 3).
            width_px: Width of the picture, in pixels.
            height_px: Height of the picture, in pixels.

        Returns:
            float64, shape (n, 4): x and y in pixels, depth 0.0–1.0 between the near and the far
            plane, 1/w. Points behind the camera get a 1/w of 0.
        """
        view = self.to_view(points)
        distance = -view[:, 2]
        if self.perspective:
            before = distance > 0
            inverse_w = np.where(before, 1.0 / np.where(before, distance, 1.0), 0.0)
            depth = (1 / self.near - inverse_w) / (1 / self.near - 1 / self.far)
        else:
            inverse_w = np.ones(len(view))
            depth = (distance - self.near) / (self.far - self.near)
        x = (view[:, 0] * inverse_w / self.half_width + 1) * (width_px / 2)
        y = (1 - view[:, 1] * inverse_w / self.half_height) * (height_px / 2)
        return np.stack([x, y, depth, inverse_w], axis=1)

    def towards(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """
        Return unit vectors from *points* to the camera.

        Args:
            points: World positions, shape (n, 3).

        Returns:
            float64, shape (n, 3).
        """
        if not self.perspective:
            return np.broadcast_to(self.back, points.shape).copy()
        away = self.position - points
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        return away


def frame(
    points: NDArray[np.floating],
    *,
    yaw_deg: float = 0.0,
    pitch_deg: float = 0.0,
    field_of_view_deg: float | None = 30.0,
    aspect: float = 1.0,
    margin: float = 0.06,
) -> Camera:
    """
    Place a camera so that *points* just fit the picture, centred.

    Args:
        points: World positions, shape (n, 3), n ≥ 1; Y is up, the front faces +Z.
        yaw_deg: How far the camera stands to the subject's right side (picture's right),
            in degrees; 0 looks at the front, 90 from +X.
        pitch_deg: How far it stands above, in degrees, −90 to 90.
        field_of_view_deg: The narrower side's angle of view, in degrees; None: no perspective.
        aspect: Width over height of the picture.
        margin: Share of the picture left free on every side, 0.0–0.4.

    Returns:
        The camera.
    """
    right, up, back = _axes(yaw_deg, pitch_deg)
    seen = np.asarray(points, np.float64) @ np.stack([right, up, back]).T
    extent = max(float(np.ptp(seen, axis=0).max()), 1e-9)
    fill = 1 - 2 * margin
    if field_of_view_deg is None:
        return _frame_orthographic(seen, (right, up, back), extent, aspect, fill)
    tangent = math.tan(math.radians(field_of_view_deg) / 2)
    half_width, half_height = tangent * max(aspect, 1.0), tangent / min(aspect, 1.0)
    # The four side planes of the frustum each touch the outermost point.
    distance = max(
        _touching(seen[:, 0], seen[:, 2], half_width * fill),
        _touching(seen[:, 1], seen[:, 2], half_height * fill),
        float(seen[:, 2].max()) + extent * 0.05,
    )
    centre_x = _centre(seen[:, 0], distance - seen[:, 2])
    centre_y = _centre(seen[:, 1], distance - seen[:, 2])
    return Camera(
        right=right,
        up=up,
        back=back,
        position=right * centre_x + up * centre_y + back * distance,
        half_width=half_width,
        half_height=half_height,
        near=distance - float(seen[:, 2].max()) - extent * 0.02,
        far=distance - float(seen[:, 2].min()) + extent * 0.02,
        perspective=True,
    )


def _frame_orthographic(
    seen: NDArray[np.float64],
    axes: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    extent: float,
    aspect: float,
    fill: float,
) -> Camera:
    low, high = seen.min(axis=0), seen.max(axis=0)
    middle, size = (low + high) / 2, high - low
    half_height = max(size[1], size[0] / aspect, extent * 1e-6) / 2 / fill
    distance = float(high[2]) + extent * _ORTHOGRAPHIC_DISTANCE
    right, up, back = axes
    return Camera(
        right=right,
        up=up,
        back=back,
        position=right * middle[0] + up * middle[1] + back * distance,
        half_width=half_height * aspect,
        half_height=half_height,
        near=distance - float(high[2]) - extent * 0.02,
        far=distance - float(low[2]) + extent * 0.02,
        perspective=False,
    )


def _axes(
    yaw_deg: float, pitch_deg: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    right = np.array([math.cos(yaw), 0.0, -math.sin(yaw)])
    back = np.array(
        [math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)]
    )
    return right, np.cross(back, right), back


def _touching(across: NDArray[np.float64], towards: NDArray[np.float64], tangent: float) -> float:
    """Return how far away two opposite side planes of the frustum touch the points."""
    high = float((across + tangent * towards).max())
    low = float((tangent * towards - across).max())
    return (high + low) / (2 * tangent)


def _centre(across: NDArray[np.float64], distance: NDArray[np.float64]) -> float:
    """Return where the axis must pass for the outermost points to be seen equally far out."""
    centre = 0.0
    for _ in range(_CENTRING_STEPS):
        angle = (across - centre) / distance
        ends = [int(angle.argmin()), int(angle.argmax())]
        centre = float((across[ends] / distance[ends]).sum() / (1 / distance[ends]).sum())
    return centre
