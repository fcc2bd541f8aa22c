"""Pose the vertices of skinned glTF meshes as the file's nodes stand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf.accessors import GltfData
from image2model.geometry.gltf.json import entry, integers, optional_integer

_MOST_JOINTS = 4096


def joint_matrices(
    source: GltfData, skin_index: int, world: Mapping[int, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """
    Return where each joint of a skin moves what hangs on it (glTF 2.0, section 3.7.3).

    Args:
        source: The file.
        skin_index: Which skin.
        world: From the space of each node to the world's.

    Returns:
        float64, shape (joints, 4, 4).

    Raises:
        InvalidMesh: The skin is malformed.
    """
    skin = entry(source.container.document, "skins", skin_index)
    joints = integers(skin, "joints")
    if not 0 < len(joints) <= _MOST_JOINTS or any(joint not in world for joint in joints):
        raise InvalidMesh(reason="a skin has joints that are not in the scene")
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    accessor = optional_integer(skin, "inverseBindMatrices")
    if accessor is not None:
        given = source.read(accessor)
        if given.shape[1] != 16 or len(given) < len(joints):
            raise InvalidMesh(reason="a skin has too few matrices")
        # Stored column by column.
        inverse = given[: len(joints)].astype(np.float64).reshape(-1, 4, 4).swapaxes(1, 2)
    return np.stack([world[joint] for joint in joints]) @ inverse


def vertex_matrices(
    matrices: NDArray[np.float64], joints: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """
    Blend the joints' matrices for each vertex.

    Args:
        matrices: Of the joints.
        joints: Which move each vertex, shape (n, any).
        weights: And how much, of the same shape.

    Returns:
        float64, shape (n, 4, 4).

    Raises:
        InvalidMesh: A vertex hangs on a joint that is not there.
    """
    if len(joints) and int(joints.max()) >= len(matrices):
        raise InvalidMesh(reason="a vertex hangs on a joint that is not there")
    total = weights.astype(np.float64)
    size = total.sum(axis=1, keepdims=True)
    shares = np.divide(total, size, out=np.zeros_like(total), where=size > 0)
    shares[size[:, 0] <= 0, 0] = 1
    blended: NDArray[np.float64] = np.zeros((len(joints), 4, 4))
    for column in range(joints.shape[1]):
        blended += shares[:, column, None, None] * matrices[joints[:, column].astype(np.int64)]
    return blended
