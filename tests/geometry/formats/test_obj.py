"""OBJ files in the many ways in which programs write them."""

from pathlib import PurePosixPath

import numpy as np
import pytest

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.archives.linked_files import FilesBeside
from image2model.geometry.formats.obj.reader import read_obj
from image2model.geometry.formats.reading import read_model
from image2model.geometry.mesh.types import Mesh, Model
from tests.geometry.sample_meshes import picture

TRIANGLE = b"v 0 0 0\nv 1 0 0\nv 0 1 0\n"
TEXTURED = TRIANGLE + b"vt 0 0\nvt 1 0\nvt 0 1\n"
UVS = [[0, 1], [1, 1], [0, 0]]


def area(model: Model) -> float:
    total = 0.0
    for mesh in model.meshes:
        a, b, c = mesh.positions.astype(float)[mesh.faces].swapaxes(0, 1)
        total += float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
    return total


def corner_uvs(mesh: Mesh) -> list[list[float]]:
    assert mesh.uvs is not None
    found: list[list[float]] = mesh.uvs[mesh.faces].reshape(-1, 2).tolist()
    return found


POLYGONS = {
    "dart": (b"v 2 0 0\nv 0 0 0\nv 0 2 0\nv .5 .5 0\nf 1 2 3 4\n", 1.0),
    "arrow": (b"v 0 0 0\nv 4 0 0\nv 4 4 0\nv 2 1 0\nv 0 4 0\nf 1 2 3 4 5\n", 10.0),
    "L": (
        b"v 1 1 0\nv 1 2 0\nv 0 2 0\nv 0 0 0\nv 2 0 0\nv 2 1 0\nf 3 4 5 6 1 2\nf 1 2 3\n",
        3.5,
    ),
    "upright": (b"v 0 2 0\nv 0 0 0\nv 0 0 2\nv 0 .5 .5\nf -4 -3 -2 -1\n", 1.0),
}


@pytest.mark.parametrize("name", POLYGONS)
def test_polygons_keep_their_area(name: str) -> None:
    data, expected = POLYGONS[name]
    model = read_model(data)
    assert area(model) == pytest.approx(expected)
    assert model.left_out == []


def test_corners_of_polygons_keep_their_texture_coordinates() -> None:
    """Where a corner lies is where it is on the texture, however the polygon was cut."""
    ring = [(2, 0), (0, 0), (0, 2), (0.5, 0.5)]
    lines = [f"v {x} {y} 0\nvt {x / 4} {y / 4}" for x, y in ring]
    model = read_obj("\n".join([*lines, "f 1/1 2/2 3/3 4/4"]).encode())
    [mesh] = model.meshes
    assert area(model) == pytest.approx(1)
    assert mesh.uvs is not None
    upwards = mesh.uvs * np.array([1, -1]) + np.array([0, 1])
    assert upwards == pytest.approx(mesh.positions[:, :2] / 4)


def test_what_is_no_face_is_told() -> None:
    more = b"f 1\nf 1 2\nf 1 2 3\nl 1 2\nl 2 3\np 1\nf 1 4 2 5\n"
    model = read_obj(TRIANGLE + b"v 1 1 0\nv 0.2 2 0\n" + more)
    assert model.left_out == [
        "1 face crosses itself, so the shape there is a guess",
        "2 faces were left out: fewer than three corners",
        "its lines were left out (2)",
        "its points were left out (1)",
    ]


@pytest.mark.parametrize("data", [TRIANGLE + b"f 1\n", TRIANGLE + b"f 1 2\nf 3\n"])
def test_without_any_real_face(data: bytes) -> None:
    with pytest.raises(InvalidMesh, match="it has no faces"):
        read_model(data)


def test_lines_alone_are_named() -> None:
    with pytest.raises(InvalidMesh, match="it has no faces; its lines were left out"):
        read_model(TRIANGLE + b"l 1 2 3\n")


@pytest.mark.parametrize(
    "face",
    [
        b"f 1/1 2/2 3/3",
        b"f 1/1/ 2/2/ 3/3/",
        b"f 1/1/ 2/2 3/3/",
        b"f\t1/1/\t2/2/\t3/3/",
        b"f  1/1//  2/2//  3/3// ",
        b"f 1/1/0 2/2/0 3/3/0",
        b"f -3/-3/ -2/-2/ -1/-1/ # a remark",
        b"f 1/1/1/1 2/2/1/1 3/3/1/1",
    ],
)
def test_ways_to_write_a_textured_face(face: bytes) -> None:
    [mesh] = read_model(TEXTURED + b"vn 0 0 1\n" + face + b"\n").meshes
    assert mesh.faces.shape == (1, 3)
    assert corner_uvs(mesh) == UVS


