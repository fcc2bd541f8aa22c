"""Read the triangles of a GLB file, whoever wrote it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry import gltf_draco, gltf_meshopt
from image2model.geometry.glb_container import parse_glb
from image2model.geometry.gltf_accessors import GltfData
from image2model.geometry.gltf_json import (
    Object,
    child,
    children,
    entry,
    integer,
    optional_integer,
    text,
    texts,
)
from image2model.geometry.gltf_materials import Look, MaterialReader
from image2model.geometry.gltf_nodes import Placement, placements, world_matrices
from image2model.geometry.gltf_skins import joint_matrices, vertex_matrices
from image2model.geometry.mesh import Mesh, Model

_UNDERSTOOD = frozenset(
    {
        "EXT_texture_webp",
        "KHR_mesh_quantization",
        "KHR_texture_transform",
        gltf_draco.EXTENSION,
        gltf_meshopt.EXTENSION,
    }
)
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_MOST_MESHES = 20_000
_FARTHEST = 1e9
"""Coordinates beyond this are an accident: floats that large have lost the object's shape."""


def read_glb(data: bytes) -> list[Mesh]:
    """
    Read every triangle of a GLB file's scene, in world space.

    Lines and points are left out, skins stay as they are posed, morph targets at zero. Time and
    memory are bounded by the file's size and by limits far above what generators make.

    Args:
        data: The whole file.

    Returns:
        One mesh per primitive and appearance, at least one.

    Raises:
        InvalidMesh: The file is damaged, lies about its lengths, holds no triangle, or needs an
            extension that is not understood here (KTX2).
    """
    return list(read_gltf(GltfData(container=parse_glb(data))).meshes)


def read_gltf(source: GltfData) -> Model:
    """
    Read every triangle of a glTF scene, as `read_glb` does, and tell what could not be kept.

    Args:
        source: The file, and those beside it.

    Returns:
        The meshes, at least one.

    Raises:
        InvalidMesh: As for `read_glb`.
    """
    document = source.container.document
    _refuse_unknown_extensions(document)
    reader = _MeshReader(source)
    # What overflows becomes infinite and is refused where it is looked at.
    with np.errstate(all="ignore"):
        found = [mesh for place in placements(document) for mesh in reader.read_placed(place)]
    if not found:
        raise InvalidMesh(reason="it has no triangles")
    return Model(meshes=found, left_out=sorted(reader.left_out | _beyond_meshes(document)))


def verify_glb(data: bytes) -> None:
    """
    Check that a file is a GLB with something in it, without reading its geometry.

    Compressed files pass: others can read them.

    Args:
        data: The whole file.

    Raises:
        InvalidMesh: It is no GLB, is truncated, lies about its length, or names no triangle.
    """
    container = parse_glb(data)
    document = container.document
    buffers = children(document, "buffers")
    if buffers and "uri" not in buffers[0]:
        size_bytes = integer(buffers[0], "byteLength", 0)
        if size_bytes > len(container.binary):
            raise InvalidMesh(reason="its binary chunk is shorter than it says")
    primitives = (
        primitive
        for mesh in children(document, "meshes")
        for primitive in children(mesh, "primitives")
    )
    if not any(_has_triangle(document, primitive) for primitive in primitives):
        raise InvalidMesh(reason="it has no triangles")


def _has_triangle(document: Object, primitive: Object) -> bool:
    if integer(primitive, "mode", _TRIANGLES) not in {_TRIANGLES, _STRIP, _FAN}:
        return False
    corners = optional_integer(primitive, "indices")
    if corners is None:
        corners = optional_integer(child(primitive, "attributes"), "POSITION")
    return corners is not None and integer(entry(document, "accessors", corners), "count") >= 3


def _beyond_meshes(document: Object) -> set[str]:
    """Say what the scene has besides triangles at rest."""
    left_out = set()
    if children(document, "animations"):
        left_out.add("its animations were left out")
    if children(document, "skins"):
        left_out.add("its skeleton was left out: it stands still as it is posed")
    return left_out


