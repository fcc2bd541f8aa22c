"""What a generator is, can do and costs, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from image2model.core.errors import JsonValue

GeneratorId = NewType("GeneratorId", str)
"""`provider/name`, such as `local/puff`."""

Options = Mapping[str, JsonValue]
"""A generator's options by name, each a JSON value."""


class View(StrEnum):
    """From which side a picture shows the object; `front` is the only one of a single picture."""

    FRONT = "front"
    LEFT = "left"
    BACK = "back"
    RIGHT = "right"
    TOP = "top"
    BOTTOM = "bottom"
    FRONT_LEFT = "front-left"
    FRONT_RIGHT = "front-right"


class RunsOn(StrEnum):
    """What a generator needs of the machine that runs it; names the queue in scaled mode."""

    NETWORK = "network"
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surcharge:
    """
    What one option adds to the price of an item.

    Attributes:
        option: The option's name.
        equals: The value that costs extra.
        given: Whether any value costs extra, whatever *equals* says; leaving the option out does
            not.
        usd: The extra, in US dollars per item; negative for a reduction.
    """

    option: str
    equals: JsonValue = None
    given: bool = False
    usd: Decimal

    def applies(self, options: Options) -> bool:
        """Tell whether *options*, with every default filled in, cost this extra."""
        value = options.get(self.option)
        return value is not None if self.given else value == self.equals


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    What an item costs by its options, as data.

    Attributes:
        base_usd: US dollars per item before surcharges.
        surcharges: Added for every one that applies.
        more_views_usd: Added once for an item of more than one picture.
        note: What the figures leave out, for people.
        known: Whether the figures are known at all; what has no known price is not bought.
    """

    base_usd: Decimal = Decimal(0)
    surcharges: Sequence[Surcharge] = ()
    more_views_usd: Decimal = Decimal(0)
    note: str = ""
    known: bool = True

    @property
    def may_cost(self) -> bool:
        """Whether any item may cost anything."""
        extras = (self.more_views_usd, *(surcharge.usd for surcharge in self.surcharges))
        return not self.known or self.base_usd > 0 or any(usd > 0 for usd in extras)

    def of(self, options: Options, *, pictures: int = 1) -> Decimal:
        """Add up the price of an item of *pictures* with all *options* filled in, in dollars."""
        extra = sum((s.usd for s in self.surcharges if s.applies(options)), self.base_usd)
        return extra + self.more_views_usd if pictures > 1 else extra


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorCard:
    """
    Everything a person or a program needs to choose a generator and fill in its options.

    Attributes:
        id: `provider/name`.
        title: Its name for people.
        summary: One honest sentence.
        good_for: Subjects it does well.
        poor_for: Subjects it does badly.
        runs_on: What it needs of the machine.
        required_views: Views every item must have.
        optional_views: Further views an item may have.
        min_views: The fewest pictures an item needs, required ones included.
        max_views: The most pictures an item may have.
        options_schema: JSON Schema (2020-12) of the options object, with defaults and ranges.
        price: What an item costs.
        typical_s: Seconds an item takes as a rule.
        output_formats: Formats it delivers, most useful first.
        licence: Under which terms its results may be used.
        notes: Anything else to know (territories, retention).
        missing: What the operator must do before it can be used, for people; "": nothing.
    """

    id: GeneratorId
    title: str
    summary: str
    good_for: Sequence[str]
    poor_for: Sequence[str]
    runs_on: RunsOn
    required_views: Sequence[View] = (View.FRONT,)
    optional_views: Sequence[View] = ()
    min_views: int = 1
    max_views: int = 1
    options_schema: Mapping[str, JsonValue]
    price: Price = field(default_factory=Price)
    typical_s: float
    output_formats: Sequence[str] = ("glb",)
    licence: str
    notes: Sequence[str] = ()
    missing: str = ""

    @property
    def provider(self) -> str:
        """The part of the id that names the provider."""
        return self.id.partition("/")[0].partition(":")[0]