def test_lines_of_different_lengths() -> None:
    """Weights, depths of textures and remarks do not move what follows."""
    data = b"v 0 0 0 # first\nv 1 0 0 1.0\nv 0 1\t0\nvt 0 0 0\nvt 1 0\nvt 0 1 0.0\nf 1/1 2/2 3/3\n"
    [mesh] = read_model(data).meshes
    assert mesh.positions.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert corner_uvs(mesh) == UVS


def test_too_few_coordinates() -> None:
    with pytest.raises(InvalidMesh, match="too few coordinates"):
        read_model(b"v 0 0 0\nv 1 0 0 0\nv 0 1\nf 1 2 3\n")


RED, WHITE, GREY = [255, 0, 0, 255], [255, 255, 255, 255], [128, 128, 128]


def shown(mesh: Mesh) -> list[list[int]]:
    """Return the colours as screens show them."""
    assert mesh.colors is not None
    linear = mesh.colors.astype(float) / 255
    steps = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    rgb = np.rint(steps * 255)
    rgb[:, 3:] = mesh.colors[:, 3:]
    order = np.lexsort(mesh.positions.T)
    found: list[list[int]] = rgb[order].astype(int).tolist()
    return found


def test_only_some_vertices_are_coloured() -> None:
    """The others are white, in whatever order they come."""
    for lines in ([b"v 0 0 0 1 0 0", b"v 1 0 0"], [b"v 0 0 0 1 0 0", b"v 1 0 0 1.0"]):
        model = read_model(b"\n".join([*lines, b"v 0 1 0 1 0 0", b"f 1 2 3"]))
        assert shown(model.meshes[0]) == [RED, WHITE, RED]
    plain_first = read_model(b"v 0 0 0\nv 1 0 0 1 0 0\nv 0 1 0\nf 1 2 3")
    assert shown(plain_first.meshes[0]) == [WHITE, RED, WHITE]


@pytest.mark.parametrize("numbers", [b"64 128 32", b"0.25098 0.50196 0.12549", b"16448 32896 8224"])
def test_colours_in_every_range(numbers: bytes) -> None:
    lines = [b"v 0 0 0 " + numbers, b"v 1 0 0 " + numbers, b"v 0 1 0 " + numbers, b"f 1 2 3"]
    found = shown(read_model(b"\n".join(lines)).meshes[0])
    assert np.abs(np.array(found) - (64, 128, 32, 255)).max() <= 2


def test_one_range_for_all_of_a_file() -> None:
    """A dark mesh of a file whose other mesh is bright is dark."""
    data = (
        b"v 0 0 0 1 1 1\nv 1 0 0 1 1 1\nv 0 1 0 1 1 1\nv 0 0 1 255 255 255\n"
        b"v 1 0 1 255 0 0\nv 0 1 1 255 0 0\nusemtl a\nf 1 2 3\nusemtl b\nf 4 5 6\n"
    )
    dark, bright = read_model(data).meshes
    assert max(shown(dark)[0][:3]) < 16
    assert shown(bright)[0] == WHITE


def test_colours_with_a_weight_or_with_opacity() -> None:
    weighted = b"v 0 0 0 1 1 0 0\nv 1 0 0 1 1 0 0\nv 0 1 0 1 1 0 0\nf 1 2 3\n"
    assert shown(read_model(weighted).meshes[0]) == [RED] * 3
    opaque = b"v 0 0 0 1 0 0 1\nv 1 0 0 0 1 0 1\nv 0 1 0 1 0 0 1\nf 1 2 3\n"
    assert shown(read_model(opaque).meshes[0])[0] == RED


def test_part_without_any_colour_has_none() -> None:
    data = TRIANGLE + b"v 0 0 1 1 0 0\nv 1 0 1 1 0 0\nv 0 1 1 1 0 0\n"
    plain, red = read_model(data + b"f 1 2 3\nusemtl red\nf 4 5 6\n").meshes
    assert plain.colors is None
    assert shown(red) == [RED] * 3


A, B = b"newmtl a\nKd 1 0 0\n", b"newmtl b\nKd 0 0 1\n"
TWO = TRIANGLE + b"usemtl a\nf 1 2 3\nusemtl b\nf 3 2 1\n"


