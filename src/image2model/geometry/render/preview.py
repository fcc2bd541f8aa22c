"""Draw a model as a small picture for lists and cards."""

import io
from collections.abc import Sequence

import PIL.Image

from image2model.geometry.formats.reading import read_model
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.render.camera import frame
from image2model.geometry.render.drawing import draw_scene
from image2model.geometry.render.scene import prepare_scene
from image2model.geometry.render.turntable import PITCH_DEG, swept

_YAW_DEG = 22.0
"""Enough to the side to show depth, little enough that a model with no true back looks right."""

_WEBP_QUALITY, _WEBP_METHOD = 86, 2


def render_preview(model: bytes, *, size_px: int = 512) -> bytes:
    """
    Draw a file as `draw_preview` draws what is in it.

    Args:
        model: A GLB, glTF, OBJ, PLY, STL or 3MF file, or a ZIP with one of them in it.
        size_px: Side of the square picture, in pixels.

    Raises:
        InvalidMesh: The file or a texture in it cannot be read.
    """
    return draw_preview(read_model(model).meshes, size_px=size_px)


def draw_preview(meshes: Sequence[Mesh], *, size_px: int = 512) -> bytes:
    """
    Draw a model from the front, a little from the side and from above.

    Args:
        meshes: At least one.
        size_px: Side of the square picture, in pixels.

    Returns:
        A WebP file with a transparent background, the model as large in it as in its sprite,
        which has room for a whole turn.

    Raises:
        InvalidMesh: A texture cannot be read.
    """
    scene = prepare_scene(meshes, texture_px=2 * size_px)
    camera = frame(swept(scene.positions), yaw_deg=_YAW_DEG, pitch_deg=PITCH_DEG)
    picture = draw_scene(scene, camera, size_px=size_px)
    file = io.BytesIO()
    PIL.Image.fromarray(picture).save(
        file, "WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD, alpha_quality=95
    )
    return file.getvalue()
