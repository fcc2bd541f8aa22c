"""Read the triangles of a GLB file, whoever wrote it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.gltf import draco
from image2model.geometry.gltf.accessors import GltfData
from image2model.geometry.gltf.container import parse_glb
from image2model.geometry.gltf.features import (
    attributes_left_out,
    features_left_out,
    refuse_unknown_shapes,
)
from image2model.geometry.gltf.json import (
    Object,
    child,
    children,
    entry,
    integer,
    list_of_numbers,
    optional_integer,
    text,
)
from image2model.geometry.gltf.material_reader import Look, MaterialReader
from image2model.geometry.gltf.nodes import Placement, placements, world_matrices
from image2model.geometry.gltf.skins import joint_matrices, vertex_matrices
from image2model.geometry.mesh.types import Mesh, Model, transformed

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_MOST_MESHES = 20_000
_MOST_MORPH_TARGETS = 1_000
_FAR_AWAY = 400.0
"""Farther from the origin than this, in sizes of the model, float32 is coarser than a
twenty-thousandth of it: tiles of maps lie that far, at their place on the globe."""

_CERTAINLY_FAR = 1e6
"""In metres, for files that do not say how large their parts are."""

_FARTHEST = 1e9
"""Coordinates beyond this are an accident: floats that large have lost the object's shape."""


def read_glb(data: bytes) -> list[Mesh]:
    """
    Read every triangle of a GLB file's scene, in world space.

    Lines and points are left out, skins stay as they are posed, morph targets as the file weighs
    them. Time and memory are bounded by the file's size and by limits far above what generators
    make.

    Args:
        data: The whole file.

    Returns:
        One mesh per primitive and appearance, at least one.

    Raises:
        InvalidMesh: The file is damaged, lies about its lengths, holds no triangle, or needs an
            extension for its shape that is not read here.
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
    refuse_unknown_shapes(document)
    left_out = features_left_out(document)
    # What overflows becomes infinite and is refused where it is looked at.
    with np.errstate(all="ignore"):
        places = list(placements(source, left_out))
        reader = _MeshReader(source, origin=_origin(document, places))
        found = [mesh for place in places for mesh in reader.read_placed(place)]
    if not found:
        besides = ", only lines or points" if reader.lines_or_points else ""
        raise InvalidMesh(reason=f"it has no triangles{besides}")
    left_out |= reader.left_out
    hidden = len(children(document, "meshes")) - len({place.mesh for place in places})
    if hidden > 0:
        left_out.add(f"{hidden} of its meshes were left out: the scene does not show them")
    return Model(meshes=found, left_out=sorted(left_out))


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


def _origin(document: Object, places: Sequence[Placement]) -> NDArray[np.float64]:
    """Return the point that becomes the origin: the file's own, unless the model is far from it."""
    corners = [
        _corners_of_box(document, primitive) @ matrix[:3, :3].T + matrix[:3, 3]
        for place in places
        if place.skin is None
        for primitive in children(entry(document, "meshes", place.mesh), "primitives")
        for matrix in place.matrices[:1]
    ]
    points = np.concatenate(corners) if corners else np.zeros((0, 3))
    if not len(points):
        # Nothing says how large it is: what stands as far as another continent is no small thing.
        points = np.array([place.matrices[0][:3, 3] for place in places if len(place.matrices)])
        if not len(points) or np.linalg.norm(points[0]) < _CERTAINLY_FAR:
            return np.zeros(3)
    if not np.isfinite(points).all():
        return np.zeros(3)
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    least = _FAR_AWAY * max(float(np.linalg.norm(high - low)), 1e-9)
    if not least < np.linalg.norm(middle) <= _FARTHEST:
        return np.zeros(3)
    return np.asarray(np.rint(middle), np.float64)


