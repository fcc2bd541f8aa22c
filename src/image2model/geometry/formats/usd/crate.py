"""
Write a USD layer in OpenUSD's binary form (`.usdc`, "crate" version 0.8.0).

The form is described by nothing but its implementation, OpenUSD's `pxr/usd/sdf/crateFile.cpp`.
A file is a head, values, and six sections that refer to each other by index: tokens, strings,
fields (a name and a value), sets of fields, paths, and specs (a path and its set of fields).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from image2model.geometry.formats.usd.compression import (
    compress,
    compress_integers,
)
from image2model.geometry.formats.usd.tree import (
    UsdAttribute,
    UsdLayer,
    UsdPrim,
    UsdRelationship,
)
from image2model.geometry.formats.usd.values import (
    SPECIFIER_DEF,
    VARIABILITY_UNIFORM,
    Values,
)

_HEAD = struct.Struct("<8s8BQ64x")
_SECTION = struct.Struct("<16sQQ")
_VERSION = (0, 8, 0)
_ATTRIBUTE, _PRIM, _PSEUDO_ROOT, _RELATIONSHIP = 1, 6, 7, 8
_END_OF_SET = -1
_LEAF, _ONLY_CHILD, _ONLY_SIBLING = -2, -1, 0


def write_crate(layer: UsdLayer) -> bytes:
    """
    Encode *layer*.

    Args:
        layer: What it says; every path it mentions must exist.

    Returns:
        The file.
    """
    return _Writer(layer).write()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Node:
    """A path with what is known of it, and the paths below it."""

    element: str
    path: str
    is_property: bool
    below: Sequence["_Node"]
    content: UsdLayer | UsdPrim | UsdAttribute | UsdRelationship


class _Writer:
    def __init__(self, layer: UsdLayer) -> None:
        top = _node_of_prim(layer.root, "")
        self._root = _Node(element="", path="/", is_property=False, below=[top], content=layer)
        self._nodes = list(_walk(self._root))
        self._values = Values(
            start=_HEAD.size, paths={node.path: at for at, node in enumerate(self._nodes)}
        )
        self._fields: dict[tuple[int, int], int] = {}
        self._sets: list[int] = []

    def write(self) -> bytes:
        values = self._values
        kinds = [self._spec(node) for node in self._nodes]
        paths = self._paths()
        specs = struct.pack("<Q", len(kinds)) + b"".join(
            compress_integers(column)
            for column in (
                range(len(kinds)),
                [first for first, _ in kinds],
                [kind for _, kind in kinds],
            )
        )
        sections = {
            b"TOKENS": values.token_section(),
            b"STRINGS": values.string_section(),
            b"FIELDS": self._field_section(),
            b"FIELDSETS": struct.pack("<Q", len(self._sets)) + compress_integers(self._sets),
            b"PATHS": paths,
            b"SPECS": specs,
        }
        return self._pack(sections)

    def _pack(self, sections: dict[bytes, bytes]) -> bytes:
        at = self._values.end
        contents = [struct.pack("<Q", len(sections))]
        for name, section in sections.items():
            contents.append(_SECTION.pack(name, at, len(section)))
            at += len(section)
        head = _HEAD.pack(b"PXR-USDC", *_VERSION, 0, 0, 0, 0, 0, at)
        return b"".join([head, *self._values.pieces, *sections.values(), *contents])

    def _spec(self, node: _Node) -> tuple[int, int]:
        """Write a node's fields; returns where its set of fields begins, and what it is."""
        match node.content:
            case UsdLayer() as layer:
                kind, fields = _PSEUDO_ROOT, self._layer_fields(layer)
            case UsdPrim() as prim:
                kind, fields = _PRIM, self._prim_fields(prim)
            case UsdAttribute() as attribute:
                kind, fields = _ATTRIBUTE, self._attribute_fields(attribute)
            case UsdRelationship() as relationship:
                kind, fields = _RELATIONSHIP, self._relationship_fields(relationship)
        first = len(self._sets)
        for name, rep in fields.items():
            key = (self._values.token_index(name), rep)
            self._sets.append(self._fields.setdefault(key, len(self._fields)))
        self._sets.append(_END_OF_SET)
        return first, kind

    def _layer_fields(self, layer: UsdLayer) -> dict[str, int]:
        values = self._values
        fields = {
            "defaultPrim": values.token(layer.root.name),
            "metersPerUnit": values.double(layer.meters_per_unit),
            "primChildren": values.token_vector([layer.root.name]),
            "upAxis": values.token(layer.up_axis),
        }
        if layer.comment:
            fields["documentation"] = values.string(layer.comment)
        if layer.metadata:
            fields["customLayerData"] = values.dictionary(layer.metadata)
        return fields

    def _prim_fields(self, prim: UsdPrim) -> dict[str, int]:
        values = self._values
        fields = {"specifier": SPECIFIER_DEF, "typeName": values.token(prim.type_name)}
        if prim.kind:
            fields["kind"] = values.token(prim.kind)
        if prim.api_schemas:
            fields["apiSchemas"] = values.prepended_tokens(prim.api_schemas)
        if prim.properties:
            fields["properties"] = values.token_vector([one.name for one in prim.properties])
        if prim.children:
            fields["primChildren"] = values.token_vector([one.name for one in prim.children])
        return fields

    def _attribute_fields(self, attribute: UsdAttribute) -> dict[str, int]:
        values = self._values
        fields = {"typeName": values.token(attribute.type_name)}
        if attribute.uniform:
            fields["variability"] = VARIABILITY_UNIFORM
        if attribute.interpolation:
            fields["interpolation"] = values.token(attribute.interpolation)
        if attribute.source:
            fields["connectionPaths"] = values.path_list(attribute.source)
        if attribute.value is not None:
            fields["default"] = values.of_type(attribute.type_name, attribute.value)
        return fields

    def _relationship_fields(self, relationship: UsdRelationship) -> dict[str, int]:
        return {
            "variability": VARIABILITY_UNIFORM,
            "targetPaths": self._values.path_list(relationship.target),
        }

    def _field_section(self) -> bytes:
        reps = np.array([rep for _, rep in self._fields], "<u8").tobytes()
        packed = compress(reps)
        return b"".join(
            [
                struct.pack("<Q", len(self._fields)),
                compress_integers([name for name, _ in self._fields]),
                struct.pack("<Q", len(packed)),
                packed,
            ]
        )

    def _paths(self) -> bytes:
        """Write the tree of paths, each with its last element and where its siblings are."""
        elements, jumps = [], []
        sizes = {id(node): sum(1 for _ in _walk(node)) for node in self._nodes}
        last = {id(self._root)} | {id(node.below[-1]) for node in self._nodes if node.below}
        for node in self._nodes:
            token = self._values.token_index(node.element)
            elements.append(-token if node.is_property else token)
            if id(node) in last:
                jumps.append(_ONLY_CHILD if node.below else _LEAF)
            else:
                jumps.append(sizes[id(node)] if node.below else _ONLY_SIBLING)
        count = len(self._nodes)
        return struct.pack("<QQ", count, count) + b"".join(
            compress_integers(column) for column in (range(count), elements, jumps)
        )


def _node_of_prim(prim: UsdPrim, parent: str) -> _Node:
    path = f"{parent}/{prim.name}"
    properties = [
        _Node(element=one.name, path=f"{path}.{one.name}", is_property=True, below=(), content=one)
        for one in prim.properties
    ]
    below = [_node_of_prim(child, path) for child in prim.children]
    return _Node(
        element=prim.name, path=path, is_property=False, below=[*below, *properties], content=prim
    )


def _walk(node: _Node) -> Iterator[_Node]:
    yield node
    for one in node.below:
        yield from _walk(one)
