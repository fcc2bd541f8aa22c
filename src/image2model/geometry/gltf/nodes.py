"""Where the meshes of a glTF file stand in the world."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf.accessors import GltfData
from image2model.geometry.gltf.features import INSTANCING, VISIBILITY
from image2model.geometry.gltf.json import (
    Object,
    child,
    children,
    entry,
    integer,
    integers,
    list_of_numbers,
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
        instances: float64, shape (n, 4, 4): from the mesh's space to the world's for each of n
            copies, instead of *matrix* (EXT_mesh_gpu_instancing); None: it stands there once.
        weights: How much each morph target counts; None: as the mesh says.
    """

    mesh: int
    matrix: NDArray[np.float64]
    skin: int | None = None
    instances: NDArray[np.float64] | None = None
    weights: Sequence[float] | None = None

    @property
    def matrices(self) -> NDArray[np.float64]:
        """Of every copy, shape (n, 4, 4)."""
        return self.matrix[None] if self.instances is None else self.instances


def placements(source: GltfData, left_out: set[str]) -> Iterator[Placement]:
    """
    Walk the scene that a viewer would show.

    Args:
        source: The file.
        left_out: Gets what is met and cannot be kept, in plain words.

    Yields:
        Every appearance of a mesh. A file without nodes shows each of its meshes once.

    Raises:
        InvalidMesh: Nodes are malformed, too many, or form a circle.
    """
    document = source.container.document
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
        extensions = child(node, "extensions")
        if child(extensions, VISIBILITY).get("visible") is False:
            left_out.add("parts that the file hides were left out")
            continue
        matrix = parent @ _local(node)
        if not np.isfinite(matrix).all():
            raise InvalidMesh(reason="a node's transformation is out of all proportion")
        mesh = optional_integer(node, "mesh")
        if mesh is not None:
            yield Placement(
                mesh=mesh,
                matrix=matrix,
                skin=optional_integer(node, "skin"),
                instances=_instances(source, child(extensions, INSTANCING), matrix, left_out),
                weights=list_of_numbers(node, "weights"),
            )
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


def _instances(
    source: GltfData, extension: Object, parent: NDArray[np.float64], left_out: set[str]
) -> NDArray[np.float64] | None:
    """Return the matrix of every copy of a node's mesh; None: it is not copied."""
    accessors = child(extension, "attributes")
    given: dict[str, NDArray[np.float64]] = {}
    for name, width in (("TRANSLATION", 3), ("ROTATION", 4), ("SCALE", 3)):
        accessor = optional_integer(accessors, name)
        if accessor is not None:
            values = source.read(accessor).astype(np.float64)
            if values.shape[1] != width:
                raise InvalidMesh(reason=f"the {name} of its instances has not {width} numbers")
            given[name] = values
    if accessors.keys() - given.keys():
        left_out.add("what its instances have besides their places was left out, such as colours")
    counts = {len(values) for values in given.values()}
    if len(counts) > 1:
        raise InvalidMesh(reason="the places of its instances do not fit each other")
    if not counts:
        # Without a place there is nothing that could differ between the copies.
        return None
    count = counts.pop()
    matrices = np.tile(np.eye(4), (count, 1, 1))
    if "ROTATION" in given:
        matrices[:, :3, :3] = _rotations(given["ROTATION"])
    if "SCALE" in given:
        matrices[:, :3, :3] *= given["SCALE"][:, None, :]
    if "TRANSLATION" in given:
        matrices[:, :3, 3] = given["TRANSLATION"]
    placed = parent @ matrices
    if not np.isfinite(placed).all():
        raise InvalidMesh(reason="an instance's transformation is out of all proportion")
    return placed


def _rotations(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rotation matrices, shape (n, 3, 3); a quaternion of zeros turns nothing."""
    size = np.linalg.norm(quaternions, axis=1, keepdims=True)
    still = np.array([0.0, 0.0, 0.0, 1.0])
    unit = np.where(size > 0, quaternions / np.where(size > 0, size, 1), still)
    x, y, z, w = unit.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _rotation(quaternion: list[float]) -> NDArray[np.float64]:
    largest = max(abs(part) for part in quaternion)
    # Scaled first: the squares of what a file may hold overflow.
    scaled = np.array(quaternion) / (largest or 1.0)
    turned: NDArray[np.float64] = _rotations(scaled[None])[0]
    return turned
