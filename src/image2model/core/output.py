"""What a person wants the models of a job to come as."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from image2model.core.errors import JsonValue

SIZES = ("height_mm", "width_mm", "depth_mm")
"""Of these at most one is asked for at a time; the others follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """
    The wishes of a job: made of every result, and what downloads are unless they ask otherwise.

    Attributes:
        formats: That every result shall have; none: what was delivered.
        adjust: What the models shall be adjusted to, such as `{"height_mm": 80, "faces": 5000}`.
    """

    formats: tuple[str, ...] = ()
    adjust: Mapping[str, JsonValue] = field(default_factory=dict)


def adjust_item(
    adjust: Mapping[str, JsonValue], metadata: Mapping[str, JsonValue]
) -> Mapping[str, JsonValue]:
    """
    Tell what one item of a job is adjusted to.

    What a spreadsheet says of it goes before what is wished of all: its own size, its own limit
    of faces.
    """
    own = {*SIZES} if any(metadata.get(size) for size in SIZES) else set()
    if metadata.get("face_limit"):
        own.add("faces")
    return {key: value for key, value in adjust.items() if key not in own}


def adjust_further(
    adjust: Mapping[str, JsonValue], asked: Mapping[str, JsonValue]
) -> Mapping[str, JsonValue]:
    """Let what is asked for now go before what was wished: any size before any other."""
    replaced = {*SIZES} if any(size in asked for size in SIZES) else set()
    return {**{key: v for key, v in adjust.items() if key not in replaced}, **asked}
