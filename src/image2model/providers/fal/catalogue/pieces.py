"""Pieces that rows share: options, prices, terms."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from image2model.core.errors import JsonValue
from image2model.core.generator import Price, Surcharge
from image2model.providers.fal.catalogue.row import Schema

LARGEST_SEED = 2**31 - 1


def choice(title: str, about: str, values: Sequence[JsonValue], default: JsonValue) -> Schema:
    """Describe an option with a fixed set of values."""
    kind = "integer" if all(isinstance(value, int) for value in values) else "string"
    return {
        "type": kind,
        "title": title,
        "description": about,
        "enum": list(values),
        "default": default,
    }


def switch(title: str, about: str, *, default: bool = False) -> Schema:
    """Describe an option that is on or off."""
    return {"type": "boolean", "title": title, "description": about, "default": default}


def number(title: str, about: str, low: float, high: float, default: float | None = None) -> Schema:
    """Describe a number; whole ones if its limits are. Without a default it is sent when given."""
    whole = isinstance(low, int) and isinstance(high, int)
    schema: dict[str, JsonValue] = {
        "type": "integer" if whole else "number",
        "title": title,
        "description": about,
        "minimum": low,
        "maximum": high,
    }
    return schema if default is None else {**schema, "default": default}


def words(title: str, about: str, default: str = "", *, longest: int = 600) -> Schema:
    """Describe an option of free text."""
    return {
        "type": "string",
        "title": title,
        "description": about,
        "maxLength": longest,
        "default": default,
    }


def seed(
    about: str = "Same seed, same model, as far as the model allows. Empty: by chance.",
) -> Schema:
    """Describe a seed."""
    return number("Seed", about, 0, LARGEST_SEED)


def flat_price(usd: str, *, note: str = "") -> Price:
    """Make a price that no option changes."""
    return Price(base_usd=Decimal(usd), note=note)


def price(usd: str, *extras: tuple[str, JsonValue, str], note: str = "") -> Price:
    """Make a price of a base and of (option, value, US dollars)."""
    surcharges = [
        Surcharge(option=option, equals=value, usd=Decimal(extra))
        for option, value, extra in extras
    ]
    return Price(base_usd=Decimal(usd), surcharges=surcharges, note=note)


def switched(field: str, value: JsonValue) -> Mapping[JsonValue, Mapping[str, JsonValue]]:
    """Encode an option that is on or off as *field* being there or not."""
    return {True: {field: value}, False: {}}


UNCONFIRMED_PRICE = "The price is not confirmed; what was charged is booked afterwards."
PARTNER = "Terms of fal.ai and of the model's maker; commercial use as they allow"
OPEN_WEIGHTS = "Openly published model, run by fal.ai under its terms"
TENCENT = (
    "Tencent publishes this model under a licence that leaves out the European Union, the United "
    "Kingdom and South Korea; read fal.ai's terms before you use results there."
)
