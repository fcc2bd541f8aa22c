"""Pack data as meshoptimizer does, for files to read."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.meshoptimizer.sandbox import Sandbox

_ENCODER = Path(__file__).with_name("meshoptimizer_encoder.wasm")


def pack_vertices(values: NDArray[np.generic]) -> bytes:
    """Pack the rows of *values*, each a multiple of 4 bytes long, for `ATTRIBUTES`."""
    count, stride = len(values), values[0].nbytes
    inside = _encoder(values)
    return _packed(inside, "VertexBuffer", values, (count, stride), (count, stride))


def pack_triangles(faces: NDArray[np.uint32]) -> bytes:
    """Pack *faces* for `TRIANGLES`."""
    inside = _encoder(faces)
    return _packed(inside, "IndexBuffer", faces, (faces.size, int(faces.max()) + 1), (faces.size,))


def pack_indices(indices: NDArray[np.uint32]) -> bytes:
    """Pack *indices* for `INDICES`."""
    inside = _encoder(indices)
    bounds = (indices.size, int(indices.max()) + 1)
    return _packed(inside, "IndexSequence", indices, bounds, (indices.size,))


def filter_values(name: str, values: NDArray[np.float32], *, stride: int, bits: int) -> bytes:
    """Bring rows of 4 *values*, or of stride / 4 for `Exp`, into what filter *name* undoes."""
    inside = _encoder(values)
    source, target = inside.put(values), inside.room(len(values) * stride)
    mode = (1,) if name == "Exp" else ()
    inside.call(f"meshopt_encodeFilter{name}", target, len(values), stride, bits, source, *mode)
    return inside.get(target, len(values) * stride).tobytes()


def _encoder(values: NDArray[np.generic]) -> Sandbox:
    inside = Sandbox(_ENCODER, room_bytes=64 * values.nbytes + (1 << 22))
    # As EXT_meshopt_compression has it; the library's own default is newer.
    inside.call("meshopt_encodeVertexVersion", 0)
    inside.call("meshopt_encodeIndexVersion", 1)
    return inside


def _packed(
    inside: Sandbox,
    kind: str,
    values: NDArray[np.generic],
    bounds: tuple[int, int],
    sizes: tuple[int, ...],
) -> bytes:
    source = inside.put(values)
    most = inside.call(f"meshopt_encode{kind}Bound", *bounds)
    target = inside.room(most)
    size = inside.call(f"meshopt_encode{kind}", target, most, source, *sizes)
    assert size > 0
    return inside.get(target, size).tobytes()
