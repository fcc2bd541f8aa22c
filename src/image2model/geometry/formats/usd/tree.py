"""What a USD layer says, as a tree of prims with typed properties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsdAttribute:
    """
    A property with a value, or one that follows another.

    Attributes:
        name: Such as `inputs:roughness`.
        type_name: The type as USD writes it, such as `float` or `point3f[]`.
        value: A string, a number, or an array of one row per element; None: it has no value.
        uniform: Whether it cannot change over time.
        interpolation: How values lie on a mesh, such as `vertex`; "": it is no primvar.
        source: The path of the attribute that it follows; "": none.
    """

    name: str
    type_name: str
    value: Any = None
    uniform: bool = False
    interpolation: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsdRelationship:
    """
    A property that points to a prim.

    Attributes:
        name: Such as `material:binding`.
        target: The prim's path.
    """

    name: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsdPrim:
    """
    A thing in the scene.

    Attributes:
        name: An identifier, unique among its siblings.
        type_name: Its schema, such as `Mesh`.
        kind: Its model kind, such as `component`; "": none.
        api_schemas: Schemas applied besides.
        properties: Attributes and relationships; their names are unique.
        children: The prims below it.
    """

    name: str
    type_name: str
    kind: str = ""
    api_schemas: Sequence[str] = ()
    properties: Sequence[UsdAttribute | UsdRelationship] = ()
    children: Sequence["UsdPrim"] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsdLayer:
    """
    A file.

    Attributes:
        root: Its only prim at the top, which others that refer to the file get.
        meters_per_unit: What a unit is.
        up_axis: `Y` or `Z`.
        comment: For people.
        metadata: Further texts about the whole, by name.
    """

    root: UsdPrim
    meters_per_unit: float
    up_axis: str
    comment: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
