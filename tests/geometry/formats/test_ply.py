"""PLY files of scanners and programs: properties in any order, textures, colours of faces."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.ply.reader import read_ply
from image2model.geometry.formats.ply.writer import write_ply
from image2model.geometry.formats.reading import read_model
from image2model.geometry.mesh.types import Material, Mesh
from tests.geometry.formats.test_obj import area, corner_uvs, shown
from tests.geometry.sample_meshes import picture

CODES = {"uchar": "B", "char": "b", "ushort": "H", "int": "i", "float": "f", "double": "d"}
FORMATS = ("ascii", "binary_little_endian", "binary_big_endian")
Value = float | Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An element: its properties as `float x` or `uchar int list`, and its rows."""

    name: str
    properties: Sequence[str]
    rows: Sequence[Sequence[Value]]


def ply(kind: str, elements: Sequence[Kind], *, comments: Sequence[str] = ()) -> bytes:
    lines = ["ply", f"format {kind} 1.0", *(f"comment {one}" for one in comments)]
    body: list[bytes] = []
    order = ">" if kind == "binary_big_endian" else "<"
    for element in elements:
        lines.append(f"element {element.name} {len(element.rows)}")
        lines += [
            f"property {'list ' if one.count(' ') == 2 else ''}{one}" for one in element.properties
        ]
        for row in element.rows:
            words: list[str] = []
            for one, value in zip(element.properties, row, strict=True):
                *counter, code, _ = one.split()
                values = value if isinstance(value, Sequence) else [value]
                words += [str(len(values))] if counter else []
                words += [f"{number:g}" for number in values]
                if kind != "ascii":
                    if counter:
                        body.append(struct.pack(order + CODES[counter[0]], len(values)))
                    body.append(struct.pack(f"{order}{len(values)}{CODES[code]}", *values))
            if kind == "ascii":
                body.append(" ".join(words).encode() + b"\n")
    return "\n".join([*lines, "end_header", ""]).encode() + b"".join(body)


SQUARE = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0)]
PLACES = ("float x", "float y", "float z")
VERTICES = Kind(name="vertex", properties=PLACES, rows=SQUARE)
CORNERS, WEDGES, FLAGS = "uchar int vertex_indices", "uchar float t", "int flags"
FACES: list[dict[str, Value]] = [
    {CORNERS: [0, 1, 2], WEDGES: [0, 0, 1, 0, 1, 1], FLAGS: 5},
    {CORNERS: [0, 2, 3], WEDGES: [0, 0, 1, 1, 0.25, 1], FLAGS: 7},
]
UVS = [[0, 1], [1, 1], [1, 0], [0, 1], [1, 0], [0.25, 0]]
ORDERS = [
    (CORNERS, FLAGS, WEDGES),
    (FLAGS, CORNERS, WEDGES),
    (WEDGES, CORNERS, FLAGS),
    (FLAGS, WEDGES, CORNERS),
    ("double quality", WEDGES, FLAGS, "uchar uchar more", CORNERS),
]
PICTURE = picture(kind="png", size_px=2)


def faces(order: Sequence[str], rows: Sequence[dict[str, Value]] = FACES) -> Kind:
    filling: dict[str, Value] = {"double quality": 0.5, "uchar uchar more": [9, 8]}
    return Kind(
        name="face",
        properties=order,
        rows=[[{**filling, **row}[one] for one in order] for row in rows],
    )


def places(mesh: Mesh) -> list[list[float]]:
    found: list[list[float]] = mesh.positions[mesh.faces].reshape(-1, 3).tolist()
    return found


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_properties_in_any_order(kind: str, order: Sequence[str]) -> None:
    """The same two textured triangles."""
    data = ply(kind, [VERTICES, faces(order)], comments=["TextureFile t.png"])
    model = read_ply(data, {"t.png": PICTURE.data})
    [mesh] = model.meshes
    assert model.left_out == []
    assert places(mesh) == [list(SQUARE[at]) for at in (0, 1, 2, 0, 2, 3)]
    assert corner_uvs(mesh) == UVS
    assert mesh.material.base_color_texture is not None
    assert mesh.material.base_color_texture.data == PICTURE.data


