"""Read the header and the rows of a PLY file, text or binary, whatever they hold."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2model.core.errors import InvalidMesh

_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS: Mapping[str, str] = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_HEADER_BYTES = 64_000
_MOST_ROWS = 50_000_000
_ENDS_EARLY = "it ends before its last vertex or face"
_BAD_NUMBER = "a number in it cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lists:
    """
    A property that is a list in every row.

    Attributes:
        counts: How long each row's list is.
        values: The lists, one after the other.
    """

    counts: NDArray[np.int64]
    values: NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Element:
    """
    The rows of one kind: vertices, faces, ….

    Attributes:
        count: How many rows there are.
        columns: The properties that are one number, by name.
        lists: The properties that are lists, by name.
    """

    count: int
    columns: Mapping[str, NDArray[Any]]
    lists: Mapping[str, Lists]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlyRows:
    """
    All that a PLY file holds.

    Attributes:
        elements: By name.
        comments: The lines of comments in the header, without the word itself.
    """

    elements: Mapping[str, Element]
    comments: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Property:
    name: str
    kind: str
    count_kind: str = ""


@dataclass(slots=True, kw_only=True)
class _Layout:
    name: str
    count: int
    properties: list[_Property]


def read_rows(data: bytes) -> PlyRows:
    """
    Read a PLY file (G. Turk, "The PLY Polygon File Format").

    Of two properties of one name in an element the first is kept.

    Args:
        data: The whole file.

    Raises:
        InvalidMesh: It is damaged.
    """
    newline = re.match(rb"ply[ \t]*(\r\n|\r|\n)", data)
    end = newline and re.compile(rb"[\r\n]end_header[ \t]*" + newline[1]).search(
        data, 0, _HEADER_BYTES
    )
    if not end:
        raise InvalidMesh(reason="its PLY header has no end")
    order, layouts, comments = _parse_header(data[: end.start()])
    body = memoryview(data)[end.end() :]
    elements = (
        _read_text(bytes(body), layouts) if order == "=" else _read_binary(body, layouts, order)
    )
    return PlyRows(elements=elements, comments=comments)


def _parse_header(header: bytes) -> tuple[str, list[_Layout], list[bytes]]:
    order = ""
    layouts: list[_Layout] = []
    comments: list[bytes] = []
    for line in header.splitlines()[1:]:
        match line.decode("ascii", "replace").split():
            case ["format", name, "1.0"] if name in _ORDERS:
                order = _ORDERS[name]
            case ["element", name, count] if (
                count.isascii() and count.isdecimal() and int(count[:20]) <= _MOST_ROWS
            ):
                if any(layout.name == name for layout in layouts):
                    raise InvalidMesh(reason=f"its PLY header has the element {name[:40]} twice")
                layouts.append(_Layout(name=name, count=int(count), properties=[]))
            case ["property", "list", count_kind, kind, name] if layouts:
                layouts[-1].properties.append(
                    _Property(name=name, kind=_type(kind), count_kind=_type(count_kind))
                )
            case ["property", kind, name] if layouts:
                layouts[-1].properties.append(_Property(name=name, kind=_type(kind)))
            case ["comment", *_]:
                comments.append(line.strip()[len(b"comment") :].strip())
            case [] | ["obj_info", *_]:
                continue
            case _:
                raise InvalidMesh(reason="its PLY header cannot be read")
    if not order:
        raise InvalidMesh(reason="its PLY header names no format")
    return order, layouts, comments


def _type(name: str) -> str:
    if name not in _TYPES:
        raise InvalidMesh(reason="its PLY header has an unknown type")
    return _TYPES[name]


def _element(layout: _Layout, values: Sequence[NDArray[Any] | Lists]) -> Element:
    """Name the values of the properties, which may have one name twice."""
    columns: dict[str, NDArray[Any]] = {}
    lists: dict[str, Lists] = {}
    for one, value in zip(layout.properties, values, strict=True):
        if isinstance(value, Lists):
            lists.setdefault(one.name, value)
        else:
            columns.setdefault(one.name, value)
    return Element(count=layout.count, columns=columns, lists=lists)


def _read_binary(data: memoryview, layouts: Sequence[_Layout], order: str) -> Mapping[str, Element]:
    elements: dict[str, Element] = {}
    at = 0
    for layout in layouts:
        values: Sequence[NDArray[Any] | Lists] = []
        if layout.count and layout.properties:
            alike = _read_alike(data, at, layout, order)
            values, at = alike or _read_one_by_one(data, at, layout, order)
        else:
            values = _no_rows(layout)
        elements[layout.name] = _element(layout, values)
    return elements


def _no_rows(layout: _Layout) -> Sequence[NDArray[Any] | Lists]:
    return [
        Lists(counts=np.zeros(0, np.int64), values=np.zeros(0, one.kind))
        if one.count_kind
        else np.zeros(0, one.kind)
        for one in layout.properties
    ]


def _read_alike(
    data: memoryview, at: int, layout: _Layout, order: str
) -> tuple[Sequence[NDArray[Any] | Lists], int] | None:
    """Read all rows at once if their lists are as long as the first row's; None: they are not."""
    fields: list[tuple[Any, ...]] = []
    start = at
    for index, one in enumerate(layout.properties):
        kind = np.dtype(order + one.kind)
        if one.count_kind:
            counter = np.dtype(order + one.count_kind)
            length = _length(data, start, counter)
            start += counter.itemsize + length * kind.itemsize
            fields += [(f"count {index}", counter), (f"{index}", kind, (length,))]
        else:
            start += kind.itemsize
            fields.append((f"{index}", kind))
        if start > len(data):
            raise InvalidMesh(reason=_ENDS_EARLY)
    row = np.dtype(fields)
    if at + row.itemsize * layout.count > len(data):
        if not any(one.count_kind for one in layout.properties):
            raise InvalidMesh(reason=_ENDS_EARLY)
        return None
    table = np.frombuffer(data, row, layout.count, at)
    values: list[NDArray[Any] | Lists] = []
    for index, one in enumerate(layout.properties):
        found = table[f"{index}"]
        if one.count_kind:
            counts = table[f"count {index}"]
            if (counts != counts[0]).any():
                return None
            values.append(Lists(counts=counts.astype(np.int64), values=found.ravel()))
        else:
            values.append(found)
    return values, at + row.itemsize * layout.count


