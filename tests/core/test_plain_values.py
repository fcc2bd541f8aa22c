"""Values as data and back, and what pretends to be such data."""

import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from image2model.core.errors import (
    ComputeTimedOut,
    InvalidOptions,
    PictureTooSmall,
    ProviderResultInvalid,
)
from image2model.core.values.plain_values import decode_value, encode_value, plain_value


class Colour(StrEnum):
    """A kind of text."""

    RED = "red"


@plain_value
@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a process may answer with."""

    name: str
    size: float | None
    data: bytes = b""
    notes: Sequence[str] = ()
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Unmarked:
    """What it may not."""

    name: str


class Odd(Exception):
    """An error that only this module knows."""

    def __init__(self, *, number: int) -> None:
        super().__init__(f"number {number} is odd")


FOUND = f"{__name__}:Found"


def there_and_back(value: object) -> Any:
    text, blobs = encode_value(value)
    return decode_value(text, [bytes(blob) for blob in blobs])


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        -(10**40),
        0.1,
        float("inf"),
        "Ä\x00\ud800\u202e",
        b"",
        b"\x00\xff" * 1000,
        Decimal("0.10"),
        [],
        (1, [2, (3,)], {"a": b"b", 3: None, "list": ["bytes", 0]}),
        Found(name="mug", size=2, data=b"123", notes=("a", "b"), facts={"x": [Decimal(1)]}),
        Found(name="cup", size=None),
    ],
)
def test_values_come_back(value: object) -> None:
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


def test_what_is_a_kind_of_text_or_bytes_becomes_plain() -> None:
    assert there_and_back([Colour.RED, bytearray(b"a"), memoryview(b"b")]) == ["red", b"a", b"b"]
    assert type(there_and_back(Colour.RED)) is str


@pytest.mark.parametrize(
    "error",
    [
        PictureTooSmall(width_px=3, height_px=4, minimum_px=64),
        ProviderResultInvalid(provider="p", reason="r", cause="gone"),
        InvalidOptions(generator="g", problems=["a", "b"]),
        ComputeTimedOut(function="f", limit_s=1.5),
    ],
)
def test_our_errors_come_back(error: Exception) -> None:
    back = there_and_back(error)
    assert type(back) is type(error)
    assert vars(back) == vars(error)
    assert str(back) == str(error)


def test_what_an_error_cost_comes_back() -> None:
    error = ProviderResultInvalid(provider="p", reason="r")
    error.cost_usd = Decimal("0.40")
    assert there_and_back(error).cost_usd == Decimal("0.40")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left"), OSError(28, "No space left")),
        (KeyError("a"), KeyError("a")),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), None),
        (Odd(number=3), RuntimeError("Odd: number 3 is odd")),
        (ValueError(Unmarked("a")), RuntimeError("ValueError: Unmarked(name='a')")),
        (pickle.PicklingError("p"), RuntimeError("PicklingError: p")),
    ],
)
def test_other_errors_come_back_as_python_has_them(
    error: Exception, expected: Exception | None
) -> None:
    back = there_and_back(error)
    assert (type(back), back.args) == (type(expected or error), (expected or error).args)


@pytest.mark.parametrize("value", [lambda: None, object(), Unmarked("a"), {1, 2}, 1j, Found])
def test_what_is_no_data_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no plain value"):
        encode_value([value])


def test_what_is_nested_without_end_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested"):
        encode_value(endless)


@pytest.mark.parametrize(
    "form",
    [
        ["code", "import os"],
        [],
        [["list"]],
        {"a": 1},
        ["bytes", 1],
        ["bytes", "0"],
        ["bytes"],
        ["decimal", "x"],
        ["decimal", ["list"]],
        ["dict", 3],
        ["dict", [["list"], 1]],
        ["data", "os:system", {"command": "true"}],
        ["data", "subprocess:Popen", {}],
        ["data", FOUND, {"name": "a"}],
        ["data", FOUND, {"name": 3, "size": None}],
        ["data", FOUND, {"name": "a", "size": "1"}],
        ["data", FOUND, {"name": "a", "size": 1, "data": "text"}],
        ["data", FOUND, {"name": "a", "size": 1, "notes": "text"}],
        ["data", FOUND, {"name": "a", "size": 1, "facts": ["list"]}],
        ["data", FOUND, {"name": "a", "size": 1, "other": 1}],
        ["exception", "eval", ["tuple", "1"]],
        ["exception", "SystemExit", ["tuple", 1]],
        ["exception", "KeyboardInterrupt", ["tuple"]],
        ["exception", "UnicodeDecodeError", ["tuple", 1]],
        ["error", "no_such_code", ["dict"]],
        ["error", "not_a_picture", ["dict"]],
        ["error", "not_a_picture", ["dict", ["message", 1], ["details", ["dict"]]]],
        ["error", "not_a_picture", ["dict", ["message", "m"], ["details", "d"]]],
        [
            "error",
            "not_a_picture",
            ["dict", ["message", "m"], ["details", ["dict"]], ["__class__", 1]],
        ],
        [
            "error",
            "not_a_picture",
            ["dict", ["message", "m"], ["details", ["dict"]], ["restore", 1]],
        ],
    ],
    ids=json.dumps,
)
def test_what_pretends_to_be_data_is_refused(form: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_value(json.dumps(form).encode(), [b"one"])


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff", b"{", b"[" * 100_000, b'["list",' * 900 + b"1" + b"]" * 900, b"1" * 10_000],
)
def test_what_is_no_text_of_ours_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_value(text, [])
