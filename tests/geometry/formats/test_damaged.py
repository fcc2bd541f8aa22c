"""Damaged files of every kind are read, or refused as such: nothing else comes of them."""

import io
import struct
import zipfile
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.reading import read_model
from tests.geometry.formats.test_ply import FACES, ORDERS, VERTICES, Kind, Value, faces, ply
from tests.geometry.formats.test_three_mf_reader import BASES, package, part, wedge
from tests.geometry.sample_meshes import picture

OBJ = b"""# a remark
mtllib look.mtl
o thing
v 0 0 0 1 0 0
v 1 0 0
v 1 1 0 255 0 0
v 0.5 0.2 0
v 0 1 0
vt 0 0
vt 1 0 0
vt 1 1
vn 0 0 1
g a b
usemtl wood
f 1/1/ 2/2/ 3/3/
f 1//1 2//1 3//1 4//1 5//1
f -5 -4 \\
 -3
l 1 2
p 1
"""
MTL = b"newmtl wood\nKd 1 0 0\nmap_Kd -s 2 2 tex/wood.png\nbump -bm 0.5 b.png\nd 0.5\n"
PICTURE = picture(kind="png", size_px=4).data
MIXED: list[dict[str, Value]] = [*FACES, {**FACES[0], ORDERS[0][0]: [0, 1, 2, 3], ORDERS[0][2]: []}]
TEXT_STL = b"solid x\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\n"
TEXT_STL += b"endloop\nendfacet\nendsolid x\n"
COLORED = Kind(
    name="face",
    properties=(
        "uchar int vertex_index",
        "uchar red",
        "uchar green",
        "uchar blue",
        "int texnumber",
    ),
    rows=[([0, 1, 2], 255, 0, 0, 0), ([0, 2, 3, 1], 0, 0, 255, 1)],
)


def packed(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def seeds() -> dict[str, bytes]:
    found = {"obj": OBJ, "text stl": TEXT_STL}
    found["stl"] = b"solid".ljust(80) + struct.pack("<I12fH", 1, *range(12), 0x8C63)
    for kind in ("ascii", "binary_little_endian", "binary_big_endian"):
        comments = ["TextureFile t.png", "TextureFile u.png"]
        found[f"ply {kind}"] = ply(kind, [VERTICES, faces(ORDERS[3])], comments=comments)
        found[f"mixed ply {kind}"] = ply(kind, [VERTICES, faces(ORDERS[1], MIXED)])
        found[f"coloured ply {kind}"] = ply(kind, [VERTICES, COLORED], comments=comments)
        strips = Kind(name="tristrips", properties=["uchar int c"], rows=[[[0, 1, 2, -1, 1, 2, 3]]])
        found[f"strips ply {kind}"] = ply(kind, [VERTICES, strips])
    found["zip of obj"] = packed({"a.obj": OBJ, "look.mtl": MTL, "tex/wood.png": PICTURE})
    found["zip of ply"] = packed({"a\\m.ply": found["ply ascii"], "a\\T.PNG": PICTURE})
    look = BASES + wedge(1, ' pid="5" p1="1"')
    found["3mf"] = package(part(look, '<item objectid="1" transform="1 0 0 0 1 0 0 0 1 0 0 1"/>'))
    return found


SEEDS = seeds()
WORDS = (b"nan", b"inf", b"1e999", b"-1", b"0", b"99999999999999999999", b"3.5", b"x", b"", b"/")


def read_or_refuse(data: bytes) -> None:
    try:
        model = read_model(data)
    except InvalidMesh as error:
        # Refused by a reader, not caught by the net below all of them.
        assert "while reading" not in error.message  # noqa: PT017
    else:
        assert model.meshes
        for mesh in model.meshes:
            assert np.isfinite(mesh.positions).all()
            assert mesh.faces.max() < len(mesh.positions)
            mesh.name.encode()
            mesh.material.name.encode()


@pytest.mark.parametrize("name", SEEDS)
def test_whole_files_are_read(name: str) -> None:
    """What is damaged below is sound to begin with."""
    assert read_model(SEEDS[name]).meshes


@pytest.mark.parametrize("name", SEEDS)
def test_cut_anywhere(name: str) -> None:
    for end in range(len(SEEDS[name])):
        read_or_refuse(SEEDS[name][:end])


@pytest.mark.parametrize("kind", ["binary_little_endian", "binary_big_endian"])
def test_signalling_nan_anywhere(kind: str) -> None:
    """Even to copy one is an error to some processors."""
    order = ">" if kind == "binary_big_endian" else "<"
    for name in (f"ply {kind}", "stl"):
        whole = SEEDS[name]
        for at in range(80, len(whole) - 3):
            read_or_refuse(whole[:at] + struct.pack(order + "I", 0x7F810000) + whole[at + 4 :])


@pytest.mark.parametrize("name", SEEDS)
@given(data=st.data())
@settings(max_examples=150)
def test_bytes_changed(name: str, data: st.DataObject) -> None:
    content = bytearray(SEEDS[name])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.integers(0, 5))
        content[at : at + length] = data.draw(st.binary(max_size=6))
        if not content:
            break
    read_or_refuse(bytes(content))


@pytest.mark.parametrize("name", [name for name in SEEDS if "binary" not in name])
@given(data=st.data())
@settings(max_examples=150)
def test_words_changed(name: str, data: st.DataObject) -> None:
    """Lines lost, repeated and moved; numbers that are none, or far out."""
    lines = [line.split(b" ") for line in SEEDS[name].split(b"\n")]
    for _ in range(data.draw(st.integers(1, 5))):
        line = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["word", "word", "word", "drop", "repeat", "move", "end"])):
            case "word":
                word = data.draw(st.integers(0, len(lines[line]) - 1))
                lines[line][word] = data.draw(st.sampled_from(WORDS))
            case "drop" if len(lines) > 1:
                lines.pop(line)
            case "repeat":
                lines.insert(line, list(lines[line]))
            case "move":
                lines.insert(data.draw(st.integers(0, len(lines) - 1)), lines.pop(line))
            case _:
                lines[line].append(data.draw(st.sampled_from(WORDS)))
    read_or_refuse(b"\n".join(b" ".join(line) for line in lines))
