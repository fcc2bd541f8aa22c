"""Find providers: each is an entry point of the group `image2model.providers`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points

from image2model.core.errors import InvalidSetting
from image2model.ports.provider import Provider, ProviderFactory, ProviderTools

GROUP = "image2model.providers"


def create_providers(
    tools: ProviderTools, *, config_of: Callable[[str], Mapping[str, str]]
) -> Sequence[Provider]:
    """
    Create every installed provider, ordered by name.

    Args:
        tools: What all of them may use.
        config_of: Tells the settings of the provider of that name; none sees another's.

    Raises:
        InvalidSetting: A plug-in cannot be loaded; says which, and how to get rid of it.
    """
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    providers: list[Provider] = []
    for entry in found:
        try:
            factory: ProviderFactory = entry.load()
        except (ImportError, AttributeError) as error:
            owner = entry.dist.name if entry.dist else "an installed package"
            raise InvalidSetting(
                setting=f"Provider '{entry.name}' of {owner}",
                reason=f"cannot be loaded ({error}). Reinstall or uninstall {owner}.",
            ) from error
        providers.append(factory(replace(tools, config=config_of(entry.name))))
    return providers
