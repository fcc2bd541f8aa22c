"""Write meshes as binary PLY with a colour at every vertex."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.textures.surface_colors import surface_colors
from image2model.geometry.mesh.types import Mesh
from image2model.geometry.mesh.welding import weld

_SAME_COLOR = 32
"""Levels by which colours on both sides of a texture seam may differ and still be one."""

_FACE = np.dtype([("count", "u1"), ("corners", "<u4", 3)])


def write_ply(meshes: Sequence[Mesh], *, comments: Sequence[str] = ()) -> bytes:
    """
    Encode *meshes* as one binary little-endian PLY (G. Turk, 1994).

    Vertices that texture seams doubled become one again, so a closed mesh stays closed where its
    edges are smooth. A texture becomes colours at the vertices, which is coarser. Where clearly
    different colours meet, each has vertices of its own.

    Args:
        meshes: At least one; in their own unit and orientation.
        comments: Lines for people, in the header.

    Returns:
        The file.

    Raises:
        InvalidMesh: A texture cannot be decoded.
    """
    given = [mesh.normals for mesh in meshes if mesh.normals is not None]
    normals = np.concatenate(given) if len(given) == len(meshes) else None
    colors = _colors(meshes)
    welded = weld(meshes, also=normals)
    if colors is not None:
        contrast = _contrast(colors, welded.place)
        if contrast.any():
            welded = weld(meshes, also=contrast if normals is None else _beside(normals, contrast))
    columns: list[tuple[str, str, int, NDArray[np.generic]]] = [
        ("position", "<f4", 3, np.concatenate([mesh.positions for mesh in meshes]))
    ]
    if normals is not None:
        columns.append(("normal", "<f4", 3, normals))
    if colors is not None:
        columns.append(("color", "u1", 4, colors))
    vertices = np.empty(
        len(welded.first), np.dtype([(name, kind, width) for name, kind, width, _ in columns])
    )
    for name, _, _, values in columns:
        vertices[name] = values[welded.first]
    faces = np.empty(sum(len(mesh.faces) for mesh in meshes), _FACE)
    faces["count"] = 3
    faces["corners"] = np.concatenate(
        [welded.places_of(index)[mesh.faces] for index, mesh in enumerate(meshes)]
    )
    names = [name for name, *_ in columns]
    header = _header(len(vertices), len(faces), names, comments)
    return b"".join([header, vertices.tobytes(), faces.tobytes()])


def _colors(meshes: Sequence[Mesh]) -> NDArray[np.uint8] | None:
    """Join the meshes' colours, white where one has none; None: none has."""
    found = [surface_colors(mesh) for mesh in meshes]
    if all(colors is None for colors in found):
        return None
    return np.concatenate(
        [
            np.full((len(mesh.positions), 4), 255, np.uint8) if colors is None else colors
            for mesh, colors in zip(meshes, found, strict=True)
        ]
    )


def _contrast(colors: NDArray[np.uint8], place: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Keep the colours of vertices at places where others are clearly different; elsewhere 0."""
    least = np.full((place.max(initial=-1) + 1, 4), 255, np.uint8)
    most = np.zeros_like(least)
    np.minimum.at(least, place, colors)
    np.maximum.at(most, place, colors)
    differ = (most - least).max(axis=1) > _SAME_COLOR
    return np.where(differ[place][:, None], colors, 0).astype(np.uint8)


def _beside(normals: NDArray[np.float32], colors: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.column_stack([normals, colors.astype(np.float32)]).astype(np.float32)


def _header(vertices: int, faces: int, columns: Sequence[str], comments: Sequence[str]) -> bytes:
    properties = {
        "position": [f"float {axis}" for axis in "xyz"],
        "normal": [f"float n{axis}" for axis in "xyz"],
        "color": [f"uchar {channel}" for channel in ("red", "green", "blue", "alpha")],
    }
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        *(f"comment {' '.join(comment.split())}" for comment in comments),
        f"element vertex {vertices}",
        *(f"property {one}" for column in columns for one in properties[column]),
        f"element face {faces}",
        "property list uchar uint vertex_indices",
        "end_header",
    ]
    return "\n".join([*lines, ""]).encode("ascii", "replace")
