"""`--option name=value` is read by the option's type."""

from typing import Any

import pytest

from image2model.cli.arguments.options import parse_options
from image2model.core.errors import InvalidOptions, InvalidRequest
from tests.cli.cards import card

GENERATOR = card(
    options_schema={
        "type": "object",
        "properties": {
            "face_limit": {"type": "integer"},
            "depth": {"type": "number"},
            "quad": {"type": "boolean"},
            "style": {"type": "string"},
            "seed": {"type": ["integer", "null"]},
            "size": {"anyOf": [{"type": "number"}, {"type": "string"}]},
            "tags": {"type": "array"},
            "anything": {},
        },
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("face_limit=5000", {"face_limit": 5000}),
        ("face-limit=5000", {"face_limit": 5000}),
        ("depth=0.5", {"depth": 0.5}),
        ("quad=yes", {"quad": True}),
        ("quad=False", {"quad": False}),
        ("style=a=b", {"style": "a=b"}),
        ("style=12", {"style": "12"}),
        ("seed=null", {"seed": None}),
        ("seed=7", {"seed": 7}),
        ("size=large", {"size": "large"}),
        ("size=3", {"size": 3.0}),
        ('tags=["a", 1]', {"tags": ["a", 1]}),
        ("anything=[1]", {"anything": [1]}),
        ("anything=words", {"anything": "words"}),
    ],
)
def test_values_have_the_type_of_their_option(text: str, expected: dict[str, Any]) -> None:
    found = parse_options([text], GENERATOR)
    assert found == expected
    assert [type(value) for value in found.values()] == [type(v) for v in expected.values()]


def test_later_value_replaces_the_earlier() -> None:
    assert parse_options(["depth=1", "depth=2"], GENERATOR) == {"depth": 2.0}


def test_unknown_option_names_the_known_and_the_closest() -> None:
    with pytest.raises(InvalidOptions, match=r"did you mean 'face_limit'.*known options.*depth"):
        parse_options(["facelimit=1"], GENERATOR)


@pytest.mark.parametrize("text", ["face_limit=many", "face_limit=1.5", "quad=maybe", "depth="])
def test_wrong_type_is_refused(text: str) -> None:
    with pytest.raises(InvalidOptions, match=f"is not of the type .*{''}"):
        parse_options([text], GENERATOR)


@pytest.mark.parametrize("text", ["depth", "=5", ""])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="must be NAME=VALUE"):
        parse_options([text], GENERATOR)


@pytest.mark.parametrize("text", ["depth=nan", "depth=inf", "depth=-Infinity"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidOptions, match="is not of the type number"):
        parse_options([text], GENERATOR)


def test_a_number_below_zero_is_one() -> None:
    assert parse_options(["depth=-3", "face_limit=-3"], GENERATOR) == {
        "depth": -3.0,
        "face_limit": -3,
    }
