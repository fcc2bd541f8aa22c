"""Typed, checked access to the JSON of a glTF file, which anybody may have written."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from image2model.core.errors import InvalidMesh

Object = Mapping[str, Any]
"""A JSON object of unknown content."""


def child(parent: Object, key: str) -> Object:
    """
    Return the object under *key*; an empty one if there is none.

    Raises:
        InvalidMesh: Something else is there.
    """
    found = parent.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidMesh(reason=f"'{key}' is no object")
    return found


def children(parent: Object, key: str) -> Sequence[Object]:
    """
    Return the list of objects under *key*; an empty one if there is none.

    Raises:
        InvalidMesh: Something else is there.
    """
    found = parent.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise InvalidMesh(reason=f"'{key}' is no list of objects")
    return found


def entry(document: Object, key: str, index: int) -> Object:
    """
    Return the entry of a top-level list that something refers to.

    Raises:
        InvalidMesh: There is no such entry.
    """
    found = document.get(key)
    if not isinstance(found, list) or not 0 <= index < len(found):
        raise InvalidMesh(reason=f"'{key}' has no entry {index}")
    if not isinstance(found[index], dict):
        raise InvalidMesh(reason=f"'{key}' entry {index} is no object")
    return dict(found[index])


def integer(parent: Object, key: str, default: int | None = None) -> int:
    """
    Return the whole number under *key*, from 0.

    Args:
        parent: Where to look.
        key: What for.
        default: Returned if there is nothing; None: it must be there.

    Raises:
        InvalidMesh: It is missing, negative or no whole number.
    """
    found = optional_integer(parent, key)
    if found is not None:
        return found
    if default is None:
        raise InvalidMesh(reason=f"'{key}' is missing")
    return default


def optional_integer(parent: Object, key: str) -> int | None:
    """
    Return the whole number under *key*, from 0, or None if there is nothing.

    Raises:
        InvalidMesh: It is negative or no whole number.
    """
    found = parent.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**53:
        raise InvalidMesh(reason=f"'{key}' is no whole number")
    return found


def integers(parent: Object, key: str) -> Sequence[int]:
    """
    Return the list of whole numbers under *key*; an empty one if there is none.

    Raises:
        InvalidMesh: Something else is there.
    """
    found = parent.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise InvalidMesh(reason=f"'{key}' is no list")
    return [integer({key: value}, key) for value in found]


def number(parent: Object, key: str, default: float) -> float:
    """
    Return the finite number under *key*, or *default* if there is nothing.

    Raises:
        InvalidMesh: It is no finite number.
    """
    found = parent.get(key)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, int | float) or abs(found) > 1e300:
        raise InvalidMesh(reason=f"'{key}' is no number")
    if not math.isfinite(found):
        raise InvalidMesh(reason=f"'{key}' is not finite")
    return float(found)


def numbers(parent: Object, key: str, default: Sequence[float]) -> list[float]:
    """
    Return as many finite numbers under *key* as *default* has, or *default*.

    Raises:
        InvalidMesh: Something else is there.
    """
    found = parent.get(key)
    if found is None:
        return list(default)
    if not isinstance(found, list) or len(found) != len(default):
        raise InvalidMesh(reason=f"'{key}' is no list of {len(default)} numbers")
    return [number({key: 0 if value is None else value}, key, 0.0) for value in found]


def list_of_numbers(parent: Object, key: str) -> list[float] | None:
    """
    Return the list of finite numbers under *key*, however long, or None if there is nothing.

    Raises:
        InvalidMesh: Something else is there.
    """
    found = parent.get(key)
    if found is None:
        return None
    if not isinstance(found, list):
        raise InvalidMesh(reason=f"'{key}' is no list")
    return numbers(parent, key, [0.0] * len(found))


def text(parent: Object, key: str, default: str) -> str:
    """
    Return the string under *key*, or *default* if there is nothing.

    Raises:
        InvalidMesh: It is no string.
    """
    found = parent.get(key, default)
    if not isinstance(found, str):
        raise InvalidMesh(reason=f"'{key}' is no text")
    return found


def texts(parent: Object, key: str) -> Sequence[str]:
    """
    Return the list of strings under *key*; an empty one if there is none.

    Raises:
        InvalidMesh: Something else is there.
    """
    found = parent.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(value, str) for value in found):
        raise InvalidMesh(reason=f"'{key}' is no list of texts")
    return found