@pytest.mark.parametrize("kind", FORMATS)
def test_faces_of_different_sizes(kind: str) -> None:
    """Read one by one; a face without texture coordinates does not move those of others."""
    rows: list[dict[str, Value]] = [
        {CORNERS: [0, 1, 2, 3], WEDGES: [0, 0, 1, 0, 1, 1, 0, 1], FLAGS: 1},
        {CORNERS: [2, 1, 0], WEDGES: [], FLAGS: 2},
        {CORNERS: [0, 1], WEDGES: [0, 0, 1, 0], FLAGS: 3},
    ]
    for order in ORDERS:
        data = ply(kind, [VERTICES, faces(order, rows)], comments=["TextureFile t.png"])
        model = read_ply(data, {"t.png": PICTURE.data})
        [mesh] = model.meshes
        assert area(model) == pytest.approx(1.5)
        assert mesh.uvs is not None
        first = mesh.faces[:2].ravel()
        upwards = mesh.uvs[first] * np.array([1, -1]) + np.array([0, 1])
        assert upwards == pytest.approx(mesh.positions[first, :2])
        assert model.left_out == ["1 face was left out: fewer than three corners"]


@pytest.mark.parametrize("kind", FORMATS)
def test_polygons_keep_their_area(kind: str) -> None:
    ring = [(0.5, 0.5, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 0.0), (2.0, 0.0, 0.0)]
    ell = [(2, 0, 1), (2, 1, 1), (1, 1, 1), (1, 2, 1), (0, 2, 1), (0, 0, 1)]
    vertices = Kind(name="vertex", properties=PLACES, rows=[*ring, *ell])
    polygons: list[dict[str, Value]] = [{CORNERS: [0, 1, 2, 3]}, {CORNERS: [4, 5, 6, 7, 8, 9]}]
    assert area(read_model(ply(kind, [vertices, faces((CORNERS,), polygons)]))) == pytest.approx(4)


@pytest.mark.parametrize("names", [("s", "t"), ("u", "v"), ("texture_u", "texture_v")])
def test_texture_coordinates_of_vertices(names: tuple[str, str]) -> None:
    properties = [*PLACES, *(f"float {name}" for name in names)]
    rows = [[*place, place[0], place[1]] for place in SQUARE]
    vertices = Kind(name="vertex", properties=properties, rows=rows)
    data = ply("ascii", [vertices, faces((CORNERS,))], comments=["TextureFile my pictures/T.PNG"])
    [mesh] = read_ply(data, {"t.png": PICTURE.data}).meshes
    assert corner_uvs(mesh) == [[x, 1 - y] for x, y, _ in places(mesh)]
    assert mesh.material.base_color_texture is not None


def test_texture_that_is_not_there_is_named() -> None:
    data = ply("ascii", [VERTICES, faces(ORDERS[0])], comments=["TextureFile t.png"])
    assert read_ply(data, {}).left_out == ["the texture 't.png' is not there"]
    [note] = read_model(data).left_out
    assert note == "the texture 't.png' is not there; put the model and its files into one ZIP"


def test_texture_without_coordinates_is_told() -> None:
    data = ply("ascii", [VERTICES, faces((CORNERS,))], comments=["TextureFile t.png"])
    model = read_ply(data, {"t.png": PICTURE.data})
    assert model.left_out == ["its texture was left out: there are no texture coordinates for it"]
    assert model.meshes[0].material.base_color_texture is None


@pytest.mark.parametrize("kind", FORMATS)
def test_a_mesh_for_each_texture(kind: str) -> None:
    other = picture(kind="png", size_px=2, seed=1)
    rows: list[dict[str, Value]] = [
        {**FACES[0], "int texnumber": 1},
        {**FACES[1], "int texnumber": 0},
        {CORNERS: [2, 1, 0], WEDGES: [0, 0, 0, 0, 0, 0], "int texnumber": -1},
    ]
    data = ply(
        kind,
        [VERTICES, faces((CORNERS, WEDGES, "int texnumber"), rows)],
        comments=["TextureFile a.png", "TextureFile b.png"],
    )
    first, second, bare = read_ply(data, {"a.png": PICTURE.data, "b.png": other.data}).meshes
    assert first.material.base_color_texture is not None
    assert first.material.base_color_texture.data == PICTURE.data
    assert places(first) == [list(SQUARE[at]) for at in (0, 2, 3)]
    assert corner_uvs(first) == UVS[3:]
    assert second.material.base_color_texture is not None
    assert second.material.base_color_texture.data == other.data
    assert corner_uvs(second) == UVS[:3]
    assert bare.material.base_color_texture is None