def _length(data: memoryview, at: int, counter: np.dtype[Any]) -> int:
    if at + counter.itemsize > len(data):
        raise InvalidMesh(reason=_ENDS_EARLY)
    length = float(np.frombuffer(data, counter, 1, at)[0])
    if not 0 <= length <= len(data) or length != int(length):
        raise InvalidMesh(reason="a list in it has no possible length")
    return int(length)


def _read_one_by_one(
    data: memoryview, at: int, layout: _Layout, order: str
) -> tuple[Sequence[NDArray[Any] | Lists], int]:
    kinds = [
        (
            np.dtype(order + one.count_kind) if one.count_kind else None,
            np.dtype(order + one.kind),
        )
        for one in layout.properties
    ]
    counts: list[list[int]] = [[] for _ in kinds]
    pieces = [bytearray() for _ in kinds]
    for _ in range(layout.count):
        for index, (counter, kind) in enumerate(kinds):
            length = 1
            if counter is not None:
                length = (
                    data[at]
                    if counter.kind == "u" and counter.itemsize == 1 and at < len(data)
                    else _length(data, at, counter)
                )
                at += counter.itemsize
                counts[index].append(length)
            end = at + length * kind.itemsize
            if end > len(data):
                raise InvalidMesh(reason=_ENDS_EARLY)
            pieces[index] += data[at:end]
            at = end
    values: list[NDArray[Any] | Lists] = []
    for found, lengths, (counter, kind) in zip(pieces, counts, kinds, strict=True):
        flat = np.frombuffer(found, kind)
        values.append(
            flat if counter is None else Lists(counts=np.array(lengths, np.int64), values=flat)
        )
    return values, at


