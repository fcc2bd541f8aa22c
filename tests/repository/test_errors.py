"""Every error has a code of its own, a place in the drawn tree and a line in the reference."""

import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from inspect import signature
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, get_type_hints

import pytest

import image2model
from image2model.cli.terminal.errors import EXIT_CODES, exit_code_of
from image2model.core import errors
from image2model.core.errors import Image2ModelError, JsonValue, read_error
from image2model.core.money import BudgetScope

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"

VALUES: dict[Any, Sequence[object]] = {
    str: ["some words"],
    bool: [False, True],
    int: [12_000_000],
    float: [1.5],
    Sequence[str]: [["one", "two"], []],
    Sequence[Mapping[str, JsonValue]]: [[{"row": 3, "column": "height_mm", "reason": "is wrong"}]],
    Sequence[str] | None: [["local/*", "fal/*"], None],
    str | None: ["some words", None],
    int | None: [3, None],
    float | None: [1.5, None],
    BudgetScope: list(BudgetScope),
    datetime | None: [datetime(2026, 7, 1, 9, 30, tzinfo=UTC), None],
}
"""What to construct errors with, by the annotation of the argument."""


def subclasses_of(kind: type[Image2ModelError]) -> Iterator[type[Image2ModelError]]:
    for subclass in kind.__subclasses__():
        if subclass.__module__.startswith("image2model."):  # tests may have their own
            yield subclass
            yield from subclasses_of(subclass)


def all_errors() -> Sequence[type[Image2ModelError]]:
    return sorted(set(subclasses_of(Image2ModelError)), key=lambda kind: kind.__name__)


def leaves() -> Sequence[type[Image2ModelError]]:
    return [kind for kind in all_errors() if not list(subclasses_of(kind))]


def examples_of(kind: type[Image2ModelError]) -> Iterator[Image2ModelError]:
    """Construct *kind* in as many ways as its longest list of values has entries."""
    construct: Callable[..., Image2ModelError] = kind
    hints = get_type_hints(kind.__init__)
    values = {name: VALUES[hints[name]] for name in signature(kind).parameters}
    for number in range(max(map(len, values.values()), default=1)):
        yield construct(**{name: choice[number % len(choice)] for name, choice in values.items()})


def drawn_tree() -> Sequence[tuple[str, str, str]]:
    """Read (parent, class, code) off the tree in the module's docstring; "": a base has no code."""
    assert errors.__doc__ is not None
    path = ["Image2ModelError"]
    found = []
    for match in re.finditer(
        r"^    ((?:[│ ]   )*)[├└]── (\w+) *(\w*)", errors.__doc__, re.MULTILINE
    ):
        indent, name, code = match.groups()
        path[len(indent) // 4 + 1 :] = [name]
        found.append((path[-2], name, "" if name.endswith("Error") else code))
    return found


def reference_lines() -> dict[str, Sequence[str]]:
    """Read the table of codes: code to the other cells of its line."""
    lines = re.findall(
        r"^\| `(\w+)` +\|(.+)\|$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE
    )
    codes = [code for code, _ in lines]
    assert len(codes) == len(set(codes)), "a code has two lines"
    return {code: [cell.strip() for cell in cells.split("|")] for code, cells in lines}


def test_all_errors_are_defined_in_one_module() -> None:
    for module in walk_packages(image2model.__path__, "image2model."):
        import_module(module.name)
    assert {kind.__module__ for kind in all_errors()} == {"image2model.core.errors"}


OF_OLD = {"period"}
"""Details that follow from others, kept for programs that read them."""


def test_drawn_tree_is_the_real_one() -> None:
    real = {
        (kind.__bases__[0].__name__, kind.__name__, vars(kind).get("code", ""))
        for kind in all_errors()
    }
    drawn = drawn_tree()
    assert set(drawn) == real
    assert len(drawn) == len(real), "an error is drawn twice"


def test_bases_end_in_error_and_have_no_code() -> None:
    for kind in all_errors():
        is_base = kind not in leaves()
        assert kind.__name__.endswith("Error") is is_base, kind
        assert ("code" not in vars(kind)) is is_base, kind


def test_codes_are_unique_snake_case_words() -> None:
    codes = [kind.code for kind in leaves()]
    assert len(codes) == len(set(codes))
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)] == []


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.code)
def test_messages_and_details_are_for_people_and_programs(kind: type[Image2ModelError]) -> None:
    for error in examples_of(kind):
        assert str(error) == error.message
        assert error.message == error.message.strip()
        assert "None" not in error.message
        assert set(error.details) - OF_OLD <= set(signature(kind).parameters)


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.code)
def test_errors_cross_process_borders_unchanged(kind: type[Image2ModelError]) -> None:
    for error in examples_of(kind):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is kind
        assert copy.args == error.args
        assert vars(copy) == vars(error)


