"""Read 3MF models, those of slicers' projects too."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh
from image2model.geometry.formats.archives.linked_files import FilesBeside
from image2model.geometry.formats.checked_mesh import checked_mesh
from image2model.geometry.formats.corners import distinct_rows
from image2model.geometry.formats.three_mf.parts import (
    Group,
    Part,
    Placement,
    Shape,
    Use,
    parse_part,
)
from image2model.geometry.formats.vertex_colors import shown_colors
from image2model.geometry.mesh.types import EncodedImage, Material, Mesh, Model, Wrap

_ROOT = re.compile(
    r"<Relationship\b(?=[^>]*\bType\s*=\s*[\"'][^\"'>]*/3dmodel[\"'])"
    r"[^>]*\bTarget\s*=\s*[\"']([^\"'>]+)[\"']"
)
_WRAPS: Mapping[str, Wrap] = {"wrap": "repeat", "mirror": "mirror"}
_SLICER_SETTINGS = ("metadata/slic3r_pe_model.config", "metadata/model_settings.config")
"""Where PrusaSlicer, and Bambu Studio and OrcaSlicer, say what volumes are."""

_MODIFIER = re.compile(
    rb"""(?ix)  key="modifier" \s+ value="1"
    | ParameterModifier | NegativeVolume | SupportEnforcer | SupportBlocker
    | subtype="(?:modifier|negative|support)"""
)
_NOT_OF_THE_MODEL = frozenset({"support", "solidsupport", "other"})
_MOST_CORNERS = 36_000_000
_MOST_USES = 20_000
_DEEPEST = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Placed:
    """A mesh of a part, and where it stands in metres."""

    part: Part
    shape: Shape
    axes: NDArray[np.float64]
    offset_m: NDArray[np.float64]


def read_3mf(files: Mapping[str, bytes]) -> Model:
    """
    Read all that a 3MF package builds, wherever in the package it is described.

    Args:
        files: Its parts by their path.

    Returns:
        The meshes in metres, Y up, a mesh for each look of each object.

    Raises:
        InvalidMesh: It is damaged, too large, or builds nothing.
    """
    return _Package(files).read()


