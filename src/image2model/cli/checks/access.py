"""Who can reach `serve` and under which names, by the settings alone."""

from collections.abc import Sequence

from image2model.core.errors import InvalidSetting
from image2model.core.text.hosts import is_loopback, read_host
from image2model.settings import Settings

_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- compared with, not bound


def check_access(settings: Settings) -> None:
    """
    Insist that whoever lets other machines in has said whom, and who vouches for people.

    Raises:
        InvalidSetting: Nothing was said, or anybody could say who they are, or nobody could.
    """
    _check_vouching(settings)
    if settings.serve.access is None and settings.is_announced:
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


def _check_vouching(settings: Settings) -> None:
    serve = settings.serve
    anybody = settings.trusts_any_proxy
    if serve.user_header is not None and (anybody or not serve.trusted_proxies):
        raise InvalidSetting(
            setting="IMAGE2MODEL_SERVE__TRUSTED_PROXIES",
            reason="must name the proxies that say in IMAGE2MODEL_SERVE__USER_HEADER who somebody "
            f"is{', not every address: anybody could be anybody' if anybody else ''}. "
            "Example: IMAGE2MODEL_SERVE__TRUSTED_PROXIES=10.0.0.7",
        )
    if settings.openid.issuer is not None and settings.public_url is None:
        raise InvalidSetting(
            setting="IMAGE2MODEL_PUBLIC_URL",
            reason="must be set where people sign in through IMAGE2MODEL_OPENID__ISSUER: they "
            "come back to it. Example: IMAGE2MODEL_PUBLIC_URL=https://models.example",
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


def is_proxy_unannounced(settings: Settings) -> bool:
    """Tell whether the server is offered by https, which only a proxy can do, and believes none."""
    address = settings.public_url or ""
    return address.lower().startswith("https://") and not settings.is_behind_proxy


PROXY_UNANNOUNCED = (
    "X-Forwarded-For and X-Forwarded-Proto are ignored: all callers of a proxy count as one, and "
    "their cookies are not bound to https"
)
PROXY_ADVICE = (
    "Set IMAGE2MODEL_SERVE__BEHIND_PROXY=true, or name the proxies in "
    "IMAGE2MODEL_SERVE__TRUSTED_PROXIES, and have them set both."
)
