"""A photo studio: large soft lamps, a floor that takes shadows, a camera."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from examples.fields import Values
from examples.solids import Skin, Solid, paint, tessellate
from image2model.geometry.mesh.textures.srgb import normalized, resolve, to_linear, to_srgb
from image2model.geometry.render.camera import Camera, frame
from image2model.geometry.render.raster import rasterize

_SHADOW_PX = 448
_FLOOR_CELLS = 192
_DIELECTRIC = 0.04
"""Share of light that paint, plastic and glaze mirror when looked at squarely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """
    How an object is photographed.

    Attributes:
        yaw_deg: How far the camera stands to the object's right side, in degrees.
        pitch_deg: How far it stands above, in degrees.
        field_of_view_deg: Its angle of view, in degrees; None: a view without perspective.
        margin: Share of the picture left free on every side.
        backdrop: Colours at the picture's top and bottom (six hexadecimal digits); None: nothing,
            the picture is transparent.
        shadow: How dark the object's shadow on the floor is, 0.0–1.0.
        turntable: Whether the object is framed so that it fits after any quarter turn, at the
            same scale and height: for several views of one object.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 6.0
    field_of_view_deg: float | None = 22.0
    margin: float = 0.08
    backdrop: tuple[str, str] | None = None
    shadow: float = 0.0
    turntable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photograph:
    """
    A finished picture.

    Attributes:
        pixels: uint8 sRGB and alpha, shape (side, side, 4); opaque if there is a backdrop.
        mask: uint8, shape (side, side): how much of each pixel the object covers.
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Light:
    """Light that arrives at points: irradiance (n, 3) and the share of the sky they see (n,)."""

    irradiance: Values
    openness: Values


