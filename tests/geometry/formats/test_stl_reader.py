"""STL files as programs write them, text and binary, with and without colours."""

import struct
from collections.abc import Sequence

import numpy as np
import pytest

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.reading import read_model
from image2model.geometry.formats.stl.writer import write_stl
from image2model.geometry.gltf.writer import write_glb
from image2model.geometry.inspection.facts import inspect_meshes
from image2model.geometry.mesh.types import Mesh
from tests.geometry.formats.test_obj import shown
from tests.geometry.sample_meshes import torus

TRIANGLES = [[(0, 0, 0), (10, 0, 0), (0, 0, 10)], [(10, 0, 0), (10, 0, 10), (0, 0, 10)]]
RED, BLUE = [255, 0, 0, 255], [0, 0, 255, 255]


def binary(attributes: Sequence[int], *, header: bytes = b"") -> bytes:
    body = b"".join(
        struct.pack("<12fH", 0, 0, 0, *np.ravel(corners), attribute)
        for corners, attribute in zip(TRIANGLES, attributes, strict=True)
    )
    return header.ljust(80, b" ") + struct.pack("<I", len(attributes)) + body


def face_colors(mesh: Mesh) -> list[list[list[int]]]:
    assert mesh.colors is not None
    found: list[list[list[int]]] = mesh.colors[mesh.faces].tolist()
    return found


def text(*, end: str = "\n", upper: bool = False) -> bytes:
    lines = ["solid a model", ""]
    for corners in TRIANGLES:
        lines += ["  facet normal 0 0 0", "    outer loop"]
        lines += [f"      vertex {x:e} {y:.3f}\t{z}" for x, y, z in corners]
        lines += ["    endloop", "  endfacet"]
    whole = end.join([*lines, "endsolid a model", ""])
    return (whole.upper() if upper else whole).encode()


@pytest.mark.parametrize(
    "data",
    [
        text(),
        text(end="\r\n"),
        text(end="\r"),
        text(upper=True),
        b"\xef\xbb\xbf" + text(),
        text() + text(),
        binary([0, 0]),
        binary([0, 0], header=b"solid written by a CAD program"),
        binary([0, 0], header=b"solid\nfacet normal 0 0 0"),
    ],
)
def test_same_two_triangles(data: bytes) -> None:
    """In metres, Y up; without colours, for nobody gave any."""
    [mesh] = read_model(data).meshes
    assert np.ptp(mesh.positions, axis=0) == pytest.approx([0.01, 0.01, 0])
    assert len(mesh.positions) == 4
    assert len(mesh.faces) in {2, 4}
    assert mesh.colors is None


def test_colours_of_triangles() -> None:
    [mesh] = read_model(binary([0x8000 | 31 << 10, 0x8000 | 31])).meshes
    assert face_colors(mesh) == [[RED] * 3, [BLUE] * 3]
    [partly] = read_model(binary([0x8000 | 31 << 10, 0])).meshes
    assert [204, 204, 204, 255] in shown(partly)


def test_colours_of_magics() -> None:
    """In the other order, beside a colour for all the rest."""
    header = b"COLOR=" + bytes([0, 0, 255, 255]) + b",MATERIAL="
    [mesh] = read_model(binary([31, 0x8000], header=header)).meshes
    assert face_colors(mesh) == [[RED] * 3, [BLUE] * 3]


def test_coloured_solid_is_still_closed() -> None:
    """Colours part corners, and no surface."""
    data = bytearray(write_stl([torus()]))
    for at in range(84, len(data), 50):
        data[at + 48 : at + 50] = struct.pack("<H", 0x8000 | at // 50 % 31)
    model = read_model(bytes(data))
    assert inspect_meshes(model.meshes).watertight
    assert write_glb(model.meshes[0])


@pytest.mark.parametrize(
    "data",
    [
        b"solid x\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nendloop\n",
        b"solid x\nfacet normal 0 0 1\nvertex 0 0 0\nvertex 1 0 0\nvertex 1 one 0\n",
        b"solid x\nfacet normal 0 0 1\n",
        binary([0, 0])[:-1],
    ],
)
def test_damaged(data: bytes) -> None:
    with pytest.raises(InvalidMesh):
        read_model(data)
