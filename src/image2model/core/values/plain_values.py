"""
Values as data and back: what a process may say that reads files of strangers.

A pickle can name any function to be called where it is read. So whoever takes over a process that
decodes pictures would, by its answers, take over the process that asked. What is written here names
nothing but the classes that were marked for it, and those are given values of their fields' types.

The form is a JSON text and, beside it, the byte strings of the value, which are not copied. In the
text, what JSON has no word for is a list that begins with its kind.
"""

import builtins
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from image2model.core.errors import Image2ModelError, error_class

T = TypeVar("T")

Blob: TypeAlias = bytes | bytearray | memoryview

_marked: dict[str, Any] = {}


def plain_value(kind: type[T]) -> type[T]:
    """Mark a dataclass as one that processes may answer with; a decorator."""
    assert is_dataclass(kind)
    _marked[_name_of(kind)] = kind
    return kind


def encode_value(value: object) -> tuple[bytes, Sequence[Blob]]:
    """
    Write *value* as data.

    None, booleans, numbers, texts, byte strings, `Decimal`, lists, tuples, mappings, exceptions
    and dataclasses that are marked as a `plain_value` can be written.

    Raises:
        TypeError: Something in it cannot.
        ValueError: It is nested too deeply, or has a number that is too long.
    """
    blobs: list[Blob] = []
    try:
        return json.dumps(_encoded(value, blobs)).encode(), blobs
    except RecursionError:
        raise ValueError("an answer is nested too deeply") from None


def decode_value(text: bytes, blobs: Sequence[bytes]) -> Any:
    """
    Read what `encode_value` wrote, or somebody who pretends so.

    Raises:
        ValueError: It was not written by `encode_value`, or names a class that is not marked here.
    """
    try:
        return _decoded(json.loads(text), blobs)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
        raise ValueError(f"no plain value: {type(error).__name__}: {error}") from error


def _name_of(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _encoded(value: Any, blobs: list[Blob]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    # Of a subclass, such as an enumeration or a number of numpy, the plain value.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    return _encoded_beyond_json(value, blobs)


def _encoded_beyond_json(value: Any, blobs: list[Blob]) -> Sequence[Any]:
    name = _name_of(type(value))
    form: Sequence[Any]
    match value:
        case bytes() | bytearray() | memoryview():
            blobs.append(value)
            form = ["bytes", len(blobs) - 1]
        case list():
            form = ["list", *(_encoded(one, blobs) for one in value)]
        case tuple():
            form = ["tuple", *(_encoded(one, blobs) for one in value)]
        case Mapping():
            form = ["dict", *([_encoded(k, blobs), _encoded(v, blobs)] for k, v in value.items())]
        case Decimal():
            form = ["decimal", str(value)]
        case Exception():
            form = _encoded_error(value, blobs)
        case _ if _marked.get(name) is type(value):
            names = [field.name for field in fields(_marked[name])]
            values = {field: _encoded(getattr(value, field), blobs) for field in names}
            form = ["data", name, values]
        case _:
            raise TypeError(f"a {name} cannot be an answer: it is no plain value")
    return form


def _encoded_error(error: Exception, blobs: list[Blob]) -> Sequence[Any]:
    kind = type(error)
    try:
        if isinstance(error, Image2ModelError) and error_class(error.code) is kind:
            state = {name: value for name, value in vars(error).items() if name[0] != "_"}
            return ["error", error.code, _encoded(state, blobs)]
        if getattr(builtins, kind.__name__, None) is kind:
            return ["exception", kind.__name__, _encoded(error.args, blobs)]
    except TypeError:
        pass
    return ["exception", "RuntimeError", ["tuple", f"{kind.__name__}: {error}"]]


def _decoded(form: Any, blobs: Sequence[bytes]) -> Any:
    if not isinstance(form, list):
        if isinstance(form, dict):
            raise TypeError("an object stands where no object may")
        return form
    kind, *rest = form
    return _READERS[kind](rest, blobs)


def _read_dict(rest: Any, blobs: Sequence[bytes]) -> dict[Any, Any]:
    return {_decoded(name, blobs): _decoded(value, blobs) for name, value in rest}


def _read_bytes(rest: Any, blobs: Sequence[bytes]) -> bytes:
    (index,) = rest
    found: bytes = blobs[index]
    return found


def _read_decimal(rest: Any, blobs: Sequence[bytes]) -> Decimal:
    del blobs
    (text,) = rest
    return Decimal(text)


def _read_data(rest: Any, blobs: Sequence[bytes]) -> object:
    name, given = rest
    kind = _marked[name]
    values = {field: _decoded(value, blobs) for field, value in given.items()}
    for field, hint in _hints(kind).items():
        if field in values and not _fits(values[field], hint):
            raise TypeError(f"'{field}' of {name} is a {type(values[field]).__name__}")
    return kind(**values)


def _read_error(rest: Any, blobs: Sequence[bytes]) -> Image2ModelError:
    code, form = rest
    kind = error_class(code)
    state = _decoded(form, blobs)
    if (
        kind is None
        or not isinstance(state["message"], str)
        or not isinstance(state["details"], dict)
        or any(name.startswith("_") or callable(getattr(kind, name, None)) for name in state)
    ):
        raise TypeError(f"no error has the code {code}, or not so")
    return kind.restore(state)


def _read_exception(rest: Any, blobs: Sequence[bytes]) -> Exception:
    name, form = rest
    kind = getattr(builtins, name)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise TypeError(f"{name} is no exception")
    error: Exception = kind(*_decoded(form, blobs))
    return error


_READERS: Mapping[str, Callable[[Any, Sequence[bytes]], Any]] = {
    "list": lambda rest, blobs: [_decoded(one, blobs) for one in rest],
    "tuple": lambda rest, blobs: tuple(_decoded(one, blobs) for one in rest),
    "dict": _read_dict,
    "bytes": _read_bytes,
    "decimal": _read_decimal,
    "data": _read_data,
    "error": _read_error,
    "exception": _read_exception,
}


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _fits(value: object, hint: Any) -> bool:
    """Tell whether *value* may be of the type *hint*; what a container holds is not looked at."""
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return any(_fits(value, one) for one in get_args(hint))
    kind = origin or hint
    if not isinstance(kind, type):
        return True
    if kind is float:
        return isinstance(value, float | int)
    # A text is a sequence too.
    return isinstance(value, kind) and not (kind is Sequence and isinstance(value, str | bytes))
