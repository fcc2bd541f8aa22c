"""Meshes that are hard to simplify: cut up by texture seams, in many parts, or without indices."""

from dataclasses import replace

import manifold3d
import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.types import Mesh

Points = NDArray[np.float64]


def uv_sphere(*, around: int = 32, rows: int = 16) -> Mesh:
    """Make a sphere of radius 1 as exporters do: with a seam from pole to pole, 960 faces."""
    tilt, turn = np.meshgrid(np.arange(rows + 1), np.arange(around + 1), indexing="ij")
    angle, height = (turn % around) * (2 * np.pi / around), tilt * (np.pi / rows)
    ring = np.where((tilt == 0) | (tilt == rows), 0, np.sin(height))
    positions = np.stack([ring * np.cos(angle), np.cos(height), -ring * np.sin(angle)], axis=-1)
    at = np.arange(turn.size).reshape(turn.shape)
    a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]
    lower, upper = np.stack([a, c, d], axis=-1)[:-1], np.stack([a, d, b], axis=-1)[1:]
    points = positions.reshape(-1, 3).astype(np.float32)
    return Mesh(
        name="sphere",
        positions=points,
        faces=np.concatenate([lower.reshape(-1, 3), upper.reshape(-1, 3)]).astype(np.uint32),
        normals=points.copy(),
        uvs=np.stack([turn / around, tilt / rows], axis=-1).reshape(-1, 2).astype(np.float32),
    )


def walking_figure(*, edge: float = 0.03) -> Mesh:
    """Make a closed figure, 1.9 high, with thin arms and legs, cut into some 70 patches."""
    bones = [
        ((0, 1.0, 0), (0, 1.45, 0), 0.16),
        ((0, 1.45, 0), (0, 1.75, 0), 0.05),
        ((0, 1.75, 0), (0, 1.78, 0), 0.12),
        ((0.2, 1.4, 0), (0.45, 1.1, 0.2), 0.04),
        ((0.45, 1.1, 0.2), (0.5, 0.85, 0.45), 0.035),
        ((-0.2, 1.4, 0), (-0.45, 1.1, -0.2), 0.04),
        ((-0.45, 1.1, -0.2), (-0.5, 0.85, 0.05), 0.035),
        ((0.1, 0.9, 0), (0.12, 0.5, 0.25), 0.06),
        ((0.12, 0.5, 0.25), (0.12, 0.06, 0.05), 0.045),
        ((-0.1, 0.9, 0), (-0.12, 0.5, -0.1), 0.06),
        ((-0.12, 0.5, -0.1), (-0.12, 0.06, -0.4), 0.045),
    ]
    capsules = [
        manifold3d.Manifold.batch_hull(
            [manifold3d.Manifold.sphere(radius, 24).translate(end) for end in (start, stop)]
        ).refine_to_length(edge)
        for start, stop, radius in bones
    ]
    joined = manifold3d.Manifold.batch_boolean(capsules, manifold3d.OpType.Add).to_mesh()
    points = np.asarray(joined.vert_properties, np.float64)[:, :3]
    return cut_into_patches(points, np.asarray(joined.tri_verts, np.int64))


def cut_into_patches(points: Points, faces: NDArray[np.int64], *, cells: int = 3) -> Mesh:
    """Lay a closed surface flat in patches: by the direction that faces look to, and by place."""
    corners = points[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    axis = np.abs(across).argmax(axis=1)
    side = np.take_along_axis(across, axis[:, None], 1)[:, 0] > 0
    low, size = points.min(axis=0), np.ptp(points, axis=0)
    cell = np.minimum((corners.mean(axis=1) - low) / size * cells, cells - 1).astype(np.int64)
    _, patch = np.unique(np.column_stack([axis, side, cell]), axis=0, return_inverse=True)
    patch = patch.ravel()
    keys, corner_of = np.unique(
        np.column_stack([patch.repeat(3), faces.ravel()]), axis=0, return_inverse=True
    )
    owner, vertex = keys.T
    flat = np.zeros((len(owner), 2))
    count = int(owner.max()) + 1
    columns = int(np.ceil(np.sqrt(count)))
    for number in range(count):
        rows = owner == number
        seen = np.delete(points[vertex[rows]], axis[patch == number][0], axis=1)
        seen = (seen - seen.min(axis=0)) / np.ptp(seen, axis=0).max()
        flat[rows] = (0.05 + 0.9 * seen + (number % columns, number // columns)) / columns
    shade = np.zeros_like(points)
    np.add.at(shade, faces.ravel(), across.repeat(3, axis=0))
    shade /= np.linalg.norm(shade, axis=1, keepdims=True)
    return Mesh(
        name="patches",
        positions=points[vertex].astype(np.float32),
        faces=corner_of.reshape(-1, 3).astype(np.uint32),
        normals=shade[vertex].astype(np.float32),
        uvs=flat.astype(np.float32),
    )


def box(centre: tuple[float, float, float], size: tuple[float, float, float]) -> Mesh:
    """Make a box with hard edges: 24 vertices."""
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / 2
    points, normals = [], []
    for axis in range(3):
        for side in (-0.5, 0.5):
            corners = np.insert(square if side > 0 else square[::-1], axis, side, axis=1)
            # The middle axis turns the other way round.
            points.append(corners[::-1] if axis == 1 else corners)
            normals.append(np.tile(np.eye(3)[axis] * np.sign(side), (4, 1)))
    quads = np.arange(24).reshape(-1, 4)
    return Mesh(
        name="box",
        positions=(np.concatenate(points) * size + centre).astype(np.float32),
        faces=np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.uint32),
        normals=np.concatenate(normals).astype(np.float32),
        uvs=np.tile(square + 0.5, (6, 1)).astype(np.float32),
    )


def joined(*meshes: Mesh) -> Mesh:
    """Make one mesh of several that have the same attributes, without welding anything."""
    offsets = np.cumsum([0, *(len(mesh.positions) for mesh in meshes)])
    faces = [mesh.faces + np.uint32(at) for mesh, at in zip(meshes, offsets, strict=False)]
    normals = [mesh.normals for mesh in meshes if mesh.normals is not None]
    uvs = [mesh.uvs for mesh in meshes if mesh.uvs is not None]
    return replace(
        meshes[0],
        positions=np.concatenate([mesh.positions for mesh in meshes]),
        faces=np.concatenate(faces),
        normals=np.concatenate(normals) if normals else None,
        uvs=np.concatenate(uvs) if uvs else None,
    )


def house() -> Mesh:
    """Make a house of 401 boxes: walls, and a roof of tiles."""
    tiles = [
        box(
            (-2.2 + 0.23 * column, 2.05 + 0.1 * row, 1.6 * side - 0.15 * row * side),
            (0.22, 0.04, 0.2),
        )
        for column in range(20)
        for row in range(10)
        for side in (-1, 1)
    ]
    return joined(box((0, 1, 0), (4, 2, 3)), *tiles)


def without_indices(mesh: Mesh, *, flat: bool = False) -> Mesh:
    """Give every face corners of its own; if *flat*, with the normal of the face."""
    corners = mesh.faces.ravel()
    points = mesh.positions[corners]
    normals = None if mesh.normals is None else mesh.normals[corners]
    if flat:
        sides = points.reshape(-1, 3, 3)
        across = np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0])
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        normals = across.repeat(3, axis=0).astype(np.float32)
    return replace(
        mesh,
        positions=points,
        faces=np.arange(len(corners), dtype=np.uint32).reshape(-1, 3),
        normals=normals,
        uvs=None if mesh.uvs is None else mesh.uvs[corners],
    )
