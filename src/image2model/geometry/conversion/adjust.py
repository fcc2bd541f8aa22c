"""Give a model another size, place, upright axis, or smaller textures."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.conversion.request import Conversion, Pivot
from image2model.geometry.mesh.textures.recoding import shrunk
from image2model.geometry.mesh.textures.srgb import to_linear
from image2model.geometry.mesh.types import EncodedImage, Mesh

_MM_PER_METRE = 1000.0


def bounds(meshes: Sequence[Mesh]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper corner of the box around the faces of *meshes*, in metres."""
    used = [mesh.positions[np.unique(mesh.faces)] for mesh in meshes]
    low = np.min([positions.min(axis=0) for positions in used], axis=0)
    high = np.max([positions.max(axis=0) for positions in used], axis=0)
    return low.astype(np.float64), high.astype(np.float64)


def place(meshes: Sequence[Mesh], conversion: Conversion) -> Sequence[Mesh]:
    """
    Scale and move *meshes* to the size and pivot that *conversion* asks for.

    Args:
        meshes: In metres, Y up.
        conversion: What is asked for.

    Returns:
        The meshes in metres, Y up.

    Raises:
        InvalidMesh: They have no extent in the direction whose size is given.
    """
    low, high = bounds(meshes)
    scale = _scale(high - low, conversion)
    origin = _origin(low, high, conversion.pivot)
    if scale == 1.0 and not origin.any():
        return meshes
    return [
        replace(mesh, positions=((mesh.positions - origin) * scale).astype(np.float32))
        for mesh in meshes
    ]


def take_colors_as_srgb(meshes: Sequence[Mesh]) -> Sequence[Mesh]:
    """Make linear light of vertex colours whose numbers were meant as sRGB."""
    return [
        mesh if mesh.colors is None else replace(mesh, colors=_decoded(mesh.colors))
        for mesh in meshes
    ]


def shrink_textures(meshes: Sequence[Mesh], *, longest_px: int) -> Sequence[Mesh]:
    """
    Scale all textures down to at most *longest_px*; each picture once.

    Raises:
        InvalidMesh: One cannot be decoded.
    """
    known: dict[int, EncodedImage] = {}

    def fitted(image: EncodedImage) -> EncodedImage:
        if id(image) not in known:
            known[id(image)] = shrunk(image, longest_px=longest_px)
        return known[id(image)]

    materials = {id(mesh.material): mesh.material for mesh in meshes}
    changed = {
        key: material.with_textures(
            {slot: fitted(image) for slot, image in material.textures().items()}
        )
        for key, material in materials.items()
    }
    return [replace(mesh, material=changed[id(mesh.material)]) for mesh in meshes]


def _decoded(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    light = np.rint(to_linear(colors[:, :3]) * 255).astype(np.uint8)
    return np.concatenate([light, colors[:, 3:]], axis=1)


def _scale(size: NDArray[np.float64], conversion: Conversion) -> float:
    wanted = (conversion.width_mm, conversion.height_mm, conversion.depth_mm)
    for axis, size_mm in enumerate(wanted):
        if size_mm is not None:
            if size[axis] <= 0:
                raise InvalidMesh(reason="it is flat in the direction whose size is given")
            return float(size_mm / _MM_PER_METRE / size[axis])
    return 1.0


def _origin(
    low: NDArray[np.float64], high: NDArray[np.float64], pivot: Pivot
) -> NDArray[np.float64]:
    if pivot == "keep":
        return np.zeros(3)
    middle = (low + high) / 2
    return middle if pivot == "centre" else np.array([middle[0], low[1], middle[2]])
