"""What a shape maker hands back, and how it dresses its shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from image2model.core.errors import JsonValue
from image2model.geometry.mesh.types import Material, Mesh
from image2model.geometry.shapes.shape import Shape, stand_up
from image2model.geometry.shapes.texture_sheet import Sheet, encode_jpeg

Options = Mapping[str, Any]
"""A generator's options, every one filled in and checked."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """
    A mesh and what is worth knowing about how it came to be.

    Attributes:
        mesh: The model.
        facts: Beyond those that can be read off the mesh, as JSON values.
    """

    mesh: Mesh
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


def dress(shape: Shape, sheet: Sheet, *, name: str, options: Options) -> Mesh:
    """
    Lay a texture over a shape and stand it up in its size.

    Args:
        shape: In the picture's pixels.
        sheet: Its texture.
        name: For the mesh and its material.
        options: With `print_height_mm`.

    Returns:
        The mesh.
    """
    uvs = sheet.front.uvs(shape.points[:, :2])
    if shape.back.any():
        uvs[shape.back] = sheet.back.uvs(shape.points[shape.back, :2])
    # A turn or a bevel may reach past the picture's edge by a fraction of a pixel.
    np.clip(uvs, 0, 1, out=uvs)
    material = Material(name=name, base_color_texture=encode_jpeg(sheet.rgb))
    return stand_up(
        shape, name=name, uvs=uvs, material=material, height_mm=options["print_height_mm"]
    )