class _Package:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        # Names of parts are the same whatever their case is (OPC, section 6.2.2.3).
        self._files = {path.lower(): content for path, content in files.items()}
        self._beside = FilesBeside(files)
        self._parts: dict[str, Part] = {}
        self._corners_left = _MOST_CORNERS
        self._uses_left = _MOST_USES

    def read(self) -> Model:
        root_path = self._root_path()
        root = self._part(root_path)
        placed = [
            one
            for item in root.items
            for one in self._placed(item, root_path, np.eye(4, 3), depth=0)
        ]
        meshes = [mesh for one in placed for mesh in self._meshes(one)]
        if not meshes:
            raise InvalidMesh(reason="it is 3MF that builds nothing; export it as STL or GLB")
        notes = {note for part in self._parts.values() for note in part.left_out}
        if any(_MODIFIER.search(self._files.get(path, b"")) for path in _SLICER_SETTINGS):
            notes.add(
                "its slicer marks some volumes as modifiers, negatives or supports; here they are "
                "solids like the others: export the finished object as STL to leave them out"
            )
        return Model(meshes=meshes, left_out=sorted(notes | self._beside.left_out))

    def _root_path(self) -> str:
        relations = self._files.get("_rels/.rels", b"").decode("utf-8", "replace")
        match = _ROOT.search(relations)
        models = sorted(path for path in self._files if path.endswith(".model"))
        named = _plain(match[1]) if match else "3d/3dmodel.model"
        if named in self._files:
            return named
        if not models:
            raise InvalidMesh(reason="it is 3MF without a model")
        return models[0]

    def _part(self, path: str) -> Part:
        if path not in self._parts:
            content = self._files.get(path)
            if content is None:
                raise InvalidMesh(reason="a part of the 3MF file is not there")
            self._parts[path] = parse_part(content)
        return self._parts[path]

    def _placed(self, use: Use, said_in: str, outer: Placement, *, depth: int) -> Iterator[_Placed]:
        """Yield every mesh that *use* puts somewhere; *outer* is in metres."""
        self._uses_left -= 1
        if depth > _DEEPEST or self._uses_left < 0:
            raise InvalidMesh(reason="its 3MF objects are put together too often or too deep")
        own = use.placement.copy()
        own[3] *= self._part(said_in).unit_m
        # First where it stands in its object, then where that object stands.
        axes, offset = own[:3] @ outer[:3], own[3] @ outer[:3] + outer[3]
        path = _plain(use.part) if use.part else said_in
        part = self._part(path)
        shape = part.objects.get(use.object_id)
        if shape is None:
            raise InvalidMesh(reason="it is 3MF that builds an object that is not there")
        if shape.kind in _NOT_OF_THE_MODEL:
            part.left_out.add("supports and the modifiers of slicers were left out")
            return
        if shape.corners:
            self._corners_left -= len(shape.corners)
            if self._corners_left < 0:
                raise InvalidMesh(reason="its 3MF objects have too many triangles in all")
            yield _Placed(part=part, shape=shape, axes=axes, offset_m=offset)
        for inner in shape.uses:
            yield from self._placed(inner, path, np.vstack([axes, offset]), depth=depth + 1)

    def _meshes(self, placed: _Placed) -> Iterator[Mesh]:
        shape, part = placed.shape, placed.part
        vertices = np.frombuffer(shape.vertices).reshape(-1, 3) * part.unit_m
        # Parts of another unit stand in metres all the same: only offsets were converted.
        x, y, z = (vertices @ placed.axes + placed.offset_m).T
        positions = np.stack([x, z, -y], axis=1) + 0.0
        corners = np.frombuffer(shape.corners, np.int64).reshape(-1, 3)
        if corners.min() < 0 or corners.max() >= len(positions):
            raise InvalidMesh(reason="a face refers to a vertex that is not there")
        if np.linalg.det(placed.axes) < 0:
            # A mirror image is inside out.
            corners = corners[:, ::-1]
        names, which, entries = _looks(shape, mirrored=bool(np.linalg.det(placed.axes) < 0))
        for number, name in enumerate(names):
            some = which == number
            if not some.any():
                continue
            group = part.groups.get(name)
            if name and group is None:
                # Of a kind that is not read, which is told; or it is not there, which shows.
                part.left_out.add("some of its materials were left out")
            yield self._mesh(
                shape.name,
                positions,
                corners[some],
                entries[some],
                group=group or Group(),
                part=part,
            )

    def _mesh(
        self,
        name: str,
        positions: NDArray[np.float64],
        corners: NDArray[np.int64],
        entries: NDArray[np.int64],
        *,
        group: Group,
        part: Part,
    ) -> Mesh:
        count = len(group.coordinates) or len(group.colors)
        if count and (entries.min() < 0 or entries.max() >= count):
            raise InvalidMesh(reason="a face has a property that is not there")
        image, wrap = self._texture(group, part)
        if not count:
            entries = np.zeros_like(entries)
        first, faces = distinct_rows(np.stack([corners.ravel(), entries.ravel()], axis=1))
        places, entry = corners.ravel()[first], entries.ravel()[first]
        uvs = colors = None
        base: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
        opaque = True
        if group.coordinates:
            uvs = np.array(group.coordinates)[entry] * np.array([1, -1]) + np.array([0, 1])
        elif group.colors:
            rgba = np.array(group.colors, np.uint8)
            linear = shown_colors(list(rgba[:, :3].T), rgba[:, 3])
            colors = linear[entry]
            opaque = bool((colors[:, 3] == 255).all())
            if (colors == colors[0]).all():
                red, green, blue, alpha = (colors[0] / 255).tolist()
                base, colors = (red, green, blue, alpha), None
        return checked_mesh(
            name=name or "mesh",
            positions=positions[places],
            faces=faces.reshape(-1, 3),
            uvs=uvs,
            colors=colors,
            material=Material(
                name="surface",
                base_color=base,
                base_color_texture=image,
                wrap=wrap,
                double_sided=True,
                alpha_mode="OPAQUE" if opaque else "BLEND",
            ),
        )

    def _texture(self, group: Group, part: Part) -> tuple[EncodedImage | None, tuple[Wrap, Wrap]]:
        if not group.coordinates or group.texture not in part.textures:
            return None, ("clamp", "clamp")
        path, along_u, along_v = part.textures[group.texture]
        wrap = (_WRAPS.get(along_u, "clamp"), _WRAPS.get(along_v, "clamp"))
        return self._beside.image(path.lstrip("/")), wrap


def _looks(
    shape: Shape, *, mirrored: bool
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return groups of properties, for each triangle which, and an entry for each corner."""
    count = len(shape.corners) // 3
    numbers = {shape.group: 0}
    which = np.zeros(count, np.int64)
    entries = np.full((count, 3), shape.entry, np.int64)
    for triangle, (group, *three) in shape.looks.items():
        which[triangle] = numbers.setdefault(group, len(numbers))
        entries[triangle] = three[::-1] if mirrored else three
    return list(numbers), which, entries


def _plain(path: str) -> str:
    return path.lstrip("/").lower()
