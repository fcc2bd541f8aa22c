"""Write meshes as binary STL, the format of slicers."""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.mesh.types import Mesh

_HEADER = b"binary STL, millimetres, %s up"
_HEADER_BYTES = 80
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def write_stl(meshes: Sequence[Mesh], *, scale_to_mm: float = 1000.0, turn: bool = True) -> bytes:
    """
    Encode the triangles of *meshes* as one solid.

    Corners that are at the same place stay at the same place to the last bit, so a closed mesh
    stays closed. Triangles that have shrunk to a line or a point by sharing corners are left
    out. After M. Burns, "Automated Fabrication" (1993), section 6.5.

    Args:
        meshes: In metres, Y up, counter-clockwise faces outward.
        scale_to_mm: Millimetres that a unit of the meshes becomes.
        turn: Whether Y becomes Z, which is up for printers.

    Returns:
        The file.
    """
    corners = np.concatenate([_corners(mesh, scale_to_mm, turn=turn) for mesh in meshes])
    same = (corners == np.roll(corners, 1, axis=1)).all(axis=2).any(axis=1)
    if same.any():
        corners = corners[~same]
    triangles = np.zeros(len(corners), _TRIANGLE)
    triangles["normal"] = _normals(corners)
    triangles["corners"] = corners
    header = (_HEADER % (b"Z" if turn else b"Y")).ljust(_HEADER_BYTES)
    return b"".join([header, struct.pack("<I", len(triangles)), triangles.tobytes()])


def _normals(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    # In float64: the products of small sides vanish in float32.
    first, second = np.subtract(corners[:, 1:], corners[:, :1], dtype=np.float64).swapaxes(0, 1)
    x = first[:, 1] * second[:, 2] - first[:, 2] * second[:, 1]
    y = first[:, 2] * second[:, 0] - first[:, 0] * second[:, 2]
    z = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    doubled_area = np.sqrt(x * x + y * y + z * z)
    doubled_area[doubled_area == 0] = 1
    return np.stack([x / doubled_area, y / doubled_area, z / doubled_area], 1).astype(np.float32)


def _corners(mesh: Mesh, scale_to_mm: float, *, turn: bool) -> NDArray[np.float32]:
    x, y, z = (mesh.positions * np.float32(scale_to_mm)).T
    axes = [x, -z, y] if turn else [x, y, z]
    # Adding zero makes −0.0, which some readers take for another place, 0.0.
    turned: NDArray[np.float32] = np.stack(axes, axis=1) + np.float32(0)
    return turned[mesh.faces]
