"""Read `--option name=value` by the type that the generator's JSON Schema gives the option."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from image2model.core.errors import InvalidOptions, InvalidRequest
from image2model.core.text.close_names import closest_name
from image2model.wire.generators import GeneratorOut

_BOOLEANS = {
    "true": True, "yes": True, "on": True, "1": True,
    "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip


def parse_options(texts: Sequence[str], generator: GeneratorOut) -> Mapping[str, Any]:
    """
    Read options as they were typed; a later one of the same name replaces the earlier.

    Ranges are not checked here: the job is.

    Raises:
        InvalidRequest: One is not of the form `name=value`.
        InvalidOptions: The generator has no such option, or it takes no such value.
    """
    properties: Mapping[str, Mapping[str, Any]] = generator.options_schema.get("properties", {})
    options: dict[str, Any] = {}
    for text in texts:
        typed, equals, value = text.partition("=")
        if not equals or not typed.strip():
            raise InvalidRequest(field="--option", reason=f"must be NAME=VALUE, not '{text}'.")
        name = _known_name(typed.strip(), properties, generator)
        options[name] = _value(name, value, properties[name], generator)
    return options


def _known_name(
    typed: str, properties: Mapping[str, Mapping[str, Any]], generator: GeneratorOut
) -> str:
    name = typed if typed in properties else typed.replace("-", "_")
    if name in properties:
        return name
    close = closest_name(name, properties)
    hint = f" (did you mean '{close}'?)" if close else ""
    known = ", ".join(properties) or "none"
    raise InvalidOptions(
        generator=generator.id,
        problems=[f"there is no option '{typed}'{hint}; known options are {known}"],
    )


def _value(name: str, text: str, schema: Mapping[str, Any], generator: GeneratorOut) -> Any:
    kinds = _kinds(schema)
    for kind in kinds:
        try:
            return _READERS[kind](text)
        except ValueError:
            continue
    raise InvalidOptions(
        generator=generator.id,
        problems=[f"{name}: '{text}' is not of the type {' or '.join(kinds)}"],
    )


def _kinds(schema: Mapping[str, Any]) -> Sequence[str]:
    """List the JSON types a value may have, the pickiest first."""
    named = schema.get("type", [])
    kinds = {named} if isinstance(named, str) else set(named)
    kinds |= {kind for part in schema.get("anyOf", ()) for kind in _kinds(part)}
    return [kind for kind in _READERS if kind in kinds] or ["array", "object", "string"]


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(text)
    return _BOOLEANS[text.lower()]


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _null(text: str) -> None:
    if text.lower() not in {"null", "none", ""}:
        raise ValueError(text)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "null": _null,
    "boolean": _boolean,
    "integer": int,
    "number": _number,
    "array": json.loads,
    "object": json.loads,
    "string": str,
}
"""How each JSON type is read; all raise ValueError for what is none."""