RED, BLUE = [255, 0, 0, 255], [0, 0, 255, 255]


@pytest.mark.parametrize("kind", FORMATS)
def test_colours_of_faces(kind: str) -> None:
    """Sharp from face to face: corners that two faces share have both colours."""
    order = ("uchar red", "uchar green", CORNERS, "uchar blue")
    rows: list[dict[str, Value]] = [
        {**FACES[0], "uchar red": 255, "uchar green": 0, "uchar blue": 0},
        {**FACES[1], "uchar red": 0, "uchar green": 0, "uchar blue": 255},
    ]
    model = read_model(ply(kind, [VERTICES, faces(order, rows)]))
    [mesh] = model.meshes
    assert model.left_out == []
    assert mesh.colors is not None
    assert mesh.colors[mesh.faces].tolist() == [[RED] * 3, [BLUE] * 3]
    assert places(mesh) == [list(SQUARE[at]) for at in (0, 1, 2, 0, 2, 3)]


def test_one_kind_of_colours_is_chosen_aloud() -> None:
    order = (CORNERS, "uchar red", "uchar green", "uchar blue")
    rows: list[dict[str, Value]] = [
        {**FACES[0], "uchar red": 255, "uchar green": 0, "uchar blue": 0},
        {**FACES[1], "uchar red": 0, "uchar green": 0, "uchar blue": 255},
    ]
    properties = [*PLACES, "uchar red", "uchar green", "uchar blue"]

    def vertices(*colors: Sequence[float]) -> Kind:
        rows = [[*place, *color] for place, color in zip(SQUARE, colors, strict=True)]
        return Kind(name="vertex", properties=properties, rows=rows)

    white = read_model(ply("ascii", [vertices(*[(255, 255, 255)] * 4), faces(order, rows)]))
    assert white.meshes[0].colors is not None
    assert white.meshes[0].colors[0].tolist() == RED
    assert white.left_out == []
    own = vertices((0, 255, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0))
    both = read_model(ply("ascii", [own, faces(order, rows)]))
    assert shown(both.meshes[0])[0] == [0, 255, 0, 255]
    assert "the colours of its faces were left out" in both.left_out[0]


@pytest.mark.parametrize(
    ("code", "most"), [("uchar", 255), ("ushort", 65535), ("float", 1), ("float", 255)]
)
def test_ranges_of_colours(code: str, most: float) -> None:
    part = most * 64 / 255 if code == "float" else most * 64 // 255
    rows = [[*place, most, part, 0, most] for place in SQUARE]
    colors = [f"{code} {name}" for name in ("red", "green", "blue", "alpha")]
    vertices = Kind(name="vertex", properties=[*PLACES, *colors], rows=rows)
    found = shown(read_model(ply("binary_little_endian", [vertices, faces((CORNERS,))])).meshes[0])
    assert np.abs(np.array(found) - (255, 64, 0, 255)).max() <= 2


@pytest.mark.parametrize("kind", FORMATS)
def test_same_name_twice(kind: str) -> None:
    properties = [*PLACES, "float weight", "uchar weight"]
    vertices = Kind(name="vertex", properties=properties, rows=[[*p, 1, 2] for p in SQUARE])
    order = (CORNERS, FLAGS, FLAGS)
    model = read_model(ply(kind, [vertices, faces(order)]))
    assert area(model) == pytest.approx(1)
    assert model.meshes[0].positions.tolist() == [list(place) for place in SQUARE]


