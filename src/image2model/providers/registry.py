"""Find providers: each is an entry point of the group `image2model.providers`."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_type_hints

from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from image2model.core.generator import GeneratorCard
from image2model.ports.provider import (
    PROVIDER_GROUP,
    Provider,
    ProviderFactory,
    ProviderTools,
)

_log = logging.getLogger(__name__)

_METHODS = tuple(name for name in vars(Provider) if not name.startswith("_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenProvider:
    """
    A plug-in that is left out.

    Attributes:
        name: The provider's name, by its entry point.
        package: The installed package that it is of.
        reason: What is wrong with it.
    """

    name: str
    package: str
    reason: str

    @property
    def message(self) -> str:
        """Say that it is left out and why, as a sentence without a full stop."""
        return (
            f"the provider '{self.name}' of {self.package} is left out: {self.reason}; "
            f"update, correct or uninstall {self.package}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProviders:
    """
    What is installed.

    Attributes:
        usable: Every provider that could be created, ordered by name.
        broken: The plug-ins that could not.
    """

    usable: Sequence[Provider]
    broken: Sequence[BrokenProvider]


def create_providers(
    tools: ProviderTools, *, config_of: Callable[[str], Mapping[str, str]]
) -> FoundProviders:
    """
    Create every installed provider; a plug-in that breaks is left out, and the log says so.

    Args:
        tools: What all of them may use.
        config_of: Tells the settings of the provider of that name; none sees another's.

    Raises:
        InvalidSetting: A setting of a provider of our own cannot work.
    """
    # Ours first among those of one name: no plug-in takes the place of one.
    found = sorted(
        entry_points(group=PROVIDER_GROUP), key=lambda entry: (entry.name, not _is_ours(entry))
    )
    usable: dict[str, Provider] = {}
    broken: list[BrokenProvider] = []
    for entry in found:
        own_tools = replace(tools, config=config_of(entry.name))
        if _is_ours(entry):
            factory: ProviderFactory = entry.load()
            usable[entry.name] = factory(own_tools)
            continue
        try:
            if entry.name in usable:
                raise _Unusable("another provider has its name")
            usable[entry.name] = _create(entry, own_tools)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the rest works
            package = entry.dist.name if entry.dist else "an installed package"
            broken.append(BrokenProvider(name=entry.name, package=package, reason=_reason(error)))
            _log.warning("%s", broken[-1].message)
            _log.debug("%s", entry.value, exc_info=error)
    return FoundProviders(usable=tuple(usable.values()), broken=tuple(broken))


class _Unusable(Exception):
    """A plug-in does not do what a provider does; the text says what."""


def _is_ours(entry: EntryPoint) -> bool:
    return entry.value.startswith("image2model.")


def _create(entry: EntryPoint, tools: ProviderTools) -> Provider:
    factory: ProviderFactory = entry.load()
    provider = factory(tools)
    missing = [name for name in _METHODS if not hasattr(provider, name)]
    if missing:
        raise _Unusable(f"it has no {', '.join(missing)}")
    if provider.name != entry.name:
        raise _Unusable(f"it calls itself '{provider.name}'")
    ids: set[str] = set()
    for card in provider.cards():
        _check_card(card, provider)
        if card.id in ids:
            raise _Unusable(f"it has two generators '{card.id}'")
        ids.add(card.id)
    return provider


def _check_card(card: object, provider: Provider) -> None:
    if not isinstance(card, GeneratorCard):
        raise _Unusable(f"one of its generators is a {type(card).__name__} and no GeneratorCard")
    for one in fields(GeneratorCard):
        given = getattr(card, one.name)
        try:
            is_right = _is_same(_KINDS[one.name].validate_python(given), given)
        except ValueError:
            is_right = False
        if not is_right:
            raise _Unusable(f"the card of '{card.id}' has a wrong {one.name}")
    if card.provider != provider.name or provider.card(card.id) is None:
        raise _Unusable(f"the id of '{card.id}' does not begin with '{provider.name}/'")
    try:
        Draft202012Validator.check_schema(dict(card.options_schema))
        properties = card.options_schema.get("properties", {})
        defaults = {name: p["default"] for name, p in properties.items() if "default" in p}
    except Exception as error:
        raise _Unusable(f"the options_schema of '{card.id}' is no JSON Schema") from error
    try:
        price = card.price.of(defaults, pictures=2)
        is_right = _is_price(price)
    except Exception as error:
        raise _Unusable(f"the card of '{card.id}' has a wrong price") from error
    if not is_right:
        raise _Unusable(f"the card of '{card.id}' has a wrong price")


def _is_same(read: object, given: object) -> bool:
    # What was read otherwise than it is, such as a number from a text, is a mistake waiting.
    return read == given


_KINDS: Mapping[str, TypeAdapter[Any]] = {
    name: TypeAdapter(kind) for name, kind in get_type_hints(GeneratorCard).items()
}


def _is_price(price: object) -> bool:
    return isinstance(price, Decimal) and price.is_finite() and price >= 0


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0].rstrip(".") if lines else ""
    return text if isinstance(error, _Unusable) else f"{type(error).__name__}: {text}".rstrip(": ")
