"""Read PLY meshes, text or binary, as scanners, generators and Blender write them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.checked_mesh import checked_mesh
from image2model.geometry.mesh import Material, Mesh
from image2model.geometry.shading import to_linear

_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS: Mapping[str, str] = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_HEADER_BYTES = 64_000
_MOST_ROWS = 50_000_000
_COORDINATES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Property:
    name: str
    kind: str
    count_kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Element:
    name: str
    count: int
    properties: Sequence[_Property]


def read_ply(data: bytes) -> Mesh:
    """
    Read a PLY file's triangles; larger polygons become fans of them.

    Args:
        data: The whole file.

    Returns:
        The mesh, with the normals, colours and texture coordinates it has.

    Raises:
        InvalidMesh: It is damaged, or holds no faces (points or splats).
    """
    match = re.search(rb"\nend_header[^\n]*\n", data[:_HEADER_BYTES])
    if match is None:
        raise InvalidMesh(reason="its PLY header has no end")
    order, elements = _parse_header(data[: match.start()].decode("ascii", "replace"))
    rows = (
        _read_text(data[match.end() :], elements)
        if order == "="
        else _read_binary(memoryview(data)[match.end() :], elements, order)
    )
    if "face" not in rows and "tristrips" not in rows:
        raise InvalidMesh(reason="it holds points or splats, and no faces")
    if "vertex" not in rows or "face" not in rows:
        raise InvalidMesh(reason="its faces are in a form that is not supported")
    vertices, faces = rows["vertex"], rows["face"]
    return _mesh(vertices, faces["corners"])


def _mesh(vertices: Mapping[str, NDArray[Any]], faces: NDArray[np.int64]) -> Mesh:
    def columns(*names: str) -> NDArray[Any] | None:
        found = [vertices[name] for name in names if name in vertices]
        return np.stack(found, axis=1) if len(found) == len(names) else None

    positions = columns("x", "y", "z")
    if positions is None:
        raise InvalidMesh(reason="its vertices have no x, y and z")
    uvs = next((found for names in _COORDINATES if (found := columns(*names)) is not None), None)
    colors = _colors(columns("red", "green", "blue"), vertices.get("alpha"))
    opaque = colors is None or bool((colors[:, 3] == 255).all())
    return checked_mesh(
        name="mesh",
        positions=positions,
        faces=faces,
        normals=columns("nx", "ny", "nz"),
        uvs=None if uvs is None else uvs * np.array([1, -1]) + np.array([0, 1]),
        colors=colors,
        material=Material(
            name="surface", double_sided=True, alpha_mode="OPAQUE" if opaque else "BLEND"
        ),
    )


def _colors(rgb: NDArray[Any] | None, alpha: NDArray[Any] | None) -> NDArray[np.uint8] | None:
    if rgb is None:
        return None
    shown = np.clip(rgb * 255 if rgb.dtype.kind == "f" else rgb, 0, 255).astype(np.uint8)
    colors = np.full((len(shown), 4), 255, np.uint8)
    colors[:, :3] = np.rint(to_linear(shown) * 255)
    if alpha is not None:
        colors[:, 3] = np.clip(alpha * 255 if alpha.dtype.kind == "f" else alpha, 0, 255)
    return colors


def _parse_header(text: str) -> tuple[str, list[_Element]]:
    order = ""
    elements: list[tuple[str, int, list[_Property]]] = []
    for line in text.splitlines()[1:]:
        match line.split():
            case ["format", name, "1.0"] if name in _ORDERS:
                order = _ORDERS[name]
            case ["element", name, count] if count.isdecimal() and int(count) <= _MOST_ROWS:
                elements.append((name, int(count), []))
            case ["property", "list", count_kind, kind, name] if elements:
                elements[-1][2].append(
                    _Property(name=name, kind=_type(kind), count_kind=_type(count_kind))
                )
            case ["property", kind, name] if elements:
                elements[-1][2].append(_Property(name=name, kind=_type(kind)))
            case [] | ["comment" | "obj_info", *_]:
                continue
            case _:
                raise InvalidMesh(reason="its PLY header cannot be read")
    if not order:
        raise InvalidMesh(reason="its PLY header names no format")
    return order, [
        _Element(name=name, count=count, properties=properties)
        for name, count, properties in elements
    ]


def _type(name: str) -> str:
    if name not in _TYPES:
        raise InvalidMesh(reason="its PLY header has an unknown type")
    return _TYPES[name]


_Rows = dict[str, dict[str, NDArray[Any]]]


def _read_binary(data: memoryview, elements: Sequence[_Element], order: str) -> _Rows:
    rows: _Rows = {}
    at = 0
    for element in elements:
        lists = [one for one in element.properties if one.count_kind]
        if not lists:
            dtype = np.dtype([(one.name, order + one.kind) for one in element.properties])
            table, at = _table(data, at, dtype, element.count)
            rows[element.name] = {name: table[name] for name in dtype.names or ()}
        else:
            rows[element.name], at = _read_lists(data, at, element, order)
    return rows


def _table(data: memoryview, at: int, dtype: np.dtype[Any], count: int) -> tuple[NDArray[Any], int]:
    if at + dtype.itemsize * count > len(data):
        raise InvalidMesh(reason="it ends before its last vertex or face")
    return np.frombuffer(data, dtype, count, at), at + dtype.itemsize * count


def _read_lists(
    data: memoryview, at: int, element: _Element, order: str
) -> tuple[dict[str, NDArray[Any]], int]:
    """Read rows that hold a list: at once if all are triangles, else one by one."""
    dtype = np.dtype(
        [
            field
            for one in element.properties
            for field in (
                [(f"{one.name} count", order + one.count_kind), (one.name, order + one.kind, 3)]
                if one.count_kind
                else [(one.name, order + one.kind)]
            )
        ]
    )
    key = _list_of_corners(element)
    if at + dtype.itemsize * element.count <= len(data):
        table, end = _table(data, at, dtype, element.count)
        if all((table[f"{p.name} count"] == 3).all() for p in element.properties if p.count_kind):
            return {"corners": table[key].astype(np.int64)}, end
    return _read_polygons(data, at, element, order)


def _list_of_corners(element: _Element) -> str:
    names = [one.name for one in element.properties if one.count_kind]
    known = [name for name in ("vertex_indices", "vertex_index") if name in names]
    return known[0] if known else names[0]


def _read_polygons(
    data: memoryview, at: int, element: _Element, order: str
) -> tuple[dict[str, NDArray[Any]], int]:
    key = _list_of_corners(element)
    triangles: list[tuple[int, int, int]] = []
    kinds = [
        (
            one.name,
            np.dtype(order + one.count_kind) if one.count_kind else None,
            np.dtype(order + one.kind),
        )
        for one in element.properties
    ]
    for _ in range(element.count):
        for name, count_kind, kind in kinds:
            count = 1
            if count_kind is not None:
                (found,), at = _table(data, at, count_kind, 1)
                count = int(found)
            values, at = _table(data, at, kind, max(count, 0))
            if name == key:
                corners = [int(value) for value in values]
                triangles += [
                    (corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1)
                ]
    return {"corners": np.array(triangles, np.int64).reshape(-1, 3)}, at


def _read_text(data: bytes, elements: Sequence[_Element]) -> _Rows:
    rows: _Rows = {}
    lines = data.splitlines()
    at = 0
    for element in elements:
        some = lines[at : at + element.count]
        if len(some) < element.count:
            raise InvalidMesh(reason="it ends before its last vertex or face")
        at += element.count
        try:
            rows[element.name] = _text_rows(some, element)
        except (ValueError, IndexError, OverflowError) as error:
            raise InvalidMesh(reason="a number in it cannot be read") from error
    return rows


def _text_rows(lines: Sequence[bytes], element: _Element) -> dict[str, NDArray[Any]]:
    if any(one.count_kind for one in element.properties):
        # The list of corners comes first in every file there is; what follows it is left out.
        polygons = [[int(word) for word in line.split()] for line in lines]
        return {
            "corners": np.array(
                [(row[1], row[k], row[k + 1]) for row in polygons for k in range(2, row[0])],
                np.int64,
            ).reshape(-1, 3)
        }
    width = len(element.properties)
    values = np.array(b" ".join(lines).split(), np.float64).reshape(len(lines), width)
    return {
        one.name: values[:, column].astype(one.kind)
        for column, one in enumerate(element.properties)
    }
