"""What the surface looks like at every pixel that sees it."""

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.textures.decoding import sample_texture
from image2model.geometry.mesh.textures.srgb import Lighting, illuminate, normalized, to_linear
from image2model.geometry.mesh.types import Material
from image2model.geometry.render.camera import Camera
from image2model.geometry.render.raster import Fragments
from image2model.geometry.render.scene import Scene


def appearance(
    scene: Scene,
    fragments: Fragments,
    camera: Camera,
    points: NDArray[np.float64],
    lighting: Lighting,
) -> NDArray[np.float32]:
    """
    Return the light that each fragment sends to the camera, and how much it hides.

    Args:
        scene: What is drawn.
        fragments: Where it is seen.
        camera: From where.
        points: The scene's vertices on the picture, as the camera projects them.
        lighting: The lamps.

    Returns:
        float32, shape (4, n): red, green, blue times alpha, and alpha.
    """
    owner = scene.material_of_face[fragments.faces]
    color = _base_color(scene, fragments, owner)
    _apply_alpha_modes(scene, color, owner)
    color[:3] *= _illumination(scene, fragments, camera, points, lighting)
    if scene.glow.any():
        color[:3] += _glow(scene, fragments, owner)
    color[:3] *= color[3]
    return color


def _glow(scene: Scene, fragments: Fragments, owner: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the light that each fragment sends out by itself, shape (3, n)."""
    light = np.ascontiguousarray(scene.glow[owner].T)
    if any(texture is not None for texture in scene.glow_textures):
        uvs = scene.uvs if scene.glow_uvs is None else scene.glow_uvs
        u, v = fragments.interpolate(uvs, scene.faces)
        for index, texture in enumerate(scene.glow_textures):
            if texture is not None:
                whose = np.flatnonzero(owner == index)
                texels = sample_texture(texture, u[whose], v[whose])
                for channel in range(3):
                    light[channel, whose] *= to_linear(texels[:, channel])
    return light


def _base_color(
    scene: Scene, fragments: Fragments, owner: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return factor × texture × vertex colour, linear RGBA, shape (4, n)."""
    factors = np.array([material.base_color for material in scene.materials], np.float32)
    color = np.ascontiguousarray(factors[owner].T)
    if any(texture is not None for texture in scene.textures):
        u, v = fragments.interpolate(scene.uvs, scene.faces)
        for index, texture in enumerate(scene.textures):
            if texture is None:
                continue
            whose = slice(None) if len(scene.textures) == 1 else np.flatnonzero(owner == index)
            texels = sample_texture(texture, u[whose], v[whose])
            for channel in range(3):
                color[channel, whose] *= to_linear(texels[:, channel])
            if scene.materials[index].alpha_mode != "OPAQUE":
                color[3, whose] *= texels[:, 3] / np.float32(255)
    if scene.colors is not None:
        color *= fragments.interpolate(scene.colors, scene.faces)
    return color


def _apply_alpha_modes(scene: Scene, color: NDArray[np.float32], owner: NDArray[np.int64]) -> None:
    """Turn alpha as stored into alpha as meant, in place."""
    np.clip(color[3], 0, 1, out=color[3])
    modes = {material.alpha_mode for material in scene.materials}
    if modes == {"OPAQUE"}:
        color[3] = 1
    elif modes != {"BLEND"}:
        least = np.array([_least_alpha(material) for material in scene.materials], np.float32)
        cut = np.array([material.alpha_mode != "BLEND" for material in scene.materials])[owner]
        color[3, cut] = color[3, cut] >= least[owner[cut]]


def _least_alpha(material: Material) -> float:
    """Return from where on a material without degrees of transparency is drawn."""
    return material.alpha_cutoff if material.alpha_mode == "MASK" else 0.0


def _illumination(
    scene: Scene,
    fragments: Fragments,
    camera: Camera,
    points: NDArray[np.float64],
    lighting: Lighting,
) -> NDArray[np.float32]:
    normals = normalized(fragments.interpolate(scene.normals, scene.faces))
    if any(material.double_sided for material in scene.materials):
        normals *= _facing(points, scene.faces)[fragments.faces]
    axes = np.stack([camera.right, camera.up, camera.back])
    light = illuminate(normals, axes, lighting)
    unlit = np.array([material.unlit for material in scene.materials])
    if unlit.any():
        light[unlit[scene.material_of_face[fragments.faces]]] = 1
    return light


def _facing(points: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return 1 for faces that turn counter-clockwise on the picture, −1 for the others."""
    x, y = points[:, 0], points[:, 1]
    a, b, c = faces.T
    doubled = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
    return np.where(doubled > 0, -1, 1).astype(np.float32)
