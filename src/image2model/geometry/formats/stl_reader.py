"""Read STL files, text or binary."""

import struct

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.checked_mesh import checked_mesh
from image2model.geometry.mesh import Material, Mesh

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER_BYTES = 84


def read_stl(data: bytes) -> Mesh:
    """
    Read an STL file, which by custom is in millimetres with Z up.

    Args:
        data: The whole file.

    Returns:
        The mesh in metres, Y up, its corners joined where they lie at the same place.

    Raises:
        InvalidMesh: It is damaged or empty.
    """
    corners = _binary(data)
    if corners is None:
        corners = _text(data)
    x, y, z = corners.reshape(-1, 3).T
    places = np.stack([x, z, -y], axis=1) * np.float32(0.001) + np.float32(0)
    # Without joined corners nothing could tell a closed surface from a heap of triangles.
    positions, faces = np.unique(places, axis=0, return_inverse=True)
    return checked_mesh(
        name="mesh",
        positions=positions,
        faces=faces.reshape(-1, 3),
        material=Material(name="surface", base_color=(0.8, 0.8, 0.8, 1.0), double_sided=True),
    )


def stl_left_out(data: bytes) -> list[str]:
    """Say what an STL file has besides its triangles: colours, as some programs put them in."""
    if _binary(data) is None:
        return []
    words = np.frombuffer(data, _TRIANGLE, offset=_HEADER_BYTES)["attribute"]
    # VisCAM sets the highest bit, Magics names a colour in the header.
    if bool((words & 0x8000).any()) or b"COLOR=" in data[:_HEADER_BYTES]:
        return ["its colours were left out: of STL only the shape is read"]
    return []


def _binary(data: bytes) -> NDArray[np.float32] | None:
    if len(data) < _HEADER_BYTES:
        return None
    (count,) = struct.unpack_from("<I", data, _HEADER_BYTES - 4)
    if len(data) != _HEADER_BYTES + count * _TRIANGLE.itemsize:
        return None
    found: NDArray[np.float32] = np.frombuffer(data, _TRIANGLE, count, _HEADER_BYTES)["corners"]
    return found


def _text(data: bytes) -> NDArray[np.float32]:
    if not data.lstrip().startswith(b"solid"):
        raise InvalidMesh(reason="it is no STL file, or ends before its last face")
    words = [line.split()[1:4] for line in data.splitlines() if line.lstrip().startswith(b"vertex")]
    try:
        return np.array(words, np.float32).reshape(-1, 3, 3)
    except ValueError as error:
        raise InvalidMesh(reason="a vertex in it cannot be read") from error