def test_reference_describes_every_code() -> None:
    described = reference_lines()
    assert {kind.code for kind in leaves()} - set(described) == set()
    for code, (status, exit_code, meaning, advice) in described.items():
        assert re.fullmatch(r"[45]\d\d|–", status), code
        assert re.fullmatch(r"[1-9]\d?", exit_code), code
        assert meaning, code
        assert advice, code


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.code)
def test_command_line_exits_as_the_reference_says(kind: type[Image2ModelError]) -> None:
    _status, exit_code, _meaning, _advice = reference_lines()[kind.code]
    assert exit_code_of(kind) == int(exit_code)


def test_every_kind_of_trouble_has_an_exit_code_of_its_own() -> None:
    kinds = [kind for kind in all_errors() if kind.__bases__ == (Image2ModelError,)]
    assert set(EXIT_CODES) == set(kinds)
    assert len(set(EXIT_CODES.values())) == len(kinds)
    assert not set(EXIT_CODES.values()) & {0, 1, 70, 130, 143}, "these mean something else"


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.code)
def test_errors_can_be_read_again_from_what_is_sent(kind: type[Image2ModelError]) -> None:
    for error in examples_of(kind):
        copy = read_error(code=error.code, message=error.message, details=error.details)
        assert type(copy) is kind
        assert (copy.message, copy.details) == (error.message, error.details)
        assert vars(copy) == {**vars(error), **error.details}


def test_unknown_code_is_no_error_of_ours() -> None:
    assert read_error(code="never_heard_of", message="?", details={}) is None


# --- sentences within sentences -------------------------------------------------------------------

SAID = ["it broke", "it broke.", "Is it broken?", "It broke. Mend it.", "one line.\nanother"]


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("said", SAID)
def test_a_message_has_one_mark_at_the_end_of_each_sentence(
    kind: type[Image2ModelError], said: str
) -> None:
    construct: Callable[..., Image2ModelError] = kind
    hints = get_type_hints(kind.__init__)
    values = {name: VALUES[hints[name]][0] for name in signature(kind).parameters}
    texts = {name: said if value == "some words" else value for name, value in values.items()}
    message = construct(**texts).message
    assert not re.search(r"(?<!\.)\.\.(?!\.)|[?!.]\.(?!\.)|\.[:;,)]", message), message
    assert "\n" not in message
    assert message[-1] in ".?!", message


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.__name__)
def test_an_error_told_within_another_one_gives_no_advice_of_its_own(
    kind: type[Image2ModelError],
) -> None:
    for error in examples_of(kind):
        outer = errors.ProviderUnavailable(provider="acme", reason=error.clause)
        assert outer.message.endswith(f"{error.clause}. It is tried again by itself.")
        assert error.message.startswith(error.clause)
        assert ".." not in outer.message


@pytest.mark.parametrize(
    "text",
    [
        "Cannot use ../pictures: it is a file.",
        "The folder /a/.. is not there.",
        "Wait… then look.",
        "It takes 1.5 s.",
        "IMAGE2MODEL_LEASE_S: must be a number. Example: IMAGE2MODEL_LEASE_S=10",
    ],
)
def test_what_is_right_stays_as_it_is(text: str) -> None:
    assert Image2ModelError(text).message == text


def test_messages_name_nothing_internal() -> None:
    for error in (
        errors.ComputeCrashed(function="check_picture_file"),
        errors.ComputeTimedOut(function="check_picture_file", limit_s=3.0),
    ):
        assert "_" not in error.message
        assert error.details["function"] == "check_picture_file"


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (errors.GeneratorNotFound(generator="puff", known=["fal/x", "local/puff"]), "local/puff"),
        (errors.GeneratorNotFound(generator="local/puf", known=["local/puff"]), "local/puff"),
        (errors.GeneratorNotFound(generator="fal/tripo", known=["fal/tripo-v2.5"]), "fal/tripo-v2"),
        (errors.FormatUnsupported(format_name="slt", supported=["glb", "stl"]), "stl"),
        (errors.FormatUnsupported(format_name="gltf", supported=["glb", "gltf.zip"]), "gltf.zip"),
    ],
)
def test_what_was_meant_is_guessed(error: Image2ModelError, hint: str) -> None:
    assert f"id you mean '{hint}" in error.message


def test_nothing_is_guessed_where_nothing_is_near() -> None:
    error = errors.GeneratorNotFound(generator="nonsense", known=["local/puff"])
    assert error.message == "There is no generator 'nonsense'. Available: local/puff."
