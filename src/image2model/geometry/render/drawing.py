"""Draw a scene: layer behind layer where it is transparent."""

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.textures.srgb import Lighting, resolve
from image2model.geometry.render.appearance import appearance
from image2model.geometry.render.camera import Camera
from image2model.geometry.render.raster import Fragments, rasterize
from image2model.geometry.render.scene import Scene

_MOST_LAYERS = 6
"""Leaves and hair overlap deeper, but what lies behind six of them is not seen."""

_OPAQUE = 0.996
"""Alpha above which the next layer could not change a pixel by one step."""


def draw_scene(
    scene: Scene,
    camera: Camera,
    *,
    size_px: int,
    samples: int = 2,
    lighting: Lighting | None = None,
) -> NDArray[np.uint8]:
    """
    Draw *scene* as *camera* sees it, on nothing.

    Args:
        scene: What to draw; may be drawn again from elsewhere.
        camera: From where.
        size_px: Side of the square picture, in pixels.
        samples: Samples along one side of a pixel: 1 has jagged edges, 2 is clean, 3 finer.
        lighting: The lamps; None: the neutral rig.

    Returns:
        uint8 sRGB and alpha, not premultiplied, shape (size_px, size_px, 4).
    """
    side = size_px * samples
    points = camera.project(scene.positions, width_px=side, height_px=side)
    double_sided = np.array([material.double_sided for material in scene.materials])
    hide_back = ~double_sided[scene.material_of_face]
    rig = lighting or Lighting()

    def layer(behind: Fragments | None) -> tuple[Fragments, NDArray[np.float32]]:
        seen = rasterize(
            points, scene.faces, width_px=side, height_px=side, hide_back=hide_back, behind=behind
        )
        return seen, appearance(scene, seen, camera, points, rig)

    nearest, light = layer(None)
    fragments, newest = nearest, light
    for _ in range(_MOST_LAYERS - 1):
        if not len(newest.T) or newest[3].min() >= _OPAQUE:
            break
        fragments, farther = layer(fragments)
        places = np.searchsorted(nearest.pixels, fragments.pixels)
        light[:, places] += farther * (1 - light[3, places])
        newest = light[:, places]
    return resolve(light, nearest.pixels, size_px=size_px, samples=samples)
