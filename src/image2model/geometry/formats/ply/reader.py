"""Read PLY meshes, text or binary, as scanners, generators and Blender write them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.archives.linked_files import FilesBeside, decode_name
from image2model.geometry.formats.checked_mesh import checked_mesh
from image2model.geometry.formats.corners import distinct_rows, polygon_notes
from image2model.geometry.formats.ply.rows import Element, Lists, PlyRows, read_rows
from image2model.geometry.formats.vertex_colors import shown_colors
from image2model.geometry.mesh.triangulation import Triangles, triangulate
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh, Model

_CORNER_NAMES = ("vertex_indices", "vertex_index", "vertex_indexes", "vertices")
_COORDINATES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("tu", "tv"))
_COLORS = (
    ("red", "green", "blue"),
    ("r", "g", "b"),
    ("diffuse_red", "diffuse_green", "diffuse_blue"),
)
_ALPHAS = ("alpha", "a", "diffuse_alpha")
_TEXTURE_NUMBERS = ("texnumber", "texture_index", "tex_index")
_TEXTURE_WORDS = (b"texturefile", b"texture")
_UNIMPORTANT = frozenset({"vertex", "face", "tristrips", "camera", "range_grid"})

_Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Surface:
    """
    The triangles of a file, and what each of their corners has.

    Attributes:
        vertices: The vertex of each corner, shape (n, 3).
        faces: The face each triangle is a part of, shape (n,).
        uvs: Texture coordinates of each corner, origin at the bottom left, shape (n, 3, 2);
            None: only the vertices have them, or nothing has.
    """

    vertices: _Indices
    faces: _Indices
    uvs: NDArray[np.float64] | None


def read_ply(data: bytes, files: Mapping[str, bytes] | None = None) -> Model:
    """
    Read a PLY file's faces, a mesh per texture; larger polygons are cut into triangles.

    Args:
        data: The whole file.
        files: Those beside it, by their path from its folder: textures. None: there are none.

    Returns:
        The meshes, with the normals, colours, textures and texture coordinates that they have.

    Raises:
        InvalidMesh: It is damaged, or holds no faces (points or splats).
    """
    rows = read_rows(data)
    beside = files if isinstance(files, FilesBeside) else FilesBeside(files)
    vertices, faces = rows.elements.get("vertex"), rows.elements.get("face")
    strips = rows.elements.get("tristrips")
    if strips and strips.count and not (faces and faces.count):
        faces = _faces_of_strips(strips)
    if faces is None or not faces.count:
        raise InvalidMesh(reason="it holds points or splats, and no faces")
    if vertices is None:
        raise InvalidMesh(reason="it has no vertices")
    positions = _columns(vertices, "x", "y", "z")
    if positions is None:
        raise InvalidMesh(reason="its vertices have no x, y and z")
    key = _list_of_corners(faces)
    corners = _whole(faces.lists[key].values)
    cut = triangulate(positions, corners, faces.lists[key].counts)
    if not len(cut.corners):
        raise InvalidMesh(reason="it has no faces")
    surface = _Surface(
        vertices=corners[cut.corners],
        faces=cut.polygon,
        uvs=_wedge_uvs(faces, key, cut),
    )
    left_out = [*polygon_notes(cut), *_other_elements(rows)]
    if alone := int((~_used(surface.vertices, len(positions))).sum()):
        many = f"{alone:,} vertices that no face has were left out"
        left_out.append("1 vertex that no face has was left out" if alone == 1 else many)
    meshes, notes = _Meshes(rows, vertices, faces, positions, beside).make(surface)
    return Model(meshes=meshes, left_out=sorted({*left_out, *notes, *beside.left_out}))


def _whole(values: NDArray[Any]) -> _Indices:
    """Return the numbers of vertices, which some programs write as fractions."""
    if values.dtype.kind == "f" and not (np.abs(values) < 2**53).all():
        raise InvalidMesh(reason="a face refers to a vertex that is not there")
    whole = values.astype(np.int64)
    if (whole != values).any():
        raise InvalidMesh(reason="a face refers to a vertex that is not there")
    return whole


def _faces_of_strips(strips: Element) -> Element:
    """Make faces of strips of triangles, as in the files of Stanford; −1 ends a strip."""
    found = strips.lists[_list_of_corners(strips)]
    # Two strips that follow each other are as separate as two in one list.
    ends = np.cumsum(found.counts)[:-1]
    corners = np.insert(_whole(found.values), ends, -1)
    triangles = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
    places = np.arange(len(triangles))
    starts = np.concatenate([[0], np.flatnonzero(corners == -1) + 1])
    turned = (places - starts[np.searchsorted(starts, places, side="right") - 1]) % 2 == 1
    triangles[turned] = triangles[turned][:, [1, 0, 2]]
    a, b, c = triangles.T
    proper = triangles[(triangles >= 0).all(axis=1) & (a != b) & (b != c) & (c != a)]
    lists = {
        _CORNER_NAMES[0]: Lists(counts=np.full(len(proper), 3), values=proper.astype("<i4").ravel())
    }
    return Element(count=len(proper), columns={}, lists=lists)


def _list_of_corners(faces: Element) -> str:
    known = [name for name in _CORNER_NAMES if name in faces.lists]
    whole = [name for name, found in faces.lists.items() if found.values.dtype.kind in "iu"]
    if not known and not whole:
        raise InvalidMesh(reason="its faces name no vertices")
    return (known or whole)[0]


def _other_elements(rows: PlyRows) -> list[str]:
    """Say what is in the file beside its surface."""
    notes = []
    for name, element in rows.elements.items():
        if name == "edge" and element.count:
            notes.append(f"{element.count:,} edges that are not sides of faces were left out")
        elif name not in _UNIMPORTANT and element.count:
            notes.append(f"what it calls '{name[:40]}' was left out")
    return notes


def _columns(element: Element, *names: str) -> NDArray[np.float64] | None:
    found = [element.columns[name] for name in names if name in element.columns]
    return np.stack(found, axis=1).astype(np.float64) if len(found) == len(names) else None


def _vertex_uvs(vertices: Element) -> NDArray[np.float64] | None:
    uvs = (_columns(vertices, *names) for names in _COORDINATES)
    return next((found for found in uvs if found is not None), None)


def _colors(element: Element) -> NDArray[np.uint8] | None:
    for names in _COLORS:
        if all(name in element.columns for name in names):
            alpha = next((element.columns[a] for a in _ALPHAS if a in element.columns), None)
            return shown_colors([element.columns[name] for name in names], alpha)
    return None


def _wedge_uvs(faces: Element, key: str, cut: Triangles) -> NDArray[np.float64] | None:
    """Return texture coordinates per corner, from a list with two numbers for each of them."""
    counts = faces.lists[key].counts
    for name, found in faces.lists.items():
        if name == key or found.values.dtype.kind != "f" or not len(found.values):
            continue
        fits = found.counts == 2 * counts
        if fits.any() and (fits | (found.counts == 0)).all():
            return _spread(found, counts, fits)[cut.corners]
    return None


def _spread(found: Lists, counts: _Indices, fits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give every corner its two numbers; 0 where its face has none."""
    spread = np.zeros((int(counts.sum()), 2))
    spread[np.repeat(fits, counts)] = found.values.reshape(-1, 2)
    return spread


