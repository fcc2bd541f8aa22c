"""Meshes with textures of every kind, made here so that their content is known."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.types import EncodedImage, Material, Mesh
from image2model.geometry.render.camera import frame
from image2model.geometry.render.drawing import draw_scene
from image2model.geometry.render.scene import prepare_scene


def picture(
    *, size_px: int = 256, kind: str = "jpg", seed: int = 0, alpha: bool = False
) -> EncodedImage:
    """Make a texture of soft patches, which every codec keeps well."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (8, 8, 4 if alpha else 3), np.uint8)
    pixels = cv2.resize(small, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if kind == "jpg" else []
    done, data = cv2.imencode(f".{kind}", pixels, options)
    assert done
    media_type = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}[kind]
    return EncodedImage(data=data.tobytes(), media_type=media_type)


def pbr_material(*, kind: str = "jpg", size_px: int = 256, **changes: Any) -> Material:
    """Make a material with a texture in every slot."""
    flat = np.full((64, 64, 3), (255, 128, 128), np.uint8)
    _, normal = cv2.imencode(".png", flat)
    material = Material(
        name="Haut 1",
        base_color_texture=picture(kind=kind, size_px=size_px),
        metallic_roughness_texture=picture(kind="png", size_px=128, seed=1),
        normal_texture=EncodedImage(data=normal.tobytes(), media_type="image/png"),
        normal_scale=0.5,
        occlusion_texture=picture(kind="png", size_px=64, seed=2),
        occlusion_strength=0.75,
        emissive=(0.25, 0.5, 0.0),
        emissive_texture=picture(size_px=64, seed=3),
        metallic=0.5,
        roughness=0.75,
        wrap=("repeat", "mirror"),
    )
    return replace(material, **changes)


def torus(
    *, around: int = 48, across: int = 24, material: Material | None = None, name: str = "torus"
) -> Mesh:
    """
    Make a closed ring with a texture seam in both directions, 0.3 m wide and 0.1 m high.

    The vertices along a seam lie at exactly the same place, as those of any exporter.
    """
    u, v = np.meshgrid(np.arange(around + 1), np.arange(across + 1))
    angle = (u % around) * (2 * np.pi / around)
    tilt = (v % across) * (2 * np.pi / across)
    outward = np.stack([np.cos(angle) * np.cos(tilt), np.sin(tilt), -np.sin(angle) * np.cos(tilt)])
    ring = np.stack([np.cos(angle), np.zeros(angle.shape), -np.sin(angle)])
    positions = (ring * 0.1 + outward * 0.05).reshape(3, -1).T
    at = np.arange(u.size).reshape(u.shape)
    a, b, c, d = (part.ravel() for part in (at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]))
    return Mesh(
        name=name,
        positions=positions.astype(np.float32),
        faces=np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]).astype(np.uint32),
        normals=outward.reshape(3, -1).T.astype(np.float32),
        uvs=np.stack([u / around, v / across], axis=-1).reshape(-1, 2).astype(np.float32),
        material=material or Material(name="ring", base_color_texture=picture()),
    )


def wedge(material: Material | None = None) -> Mesh:
    """
    Make a closed letter-like shape that looks different from everywhere.

    A tall box, a foot to its right, and a nose to its front: 0.1 m wide, 0.2 m high.
    """
    boxes = (
        ((-0.05, -0.1, -0.03), (-0.01, 0.1, 0.02)),
        ((-0.01, -0.1, -0.03), (0.05, -0.06, 0.02)),
        ((-0.05, 0.03, 0.02), (-0.02, 0.06, 0.1)),
    )
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    quads = np.array(
        [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    )
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return Mesh(
        name="wedge",
        positions=np.concatenate(
            [np.array(low) + corners * (np.array(high) - low) for low, high in boxes]
        ).astype(np.float32),
        faces=np.concatenate([faces + 8 * index for index in range(len(boxes))]).astype(np.uint32),
        material=material or Material(base_color=(0.6, 0.15, 0.1, 1.0)),
    )


def coat(mesh: Mesh) -> NDArray[np.uint8]:
    """Return smooth vertex colours for *mesh*, linear."""
    low, high = mesh.positions.min(axis=0), mesh.positions.max(axis=0)
    shares = (mesh.positions - low) / (high - low)
    return np.column_stack([shares * 200 + 40, np.full(len(shares), 255)]).astype(np.uint8)


def drawn(meshes: Any) -> NDArray[np.uint8]:
    """Draw *meshes* from the front, a little aside."""
    scene = prepare_scene(meshes, texture_px=512)
    camera = frame(scene.positions, yaw_deg=25, pitch_deg=35)
    return draw_scene(scene, camera, size_px=192)


def psnr_db(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Compare two pictures where either shows something; 99 if they are equal."""
    seen = (first[..., 3] > 0) | (second[..., 3] > 0)
    error = ((first.astype(np.float64) - second.astype(np.float64))[seen] ** 2).mean()
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))
