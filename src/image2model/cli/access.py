"""Who can reach `serve` and under which names, by the settings alone."""

from collections.abc import Sequence

from image2model.core.errors import InvalidSetting
from image2model.core.hosts import is_loopback, read_host
from image2model.settings import Settings

_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- compared with, not bound


def check_access(settings: Settings) -> None:
    """
    Insist that whoever lets other machines in has said whom.

    Raises:
        InvalidSetting: Nothing was said.
    """
    if settings.serve.access is None and settings.others_may_come:
        where = (
            "through a proxy or under another name"
            if is_loopback(settings.serve.host)
            else f"at {settings.serve.host}"
        )
        raise InvalidSetting(
            setting="IMAGE2MODEL_SERVE__ACCESS",
            reason=f"must be set before other machines can reach this one {where}"
            ": `keys` lets in who has an API key (`image2model keys create`), `sessions` "
            "everybody, each with jobs of their own. Example: IMAGE2MODEL_SERVE__ACCESS=keys",
        )


def served_names(settings: Settings) -> Sequence[str]:
    """List the names that the server answers to, besides loopback ones."""
    own = {settings.serve.host, settings.public_host or settings.serve.host} - _ANY_ADDRESS
    return [*settings.serve.allowed_hosts, *sorted(read_host(name) for name in own)]


def nobody_else_is_served(settings: Settings) -> bool:
    """Tell whether other machines reach the server, but under no name that it answers to."""
    return settings.serve.host in _ANY_ADDRESS and not served_names(settings)


NAMES_MISSING = (
    "every request to another name than localhost is refused (421), for no name is allowed"
)
NAMES_ADVICE = (
    "Set IMAGE2MODEL_SERVE__ALLOWED_HOSTS to the names and addresses that visitors use, "
    "separated by commas, or IMAGE2MODEL_PUBLIC_URL."
)