def test_other_elements_are_told() -> None:
    edges = Kind(name="edge", properties=["int vertex1", "int vertex2"], rows=[[0, 1], [1, 2]])
    patch = Kind(name="patch", properties=["uchar int list"], rows=[[[1, 2, 3]], [[1]]])
    nothing = Kind(name="empty", properties=["int a"], rows=[])
    for kind in FORMATS:
        model = read_model(ply(kind, [patch, VERTICES, edges, nothing, faces((CORNERS,))]))
        assert len(model.meshes[0].faces) == 2
        assert model.left_out == [
            "2 edges that are not sides of faces were left out",
            "what it calls 'patch' was left out",
        ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_in_any_way(end: bytes) -> None:
    data = ply("ascii", [VERTICES, faces((CORNERS,))]).replace(b"\n", end)
    assert area(read_model(data)) == pytest.approx(1)
    header, body = ply("binary_little_endian", [VERTICES, faces((CORNERS,))]).split(b"end_header\n")
    assert area(read_model((header + b"end_header\n").replace(b"\n", end) + body)) == 1


@pytest.mark.parametrize("kind", FORMATS)
def test_points_are_refused_in_words(kind: str) -> None:
    for elements in ([VERTICES], [VERTICES, faces((CORNERS,), [])]):
        with pytest.raises(InvalidMesh, match="points or splats"):
            read_model(ply(kind, elements))


@pytest.mark.parametrize("kind", FORMATS)
def test_strips_of_triangles(kind: str) -> None:
    """Every other triangle is turned, so that all face one way; −1 begins a new strip."""
    ring = [(float(x), float(y), 0.0) for x in range(4) for y in (0, 1)]
    vertices = Kind(name="vertex", properties=PLACES, rows=ring)
    for lists in ([[0, 2, 1, 3, -1, 2, 4, 3, 5, 5]], [[0, 2, 1, 3], [2, 4, 3, 5]]):
        strips = Kind(name="tristrips", properties=[CORNERS], rows=[[one] for one in lists])
        model = read_model(ply(kind, [vertices, strips]))
        [mesh] = model.meshes
        assert area(model) == pytest.approx(2)
        a, b, c = mesh.positions[mesh.faces].swapaxes(0, 1)
        assert (np.cross(b - a, c - a)[:, 2] > 0).all()
        assert model.left_out == ["2 vertices that no face has were left out"]


def test_vertices_without_faces_do_not_count() -> None:
    """They would make the model larger than it is."""
    vertices = Kind(name="vertex", properties=PLACES, rows=[*SQUARE, (900.0, 0.0, 0.0)])
    model = read_model(ply("ascii", [vertices, faces((CORNERS,))]))
    assert model.meshes[0].positions.max() == 1
    assert model.left_out == ["1 vertex that no face has was left out"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("wrong", [1.5, float("nan"), float("inf"), -1.0, 4.0])
def test_faces_name_vertices_that_are_there(kind: str, wrong: float) -> None:
    corners = "uchar float vertex_indices"
    good = Kind(name="face", properties=[corners], rows=[[[0.0, 1.0, 2.0]]])
    assert area(read_model(ply(kind, [VERTICES, good]))) == pytest.approx(0.5)
    bad = Kind(name="face", properties=[corners], rows=[[[0.0, 1.0, wrong]]])
    with pytest.raises(InvalidMesh):
        read_model(ply(kind, [VERTICES, bad]))


def test_fraction_of_a_vertex_is_refused() -> None:
    data = ply("ascii", [VERTICES, faces((CORNERS,))]).replace(b"3 0 1 2", b"3 0 1 1.5")
    with pytest.raises(InvalidMesh, match="a number in it cannot be read"):
        read_model(data)


@pytest.mark.parametrize(("green", "vertices"), [(229, 6), (10, 4)])
def test_colours_that_meet_keep_their_edge(green: int, vertices: int) -> None:
    """Where they are nearly the same, as along a texture seam, the surface stays in one piece."""
    red = (1.0, 0.0, 0.0, 1.0)
    places = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    # Linear, as all colours of vertices are.
    other = np.tile(np.array([255, 0, 0, 255], np.uint8), (3, 1))
    other[:, :2] = [(255 - green, green)] if green > 100 else [(240, 0)]
    meshes = [
        Mesh(
            name="a",
            positions=places[:3],
            faces=np.array([[0, 1, 2]]),
            material=Material(base_color=red),
        ),
        Mesh(name="b", positions=places[[0, 2, 3]], faces=np.array([[0, 1, 2]]), colors=other),
    ]
    (mesh,) = read_ply(write_ply(meshes)).meshes
    assert len(mesh.positions) == vertices
    assert shown(mesh)[0] == [255, 0, 0, 255]
    if vertices == 6:
        assert shown(mesh)[-1][1] > 200
