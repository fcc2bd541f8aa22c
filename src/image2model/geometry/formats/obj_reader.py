"""Read Wavefront OBJ meshes with their materials."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.checked_mesh import checked_mesh
from image2model.geometry.formats.mtl_reader import FilesBeside, read_mtl
from image2model.geometry.mesh import Material, Mesh, Model
from image2model.geometry.shading import to_linear

_PLAIN = Material(name="surface", base_color=(0.8, 0.8, 0.8, 1.0), double_sided=True)
_Corners = NDArray[np.int64]


@dataclass(slots=True)
class _Tables:
    """What lines of numbers there were so far, and the faces by material."""

    lines: dict[bytes, list[bytes]] = field(
        default_factory=lambda: {b"v": [], b"vt": [], b"vn": []}
    )
    corners: dict[str, list[_Corners]] = field(default_factory=lambda: defaultdict(list))
    libraries: list[str] = field(default_factory=list)

    def counts(self) -> tuple[int, int, int]:
        return len(self.lines[b"v"]), len(self.lines[b"vt"]), len(self.lines[b"vn"])


def read_obj(data: bytes, files: Mapping[str, bytes] | None = None) -> Model:
    """
    Read an OBJ file's faces, a mesh per material; larger polygons become fans of triangles.

    Args:
        data: The whole file.
        files: Those beside it, by their path from its folder: materials and textures.

    Returns:
        The meshes, at least one, taken for metres with Y up, since the format does not say.

    Raises:
        InvalidMesh: It is damaged or has no faces.
    """
    try:
        tables = _parse(data)
        positions, uvs, normals = (_numbers(tables.lines[key]) for key in (b"v", b"vt", b"vn"))
    except (ValueError, OverflowError) as error:
        raise InvalidMesh(reason="a number in it cannot be read") from error
    beside = FilesBeside(files or {})
    materials: dict[str, Material] = {}
    for library in tables.libraries:
        materials |= read_mtl(library, beside)
    meshes = [
        _mesh(name, np.concatenate(corners), (positions, uvs, normals), materials.get(name, _PLAIN))
        for name, corners in tables.corners.items()
    ]
    if not meshes:
        raise InvalidMesh(reason="it has no faces")
    left_out = set(beside.left_out)
    if unknown := sorted(name for name in tables.corners if name and name not in materials):
        left_out.add(f"the material '{unknown[0][:60]}' is not there: its parts are grey")
    return Model(meshes=meshes, left_out=sorted(left_out))


def _parse(data: bytes) -> _Tables:
    tables = _Tables()
    material = ""
    waiting: list[bytes] = []
    for line in data.replace(b"\\\n", b" ").replace(b"\\\r\n", b" ").splitlines():
        key, _, rest = line.strip().partition(b" ")
        if key == b"f":
            waiting.append(rest)
            continue
        if key in tables.lines or key == b"usemtl":
            # Indices from the end count from here, so faces must be understood now.
            if waiting:
                tables.corners[material].append(_corners(waiting, tables.counts()))
                waiting = []
            if key == b"usemtl":
                material = rest.decode("utf-8", "replace").strip()
            else:
                tables.lines[key].append(rest)
        elif key == b"mtllib":
            tables.libraries.append(rest.decode("utf-8", "replace").strip())
    if waiting:
        tables.corners[material].append(_corners(waiting, tables.counts()))
    return tables


def _corners(lines: Sequence[bytes], counts: tuple[int, int, int]) -> _Corners:
    """Return position, texture coordinate and normal of each corner, from 0; −1: it has none."""
    words = list(_triangle_words(lines))
    first = words[0].count(b"/") if words else 0
    if b"//" not in b" ".join(words) and all(word.count(b"/") == first for word in words):
        flat = np.array(b" ".join(words).replace(b"/", b" ").split(), np.int64)
        found = flat.reshape(len(words), first + 1)
        given = np.zeros((len(words), 3), np.int64)
        given[:, : first + 1] = found[:, :3]
    else:
        given = np.array([_indices(word) for word in words], np.int64).reshape(-1, 3)
    from_start = np.where(given < 0, given + np.array(counts), given - 1)
    if (from_start < -1).any() or (from_start >= np.array(counts)).any():
        raise InvalidMesh(reason="a face refers to what is not there")
    return from_start


def _triangle_words(lines: Sequence[bytes]) -> Iterator[bytes]:
    for line in lines:
        words = line.split()
        if len(words) == 3:
            yield from words
        else:
            for at in range(1, len(words) - 1):
                yield from (words[0], words[at], words[at + 1])


def _indices(word: bytes) -> tuple[int, int, int]:
    parts = [int(part) if part else 0 for part in word.split(b"/")[:3]]
    place, coordinate, normal = [*parts, 0, 0][:3]
    return place, coordinate, normal


def _numbers(lines: Sequence[bytes]) -> NDArray[np.float64]:
    """Return the numbers of each line; as many as the shortest line has."""
    if not lines:
        return np.zeros((0, 3))
    width = len(lines[0].split())
    words = b" ".join(lines).split()
    if len(words) != width * len(lines):
        rows = [line.split() for line in lines]
        width = min(len(row) for row in rows)
        words = [word for row in rows for word in row[:width]]
    return np.array(words, np.float64).reshape(len(lines), width)


def _mesh(
    name: str,
    corners: _Corners,
    tables: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    material: Material,
) -> Mesh:
    positions, uvs, normals = tables
    if positions.shape[1] < 3 or (len(uvs) and uvs.shape[1] < 2) or normals.shape[1] < 3:
        raise InvalidMesh(reason="a vertex has too few coordinates")
    different, faces = _distinct(corners)
    place, coordinate, normal = different.T
    if (place < 0).any():
        raise InvalidMesh(reason="a face refers to what is not there")
    return checked_mesh(
        name=name or "mesh",
        positions=positions[place, :3],
        faces=faces.reshape(-1, 3),
        normals=normals[normal, :3] if len(normals) and (normal >= 0).all() else None,
        uvs=_upside_down(uvs, coordinate),
        colors=_colors(positions[place]),
        material=material,
    )


def _distinct(corners: _Corners) -> tuple[_Corners, NDArray[np.int64]]:
    spans = corners.max(axis=0) + 2
    if float(spans[0]) * float(spans[1]) * float(spans[2]) < 2**62:
        # One number per corner sorts ten times faster than a row.
        keys = ((corners[:, 0] + 1) * spans[1] + corners[:, 1] + 1) * spans[2] + corners[:, 2] + 1
        _, first, index = np.unique(keys, return_index=True, return_inverse=True)
        return corners[first], index
    rows, index = np.unique(corners, axis=0, return_inverse=True)
    return rows, index.ravel()


def _upside_down(uvs: NDArray[np.float64], coordinate: NDArray[np.int64]) -> NDArray[Any] | None:
    """Return texture coordinates from the top left; 0 where a corner has none."""
    if not len(uvs) or not (coordinate >= 0).any():
        return None
    found: NDArray[np.float64] = uvs[coordinate, :2] * np.array([1, -1]) + np.array([0, 1])
    found[coordinate < 0] = 0
    return found


def _colors(positions: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    """Return the colours that follow the positions, which the format has not but many write."""
    if positions.shape[1] < 6:
        return None
    shown = np.clip(np.rint(positions[:, -3:] * 255), 0, 255).astype(np.uint8)
    colors = np.full((len(shown), 4), 255, np.uint8)
    colors[:, :3] = np.rint(to_linear(shown) * 255)
    return colors