@pytest.mark.parametrize(
    ("line", "files"),
    [
        (b"mtllib a.mtl b.mtl", {"a.mtl": A, "b.mtl": B}),
        (b"mtllib a.mtl\nmtllib b.mtl", {"a.mtl": A, "b.mtl": B}),
        (b"mtllib my lib.mtl", {"my lib.mtl": A + B}),
        (b"mtllib my lib.mtl b.mtl", {"my lib.mtl": A, "b.mtl": B}),
        (b"mtllib a.mtl my own lib.mtl", {"a.mtl": A, "my own lib.mtl": B}),
        (b"mtllib a.mtl b.mtl", {"a.mtl b.mtl": A + B, "a.mtl": A, "b.mtl": A}),
        (b'mtllib "my lib.mtl"', {"my lib.mtl": A + B}),
        (b"mtllib\tLOOK.MTL", {"Look.mtl": A + B}),
        (b"mtllib C:\\work\\out\\look.mtl", {"look.mtl": A + B}),
        (b"mtllib ./look.mtl", {"look.mtl": A + B}),
        (b"mtllib old/look.mtl", {"look.mtl": A + B}),
        (b"mtllib my%20lib.mtl", {"my lib.mtl": A + B}),
        (b"", {"anything.mtl": A + B}),
        (b"mtllib look.mtl", {"look.mtl": b"\xef\xbb\xbf" + (A + B).replace(b" ", b"\t")}),
        (b"mtllib look.mtl", {"look.mtl": (A + B).replace(b"\n", b"\r")}),
        (b"mtllib look.mtl", {"look.mtl": (A + B).decode().encode("utf-16")}),
    ],
)
def test_libraries_of_materials(line: bytes, files: dict[str, bytes]) -> None:
    model = read_obj(line + b"\n" + TWO, files)
    assert [mesh.material.base_color[:3] for mesh in model.meshes] == [(1, 0, 0), (0, 0, 1)]
    assert model.left_out == []


def test_library_that_is_missing_is_named() -> None:
    model = read_obj(b"mtllib a.mtl b.mtl\n" + TWO, {"a.mtl": A})
    assert model.left_out == [
        "the material 'b' is not there: its parts are grey",
        "the materials 'b.mtl' are not there",
    ]
    assert model.meshes[0].material.base_color[:3] == (1, 0, 0)


def test_file_alone_says_what_to_do() -> None:
    """Nobody sees where it came from, so what belongs to it must come with it."""
    notes = read_model(b"mtllib a.mtl\n" + TWO).left_out
    assert "the materials 'a.mtl' are not there; put the model and its files into one ZIP" in notes


def test_of_several_textures_with_one_name_the_nearest_is_taken() -> None:
    first, second = picture(size_px=8, seed=1).data, picture(size_px=8, seed=2).data
    files = {
        "look.mtl": b"newmtl a\nmap_Kd D:/maps/cup/wood.jpg\nnewmtl b\nmap_Kd Cup2\\WOOD.jpg\n",
        "tex/cup/wood.jpg": first,
        "tex/cup2/wood.jpg": second,
    }
    textures = [
        mesh.material.base_color_texture
        for mesh in read_obj(b"mtllib look.mtl\n" + TWO, files).meshes
    ]
    assert [one.data for one in textures if one] == [first, second]


def test_names_in_any_encoding() -> None:
    """The file's own bytes may be in another encoding than the names of the files."""
    files = {"木目.mtl": A + B, "Gänse.mtl": B}
    beside = FilesBeside(files)
    for encoding in ("utf-8", "cp932", "gbk", "big5"):
        line = "mtllib 木目.mtl\n".encode(encoding)
        assert read_obj(line + TWO, beside).meshes[0].material.base_color[0] == 1
    assert beside.find("Ga\u0308nse.mtl") == "Gänse.mtl"
    assert PurePosixPath(str(beside.find("x/GÄNSE.MTL"))).name == "Gänse.mtl"


def test_materials_named_in_another_encoding() -> None:
    data = TRIANGLE + "mtllib l.mtl\nusemtl Weiß\nf 1 2 3\n".encode("cp1252")
    model = read_obj(data, {"l.mtl": "newmtl Weiß\nKd 1 0 0\n".encode("cp1252")})
    assert model.meshes[0].material.base_color[:3] == (1, 0, 0)
    model.meshes[0].material.name.encode()
    model.meshes[0].name.encode()


def test_lines_may_end_in_any_way() -> None:
    data = b"\xef\xbb\xbf" + TWO.replace(b"f 1 2 3", b"f 1 2 \\\n 3")
    for end in (b"\r\n", b"\r"):
        model = read_model(data.replace(b"\n", end))
        assert [len(mesh.faces) for mesh in model.meshes] == [1, 1]