def _refuse_unknown_extensions(document: Object) -> None:
    # Material extensions change how a surface looks, not what it is: the base colour still fits.
    needed = [
        name
        for name in texts(document, "extensionsRequired")
        if name not in _UNDERSTOOD and not name.startswith("KHR_materials_")
    ]
    if needed:
        raise InvalidMesh(reason=f"it needs {', '.join(needed[:4])[:120]}, which is not supported")


class _MeshReader:
    """Turns primitives into meshes, one after the other, within the file's limits."""

    def __init__(self, source: GltfData) -> None:
        self._source = source
        self._document = source.container.document
        self._materials = MaterialReader(source)
        self._made = 0
        self._joints: dict[int, NDArray[np.float64]] = {}

    @property
    def left_out(self) -> set[str]:
        """What was met and could not be kept, in plain words."""
        return self._materials.left_out

    def read_placed(self, place: Placement) -> list[Mesh]:
        mesh = entry(self._document, "meshes", place.mesh)
        name = text(mesh, "name", "mesh")
        found = []
        for primitive in children(mesh, "primitives"):
            self._made += 1
            if self._made > _MOST_MESHES:
                raise InvalidMesh(reason="it has too many parts")
            if integer(primitive, "mode", _TRIANGLES) in {_TRIANGLES, _STRIP, _FAN}:
                made = self._mesh(name, primitive, place)
                found += [made] if len(made.faces) else []
        return found

    def _mesh(self, name: str, primitive: Object, place: Placement) -> Mesh:
        arrays = _Arrays(self._source, primitive)
        positions, count = arrays.positions, len(arrays.positions)
        faces = _triangles(arrays.corners(), integer(primitive, "mode", _TRIANGLES))
        normals = arrays.attribute("NORMAL", (3,))
        matrices = self._pose(arrays, place)
        if matrices is None:
            world, directions = _moved(positions, place.matrix), _turned(normals, place.matrix)
            mirrored = np.linalg.det(place.matrix[:3, :3]) < 0
        else:
            world, directions = _moved_each(positions, matrices), _turned_each(normals, matrices)
            mirrored = bool(np.median(np.linalg.det(matrices[:, :3, :3])) < 0) if count else False
        look = self._materials.read(optional_integer(primitive, "material"))
        return Mesh(
            name=name,
            positions=world,
            faces=np.ascontiguousarray(faces[:, ::-1] if mirrored else faces, np.uint32),
            normals=directions,
            uvs=_uvs(arrays, look),
            colors=_colors(arrays.attribute("COLOR_0", (3, 4))),
            material=look.material,
        )

    def _pose(self, arrays: "_Arrays", place: Placement) -> NDArray[np.float64] | None:
        """Return a matrix for each vertex of a skinned mesh; None: it is rigid."""
        if place.skin is None:
            return None
        joints, weights = arrays.attribute("JOINTS_0", (4,)), arrays.attribute("WEIGHTS_0", (4,))
        if joints is None or weights is None or joints.dtype.kind != "u":
            return None
        if place.skin not in self._joints:
            world = world_matrices(self._document)
            self._joints[place.skin] = joint_matrices(self._source, place.skin, world)
        self._source.spend(len(joints))
        return vertex_matrices(self._joints[place.skin], joints, weights)


class _Arrays:
    """The numbers of one primitive, packed by Draco or not."""

    def __init__(self, source: GltfData, primitive: Object) -> None:
        self._source = source
        self._primitive = primitive
        packed = child(child(primitive, "extensions"), gltf_draco.EXTENSION)
        self._draco = gltf_draco.decode_primitive(source, primitive, packed) if packed else None
        positions = self._read("POSITION")
        if positions is None:
            raise InvalidMesh(reason="'POSITION' is missing")
        if positions.shape[1] != 3:
            raise InvalidMesh(reason="positions have no three coordinates")
        self.positions = positions

    def corners(self) -> NDArray[np.int64]:
        """Return the indices of vertices."""
        accessor = optional_integer(self._primitive, "indices")
        if self._draco is not None:
            corners = self._draco.corners
        elif accessor is None:
            self._source.spend(len(self.positions))
            corners = np.arange(len(self.positions))
        else:
            given = self._source.read(accessor)
            if given.dtype.kind != "u" or given.shape[1] != 1:
                raise InvalidMesh(reason="indices are no whole numbers")
            corners = given[:, 0].astype(np.int64)
        if len(corners) and not 0 <= int(corners.min()) <= int(corners.max()) < len(self.positions):
            raise InvalidMesh(reason="a face refers to a vertex that is not there")
        return corners

    def attribute(self, key: str, widths: tuple[int, ...]) -> NDArray[Any] | None:
        """Return an attribute, which must fit the positions; None: there is none."""
        values = self._read(key)
        if values is None:
            return None
        if len(values) != len(self.positions) or values.shape[1] not in widths:
            raise InvalidMesh(reason=f"{key} does not fit the positions")
        return values

    def _read(self, key: str) -> NDArray[Any] | None:
        if self._draco is not None and key in self._draco.attributes:
            return self._draco.attributes[key]
        accessor = optional_integer(child(self._primitive, "attributes"), key)
        return None if accessor is None else self._source.read(accessor)


