"""Collapse edges in the order of the error they cause."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2model.geometry.meshoptimizer.sandbox import Sandbox

_MODULE = Path(__file__).with_name("simplifier.wasm")

_PERMISSIVE, _ERROR_ABSOLUTE, _ERROR_CLAMPED = 1 << 5, 1 << 2, 1 << 8
PROTECTED = 2
"""Marks a vertex whose seam stays, though seams open."""

_BYTES_PER_INDEX, _BYTES_PER_VERTEX, _BYTES_PER_VALUE = 64, 320, 32
_OWN_BYTES = 1 << 21
"""Upper bounds of what `meshopt_simplify…` allocates, from reading its source and measuring."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Collapsed:
    """
    What is left.

    Attributes:
        faces: uint32, shape (f, 3), of the vertices given, in the order given.
        positions: Of all vertices given; those that remain may have moved.
        attributes: As for positions.
        error: The largest error of all collapses, in the unit of the limit.
    """

    faces: NDArray[np.uint32]
    positions: NDArray[np.float32]
    attributes: NDArray[np.float32]
    error: float


def collapse(
    faces: NDArray[np.uint32],
    positions: NDArray[np.float32],
    attributes: NDArray[np.float32],
    *,
    weights: NDArray[np.float32],
    most_faces: int,
    most_error: float,
    open_seams: bool = False,
    move: bool = False,
    absolute: bool = False,
    marks: NDArray[np.uint8] | None = None,
) -> Collapsed:
    """
    Collapse edges until *most_faces* are left or the next collapse would cause too large an error.

    M. Garland, P. Heckbert, "Simplifying Surfaces with Color and Texture using Quadric Error
    Metrics", 1998, and H. Hoppe, "New Quadric Metric for Simplifying Meshes with Appearance
    Attributes", 1999, as meshoptimizer does it. Open borders collapse along themselves.

    Args:
        faces: Shape (f, 3). Vertices at exactly the same place are one vertex with a seam.
        positions: Shape (n, 3).
        attributes: Shape (n, k), at most 32 columns; may have none.
        weights: How much a change of each attribute counts against a way of the same length, both
            as shares of the model's size; shape (k,).
        most_faces: How many are wanted.
        most_error: As a share of the model's longest side, or with *absolute* in its unit.
        open_seams: Whether edges may collapse across seams where that costs least; else only
            along them.
        move: Whether what remains is moved to where the error is least.
        absolute: See *most_error*.
        marks: `PROTECTED` or 0 for each vertex, shape (n,).

    Raises:
        MemoryError: There is not enough memory.
    """
    indices = np.ascontiguousarray(faces, np.uint32).reshape(-1)
    values = np.ascontiguousarray(attributes, np.float32)
    if values.shape[1] == 0:
        values, weights = np.zeros((len(positions), 1), np.float32), np.zeros(1, np.float32)
    columns = values.shape[1]
    inside = Sandbox(
        _MODULE,
        room_bytes=_BYTES_PER_INDEX * indices.size
        + (_BYTES_PER_VERTEX + _BYTES_PER_VALUE * columns) * len(positions)
        + _OWN_BYTES,
    )
    error_at, kept_at = inside.room(4), inside.put(indices)
    positions_at = inside.put(positions.astype(np.float32, copy=False))
    values_at = inside.put(values)
    weights_at = inside.put(np.asarray(weights, np.float32))
    marks_at = 0 if marks is None else inside.put(marks)
    options = (
        128
        | _ERROR_CLAMPED
        | (_PERMISSIVE if open_seams else 0)
        | (_ERROR_ABSOLUTE if absolute else 0)
    )
    vertices = (positions_at, len(positions), 12, values_at, 4 * columns, weights_at, columns)
    wanted = (marks_at, 3 * most_faces, most_error, options, error_at)
    if move:
        count = inside.call("meshopt_simplifyWithUpdate", kept_at, indices.size, *vertices, *wanted)
        positions = _floats(inside, positions_at, positions.shape)
        values = _floats(inside, values_at, values.shape)
    else:
        target_at = inside.room(indices.nbytes)
        count = inside.call(
            "meshopt_simplifyWithAttributes",
            *(target_at, kept_at, indices.size),
            *(*vertices, *wanted),
        )
        kept_at = target_at
    return Collapsed(
        faces=inside.get(kept_at, 4 * count).view(np.uint32).reshape(-1, 3),
        positions=positions,
        attributes=values[:, : attributes.shape[1]],
        error=float(inside.get(error_at, 4).view(np.float32)[0]),
    )


def _floats(inside: Sandbox, at: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = inside.get(at, 4 * int(np.prod(shape))).view(np.float32)
    return found.reshape(shape)