def photograph(solid: Solid, shot: Shot, *, size_px: int, samples: int, cells: int) -> Photograph:
    """
    Take a picture of *solid*.

    Args:
        solid: The object.
        shot: Camera and backdrop.
        size_px: Side of the picture, in pixels.
        samples: Samples along one side of a pixel.
        cells: Cells along the object's longest side: how fine its surface is.

    Returns:
        The picture and its true mask; the same for every call on the same machine.
    """
    skin = tessellate(solid, cells=cells)
    blocker = tessellate(solid, cells=cells // 2)
    camera = frame(
        _quarter_turns(skin.positions) if shot.turntable else skin.positions,
        yaw_deg=shot.yaw_deg,
        pitch_deg=shot.pitch_deg,
        field_of_view_deg=shot.field_of_view_deg,
        margin=shot.margin,
    )
    floor_points = _floor_grid(skin)
    receivers = np.concatenate([skin.positions, floor_points])
    up = np.tile(np.array([0, 1, 0], np.float32), (len(floor_points), 1))
    light = _gather(receivers, np.concatenate([skin.normals, up]), blocker, camera)
    count = len(skin.positions)
    on_skin = _Light(irradiance=light.irradiance[:count], openness=light.openness[:count])
    picture = _expose(solid, skin, on_skin, camera, size_px=size_px, samples=samples)
    mask = picture[..., 3].copy()
    if shot.backdrop is not None:
        floor = light.irradiance[count:, 1].reshape(_FLOOR_CELLS, _FLOOR_CELLS)
        picture = _on_backdrop(picture, shot, _floor_seen(floor, skin, camera, size_px))
    return Photograph(pixels=picture, mask=mask)


def _quarter_turns(positions: Values) -> Values:
    x, y, z = positions.T
    turns = [(x, y, z), (z, y, -x), (-x, y, -z), (-z, y, x)]
    return np.concatenate([np.stack(turn, axis=1) for turn in turns])


def _lamps(camera: Camera) -> list[tuple[Values, Values]]:
    """Return directions and the light from each: a key lamp, a rim lamp, a white room."""
    axes = np.stack([camera.right, camera.up, camera.back])
    key = _cone(np.array((-0.62, 0.80, 0.62)) @ axes, half_angle_deg=20, count=56)
    rim = _cone(np.array((0.85, 0.55, -0.55)) @ axes, half_angle_deg=16, count=20)
    room = _cone(np.array((0.0, 1.0, 0.0)), half_angle_deg=180, count=150)
    return [
        *((direction, np.array((1.62, 1.56, 1.46), np.float32) / 56) for direction in key),
        *((direction, np.array((0.50, 0.54, 0.60), np.float32) / 20) for direction in rim),
        # A surface under an even room of brightness 1 receives 1: solid angle over π.
        *((direction, _room_light(float(direction[1])) * 4 / 150) for direction in room),
    ]


def _room_light(height: float) -> Values:
    """Return what comes from a height: the ceiling is brightest, the floor warm and dimmer."""
    if height > 0:
        return np.array((0.718, 0.740, 0.770), np.float32) * (0.62 + 0.38 * height)
    return np.array((0.762, 0.740, 0.710), np.float32) * (0.62 if height > -0.05 else 0.44)


def _cone(centre: NDArray[np.float64], *, half_angle_deg: float, count: int) -> list[Values]:
    """Return *count* directions spread evenly around *centre* (a Fibonacci spiral)."""
    centre = centre / np.linalg.norm(centre)
    side = np.cross(centre, [0.3, 0.2, 0.9] if abs(centre[1]) > 0.9 else [0, 1, 0])
    side /= np.linalg.norm(side)
    other = np.cross(centre, side)
    turn = np.arange(count) * math.pi * (3 - math.sqrt(5))
    along = 1 - (np.arange(count) + 0.5) / count * (1 - math.cos(math.radians(half_angle_deg)))
    across = np.sqrt(1 - along * along)
    found = (
        along[:, None] * centre
        + (across * np.cos(turn))[:, None] * side
        + (across * np.sin(turn))[:, None] * other
    )
    return list(found.astype(np.float32))


def _gather(points: Values, normals: Values, blocker: Skin, camera: Camera) -> _Light:
    """Add up the light of every lamp that a point sees, looked up in a depth map per lamp."""
    irradiance = np.zeros((len(points), 3), np.float32)
    open_sky, whole_sky = np.zeros(len(points), np.float32), np.zeros(len(points), np.float32)
    extent = float(np.ptp(blocker.positions, axis=0).max())
    lifted = points + normals * np.float32(extent * 0.006)
    for direction, light in _lamps(camera):
        facing = np.maximum(normals @ direction, 0)
        towards = np.flatnonzero(facing > 0)
        seen = facing[towards] * _lit(lifted[towards], blocker, direction, extent * 0.006)
        irradiance[towards] += seen[:, None] * light
        open_sky[towards] += seen
        whole_sky += facing
    return _Light(irradiance=irradiance, openness=open_sky / np.maximum(whole_sky, 1e-6))


def _lit(points: Values, blocker: Skin, direction: Values, slack: float) -> Values:
    """Return 1 where *points* see a lamp in *direction*, 0 where *blocker* is in the way."""
    camera = frame(
        blocker.positions,
        yaw_deg=math.degrees(math.atan2(direction[0], direction[2])),
        pitch_deg=math.degrees(math.asin(min(max(float(direction[1]), -1), 1))),
        field_of_view_deg=None,
        margin=0.02,
    )
    corners = camera.project(blocker.positions, width_px=_SHADOW_PX, height_px=_SHADOW_PX)
    drawn = rasterize(corners, blocker.faces, width_px=_SHADOW_PX, height_px=_SHADOW_PX)
    nearest = np.ones(_SHADOW_PX * _SHADOW_PX, np.float32)
    nearest[drawn.pixels] = drawn.depth
    seen = camera.project(points, width_px=_SHADOW_PX, height_px=_SHADOW_PX)
    column, row = np.floor(seen[:, 0]).astype(int), np.floor(seen[:, 1]).astype(int)
    inside = (column >= 0) & (column < _SHADOW_PX) & (row >= 0) & (row < _SHADOW_PX)
    lit = np.ones(len(points), np.float32)
    depth = seen[inside, 2] - slack / (camera.far - camera.near)
    lit[inside] = depth <= nearest[row[inside] * _SHADOW_PX + column[inside]]
    return lit


def _expose(
    solid: Solid, skin: Skin, light: _Light, camera: Camera, *, size_px: int, samples: int
) -> NDArray[np.uint8]:
    side = size_px * samples
    seen = rasterize(
        camera.project(skin.positions, width_px=side, height_px=side),
        skin.faces,
        width_px=side,
        height_px=side,
    )
    vertices = [skin.positions, skin.normals, light.irradiance, light.openness[:, None]]
    blended = seen.interpolate(np.concatenate(vertices, axis=1), skin.faces)
    points, normals, irradiance, openness = np.split(blended, [3, 6, 9])
    normals = normalized(normals)
    color, gloss, glow = solid.surface(points)
    # Light that is caught in a crease has met the same paint several times: it is not lost but
    # tinted (Jimenez et al., "Practical real-time strategies for accurate indirect occlusion").
    caught = (1 - openness) * color
    exposed = np.empty((4, len(seen.faces)), np.float32)
    exposed[:3] = color * irradiance * (1 + caught + caught * caught) + color * glow
    exposed[:3] += gloss * _mirrored(points, normals, openness[0], camera)
    exposed[:3] = _film(exposed[:3])
    exposed[3] = 1
    return resolve(exposed, seen.pixels, size_px=size_px, samples=samples)


def _mirrored(points: Values, normals: Values, openness: Values, camera: Camera) -> Values:
    """Return what a glazed surface mirrors of the studio: a window, a strip lamp, the room."""
    eye = camera.towards(points.T).T.astype(np.float32)
    facing = np.clip((eye * normals).sum(axis=0), 0, 1)
    bounced = 2 * facing * normals - eye
    axes = np.stack([camera.right, camera.up, camera.back]).astype(np.float32)
    right, up, back = axes @ bounced
    window = _soft_box(right, up, back, centre=(-0.60, 0.62), half=(0.24, 0.27))
    strip = _soft_box(right, up, back, centre=(0.86, 0.25), half=(0.07, 0.50))
    room = 0.35 + 0.45 * np.clip(bounced[1], -0.6, 1)
    share = _DIELECTRIC + (1 - _DIELECTRIC) * (1 - facing) ** 5
    shine: Values = share * openness * (room + 11 * window + 3.5 * strip)
    return shine.astype(np.float32)


def _soft_box(
    right: Values,
    up: Values,
    back: Values,
    *,
    centre: tuple[float, float],
    half: tuple[float, float],
) -> Values:
    """Return how much of a rectangular lamp a direction meets, its border a little blurred."""
    x = np.abs(right - np.float32(centre[0])) - np.float32(half[0])
    y = np.abs(up - np.float32(centre[1])) - np.float32(half[1])
    inside = np.clip(0.5 - x / 0.06, 0, 1) * np.clip(0.5 - y / 0.06, 0, 1)
    found: Values = inside * np.clip((back + 0.45) / 0.2, 0, 1)
    return found


def _film(light: Values) -> Values:
    """Compress what is brighter than paper softly instead of clipping it."""
    knee = np.float32(0.72)
    over = np.maximum(light - knee, 0)
    found: Values = np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))
    return found


