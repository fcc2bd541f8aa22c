"""Where the meshes of a glTF file stand in the world."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf_json import (
    Object,
    children,
    entry,
    integer,
    integers,
    numbers,
    optional_integer,
)

_MOST_NODES = 100_000
_IDENTITY = tuple(np.eye(4).ravel().tolist())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """
    One appearance of a mesh.

    Attributes:
        mesh: Index into the file's meshes.
        matrix: float64, shape (4, 4): from the mesh's space to the world's.
        skin: The skin that poses it instead of *matrix*; None: it is rigid.
    """

    mesh: int
    matrix: NDArray[np.float64]
    skin: int | None = None


def placements(document: Object) -> Iterator[Placement]:
    """
    Walk the scene that a viewer would show.

    Args:
        document: The file's JSON.

    Yields:
        Every appearance of a mesh. A file without nodes shows each of its meshes once.

    Raises:
        InvalidMesh: Nodes are malformed, too many, or form a circle.
    """
    if not children(document, "nodes"):
        for alone in range(len(children(document, "meshes"))):
            yield Placement(mesh=alone, matrix=np.eye(4))
        return
    waiting = [(root, np.eye(4)) for root in reversed(_roots(document))]
    seen: set[int] = set()
    while waiting:
        index, parent = waiting.pop()
        if index in seen or len(seen) >= _MOST_NODES:
            raise InvalidMesh(reason="its nodes form no tree, or are too many")
        seen.add(index)
        node = entry(document, "nodes", index)
        matrix = parent @ _local(node)
        if not np.isfinite(matrix).all():
            raise InvalidMesh(reason="a node's transformation is out of all proportion")
        mesh = optional_integer(node, "mesh")
        if mesh is not None:
            yield Placement(mesh=mesh, matrix=matrix, skin=optional_integer(node, "skin"))
        waiting += [(below, matrix) for below in reversed(integers(node, "children"))]


def world_matrices(document: Object) -> dict[int, NDArray[np.float64]]:
    """
    Return the matrix from each node's space to the world's, also of nodes in no scene.

    Raises:
        InvalidMesh: Nodes are malformed, too many, or form a circle.
    """
    nodes = children(document, "nodes")
    below = {index for node in nodes for index in integers(node, "children")}
    waiting = [(index, np.eye(4)) for index in range(len(nodes)) if index not in below]
    found: dict[int, NDArray[np.float64]] = {}
    while waiting:
        index, parent = waiting.pop()
        if index in found or len(found) >= _MOST_NODES:
            raise InvalidMesh(reason="its nodes form no tree, or are too many")
        found[index] = parent @ _local(entry(document, "nodes", index))
        waiting += [(child, found[index]) for child in integers(nodes[index], "children")]
    return found


def _roots(document: Object) -> list[int]:
    if children(document, "scenes"):
        scene = entry(document, "scenes", integer(document, "scene", 0))
        return list(integers(scene, "nodes"))
    nodes = children(document, "nodes")
    below = {index for node in nodes for index in integers(node, "children")}
    return [index for index in range(len(nodes)) if index not in below]


def _local(node: Object) -> NDArray[np.float64]:
    if "matrix" in node:
        return np.array(numbers(node, "matrix", _IDENTITY)).reshape(4, 4).T
    matrix = np.eye(4)
    rotation = _rotation(numbers(node, "rotation", (0.0, 0.0, 0.0, 1.0)))
    matrix[:3, :3] = rotation * numbers(node, "scale", (1.0, 1.0, 1.0))
    matrix[:3, 3] = numbers(node, "translation", (0.0, 0.0, 0.0))
    return matrix


def _rotation(quaternion: list[float]) -> NDArray[np.float64]:
    largest = max(abs(part) for part in quaternion)
    if largest == 0:
        return np.eye(3)
    scaled = np.array(quaternion) / largest
    x, y, z, w = scaled / np.linalg.norm(scaled)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