def _read_text(data: bytes, layouts: Sequence[_Layout]) -> Mapping[str, Element]:
    words = data.split()
    elements: dict[str, Element] = {}
    at = 0
    for layout in layouts:
        values: Sequence[NDArray[Any] | Lists] = []
        try:
            if layout.count and layout.properties:
                alike = _text_alike(words, at, layout)
                values, at = alike or _text_one_by_one(words, at, layout)
            else:
                values = _no_rows(layout)
        except (ValueError, OverflowError) as error:
            raise InvalidMesh(reason=_BAD_NUMBER) from error
        elements[layout.name] = _element(layout, values)
    return elements


def _text_alike(
    words: Sequence[bytes], at: int, layout: _Layout
) -> tuple[Sequence[NDArray[Any] | Lists], int] | None:
    places: list[tuple[int, int]] = []
    start = at
    for one in layout.properties:
        length = _text_length(words, start) if one.count_kind else 1
        start += bool(one.count_kind)
        places.append((start - at, length))
        start += length
    width, end = start - at, at + (start - at) * layout.count
    if end > len(words):
        if not any(one.count_kind for one in layout.properties):
            raise InvalidMesh(reason=_ENDS_EARLY)
        return None
    for one, (place, _) in zip(layout.properties, places, strict=True):
        # Compared as numbers only where they are not the same words.
        if one.count_kind and len(set(words[at + place - 1 : end : width])) > 1:
            return None
    table = _floats(words[at:end]).reshape(layout.count, width)
    values: list[NDArray[Any] | Lists] = []
    for one, (place, length) in zip(layout.properties, places, strict=True):
        found = _as_kind(table[:, place : place + length].ravel(), one.kind)
        counts = np.full(layout.count, length, np.int64)
        values.append(Lists(counts=counts, values=found) if one.count_kind else found)
    return values, end


def _text_length(words: Sequence[bytes], at: int) -> int:
    if at >= len(words):
        raise InvalidMesh(reason=_ENDS_EARLY)
    length = int(words[at])
    if not 0 <= length <= len(words):
        raise InvalidMesh(reason="a list in it has no possible length")
    return length


def _text_one_by_one(
    words: Sequence[bytes], at: int, layout: _Layout
) -> tuple[Sequence[NDArray[Any] | Lists], int]:
    counts: list[list[int]] = [[] for _ in layout.properties]
    found: list[list[bytes]] = [[] for _ in layout.properties]
    for _ in range(layout.count):
        for index, one in enumerate(layout.properties):
            length = 1
            if one.count_kind:
                length = _text_length(words, at)
                at += 1
                counts[index].append(length)
            found[index] += words[at : at + length]
            at += length
    if at > len(words):
        raise InvalidMesh(reason=_ENDS_EARLY)
    values: list[NDArray[Any] | Lists] = []
    for one, lengths, some in zip(layout.properties, counts, found, strict=True):
        numbers = _as_kind(_floats(some), one.kind)
        values.append(
            Lists(counts=np.array(lengths, np.int64), values=numbers) if one.count_kind else numbers
        )
    return values, at


def _floats(words: Sequence[bytes]) -> NDArray[np.float64]:
    return np.fromiter(map(float, words), np.float64, len(words))


def _as_kind(numbers: NDArray[np.float64], kind: str) -> NDArray[Any]:
    wanted = np.dtype(kind)
    if wanted.kind == "f":
        with np.errstate(over="ignore"):
            return numbers.astype(wanted)
    limits = np.iinfo(wanted)
    whole = np.trunc(numbers) if wanted.itemsize < 4 else numbers
    # Not `>`: a comparison with NaN is false, and this must refuse it.
    if not ((whole >= limits.min) & (whole <= limits.max) & (whole == np.trunc(whole))).all():
        raise InvalidMesh(reason=_BAD_NUMBER)
    return whole.astype(wanted)