def look(lines: str, **files: bytes) -> Model:
    """Read a triangle with texture coordinates and a material of *lines*."""
    data = b"mtllib look.mtl\n" + TEXTURED + b"usemtl a\nf 1/1 2/2 3/3\n"
    pictures = {f"{name}.jpg": content for name, content in files.items()}
    return read_obj(data, {"look.mtl": f"newmtl a\n{lines}\n".encode(), **pictures})


WOOD, OTHER = picture(size_px=8).data, picture(size_px=8, seed=1).data


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", UVS),
        ("-s 2 3 1", [[0, 1], [2, 1], [0, -2]]),
        ("-s 2", [[0, 1], [2, 1], [0, 0]]),
        ("-o 0.5 0.25 0 -s 2 2 2", [[0.5, 0.75], [2.5, 0.75], [0.5, -1.25]]),
        ("-clamp on  -s  1 2", [[0, 1], [1, 1], [0, -1]]),
        ("-mm 0 1 -blendu on -S 2 2", [[0, 1], [2, 1], [0, -1]]),
    ],
)
def test_textures_lie_as_their_options_say(options: str, expected: list[list[float]]) -> None:
    model = look(f"map_Kd {options} wood.jpg", wood=WOOD)
    [mesh] = model.meshes
    assert np.array(corner_uvs(mesh)) == pytest.approx(np.array(expected))
    assert mesh.material.base_color_texture is not None
    assert mesh.material.wrap[0] == ("clamp" if "clamp" in options else "repeat")
    assert model.left_out == []


def test_textures_that_lie_differently_are_told() -> None:
    model = look("map_Kd wood.jpg\nnorm -s 2 2 other.jpg", wood=WOOD, other=OTHER)
    assert model.left_out == ["its textures are scaled differently; all lie as the first one now"]


def test_maps_that_are_not_used_are_told() -> None:
    same = look("map_Kd wood.jpg\nmap_d wood.jpg\nmap_Ka wood.jpg", wood=WOOD)
    assert same.left_out == []
    others = look("map_Kd wood.jpg\nmap_d other.jpg\nmap_Ka other.jpg", wood=WOOD, other=OTHER)
    assert others.left_out == [
        "the ambient map was left out",
        "the transparency map was left out",
    ]


@pytest.mark.parametrize(
    ("lines", "rgba"),
    [
        ("Kd 1 0 0", (1, 0, 0, 1)),
        ("Kd 255 0 0", (1, 0, 0, 1)),
        ("Kd 1", (1, 1, 1, 1)),
        ("kd\t0 1.5 0", (0, 1, 0, 1)),
        ("Kd 1 0 0\nd 0.25\nTr 1", (1, 0, 0, 0.25)),
        ("Kd 1 0 0\nTr 1\nd 1", (1, 0, 0, 1)),
        ("Kd 1 0 0\nTr 0.75", (1, 0, 0, 0.25)),
        ("Kd 1 0 0\nd -halo 0.5", (1, 0, 0, 0.5)),
        ("Kd 1 0 0\nKd nan inf x\nd nan\nTr inf", (1, 0, 0, 1)),
    ],
)
def test_colours_of_materials(lines: str, rgba: tuple[float, ...]) -> None:
    assert look(lines).meshes[0].material.base_color == rgba


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_text_that_begins_with_a_mark_of_its_encoding(encoding: str) -> None:
    data = ("# Gänse\n" + TWO.decode()).encode(encoding)
    assert [len(mesh.faces) for mesh in read_model(data).meshes] == [1, 1]


def test_colours_of_vertices_are_not_dimmed() -> None:
    data = b"v 0 0 0 1 1 1\nv 1 0 0 1 0 0\nv 0 1 0 64 128 32\nf 1 2 3\n".replace(
        b"64 128 32", b"0.25 0.5 0.125"
    )
    (mesh,) = read_model(data).meshes
    assert mesh.material.base_color == (1.0, 1.0, 1.0, 1.0)
    (plain,) = read_model(TRIANGLE + b"f 1 2 3\n").meshes
    assert plain.material.base_color == (0.8, 0.8, 0.8, 1.0)


def test_a_texture_without_coordinates_is_said() -> None:
    files = {"l.mtl": b"newmtl a\nmap_Kd t.png\n", "t.png": picture(size_px=8, kind="png").data}
    model = read_obj(TRIANGLE + b"mtllib l.mtl\nusemtl a\nf 1 2 3\n", files)
    assert "a texture was left out: its faces have no texture coordinates" in model.left_out
