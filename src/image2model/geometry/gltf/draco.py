"""Unpack primitives that Draco packed (KHR_draco_mesh_compression, Khronos 2018)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import DracoPy
import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf.accessors import GltfData, component_type, normalised
from image2model.geometry.gltf.draco_header import read_draco_counts
from image2model.geometry.gltf.json import Object, child, entry, integer

EXTENSION = "KHR_draco_mesh_compression"
_WHOLE_NUMBERS = frozenset(range(1, 9))
"""The types of numbers that are signed or unsigned integers (Draco's `DataType`)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DracoPrimitive:
    """
    What was packed.

    Attributes:
        corners: Indices of vertices, three a triangle, shape (n,).
        attributes: By their name in glTF, each of shape (vertices, width).
    """

    corners: NDArray[np.int64]
    attributes: Mapping[str, NDArray[Any]]


def decode_primitive(source: GltfData, primitive: Object, packed: Object) -> DracoPrimitive:
    """
    Unpack a primitive.

    Args:
        source: The file.
        primitive: The primitive; its accessors say how numbers are meant.
        packed: Its extension.

    Returns:
        Its triangles and attributes.

    Raises:
        InvalidMesh: It is damaged, or is not what its accessors promise.
    """
    accessors = child(primitive, "attributes")
    promised = integer(_accessor(source, integer(accessors, "POSITION")), "count")
    corners = integer(_accessor(source, integer(primitive, "indices")), "count")
    source.spend(promised + corners)
    data, _ = source.view(integer(packed, "bufferView"))
    said = read_draco_counts(bytes(data))
    if 3 * said.faces != corners or said.vertices > promised:
        raise InvalidMesh(reason="its Draco data is not what the file promises")
    try:
        found = DracoPy.decode(bytes(data))
        faces = np.asarray(found.faces, np.int64)
    except (DracoPy.FileTypeException, AttributeError, ValueError, RuntimeError) as error:
        raise InvalidMesh(reason="its Draco data is damaged") from error
    if faces.size != corners or len(found.points) != promised:
        raise InvalidMesh(reason="its Draco data is not what the file promises")
    attributes = {}
    for name in child(packed, "attributes"):
        number = integer(child(packed, "attributes"), name)
        attributes[name] = _attribute(found, number, source, accessors, name)
    return DracoPrimitive(corners=faces.ravel(), attributes=attributes)


def _attribute(
    found: Any, number: int, source: GltfData, accessors: Object, name: str
) -> NDArray[Any]:
    attribute = found.get_attribute_by_unique_id(number)
    if attribute is None:
        raise InvalidMesh(reason=f"its Draco data has no {name}")
    values = np.asarray(attribute["data"]).reshape(len(found.points), -1)
    accessor = _accessor(source, integer(accessors, name))
    meant = component_type(accessor)
    if attribute["data_type"] not in _WHOLE_NUMBERS or meant.kind == "f":
        return values
    # The decoder widens whole numbers, or makes floats of them; how they count depends on the type
    # that the accessor names.
    limits = np.iinfo(meant)
    whole = np.clip(np.rint(values.astype(np.float64)), limits.min, limits.max).astype(meant)
    return normalised(whole) if accessor.get("normalized") is True else whole


def _accessor(source: GltfData, index: int) -> Object:
    return entry(source.container.document, "accessors", index)
