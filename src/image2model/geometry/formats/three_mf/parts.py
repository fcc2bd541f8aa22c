"""Parse the parts of a 3MF package: objects, what they are made of, and what is built."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh

_METRES: Mapping[str, float] = {
    "micron": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "inch": 0.0254,
    "foot": 0.3048,
    "meter": 1.0,
}
_PAINTED = ("paint_color", "mmu_segmentation")
_DEEPEST = 200

Placement = NDArray[np.float64]
"""Four rows of three: three axes and an offset; points are rows, multiplied from the left."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Use:
    """
    That an object stands somewhere.

    Attributes:
        object_id: Of the object.
        part: The part it is in; "": the one that says so.
        placement: Where it stands, in the unit of the part that says so.
    """

    object_id: str
    part: str
    placement: Placement


@dataclass(slots=True, kw_only=True)
class Shape:
    """
    An object: a mesh, or others put together.

    Attributes:
        name: For people.
        kind: `model`, `support`, `other`, …, as the specification says.
        group: The default group of properties of its triangles; "": none.
        entry: The default entry in it.
        vertices: Three numbers each, one after the other.
        corners: Three vertices for each triangle, one after the other.
        looks: For each triangle that says so: group and three entries.
        uses: The objects it is put together from.
    """

    name: str
    kind: str
    group: str
    entry: int
    vertices: "array[float]" = field(default_factory=lambda: array("d"))
    corners: "array[int]" = field(default_factory=lambda: array("q"))
    looks: dict[int, tuple[str, int, int, int]] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Group:
    """
    A group of properties.

    Attributes:
        colors: Red, green, blue and opacity of each entry, as screens show them.
        coordinates: Texture coordinates of each entry, origin at the bottom left.
        texture: The id of their texture.
    """

    colors: list[tuple[int, int, int, int]] = field(default_factory=list)
    coordinates: list[tuple[float, float]] = field(default_factory=list)
    texture: str = ""


@dataclass(slots=True, kw_only=True)
class Part:
    """
    A `.model` of a package.

    Attributes:
        unit_m: Its unit in metres.
        objects: By id.
        groups: By id.
        textures: Path and style of tiling of each texture, by id.
        items: What is built.
        left_out: What it has that is not read, in plain words.
    """

    unit_m: float = 1e-3
    objects: dict[str, Shape] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    textures: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    items: list[Use] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)


def parse_part(data: bytes) -> Part:
    """
    Read a part of a package (3MF core specification 1.3, materials 1.2, production 1.1).

    Raises:
        InvalidMesh: It is damaged.
    """
    reader = _Reader()
    # Names come with their namespace before a blank; only the names are looked at.
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    # The format forbids it, and what it could define is only good for attacks.
    parser.StartDoctypeDeclHandler = _refuse
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError, OverflowError) as error:
        raise InvalidMesh(reason="a part of the 3MF file is damaged") from error
    return reader.part


def _refuse(*_: Any) -> None:
    raise InvalidMesh(reason="a part of the 3MF file has a document type, which it must not")


class _Reader:
    def __init__(self) -> None:
        self.part = Part()
        self._depth = 0
        self._shape = Shape(name="", kind="", group="", entry=0)
        self._group = Group()
        self._handlers: Mapping[str, Callable[[Mapping[str, str]], None]] = {
            "vertex": self._vertex,
            "triangle": self._triangle,
            "object": self._object,
            "component": self._component,
            "item": self._item,
            "model": self._model,
            "basematerials": self._new_group,
            "colorgroup": self._new_group,
            "texture2dgroup": self._new_group,
            "base": self._base,
            "color": self._color,
            "tex2coord": self._coordinate,
            "texture2d": self._texture,
            "compositematerials": self._mixture,
            "multiproperties": self._mixture,
            "beamlattice": self._beams,
        }

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError("too deep")
        handler = self._handlers.get(name.rpartition(" ")[2])
        if handler is not None:
            handler({key.rpartition(" ")[2]: value for key, value in attributes.items()})

    def end(self, _name: str) -> None:
        self._depth -= 1

    def _model(self, given: Mapping[str, str]) -> None:
        unit = given.get("unit", "millimeter")
        if unit not in _METRES:
            raise ValueError("unknown unit")
        self.part.unit_m = _METRES[unit]

    def _object(self, given: Mapping[str, str]) -> None:
        self._shape = Shape(
            name=given.get("name", ""),
            kind=given.get("type", "model"),
            group=given.get("pid", ""),
            entry=int(given.get("pindex", "0")),
        )
        self.part.objects[given["id"]] = self._shape

    def _vertex(self, given: Mapping[str, str]) -> None:
        self._shape.vertices.extend((float(given["x"]), float(given["y"]), float(given["z"])))

    def _triangle(self, given: Mapping[str, str]) -> None:
        shape = self._shape
        if len(given) > 3:
            first = given.get("p1")
            if first is not None:
                looks = (
                    given.get("pid", shape.group),
                    int(first),
                    int(given.get("p2", first)),
                    int(given.get("p3", first)),
                )
                shape.looks[len(shape.corners) // 3] = looks
            if any(name in given for name in _PAINTED):
                self.part.left_out.add("colours that were painted in a slicer were left out")
        shape.corners.extend((int(given["v1"]), int(given["v2"]), int(given["v3"])))

    def _component(self, given: Mapping[str, str]) -> None:
        self._shape.uses.append(_use(given))

    def _item(self, given: Mapping[str, str]) -> None:
        self.part.items.append(_use(given))

    def _new_group(self, given: Mapping[str, str]) -> None:
        self._group = Group(texture=given.get("texid", ""))
        self.part.groups[given["id"]] = self._group

    def _base(self, given: Mapping[str, str]) -> None:
        self._group.colors.append(_read_color(given.get("displaycolor", "#FFFFFF")))

    def _color(self, given: Mapping[str, str]) -> None:
        self._group.colors.append(_read_color(given["color"]))

    def _coordinate(self, given: Mapping[str, str]) -> None:
        self._group.coordinates.append((float(given["u"]), float(given["v"])))

    def _texture(self, given: Mapping[str, str]) -> None:
        styles = (given.get("tilestyleu", "wrap"), given.get("tilestylev", "wrap"))
        self.part.textures[given["id"]] = (given["path"], *styles)

    def _mixture(self, _given: Mapping[str, str]) -> None:
        self.part.left_out.add("mixtures of its materials were left out")

    def _beams(self, _given: Mapping[str, str]) -> None:
        self.part.left_out.add("its lattice of beams was left out")


def _use(given: Mapping[str, str]) -> Use:
    words = given.get("transform", "1 0 0 0 1 0 0 0 1 0 0 0").split()
    placement = np.array([float(word) for word in words]).reshape(4, 3)
    if not np.isfinite(placement).all():
        raise ValueError("nowhere")
    return Use(object_id=given["objectid"], part=given.get("path", ""), placement=placement)


def _read_color(text: str) -> tuple[int, int, int, int]:
    numbers: Sequence[int] = bytes.fromhex(text.strip().removeprefix("#"))
    if len(numbers) not in {3, 4}:
        raise ValueError("no colour")
    red, green, blue, alpha = [*numbers, 255][:4]
    return red, green, blue, alpha
