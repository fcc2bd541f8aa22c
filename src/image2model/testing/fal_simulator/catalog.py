"""What one simulated endpoint takes, returns and costs, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

OutputKind = Literal[
    "mesh",
    "meshes",
    "urls",
    "image",
    "images",
    "texture_maps",
    "seed",
    "text",
    "timings",
    "splat",
    "archive",
    "empty_list",
]

Condition = tuple[str, object]
"""An option and the value it must have; an absent option has its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """
    One key of the result.

    Attributes:
        kind: What stands under the key.
        only_if: The key is left out unless this holds.
        null_if: The key holds null when this holds.
    """

    kind: OutputKind
    only_if: Condition | None = None
    null_if: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """
    The input fields that hold pictures.

    Attributes:
        fields: Every field that takes a picture URL, or a list of them.
        required: Those that must be there; a missing one fails late.
        at_most: Longest list accepted; None: no limit is known.
    """

    fields: tuple[str, ...]
    required: tuple[str, ...]
    at_most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    Billable units of a request: *units* plus what its options add.

    Attributes:
        unit_price_usd: What the pricing call lists.
        units: Units of a request with default options.
        unit: The word the pricing call uses.
        by_option: Units added per option and value, on top of *units*.
        when_present: Units added once when any field of a group is sent.
    """

    unit_price_usd: float
    units: float = 1.0
    unit: str = "generations"
    by_option: Mapping[str, Mapping[Any, float]] = field(default_factory=dict)
    when_present: Sequence[tuple[tuple[str, ...], float]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """
    One simulated endpoint.

    Attributes:
        id: Path below the queue host.
        title: Name for people.
        images: The picture fields.
        outputs: The result's keys, in order.
        price: How its requests are billed.
        defaults: Values of options that are not sent, where anything depends on them.
        choices: Options and the values they accept.
        ranges: Options and their smallest and largest value.
        format_option: Option that names the mesh format; None: there is none.
        format_if: Mesh format when a condition holds; the first that holds counts, else GLB.
        mesh_content_type: What the file says of itself, which is not always true.
        phases: Progress bars in the log, in order.
        retired: Submits are answered 404.
    """

    id: str
    title: str
    images: Images
    outputs: Mapping[str, Output]
    price: Price
    defaults: Mapping[str, object] = field(default_factory=dict)
    choices: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    format_option: str | None = None
    format_if: tuple[tuple[Condition, str], ...] = ()
    mesh_content_type: str = "model/gltf-binary"
    phases: tuple[str, ...] = ("Sampling", "Decoding", "Texturing")
    retired: bool = False

    def option(self, name: str, arguments: Mapping[str, object]) -> object:
        """Return what *arguments* say of *name*, or its default; None: neither says."""
        return arguments.get(name, self.defaults.get(name))

    def holds(self, condition: Condition, arguments: Mapping[str, object]) -> bool:
        """Tell whether *condition* holds for *arguments*."""
        name, wanted = condition
        return self.option(name, arguments) == wanted

    def mesh_format(self, arguments: Mapping[str, object]) -> str:
        """Return the format that *arguments* lead to, such as "glb" or "fbx"."""
        for condition, format_name in self.format_if:
            if self.holds(condition, arguments):
                return format_name
        if self.format_option is not None:
            chosen = self.option(self.format_option, arguments)
            return chosen if isinstance(chosen, str) else "glb"
        return "glb"

    def billable_units(self, arguments: Mapping[str, object]) -> float:
        """Return the units that a successful request with *arguments* is billed."""
        units = self.price.units
        for name, added in self.price.by_option.items():
            chosen = self.option(name, arguments)
            if isinstance(chosen, str | int | float):
                units += added.get(chosen, 0.0)
        for group, added_once in self.price.when_present:
            units += added_once if any(name in arguments for name in group) else 0.0
        return round(units, 6)