def _floor_grid(skin: Skin) -> Values:
    """Return points of the floor under the object, row by row, away from the camera's side."""
    low, half, x, z = _floor_extent(skin)
    steps = (np.arange(_FLOOR_CELLS) + 0.5) / _FLOOR_CELLS * 2 - 1
    grid_z, grid_x = np.meshgrid(z + half * steps, x + half * steps, indexing="ij")
    level = np.full(grid_x.shape, low)
    return np.stack([grid_x, level, grid_z], axis=-1).reshape(-1, 3).astype(np.float32)


def _floor_extent(skin: Skin) -> tuple[float, float, float, float]:
    low, high = skin.positions.min(axis=0), skin.positions.max(axis=0)
    middle = (low + high) / 2
    half = 2.2 * float(max(high - low))
    return float(low[1]), half, float(middle[0]), float(middle[2])


def _floor_seen(floor: Values, skin: Skin, camera: Camera, size_px: int) -> NDArray[np.float32]:
    """Return how much light the floor behind each pixel gets: 1 in the open, less in shadow."""
    low, half, x, z = _floor_extent(skin)
    steps = ((np.arange(size_px) + 0.5) / size_px * 2 - 1).astype(np.float32)
    right, down = np.meshgrid(steps * camera.half_width, steps * camera.half_height)
    rays = right[..., None] * camera.right - down[..., None] * camera.up - camera.back
    falling = np.minimum(rays[..., 1], -1e-6)
    reach = (low - camera.position[1]) / falling
    hit = camera.position + reach[..., None] * rays
    to_cell = _FLOOR_CELLS / (2 * half)
    column = ((hit[..., 0] - x + half) * to_cell - 0.5).astype(np.float32)
    row = ((hit[..., 2] - z + half) * to_cell - 0.5).astype(np.float32)
    open_floor = float(np.median(np.concatenate([floor[0], floor[-1]])))
    share = np.minimum(cv2.GaussianBlur(floor / open_floor, (0, 0), 0.8), 1).astype(np.float32)
    seen = cv2.remap(
        share, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=1.0
    )
    # Far from the object the lamps' separate shadows would show as bands.
    away = np.hypot(hit[..., 0] - x, hit[..., 2] - z) / half
    seen = 1 - (1 - seen) * np.exp(-((away / 0.42) ** 2))
    seen[rays[..., 1] > -1e-4] = 1
    return np.asarray(cv2.GaussianBlur(seen.astype(np.float32), (0, 0), size_px / 400), np.float32)


def _on_backdrop(
    picture: NDArray[np.uint8], shot: Shot, floor: NDArray[np.float32]
) -> NDArray[np.uint8]:
    assert shot.backdrop is not None
    size_px = len(picture)
    top, bottom = (paint(code) for code in shot.backdrop)
    down = (np.arange(size_px, dtype=np.float32) / (size_px - 1))[:, None, None]
    ease = down * down * (3 - 2 * down)
    wall = np.broadcast_to(top * (1 - ease) + bottom * ease, (size_px, size_px, 3))
    shaded = wall * (1 - shot.shadow * (1 - floor))[..., None]
    alpha = picture[..., 3:].astype(np.float32) / 255
    light = to_linear(picture[..., :3]) * alpha + shaded * (1 - alpha)
    opaque = np.full((size_px, size_px, 4), 255, np.uint8)
    opaque[..., :3] = to_srgb(light.astype(np.float32))
    return opaque