def _corners_of_box(document: Object, primitive: Object) -> NDArray[np.float64]:
    """Return the corners of the box that a primitive says it fills; none if it says nothing."""
    accessor = optional_integer(child(primitive, "attributes"), "POSITION")
    if accessor is None:
        return np.zeros((0, 3))
    told = entry(document, "accessors", accessor)
    ends = [list_of_numbers(told, key) for key in ("min", "max")]
    if told.get("normalized") is True or any(end is None or len(end) != 3 for end in ends):
        return np.zeros((0, 3))
    return np.array(ends, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Surface:
    """The numbers of a primitive where they are to be: in the world, once for each copy."""

    positions: NDArray[np.float32]
    normals: NDArray[np.float32] | None
    faces: NDArray[np.uint32]


class _MeshReader:
    """
    Turns primitives into meshes, one after the other, within the file's limits.

    Attributes:
        lines_or_points: How many parts have no triangles because they are made of those.
    """

    def __init__(self, source: GltfData, *, origin: NDArray[np.float64]) -> None:
        self._source = source
        self._document = source.container.document
        self._materials = MaterialReader(source)
        self._origin = origin
        self._made = 0
        self._joints: dict[int, NDArray[np.float64]] = {}
        self._left_out: set[str] = set()
        self.lines_or_points = 0

    @property
    def left_out(self) -> set[str]:
        """What was met and could not be kept, and what was changed, in plain words."""
        found = self._left_out | self._materials.left_out
        if self.lines_or_points:
            parts = "1 part" if self.lines_or_points == 1 else f"{self.lines_or_points} parts"
            found.add(f"{parts} made of lines or points left out: only triangles are kept")
        if self._origin.any():
            x, y, z = self._origin
            found.add(
                f"it lies {np.linalg.norm(self._origin) / 1000:,.0f} km from the origin, where "
                "coordinates lose their precision, and was moved there: its origin was at "
                f"({x:.0f}, {y:.0f}, {z:.0f}) m"
            )
        return found

    def read_placed(self, place: Placement) -> list[Mesh]:
        if not len(place.matrices):
            return []
        mesh = entry(self._document, "meshes", place.mesh)
        name = text(mesh, "name", "mesh")
        weights = place.weights or list_of_numbers(mesh, "weights") or []
        found = []
        for primitive in children(mesh, "primitives"):
            self._made += 1
            if self._made > _MOST_MESHES:
                raise InvalidMesh(reason="it has too many parts")
            if integer(primitive, "mode", _TRIANGLES) in {_TRIANGLES, _STRIP, _FAN}:
                made = self._mesh(name, primitive, place, weights)
                found += [made] if len(made.faces) else []
            else:
                self.lines_or_points += 1
        return found

    def _mesh(
        self, name: str, primitive: Object, place: Placement, weights: Sequence[float]
    ) -> Mesh:
        arrays = _Arrays(self._source, primitive)
        surface = self._surface(primitive, arrays, place, weights)
        look = self._materials.read(optional_integer(primitive, "material"))
        kept = self._kept_attributes(look, place)
        self._left_out |= attributes_left_out(primitive, kept)
        if look.material.normal_texture and "TANGENT" in child(primitive, "attributes"):
            self._left_out.add("its tangents were left out: programs work them out themselves")
        copies = len(surface.positions) // max(len(arrays.positions), 1)
        colors = _colors(arrays.attribute("COLOR_0", (3, 4)))
        uvs = [np.tile(one, (copies, 1)) for one in self._uvs(arrays, look)]
        return Mesh(
            name=name,
            positions=surface.positions,
            faces=surface.faces,
            normals=surface.normals,
            uvs=uvs[0] if uvs else None,
            more_uvs=np.concatenate(uvs[1:], axis=1) if len(uvs) > 1 else None,
            colors=None if colors is None else np.tile(colors, (copies, 1)),
            material=look.material,
        )

    def _kept_attributes(self, look: Look, place: Placement) -> set[str]:
        kept = {"POSITION", "NORMAL", "COLOR_0"}
        kept |= {f"TEXCOORD_{one.number}" for one in look.uv_sets}
        if place.skin is not None:
            kept |= {f"{kind}_{number}" for kind in ("JOINTS", "WEIGHTS") for number in range(8)}
        return kept

    def _uvs(self, arrays: "_Arrays", look: Look) -> list[NDArray[np.float32]]:
        """Return the texture coordinates that a material wants; none if none of them is there."""
        found = [arrays.attribute(f"TEXCOORD_{one.number}", (2,)) for one in look.uv_sets]
        if all(values is None for values in found):
            return []
        if any(values is None for values in found):
            self._left_out.add("some of its textures have no texture coordinates: they show a dot")
        nothing = np.zeros((len(arrays.positions), 2), np.float32)
        uvs = []
        for wanted, given in zip(look.uv_sets, found, strict=True):
            values = nothing if given is None else given
            if wanted.transform is not None:
                values = transformed(values, wanted.transform)
            # A texture coordinate that is no number spoils one triangle, not the model.
            uvs.append(np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0))
        return uvs

    def _surface(
        self, primitive: Object, arrays: "_Arrays", place: Placement, weights: Sequence[float]
    ) -> _Surface:
        faces = _triangles(arrays.corners(), integer(primitive, "mode", _TRIANGLES))
        positions, normals = self._morphed(primitive, arrays, weights)
        bones = self._pose(arrays, place)
        if bones is not None:
            if place.instances is not None:
                self._left_out.add(
                    "copies of a part with a skeleton were left out: it is there once"
                )
            flipped = len(bones) > 0 and bool(np.median(np.linalg.det(bones[:, :3, :3])) < 0)
            return _Surface(
                positions=self._within_reach(_moved_each(positions, bones)),
                normals=_turned_each(normals, bones),
                faces=_wound(faces, flipped=flipped),
            )
        matrices = place.matrices
        # Copies count as if the file held each of them.
        self._source.spend((len(positions) + faces.size) * (len(matrices) - 1))
        flipped = np.linalg.det(matrices[:, :3, :3]) < 0
        first = len(positions) * np.arange(len(matrices), dtype=np.uint32)
        copies = np.where(
            flipped[:, None, None], _wound(faces, flipped=True), _wound(faces, flipped=False)
        )
        return _Surface(
            positions=self._within_reach(_moved(positions, matrices)),
            normals=None if normals is None else _turned(normals, matrices),
            faces=(copies + first[:, None, None]).reshape(-1, 3),
        )

    def _morphed(
        self, primitive: Object, arrays: "_Arrays", weights: Sequence[float]
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return positions and normals with the morph targets in them, as the file weighs them."""
        positions, normals = arrays.positions, arrays.attribute("NORMAL", (3,))
        targets = children(primitive, "targets")
        if not targets:
            return positions, normals
        if len(targets) > _MOST_MORPH_TARGETS:
            raise InvalidMesh(reason="it has too many morph targets")
        self._left_out.add("its morph targets were left out: it has the shape that the file shows")
        for target, weight in zip(targets, weights, strict=False):
            if weight == 0:
                continue
            positions = _shifted(positions, self._offsets(target, "POSITION", positions), weight)
            if normals is not None:
                normals = _shifted(normals, self._offsets(target, "NORMAL", normals), weight)
        return positions, normals

    def _offsets(self, target: Object, key: str, values: NDArray[Any]) -> NDArray[Any] | None:
        accessor = optional_integer(target, key)
        if accessor is None:
            return None
        found = self._source.read(accessor)
        if found.shape != values.shape:
            raise InvalidMesh(reason=f"a morph target's {key} does not fit the positions")
        return found

    def _pose(self, arrays: "_Arrays", place: Placement) -> NDArray[np.float64] | None:
        """Return a matrix for each vertex of a skinned mesh; None: it is rigid."""
        if place.skin is None:
            return None
        joints, weights = arrays.sets("JOINTS"), arrays.sets("WEIGHTS")
        if joints is None or weights is None or joints.dtype.kind != "u":
            return None
        if joints.shape != weights.shape:
            raise InvalidMesh(reason="its vertices hang on joints without weights")
        if place.skin not in self._joints:
            world = world_matrices(self._document)
            self._joints[place.skin] = joint_matrices(self._source, place.skin, world)
        self._source.spend(len(joints))
        return vertex_matrices(self._joints[place.skin], joints, weights)

    def _within_reach(self, world: NDArray[np.float64]) -> NDArray[np.float32]:
        # In float64 still: far from the origin float32 has too few digits.
        found = world - self._origin if self._origin.any() else world
        # Not `>`: a comparison with NaN is false, and this must refuse it.
        if found.size and not np.abs(found).max() <= _FARTHEST:
            raise InvalidMesh(reason="a vertex is infinitely far away or nowhere")
        return np.asarray(found, np.float32)


class _Arrays:
    """The numbers of one primitive, packed by Draco or not."""

    def __init__(self, source: GltfData, primitive: Object) -> None:
        self._source = source
        self._primitive = primitive
        packed = child(child(primitive, "extensions"), draco.EXTENSION)
        self._draco = draco.decode_primitive(source, primitive, packed) if packed else None
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

    def sets(self, key: str) -> NDArray[Any] | None:
        """Return an attribute of four numbers that may go on in further sets; None: it is none."""
        found: list[NDArray[Any]] = []
        while (values := self.attribute(f"{key}_{len(found)}", (4,))) is not None:
            found.append(values)
        return np.concatenate(found, axis=1) if found else None

    def _read(self, key: str) -> NDArray[Any] | None:
        if self._draco is not None and key in self._draco.attributes:
            return self._draco.attributes[key]
        accessor = optional_integer(child(self._primitive, "attributes"), key)
        return None if accessor is None else self._source.read(accessor)


def _moved_each(positions: NDArray[Any], matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    world = np.einsum("kij,kj->ki", matrices[:, :3, :3], positions.astype(np.float64))
    moved: NDArray[np.float64] = world + matrices[:, :3, 3]
    return moved


def _turned_each(
    normals: NDArray[Any] | None, matrices: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    if normals is None:
        return None
    # Joints turn and scale evenly but in rare files; those get slightly wrong shading.
    world = np.einsum("kij,kj->ki", matrices[:, :3, :3], normals.astype(np.float64))
    return _turned(world, np.eye(4)[None])


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


def _moved(positions: NDArray[Any], matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the positions as each matrix moves them, shape (matrices × positions, 3)."""
    turned = np.einsum("nij,kj->nki", matrices[:, :3, :3], positions.astype(np.float64))
    moved: NDArray[np.float64] = (turned + matrices[:, None, :3, 3]).reshape(-1, 3)
    return moved


def _shifted(
    values: NDArray[Any], offsets: NDArray[Any] | None, weight: float
) -> NDArray[np.float64]:
    moved = values.astype(np.float64)
    return moved if offsets is None else moved + weight * offsets


def _wound(faces: NDArray[np.int64], *, flipped: bool) -> NDArray[np.uint32]:
    """Return the faces as they turn outwards: a mirrored surface turns the other way."""
    return np.ascontiguousarray(faces[:, ::-1] if flipped else faces, np.uint32)


def _turned(normals: NDArray[Any], matrices: NDArray[np.float64]) -> NDArray[np.float32]:
    """Turn normals with the surface, by each matrix; those that are no directions point up."""
    linear = matrices[:, :3, :3]
    # The cofactors are the inverse transpose without the division, which a flat scale forbids.
    rows = [np.cross(linear[:, (i + 1) % 3], linear[:, (i + 2) % 3]) for i in range(3)]
    cofactors = np.stack(rows, axis=1)
    cofactors[np.linalg.det(linear) < 0] *= -1
    world = np.einsum("nij,kj->nki", cofactors, normals.astype(np.float64)).reshape(-1, 3)
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