def _uvs(arrays: _Arrays, look: Look) -> NDArray[np.float32] | None:
    values = arrays.attribute(f"TEXCOORD_{look.texture_coordinates}", (2,))
    if values is None:
        return None
    if look.transform is not None:
        values = values @ look.transform[:, :2].T + look.transform[:, 2]
    # A texture coordinate that is no number spoils one triangle, not the model.
    uvs: NDArray[np.float32] = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    return uvs


def _moved_each(positions: NDArray[Any], matrices: NDArray[np.float64]) -> NDArray[np.float32]:
    world = np.einsum("kij,kj->ki", matrices[:, :3, :3], positions.astype(np.float64))
    return _within_reach(world + matrices[:, :3, 3])


def _turned_each(
    normals: NDArray[Any] | None, matrices: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    if normals is None:
        return None
    # Joints turn and scale evenly but in rare files; those get slightly wrong shading.
    world = np.einsum("kij,kj->ki", matrices[:, :3, :3], normals.astype(np.float64))
    return _turned(world, np.eye(4))


def _triangles(corners: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """Return the corners as triangles, all turning the same way; a rest is dropped."""
    if mode == _TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    first = np.arange(max(len(corners) - 2, 0))
    if mode == _FAN:
        order = np.stack([first + 1, first + 2, np.zeros_like(first)], axis=1)
    else:
        odd = first % 2
        order = np.stack([first, first + 1 + odd, first + 2 - odd], axis=1)
    return corners[order]


def _moved(positions: NDArray[Any], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    world = np.einsum("ij,kj->ik", positions.astype(np.float64), matrix[:3, :3])
    return _within_reach(world + matrix[:3, 3])


def _within_reach(world: NDArray[np.float64]) -> NDArray[np.float32]:
    # Not `>`: a comparison with NaN is false, and this must refuse it.
    if world.size and not np.abs(world).max() <= _FARTHEST:
        raise InvalidMesh(reason="a vertex is infinitely far away or nowhere")
    return np.asarray(world, np.float32)


def _turned(
    normals: NDArray[Any] | None, matrix: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    """Turn normals with the surface; those that are no directions point up."""
    if normals is None:
        return None
    linear = matrix[:3, :3]
    # The cofactors are the inverse transpose without the division, which a flat scale forbids.
    cofactors = np.stack([np.cross(linear[(i + 1) % 3], linear[(i + 2) % 3]) for i in range(3)])
    world = np.einsum("ij,kj->ik", normals.astype(np.float64), cofactors)
    if np.linalg.det(linear) < 0:
        world = -world
    size = np.linalg.norm(world, axis=1, keepdims=True)
    usable = np.isfinite(size) & (size > 0)
    return np.where(usable, world / size, [0.0, 1.0, 0.0]).astype(np.float32)


def _colors(values: NDArray[Any] | None) -> NDArray[np.uint8] | None:
    if values is None:
        return None
    rgba = np.full((len(values), 4), 255, np.uint8)
    shares = np.nan_to_num(values.astype(np.float32), posinf=1.0, neginf=0.0)
    rgba[:, : values.shape[1]] = np.rint(np.clip(shares, 0, 1) * 255)
    return rgba
