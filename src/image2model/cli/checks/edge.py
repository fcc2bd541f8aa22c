"""Check the settings of the server's edge: what works, but lets in more than was probably meant."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from image2model.cli.checks.access import PROXY_ADVICE, PROXY_UNANNOUNCED, is_proxy_unannounced
from image2model.cli.checks.findings import Finding, Level
from image2model.core.text.hosts import is_loopback
from image2model.settings import ANY_HOST, Settings

_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "metadata"})
_METADATA_NETWORKS = tuple(
    ip_network(network)
    for network in ("169.254.0.0/16", "100.100.100.200/32", "fe80::/10", "fd00:ec2::/64")
)
"""Where clouds tell a machine its passwords."""


def check_edge(settings: Settings) -> Iterator[Finding]:
    """Warn of what callers may misuse."""
    serve = settings.serve
    if ANY_HOST in serve.allowed_hosts and serve.access != "keys":
        yield _warning(
            "server access",
            "answers to every name and asks for no key, so any web page can have its visitors' "
            "browsers use this server under a name of its own (DNS rebinding)",
            "Name the hosts in IMAGE2MODEL_SERVE__ALLOWED_HOSTS, or set "
            "IMAGE2MODEL_SERVE__ACCESS=keys.",
        )
    yield from _check_proxies(settings)
    yield from _check_address(settings)
    yield from _check_limits(settings)
    if metadata := _metadata_hosts(settings.fetch.allowed_private_hosts):
        yield _warning(
            "fetching",
            f"callers may have {', '.join(metadata)} read, where clouds keep a machine's passwords",
            "Take it out of IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS.",
        )
    if serve.metrics_port is not None and not is_loopback(serve.metrics_host):
        yield _warning(
            "metrics",
            f"whoever reaches {serve.metrics_host}, port {serve.metrics_port}, reads the "
            "operator's numbers without a key",
            "Let nobody but monitoring reach that port, or set "
            "IMAGE2MODEL_SERVE__METRICS_HOST=127.0.0.1.",
        )
    yield from _check_workers_metrics(settings)


def _check_proxies(settings: Settings) -> Iterator[Finding]:
    what, serve = "proxy", settings.serve
    if settings.trusts_any_proxy:
        yield _warning(
            what,
            "every address is trusted as a proxy, so callers choose the address that they are "
            "counted by",
            "Name your proxies in IMAGE2MODEL_SERVE__TRUSTED_PROXIES.",
        )
    elif settings.believes_any_nearby_proxy and not is_loopback(serve.host):
        yield _warning(
            what,
            "whoever reaches the server from a private network is believed on whom they call for",
            "Name your proxies: IMAGE2MODEL_SERVE__TRUSTED_PROXIES=10.0.0.7",
        )
    elif is_proxy_unannounced(settings) or (
        not settings.is_behind_proxy and settings.others_may_come and is_loopback(serve.host)
    ):
        yield _warning(what, PROXY_UNANNOUNCED, PROXY_ADVICE)


def _check_address(settings: Settings) -> Iterator[Finding]:
    address = urlsplit(settings.public_url or "")
    if address.scheme == "http" and not is_loopback(address.hostname or ""):
        yield _warning(
            "public address",
            f"people come to {settings.public_url} without https, so whoever is on their way reads "
            "their keys and cookies",
            "Have a proxy speak https, and set IMAGE2MODEL_PUBLIC_URL=https://…",
        )


def _check_limits(settings: Settings) -> Iterator[Finding]:
    """Name the limits that were taken away where others may come."""
    if not settings.others_may_come:
        return
    gone = [
        f"IMAGE2MODEL_LIMITS__{name.upper()}"
        for name, field in type(settings.limits).model_fields.items()
        if field.default is not None and getattr(settings.limits, name) is None
    ]
    if gone:
        yield Finding(
            what="limits",
            level=Level.NOTE if settings.serve.access == "keys" else Level.WARNING,
            found=f"none where others may reach the server: {', '.join(gone)}",
            advice="Set them to numbers, or unset them to have their defaults.",
        )


def _check_workers_metrics(settings: Settings) -> Iterator[Finding]:
    port = settings.worker_metrics_port
    if port is not None and not settings.is_embedded:
        yield Finding(
            what="metrics",
            level=Level.NOTE,
            found=f"workers listen at all addresses of their machine, ports {port} to {port + 2}, "
            "and whoever reaches one reads the operator's numbers without a key",
            advice="Let nobody but monitoring reach those ports.",
        )


def _metadata_hosts(allowed: Sequence[str]) -> Sequence[str]:
    return [host for host in allowed if _is_metadata(host)]


def _is_metadata(host: str) -> bool:
    # `host` or `host:port`; IPv6 comes without brackets.
    for name in (host, host.rpartition(":")[0]):
        if name in _METADATA_NAMES:
            return True
        try:
            address = ip_address(name)
        except ValueError:
            continue
        if any(address in network for network in _METADATA_NETWORKS):
            return True
    return False


def _warning(what: str, found: str, advice: str) -> Finding:
    return Finding(what=what, level=Level.WARNING, found=found, advice=advice)
