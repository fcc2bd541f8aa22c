"""Find providers: each is an entry point of the group `image2model.providers`."""

from collections.abc import Sequence
from importlib.metadata import entry_points

from image2model.core.errors import InvalidSetting
from image2model.ports.provider import Provider, ProviderFactory, ProviderTools

GROUP = "image2model.providers"


def create_providers(tools: ProviderTools) -> Sequence[Provider]:
    """
    Create every installed provider, ordered by name.

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
        providers.append(factory(tools))
    return providers
