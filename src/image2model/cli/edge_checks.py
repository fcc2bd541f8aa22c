"""Check the settings of the server's edge: what works, but lets in more than was probably meant."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network

from image2model.cli.findings import Finding, Level
from image2model.core.hosts import is_loopback
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
    elif not settings.is_behind_proxy and settings.others_may_come and is_loopback(serve.host):
        yield _warning(
            what,
            "X-Forwarded-For and X-Forwarded-Proto are ignored: all callers of a proxy count as "
            "one, and their cookies are not bound to https",
            "Set IMAGE2MODEL_SERVE__BEHIND_PROXY=true, and have the proxy set both.",
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
