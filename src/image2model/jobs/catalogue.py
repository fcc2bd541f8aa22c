"""Every generator on offer, and whether options and pictures fit it."""

import math
from collections.abc import Mapping, Sequence

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from image2model.core.errors import (
    GeneratorNotFound,
    InvalidOptions,
    InvalidViews,
    JsonValue,
)
from image2model.core.generator import GeneratorCard, GeneratorId, Options, View
from image2model.core.text.close_names import closest_name
from image2model.ports.provider import Provider


class Catalogue:
    """
    The generators of all *providers*, by id.

    Args:
        providers: Who makes models.
        default: The generator of jobs that name none.
        left_out: Why providers that are installed are not among them, by name.
    """

    def __init__(
        self,
        providers: Sequence[Provider],
        *,
        default: GeneratorId,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self.default = default
        self.left_out = dict(left_out or {})

    @property
    def providers(self) -> Sequence[Provider]:
        """All providers, in the order they were given."""
        return tuple(self._providers.values())

    def cards(self) -> Sequence[GeneratorCard]:
        """List all cards; the default generator's comes first."""
        cards = [card for provider in self.providers for card in provider.cards()]
        return sorted(cards, key=lambda card: card.id != self.default)

    def card(self, generator: GeneratorId) -> GeneratorCard:
        """
        Describe *generator*.

        Raises:
            GeneratorNotFound: Nobody offers it.
        """
        provider = self._providers.get(provider_name(generator))
        card = provider.card(generator) if provider else None
        if card is None:
            raise GeneratorNotFound(
                generator=generator,
                known=[c.id for c in self.cards()],
                left_out=self.left_out.get(provider_name(generator), ""),
            )
        return card

    def lists(self, card: GeneratorCard) -> bool:
        """Tell whether *card* is among `cards`, and not only found by its id."""
        return any(listed.id == card.id for listed in self._providers[card.provider].cards())

    def provider(self, generator: GeneratorId) -> Provider:
        """
        Find who runs *generator*.

        Raises:
            GeneratorNotFound: Nobody offers it.
        """
        return self._providers[self.card(generator).provider]


def provider_name(generator: GeneratorId) -> str:
    """Take the provider's name from a generator's id (`fal/…`, or `fal:…` for an unlisted one)."""
    return generator.partition("/")[0].partition(":")[0]


def fill_options(card: GeneratorCard, options: Options) -> Options:
    """
    Check *options* against the card's schema and add every default.

    Raises:
        InvalidOptions: Some are unknown, of the wrong type or out of range; all are named.
    """
    # JSON Schema compares, and nothing is less or more than what is no number.
    for name, value in options.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidOptions(generator=card.id, problems=[f"{name}: {value} is no number"])
    validator = Draft202012Validator(card.options_schema)
    errors = sorted(validator.iter_errors(dict(options)), key=lambda error: list(error.path))
    if errors:
        raise InvalidOptions(generator=card.id, problems=[_explain(error) for error in errors])
    properties: Mapping[str, Mapping[str, JsonValue]] = card.options_schema.get("properties", {})
    defaults = {name: p["default"] for name, p in properties.items() if "default" in p}
    return {**defaults, **options}


def _explain(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.path)
    if error.validator == "additionalProperties":
        schema = error.schema if isinstance(error.schema, Mapping) else {}
        known = sorted(schema.get("properties", {}))
        given = error.instance if isinstance(error.instance, Mapping) else {}
        extra = ", ".join(_with_hint(name, known) for name in given if name not in known)
        return f"there is no option {extra}; the options are {', '.join(known) or 'none'}"
    if error.validator == "enum":
        values = error.validator_value
        known = [str(value) for value in values] if isinstance(values, Sequence) else []
        return f"{where}: {_with_hint(error.instance, known)} is not one of {', '.join(known)}"
    return f"{where}: {error.message}" if where else error.message


def _with_hint(given: object, known: Sequence[str]) -> str:
    close = closest_name(given, known) if isinstance(given, str) else None
    return f"{given!r} (did you mean '{close}'?)" if close else repr(given)


def check_views(card: GeneratorCard, views: Sequence[View], *, item: int) -> None:
    """
    Check that an item's *views* are those that the generator takes.

    Raises:
        InvalidViews: One is missing, not used by the generator, or there are too many or too few.
    """
    missing = [view for view in card.required_views if view not in views]
    unused = [v for v in views if v not in (*card.required_views, *card.optional_views)]
    if missing:
        reason = f"{card.id} needs the view{_s(missing)} {', '.join(missing)}"
    elif unused:
        taken = ", ".join((*card.required_views, *card.optional_views))
        reason = (
            f"{card.id} does not use the view{_s(unused)} {', '.join(unused)}; it takes {taken}"
        )
    elif not card.min_views <= len(views) <= card.max_views:
        reason = (
            f"{card.id} takes {card.min_views} to {card.max_views} views of an object, "
            f"not {len(views)}"
        )
    else:
        return
    raise InvalidViews(reason=reason, item=item)


def _s(things: Sequence[object]) -> str:
    return "" if len(things) == 1 else "s"
