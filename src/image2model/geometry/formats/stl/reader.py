"""Read STL files, text or binary."""

import re
import struct
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.checked_mesh import checked_mesh
from image2model.geometry.formats.corners import distinct_rows
from image2model.geometry.formats.vertex_colors import shown_colors
from image2model.geometry.mesh.types import Material, Mesh

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER_BYTES = 84
_TOP_BIT = 1 << 15
_MAGICS = re.compile(rb"COLOR=(.{4})", re.DOTALL)
_GREY = (204, 204, 204)
_SOLID = re.compile(rb"(?:\xef\xbb\xbf)?\s*solid", re.IGNORECASE)
_VERTEX = re.compile(rb"\bvertex[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)", re.IGNORECASE)
_PLAIN = Material(name="surface", base_color=(0.8, 0.8, 0.8, 1.0), double_sided=True)


def read_stl(data: bytes) -> Mesh:
    """
    Read an STL file, which by custom is in millimetres with Z up.

    Colours of triangles are read as VisCAM and SolidView write them, or as Materialise Magics
    does where the header says so.

    Args:
        data: The whole file.

    Returns:
        The mesh in metres, Y up, its corners joined where they lie at the same place and have
        the same colour.

    Raises:
        InvalidMesh: It is damaged or empty.
    """
    triangles = _binary(data)
    corners = _text(data) if triangles is None else triangles["corners"]
    if not len(corners):
        raise InvalidMesh(reason="it has no faces")
    colors = None if triangles is None else _colors(data[:_HEADER_BYTES], triangles["attribute"])
    x, y, z = corners.reshape(-1, 3).T
    places = np.stack([x, z, -y], axis=1) * np.float32(0.001) + np.float32(0)
    # Without joined corners nothing could tell a closed surface from a heap of triangles.
    positions, faces = np.unique(places, axis=0, return_inverse=True)
    faces = faces.reshape(-1).astype(np.int64)
    if colors is not None:
        of_corner = np.repeat(colors.view("<u4").ravel(), 3).astype(np.int64)
        first, faces_and_colors = distinct_rows(np.stack([faces, of_corner], axis=1))
        positions, faces = positions[faces[first]], faces_and_colors
        colors = np.repeat(colors, 3, axis=0)[first]
    return checked_mesh(
        name="mesh",
        positions=positions,
        faces=faces.reshape(-1, 3),
        colors=colors,
        material=_PLAIN if colors is None else Material(name="surface", double_sided=True),
    )


def _binary(data: bytes) -> NDArray[np.void] | None:
    if len(data) < _HEADER_BYTES:
        return None
    (count,) = struct.unpack_from("<I", data, _HEADER_BYTES - 4)
    if len(data) != _HEADER_BYTES + count * _TRIANGLE.itemsize:
        return None
    return np.frombuffer(data, _TRIANGLE, count, _HEADER_BYTES)


def _colors(header: bytes, attribute: NDArray[np.uint16]) -> NDArray[np.uint8] | None:
    """Return a colour for each triangle; None: there are no colours."""
    bits = attribute.astype(np.int64)
    magics = _MAGICS.search(header)
    own = (bits & _TOP_BIT == 0) if magics else (bits & _TOP_BIT != 0)
    if magics is None and not own.any():
        return None
    # Magics begins with red in the lowest bits, the others with blue.
    shifts = (0, 5, 10) if magics else (10, 5, 0)
    given = np.stack([bits >> shift & 31 for shift in shifts], axis=1) * (255 / 31)
    others = np.array(list(magics[1])[:3] if magics else _GREY)
    shown = np.where(own[:, None], given, others)
    return shown_colors(list(np.rint(shown).astype(np.uint8).T))


def _text(data: bytes) -> NDArray[np.float32]:
    if not _SOLID.match(data):
        raise InvalidMesh(reason="it is no STL file, or ends before its last face")
    words = _VERTEX.findall(data)
    if len(words) % 3:
        raise InvalidMesh(reason="a face in it does not have three corners")
    try:
        numbers = np.fromiter(map(float, chain.from_iterable(words)), np.float64, 3 * len(words))
    except ValueError as error:
        raise InvalidMesh(reason="a vertex in it cannot be read") from error
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32).reshape(-1, 3, 3)
