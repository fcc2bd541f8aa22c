"""Draw a model from all around, as one picture of many small ones: a turntable for cards."""

import io

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from image2model.geometry.formats.reading import read_model
from image2model.geometry.render.camera import frame
from image2model.geometry.render.coarsen import coarsen
from image2model.geometry.render.drawing import draw_scene
from image2model.geometry.render.scene import prepare_scene
from image2model.geometry.render.sprite_layout import SPRITE_COLUMNS, SPRITE_SIZE_PX, SPRITE_VIEWS
from image2model.geometry.render.turntable import PITCH_DEG, swept

_MANY_FACES = 6_000
_CELL_PX = 2.0
_WEBP_QUALITY, _WEBP_METHOD = 80, 1


def render_sprite(
    model: bytes,
    *,
    views: int = SPRITE_VIEWS,
    columns: int = SPRITE_COLUMNS,
    size_px: int = SPRITE_SIZE_PX,
) -> bytes:
    """
    Draw a model on a turntable.

    The first picture is the front; then the camera walks to the picture's right in equal steps.
    The pictures lie in rows from the top left. All are framed alike: what the model sweeps in a
    whole turn just fits, so it neither jumps nor breathes, and models of a batch are as large as
    each other.

    Args:
        model: A GLB, glTF, OBJ, PLY, STL or 3MF file, or a ZIP with one of them in it.
        views: How many pictures, evenly around.
        columns: How many of them in a row.
        size_px: Side of each square picture, in pixels.

    Returns:
        A WebP file with a transparent background.

    Raises:
        InvalidMesh: The file or a texture in it cannot be read.
    """
    scene = prepare_scene(read_model(model).meshes, texture_px=2 * size_px)
    envelope = swept(scene.positions)
    if len(scene.faces) > _MANY_FACES:
        across = float(np.ptp(envelope, axis=0).max())
        scene = coarsen(scene, cell=across / size_px * _CELL_PX)
    rows = -(-views // columns)
    sheet = np.zeros((rows * size_px, columns * size_px, 4), np.uint8)
    for view in range(views):
        camera = frame(envelope, yaw_deg=360 * view / views, pitch_deg=PITCH_DEG)
        top, left = view // columns * size_px, view % columns * size_px
        sheet[top : top + size_px, left : left + size_px] = draw_scene(
            scene, camera, size_px=size_px
        )
    return _encode(sheet)


def _encode(sheet: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(sheet).save(
        file, "WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD, alpha_quality=90
    )
    return file.getvalue()
