"""Unpack buffer views that meshoptimizer packed (EXT_meshopt_compression, Khronos 2021)."""

from collections.abc import Callable, Mapping

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf.json import Object, integer, text
from image2model.geometry.meshoptimizer.decoder import Filter, decode

EXTENSION = "EXT_meshopt_compression"

_LARGEST_STRIDE = 256
_USUAL_STRIDE = 16
_INDEX_BYTES = (2, 4)
_FILTERS: Mapping[str, tuple[Filter | None, tuple[int, ...] | None]] = {
    "NONE": (None, None),
    "OCTAHEDRAL": ("Oct", (4, 8)),
    "QUATERNION": ("Quat", (8,)),
    "EXPONENTIAL": ("Exp", None),
}
"""By its name: the filter, and for which strides, in bytes; None: for all."""


def decode_view(packed: Object, data: memoryview, spend: Callable[[int], None]) -> memoryview:
    """
    Unpack a buffer view.

    Args:
        packed: The view's extension.
        data: The packed bytes.
        spend: Is told how many elements there will be before they are made.

    Returns:
        The bytes that the view stands for.

    Raises:
        InvalidMesh: The extension is malformed, or the bytes are damaged.
    """
    count, stride = integer(packed, "count"), integer(packed, "byteStride")
    # The rarest elements are the largest: they count as what their bytes would hold otherwise.
    spend(count * max(1, stride // _USUAL_STRIDE))
    try:
        match text(packed, "mode", ""):
            case "ATTRIBUTES":
                return _attributes(packed, data, count, stride)
            case "TRIANGLES" if stride in _INDEX_BYTES and count % 3 == 0:
                return memoryview(decode("IndexBuffer", data, count=count, stride=stride))
            case "INDICES" if stride in _INDEX_BYTES:
                return memoryview(decode("IndexSequence", data, count=count, stride=stride))
    except ValueError as error:
        raise InvalidMesh(reason="its meshopt data is damaged") from error
    raise InvalidMesh(reason="its meshopt data is packed in an unknown way")


def _attributes(packed: Object, data: memoryview, count: int, stride: int) -> memoryview:
    if not 0 < stride <= _LARGEST_STRIDE or stride % 4:
        raise InvalidMesh(reason="its meshopt data has an impossible stride")
    undo, strides = _FILTERS.get(text(packed, "filter", "NONE"), (None, ()))
    if strides is not None and stride not in strides:
        raise InvalidMesh(reason="its meshopt data is filtered in an unknown way")
    # As plain bytes: only the accessors know what they are.
    return memoryview(decode("VertexBuffer", data, count=count, stride=stride, unfilter=undo))
