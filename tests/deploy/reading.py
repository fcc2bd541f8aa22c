"""Read the files of `deploy/` as the programs do that they are for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from image2model.cli.main import SUMMARIES, load_command
from image2model.settings import variables

DEPLOY = Path(__file__).parents[2] / "deploy"
FOREIGN = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "REDIS_PASSWORD"})
"""Read by the client of buckets and by the autoscaler, not by our settings."""

_INTERPOLATED = re.compile(r"\$(?:\$|\{(\w+)(?::([-?])([^}]*))?\})")


def documents(path: Path) -> Sequence[dict[str, Any]]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text()))


def environment_of(path: Path) -> dict[str, str]:
    """Read a file of NAME=value lines, as systemd and Compose do."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def interpolate(node: Any, given: Mapping[str, str]) -> Any:
    """
    Fill in `${NAME:-default}` and `${NAME:?}` as Compose does.

    Raises:
        KeyError: A variable without a default is not given, or empty where it must not be.
    """
    match node:
        case dict():
            return {key: interpolate(value, given) for key, value in node.items()}
        case list():
            return [interpolate(value, given) for value in node]
        case str():
            return _INTERPOLATED.sub(lambda found: _value(found, given), node)
        case _:
            return node


def _value(found: re.Match[str], given: Mapping[str, str]) -> str:
    name, kind, default = found.groups()
    if name is None:
        return "$"
    value = given.get(name, "")
    if value:
        return value
    if kind != "-":
        raise KeyError(name)
    return str(default)


def check_command(arguments: Sequence[str]) -> None:
    """Parse a command line of ours without running it; a wrong one is an error."""
    assert arguments[0] in SUMMARIES, arguments
    load_command(arguments[0]).make_context(arguments[0], list(arguments[1:]))


def check_variables(names: Sequence[str]) -> None:
    """See that each variable is a setting."""
    known = variables()
    for name in names:
        assert name in known or name in FOREIGN, f"{name} is no setting"


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Visit every mapping below *node*."""
    match node:
        case dict():
            yield node
            for value in node.values():
                yield from walk(value)
        case list():
            for value in node:
                yield from walk(value)