class _Meshes:
    """Makes a mesh of each texture's triangles, with what the vertices and faces have."""

    def __init__(
        self,
        rows: PlyRows,
        vertices: Element,
        faces: Element,
        positions: NDArray[np.float64],
        beside: FilesBeside,
    ) -> None:
        self._positions = positions
        self._normals = _columns(vertices, "nx", "ny", "nz")
        self._uvs = _vertex_uvs(vertices)
        self._vertex_colors = _colors(vertices)
        self._face_colors = _colors(faces)
        self._notes: list[str] = []
        names = _texture_names(rows.comments)
        self._images = [beside.image(name) for name in names]
        self._number = next(
            (faces.columns[name] for name in _TEXTURE_NUMBERS if name in faces.columns), None
        )

    def make(self, surface: _Surface) -> tuple[list[Mesh], list[str]]:
        has_uvs = surface.uvs is not None or self._uvs is not None
        if self._images and not has_uvs:
            self._notes.append("its texture was left out: there are no texture coordinates for it")
        self._choose_colors(textured=has_uvs and any(self._images))
        meshes = []
        for image, some in self._by_texture(surface):
            meshes.append(self._mesh(surface, some, image if has_uvs else None))
        return meshes, self._notes

    def _choose_colors(self, *, textured: bool) -> None:
        """Keep one kind of colours: of a texture, vertices and faces each tells all of it."""
        vertex, face = self._vertex_colors, self._face_colors
        if textured:
            for what, colors in (("vertices", vertex), ("faces", face)):
                if colors is not None and not _same(colors):
                    self._notes.append(
                        f"the colours of its {what} were left out: its texture shows them"
                    )
            self._vertex_colors = self._face_colors = None
        elif vertex is not None and face is not None:
            if _same(vertex):
                self._vertex_colors = None
            else:
                self._face_colors = None
                if not _same(face):
                    self._notes.append(
                        "the colours of its faces were left out: its vertices have others"
                    )

    def _by_texture(
        self, surface: _Surface
    ) -> Sequence[tuple[EncodedImage | None, NDArray[np.bool_]]]:
        every = np.ones(len(surface.faces), bool)
        if self._number is None or len(self._images) < 2:
            return [(self._images[0] if self._images else None, every)]
        number = self._number[surface.faces].astype(np.int64)
        parts: list[tuple[EncodedImage | None, NDArray[np.bool_]]] = [
            (image, number == index) for index, image in enumerate(self._images)
        ]
        parts.append((None, (number < 0) | (number >= len(self._images))))
        return [(image, some) for image, some in parts if some.any()]

    def _mesh(self, surface: _Surface, some: NDArray[np.bool_], image: EncodedImage | None) -> Mesh:
        uvs = None if surface.uvs is None else surface.uvs[some].reshape(-1, 2)
        vertices = surface.vertices[some].ravel()
        face_of_corner = np.repeat(surface.faces[some], 3)
        keys = [vertices]
        if uvs is not None:
            # Two floats in one whole number: they are only compared.
            pairs = np.ascontiguousarray(uvs + 0.0, np.float32).view(np.int64).ravel()
            keys.append(np.unique(pairs, return_inverse=True)[1])
        face_colors = self._face_colors
        if face_colors is not None:
            keys.append(face_colors.view("<u4").ravel()[face_of_corner].astype(np.int64))
        if len(keys) == 1 and _used(vertices, len(self._positions)).all():
            first, places, faces = None, np.arange(len(self._positions)), vertices
        else:
            first, faces = distinct_rows(np.stack(keys, axis=1))
            places = vertices[first]
        if uvs is None:
            uvs = None if self._uvs is None else self._uvs[places]
        elif first is not None:
            uvs = uvs[first]
        colors = None if self._vertex_colors is None else self._vertex_colors[places]
        if face_colors is not None and first is not None:
            colors = face_colors[face_of_corner[first]]
        opaque = colors is None or bool((colors[:, 3] == 255).all())
        return checked_mesh(
            name="mesh",
            positions=self._positions[places],
            faces=faces.reshape(-1, 3),
            normals=None if self._normals is None else self._normals[places],
            uvs=None if uvs is None else uvs * np.array([1, -1]) + np.array([0, 1]),
            colors=colors,
            material=Material(
                name="surface",
                base_color_texture=image,
                wrap=("repeat", "repeat") if image else ("clamp", "clamp"),
                double_sided=True,
                alpha_mode="OPAQUE" if opaque else "BLEND",
            ),
        )


def _used(vertices: _Indices, count: int) -> NDArray[np.bool_]:
    used = np.zeros(count, bool)
    used[vertices.ravel()] = True
    return used


def _same(colors: NDArray[np.uint8]) -> bool:
    return bool((colors == colors[:1]).all())


def _texture_names(comments: Sequence[bytes]) -> list[str]:
    """Return the textures in the order of the comments that name them, as MeshLab writes them."""
    names = []
    for comment in comments:
        word, _, name = comment.replace(b"\t", b" ").partition(b" ")
        if word.lower().rstrip(b":") in _TEXTURE_WORDS and name.strip():
            names.append(decode_name(name.strip()))
    return names
