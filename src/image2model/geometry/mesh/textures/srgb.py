"""How much light a surface sends to the eye, and how light becomes pixels."""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_ENCODE_STEPS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Lighting:
    """
    A neutral, colourless rig: a sky above, a key light and a fill light far away.

    A white surface that faces the camera comes out just below white, so that a texture keeps
    the colours its picture had; the rest models the form.

    Attributes:
        key: Direction to the key light: to the right, up, towards the camera.
        fill: Direction to the fill light, likewise.
        key_strength: Share of the key light on a surface that faces it.
        fill_strength: Share of the fill light.
        sky: Light from above, on a level surface.
        ground: Light from below, on a surface that faces down.
    """

    key: tuple[float, float, float] = (-0.45, 0.65, 0.62)
    fill: tuple[float, float, float] = (0.80, 0.05, 0.60)
    key_strength: float = 0.68
    fill_strength: float = 0.18
    sky: float = 0.50
    ground: float = 0.18


def illuminate(
    normals: NDArray[np.float32], axes: NDArray[np.floating], lighting: Lighting
) -> NDArray[np.float32]:
    """
    Return the light that falls on matte surfaces.

    The key light is wrapped around the form by a quarter, as a large soft lamp does, so that no
    part of a preview is black.

    Args:
        normals: float32 unit vectors in the world, shape (3, n).
        axes: The camera's right, up and back vectors as rows, shape (3, 3): the rig stands with
            the camera, the sky with the world.
        lighting: The rig.

    Returns:
        float32, shape (n,): 1.0 leaves a colour as it is.
    """
    key, fill = (_unit(direction) @ axes for direction in (lighting.key, lighting.fill))
    wrap = 0.25
    light = (key / (1 + wrap)).astype(np.float32) @ normals
    light += np.float32(wrap / (1 + wrap))
    np.maximum(light, 0, out=light)
    light *= np.float32(lighting.key_strength)
    filled = (fill * lighting.fill_strength).astype(np.float32) @ normals
    light += np.maximum(filled, 0, out=filled)
    light += normals[1] * np.float32((lighting.sky - lighting.ground) / 2)
    light += np.float32((lighting.sky + lighting.ground) / 2)
    return light


def _unit(vector: tuple[float, float, float]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = np.asarray(vector, np.float64) / np.linalg.norm(vector)
    return unit


def normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Scale vectors to length 1.

    Args:
        vectors: float32, shape (3, n); a zero vector stays zero.

    Returns:
        float32, shape (3, n).
    """
    squared = vectors[0] * vectors[0]
    squared += vectors[1] * vectors[1]
    squared += vectors[2] * vectors[2]
    np.maximum(squared, np.float32(1e-30), out=squared)
    unit: NDArray[np.float32] = vectors / np.sqrt(squared, out=squared)
    return unit


def to_linear(encoded: NDArray[np.uint8]) -> NDArray[np.float32]:
    """
    Decode sRGB (IEC 61966-2-1).

    Args:
        encoded: uint8, any shape.

    Returns:
        float32 light, 0.0–1.0, the same shape.
    """
    return np.asarray(np.take(_decoding(), encoded), np.float32)


def to_srgb(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """
    Encode light as sRGB (IEC 61966-2-1), within one step of the exact formula.

    Args:
        light: float32, any shape; what is outside 0.0–1.0 is clipped.

    Returns:
        uint8, the same shape.
    """
    scaled = light * np.float32(_ENCODE_STEPS - 1)
    np.clip(scaled, 0, _ENCODE_STEPS - 1, out=scaled)
    scaled += np.float32(0.5)
    return np.asarray(np.take(_encoding(), scaled.astype(np.uint16)), np.uint8)


def resolve(
    light: NDArray[np.float32], pixels: NDArray[np.int64], *, size_px: int, samples: int
) -> NDArray[np.uint8]:
    """
    Average the samples of every pixel into a picture with soft edges.

    The average is taken over light weighted by coverage: averaging encoded colours would darken
    edges, averaging without the weight would fringe them with the background.

    Args:
        light: float32, shape (4, n): red, green, blue times coverage, and coverage.
        pixels: Where each sample lies in a picture of size_px × samples square.
        size_px: Side of the finished picture, in pixels.
        samples: Samples along one side of a pixel.

    Returns:
        uint8 sRGB and alpha, not premultiplied, shape (size_px, size_px, 4).
    """
    side = size_px * samples
    small = np.empty((4, size_px, size_px), np.float32)
    plane = np.zeros(side * side, np.float32)
    for component, into in zip(light, small, strict=True):
        plane[pixels] = component
        cv2.resize(
            plane.reshape(side, side), (size_px, size_px), dst=into, interpolation=cv2.INTER_AREA
        )
    alpha = small[3]
    small[:3] /= np.maximum(alpha, np.float32(1e-6))
    picture = np.empty((size_px, size_px, 4), np.uint8)
    picture[..., :3] = np.moveaxis(to_srgb(small[:3]), 0, -1)
    picture[..., 3] = np.rint(np.clip(alpha, 0, 1) * 255)
    return picture


@functools.cache
def _decoding() -> NDArray[np.float32]:
    value = np.arange(256) / 255
    low, high = value / 12.92, ((value + 0.055) / 1.055) ** 2.4
    return np.where(value <= 0.04045, low, high).astype(np.float32)


@functools.cache
def _encoding() -> NDArray[np.uint8]:
    light = np.arange(_ENCODE_STEPS) / (_ENCODE_STEPS - 1)
    low, high = light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055
    encoded = np.rint(np.where(light <= 0.0031308, low, high) * 255)
    return np.asarray(encoded, np.uint8)
