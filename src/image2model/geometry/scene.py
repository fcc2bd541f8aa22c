"""Meshes made ready to be drawn any number of times, and one drawing of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.camera import Camera
from image2model.geometry.mesh import Material, Mesh
from image2model.geometry.raster import Fragments, rasterize
from image2model.geometry.shading import Lighting, illuminate, normalized, resolve, to_linear
from image2model.geometry.texture import decode_texture, sample_texture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """
    Several meshes as one, with their textures decoded.

    Attributes:
        positions: float32, shape (vertices, 3).
        normals: float32, shape (vertices, 3).
        uvs: float32, shape (vertices, 2).
        colors: float32 linear RGBA factors, shape (vertices, 4), or None: all white.
        faces: int64, shape (faces, 3).
        material_of_face: int64, shape (faces,): index into *materials* and *textures*.
        materials: One per mesh.
        textures: Decoded base colour textures, uint8 RGBA, or None where a mesh has none.
    """

    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    uvs: NDArray[np.float32]
    colors: NDArray[np.float32] | None
    faces: NDArray[np.int64]
    material_of_face: NDArray[np.int64]
    materials: Sequence[Material]
    textures: Sequence[NDArray[np.uint8] | None]


def prepare_scene(meshes: Sequence[Mesh], *, texture_px: int = 1024) -> Scene:
    """
    Join *meshes* and decode their textures.

    Args:
        meshes: What to draw. A mesh without normals is drawn with flat faces, as glTF asks.
        texture_px: Longest side of a texture worth keeping, in pixels; about twice the size of
            the pictures to be drawn.

    Returns:
        The scene.

    Raises:
        InvalidMesh: There is no triangle, or a texture cannot be decoded.
    """
    ready = [_with_normals(mesh) for mesh in meshes if len(mesh.faces)]
    if not ready:
        raise InvalidMesh(reason="it has no triangles")
    first_vertex = np.cumsum([0, *(len(mesh.positions) for mesh in ready)])
    face_counts = [len(mesh.faces) for mesh in ready]
    offsets = first_vertex[:-1, None]
    faces = [np.add(mesh.faces, at) for mesh, at in zip(ready, offsets, strict=True)]
    return Scene(
        positions=np.concatenate([mesh.positions for mesh in ready]),
        normals=np.concatenate([_normals(mesh) for mesh in ready]),
        uvs=np.concatenate([_uvs(mesh) for mesh in ready]),
        colors=_colors(ready),
        faces=np.concatenate(faces),
        material_of_face=np.repeat(np.arange(len(ready)), face_counts),
        materials=[mesh.material for mesh in ready],
        textures=_textures(ready, texture_px),
    )


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
    fragments = rasterize(
        points,
        scene.faces,
        width_px=side,
        height_px=side,
        hide_back=~double_sided[scene.material_of_face],
    )
    light = np.empty((4, len(fragments.faces)), np.float32)
    light[:3] = _base_color(scene, fragments)
    light[:3] *= _illumination(scene, fragments, camera, points, lighting or Lighting())
    light[3] = 1
    return resolve(light, fragments.pixels, size_px=size_px, samples=samples)


def _with_normals(mesh: Mesh) -> Mesh:
    """Return the mesh itself, or with its faces taken apart so that each has one normal."""
    if mesh.normals is not None:
        return mesh
    corners = mesh.faces.ravel()
    positions = mesh.positions[corners].reshape(-1, 3, 3)
    across = np.cross(positions[:, 1] - positions[:, 0], positions[:, 2] - positions[:, 0])
    return Mesh(
        name=mesh.name,
        positions=positions.reshape(-1, 3),
        faces=np.arange(len(corners), dtype=np.uint32).reshape(-1, 3),
        normals=np.repeat(across, 3, axis=0).astype(np.float32),
        uvs=None if mesh.uvs is None else mesh.uvs[corners],
        colors=None if mesh.colors is None else mesh.colors[corners],
        material=mesh.material,
    )


def _normals(mesh: Mesh) -> NDArray[np.float32]:
    assert mesh.normals is not None
    return mesh.normals


def _uvs(mesh: Mesh) -> NDArray[np.float32]:
    return np.zeros((len(mesh.positions), 2), np.float32) if mesh.uvs is None else mesh.uvs


def _colors(meshes: Sequence[Mesh]) -> NDArray[np.float32] | None:
    if all(mesh.colors is None for mesh in meshes):
        return None
    white = [np.full((len(mesh.positions), 4), 255, np.uint8) for mesh in meshes]
    given = [
        plain if mesh.colors is None else mesh.colors
        for mesh, plain in zip(meshes, white, strict=True)
    ]
    return np.concatenate(given).astype(np.float32) / np.float32(255)


def _textures(meshes: Sequence[Mesh], texture_px: int) -> list[NDArray[np.uint8] | None]:
    """Decode every picture once, though meshes may share it."""
    decoded: dict[int, NDArray[np.uint8]] = {}
    found: list[NDArray[np.uint8] | None] = []
    for mesh in meshes:
        image = mesh.material.base_color_texture
        if image is None or mesh.uvs is None:
            found.append(None)
            continue
        if id(image) not in decoded:
            decoded[id(image)] = decode_texture(image, longest_px=texture_px)
        found.append(decoded[id(image)])
    return found


def _base_color(scene: Scene, fragments: Fragments) -> NDArray[np.float32]:
    """Return factor × texture × vertex colour as light, shape (3, n)."""
    factors = np.array([material.base_color[:3] for material in scene.materials], np.float32)
    owner = scene.material_of_face[fragments.faces]
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
    if scene.colors is not None:
        color *= fragments.interpolate(scene.colors[:, :3], scene.faces)
    return color


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
