"""A shape built over a picture, on its way to becoming a mesh."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.types import Material, Mesh

_MM_PER_M = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """
    A closed surface in a picture's pixels: x to the right, y down, z towards the viewer.

    Attributes:
        points: float32, shape (n, 3).
        normals: float32 unit vectors in the same axes, shape (n, 3).
        faces: int32, shape (f, 3), counter-clockwise as seen on the screen from outside.
        back: Whether a vertex takes its colour from the back's texture, shape (n,).
    """

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    faces: NDArray[np.int32]
    back: NDArray[np.bool_]


def stand_up(
    shape: Shape,
    *,
    name: str,
    uvs: NDArray[np.float32] | None = None,
    material: Material,
    height_mm: float,
) -> Mesh:
    """
    Turn a shape over, from the picture's axes to the world's, and give it its size.

    Args:
        shape: In the picture's pixels.
        name: For the mesh.
        uvs: Texture coordinates, shape (n, 2); None for a material without texture.
        material: How its surface looks.
        height_mm: How high the mesh is, in millimetres.

    Returns:
        The mesh: its box is centred over the origin and stands on y = 0.
    """
    low, high = shape.points.min(axis=0), shape.points.max(axis=0)
    middle = (low + high) / 2
    scale = height_mm / _MM_PER_M / float(high[1] - low[1])
    # The picture's y points down. Faces keep their order: they were wound for the screen.
    origin = np.array([middle[0], high[1], middle[2]], np.float32)
    axes = np.array([scale, -scale, scale], np.float32)
    return Mesh(
        name=name,
        positions=(shape.points - origin) * axes,
        faces=shape.faces.astype(np.uint32),
        normals=shape.normals * np.array([1, -1, 1], np.float32),
        uvs=uvs,
        material=material,
    )


def unit_vectors(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Scale vectors to length 1.

    Args:
        vectors: Shape (n, 3).

    Returns:
        Unit vectors; (0, 0, 1) where there was no direction.
    """
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), (0, 0, 1)).astype(np.float32)
