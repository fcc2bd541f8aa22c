"""Read Wavefront OBJ meshes with their materials."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.archives.linked_files import (
    FilesBeside,
    decode_name,
    readable_name,
    shown_name,
)
from image2model.geometry.formats.checked_mesh import checked_mesh
from image2model.geometry.formats.corners import distinct_rows, polygon_notes
from image2model.geometry.formats.obj.mtl_reader import MtlMaterial, read_mtl
from image2model.geometry.formats.vertex_colors import shown_colors
from image2model.geometry.mesh.triangulation import Triangles, triangulate
from image2model.geometry.mesh.types import Material, Mesh, Model

_PLAIN = MtlMaterial(
    material=Material(name="surface", base_color=(0.8, 0.8, 0.8, 1.0), double_sided=True)
)
_BAD_NUMBER = "a number in it cannot be read"
_NOT_THERE = "a face refers to what is not there"
_TOO_FEW_NUMBERS = "a vertex has too few coordinates"
_SLASH_AT_END = re.compile(rb"/+(?= |$)")
_NOT_SURFACES = {
    b"l": "lines",
    b"p": "points",
    b"curv": "curves",
    b"curv2": "curves",
    b"surf": "free-form surfaces",
}
_MOST_WORDS_OF_LIBRARIES = 40
_MOST_NUMBERS = 7
"""Of a line that are looked at."""

_Indices = NDArray[np.int64]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Faces:
    """
    Faces that stand in a row in the file.

    Attributes:
        corners: Position, texture coordinate and normal of each corner, from 0; −1: it has none.
        counts: How many corners each face has.
    """

    corners: _Indices
    counts: _Indices


@dataclass(slots=True)
class _Tables:
    """What lines of numbers there were so far, and the faces by material."""

    lines: dict[bytes, list[bytes]] = field(
        default_factory=lambda: {b"v": [], b"vt": [], b"vn": []}
    )
    faces: dict[str, list[_Faces]] = field(default_factory=lambda: defaultdict(list))
    libraries: list[str] = field(default_factory=list)
    others: Counter[bytes] = field(default_factory=Counter)

    def counts(self) -> tuple[int, int, int]:
        return len(self.lines[b"v"]), len(self.lines[b"vt"]), len(self.lines[b"vn"])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Vertices:
    """What corners refer to; *colors* belong to *positions*."""

    positions: _Floats
    colors: NDArray[np.uint8] | None
    colored: NDArray[np.bool_]
    uvs: _Floats
    normals: _Floats


def read_obj(data: bytes, files: Mapping[str, bytes] | None = None) -> Model:
    """
    Read an OBJ file's faces, a mesh per material; larger polygons are cut into triangles.

    Args:
        data: The whole file.
        files: Those beside it, by their path from its folder: materials and textures. None: there
            are none.

    Returns:
        The meshes, at least one, taken for metres with Y up, since the format does not say.

    Raises:
        InvalidMesh: It is damaged or has no faces.
    """
    beside = files if isinstance(files, FilesBeside) else FilesBeside(files)
    try:
        tables = _parse(data)
        vertices = _vertices(tables)
    except (ValueError, OverflowError) as error:
        raise InvalidMesh(reason=_BAD_NUMBER) from error
    materials = _materials(tables, beside)
    meshes: list[Mesh] = []
    cuts: list[Triangles] = []
    for name, faces in tables.faces.items():
        corners = np.concatenate([some.corners for some in faces])
        counts = np.concatenate([some.counts for some in faces])
        cut = triangulate(vertices.positions, corners[:, 0], counts)
        cuts.append(cut)
        if len(cut.corners):
            material = materials.get(name, _PLAIN)
            meshes.append(_mesh(name, corners[cut.corners.ravel()], vertices, material))
    others = _other_notes(tables.others)
    if not meshes:
        raise InvalidMesh(reason=f"it has no faces{'; ' if others else ''}{'; '.join(others)}")
    left_out = {*beside.left_out, *others, *polygon_notes(_together(cuts))}
    if any(mesh.uvs is None and _has_textures(mesh.material) for mesh in meshes):
        left_out.add("a texture was left out: its faces have no texture coordinates")
    if unknown := sorted(name for name in tables.faces if name and name not in materials):
        left_out.add(f"the material '{shown_name(unknown[0])}' is not there: its parts are grey")
    return Model(meshes=meshes, left_out=sorted(left_out))


def _has_textures(material: Material) -> bool:
    return bool(material.textures())


def _together(cuts: Sequence[Triangles]) -> Triangles:
    return Triangles(
        corners=np.zeros((0, 3), np.int64),
        polygon=np.zeros(0, np.int64),
        too_few=sum(cut.too_few for cut in cuts),
        crossing=sum(cut.crossing for cut in cuts),
    )


def _other_notes(others: Mapping[bytes, int]) -> list[str]:
    counts: Counter[str] = Counter()
    for key, count in others.items():
        counts[_NOT_SURFACES[key]] += count
    return [f"its {what} were left out ({count:,})" for what, count in counts.items()]


def _parse(data: bytes) -> _Tables:
    tables = _Tables()
    material = ""
    waiting: list[bytes] = []
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\t", b" ")
    for end in (b"\r\n", b"\n", b"\r"):
        data = data.replace(b"\\" + end, b" ")
    for line in data.splitlines():
        key, _, rest = line.strip().partition(b" ")
        if key == b"f":
            waiting.append(rest)
            continue
        if key in tables.lines or key == b"usemtl":
            # Indices from the end count from here, so faces must be understood now.
            if waiting:
                tables.faces[material].append(_faces(waiting, tables.counts()))
                waiting = []
            if key == b"usemtl":
                material = decode_name(rest.strip())
            else:
                tables.lines[key].append(rest)
        elif key == b"mtllib":
            tables.libraries.append(decode_name(rest.strip()))
        elif key in _NOT_SURFACES:
            tables.others[key] += 1
    if waiting:
        tables.faces[material].append(_faces(waiting, tables.counts()))
    return tables


def _faces(lines: Sequence[bytes], counts: tuple[int, int, int]) -> _Faces:
    whole = b" \n".join(lines)
    is_plain = b"#" not in whole and b"/ " not in whole and not whole.endswith(b"/")
    rows = [line.split() if is_plain else _words(line) for line in lines]
    words = list(chain.from_iterable(rows))
    joined = b" ".join(words)
    first = words[0].count(b"/") if words else 0
    if b"//" not in joined and all(word.count(b"/") == first for word in words):
        flat = np.array(joined.replace(b"/", b" ").split(), np.int64)
        found = flat.reshape(len(words), first + 1)
        given = np.zeros((len(words), 3), np.int64)
        given[:, : first + 1] = found[:, :3]
    else:
        given = np.array([_indices(word) for word in words], np.int64).reshape(-1, 3)
    from_start = np.where(given < 0, given + np.array(counts), given - 1)
    if (from_start < -1).any() or (from_start >= np.array(counts)).any():
        raise InvalidMesh(reason=_NOT_THERE)
    if (from_start[:, 0] < 0).any():
        raise InvalidMesh(reason=_NOT_THERE)
    return _Faces(from_start, np.array([len(row) for row in rows], np.int64))


def _words(line: bytes) -> list[bytes]:
    """Return what a line has before a comment."""
    if b"#" in line:
        line = line[: line.index(b"#")]
    if line.endswith(b"/") or b"/ " in line:
        line = _SLASH_AT_END.sub(b"", line)
    return line.split()


def _indices(word: bytes) -> tuple[int, int, int]:
    parts = [int(part) if part else 0 for part in word.split(b"/")[:3]]
    place, coordinate, normal = [*parts, 0, 0][:3]
    return place, coordinate, normal


def _vertices(tables: _Tables) -> _Vertices:
    positions, widths = _numbers(tables.lines[b"v"], least=3)
    colors, colored = _colors(positions, widths)
    return _Vertices(
        positions=positions[:, :3],
        colors=colors,
        colored=colored,
        uvs=_numbers(tables.lines[b"vt"], least=1)[0],
        normals=_numbers(tables.lines[b"vn"], least=3)[0][:, :3],
    )


def _numbers(lines: Sequence[bytes], *, least: int) -> tuple[_Floats, _Indices]:
    """Return the numbers of each line, with 0 where others have more, and how many it has."""
    if not lines:
        return np.zeros((0, max(least, 2))), np.zeros(0, np.int64)
    if any(b"#" in line for line in lines):
        lines = [b" ".join(_words(line)) for line in lines]
    width = len(lines[0].split())
    # With a mark between the lines one split tells all their numbers, and whether each has as many.
    words = b" ; ".join(lines).split()
    marks = words[width :: width + 1]
    if len(words) == (width + 1) * len(lines) - 1 and marks.count(b";") == len(lines) - 1:
        del words[width :: width + 1]
        widths = np.full(len(lines), width)
    else:
        widths = np.fromiter((len(line.split()) for line in lines), np.int64, len(lines))
    if widths.min() < least:
        raise InvalidMesh(reason=_TOO_FEW_NUMBERS)
    if (widths == width).all():
        table = _floats(words).reshape(len(lines), width)
    else:
        table = np.zeros((len(lines), min(int(widths.max()), _MOST_NUMBERS)))
        for width in np.unique(widths).tolist():
            which = np.flatnonzero(widths == width)
            kept = min(width, table.shape[1])
            flat = chain.from_iterable(lines[at].split()[:kept] for at in which.tolist())
            table[which, :kept] = _floats(list(flat)).reshape(-1, kept)
    if table.shape[1] < 2:
        table = np.pad(table, ((0, 0), (0, 1)))
    return table, widths


def _floats(words: Sequence[bytes]) -> _Floats:
    return np.fromiter(map(float, words), np.float64, len(words))


def _colors(
    positions: _Floats, widths: _Indices
) -> tuple[NDArray[np.uint8] | None, NDArray[np.bool_]]:
    """
    Return the colours that follow the positions, which the format has not but many write.

    Three numbers more are red, green and blue; four are a weight and those, or those and opacity.
    What has none is white.
    """
    colored = widths >= 6
    if not colored.any():
        return None, colored
    rgb = np.zeros((len(positions), 3))
    plain, longer = widths == 6, widths >= 7
    rgb[plain] = positions[plain, 3:6]
    alpha = None
    if longer.any():
        more = positions[longer, 3:7]
        weighted = (more[:, 0] == 1).all()
        rgb[longer] = more[:, 1:] if weighted else more[:, :3]
        if not weighted:
            alpha = np.full(len(positions), more[:, 3].max())
            alpha[longer] = more[:, 3]
    colors = shown_colors(list(rgb.T), alpha)
    colors[~colored] = 255
    return colors, colored


def _materials(tables: _Tables, beside: FilesBeside) -> Mapping[str, MtlMaterial]:
    libraries = list(chain.from_iterable(_libraries(one, beside) for one in tables.libraries))
    if not tables.libraries and any(tables.faces):
        # Some programs name none and mean the one that is there.
        there = [name for name in beside if name.lower().endswith(".mtl")]
        libraries = there if len(there) == 1 else []
    materials: dict[str, MtlMaterial] = {}
    for library in dict.fromkeys(libraries):
        content = beside.get(library)
        if content is None:
            beside.miss("materials", library)
        else:
            materials |= read_mtl(content, beside)
    return materials


def _libraries(text: str, beside: FilesBeside) -> list[str]:
    """Read names of libraries: one that may have blanks in it, or several between blanks."""
    if beside.find(text) is not None:
        return [text]
    words = text.split(" ")[:_MOST_WORDS_OF_LIBRARIES]
    found: list[str] = []
    missing: list[str] = []
    while words:
        lengths = range(len(words), 0, -1)
        known = next((n for n in lengths if beside.find(" ".join(words[:n])) is not None), 0)
        if known:
            found.append(" ".join(words[:known]))
            words = words[known:]
        else:
            ends = (n for n, word in enumerate(words, 1) if word.lower().endswith(".mtl"))
            upto = next(ends, len(words))
            missing.append(" ".join(words[:upto]))
            words = words[upto:]
    return [name for name in (*found, *missing) if name.strip()]


def _mesh(name: str, corners: _Indices, vertices: _Vertices, look: MtlMaterial) -> Mesh:
    first, faces = distinct_rows(corners)
    place, coordinate, normal = corners[first].T
    colors = vertices.colors if vertices.colored[place].any() else None
    material = look.material
    if colors is not None and look is _PLAIN:
        # The grey is for what has no colour at all.
        material = replace(material, base_color=(1.0, 1.0, 1.0, 1.0))
    return checked_mesh(
        name=readable_name(name) or "mesh",
        positions=vertices.positions[place],
        faces=faces.reshape(-1, 3),
        normals=vertices.normals[normal] if (normal >= 0).all() else None,
        uvs=_upside_down(vertices.uvs, coordinate, look),
        colors=None if colors is None else colors[place],
        material=material,
    )


def _upside_down(uvs: _Floats, coordinate: _Indices, look: MtlMaterial) -> NDArray[Any] | None:
    """Return texture coordinates from the top left; 0 where a corner has none."""
    if not len(uvs) or not (coordinate >= 0).any():
        return None
    placed = uvs[coordinate, :2] * np.array(look.scale) + np.array(look.offset)
    found: _Floats = placed * np.array([1, -1]) + np.array([0, 1])
    found[coordinate < 0] = 0
    return found
