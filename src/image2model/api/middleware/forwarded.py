"""Whom a request comes from: by its connection, or by what trusted proxies say of theirs."""

import logging
from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from image2model.core.text.hosts import is_loopback
from image2model.jobs.signed_in_users import in_lower_case, is_persons_name

_log = logging.getLogger(__name__)

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

_NEARBY = tuple(
    ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
"""Where a proxy is that nobody named: on this machine or in a private network."""

PERSON = "image2model.person"
"""Where in a request's scope the name is that a proxy vouches for; None: it names nobody."""

_FOR = b"x-forwarded-for"
_PROTO = b"x-forwarded-proto"


class Proxies:
    """
    The proxies whose words count.

    Each proxy adds at the right of X-Forwarded-For whom it was called by. So callers are found
    from the right: the first address that is no proxy's. What stands left of it anybody may have
    written.

    Args:
        networks: Addresses and networks of the proxies; they may stand in a row.
        any_nearby: Believe one proxy in a private network, too, but none that stands before it:
            from there its callers may come as well.
    """

    def __init__(self, networks: Collection[str] = (), *, any_nearby: bool = False) -> None:
        self._networks = tuple(ip_network(network, strict=False) for network in networks)
        self._next_to_us = self._networks + (_NEARBY if any_nearby else ())

    def believes(self, host: str) -> bool:
        """Tell whether *host*, which is connected with us, is such a proxy."""
        address = _address(host)
        return address is not None and _is_in(address, self._next_to_us)

    def vouches(self, host: str) -> bool:
        """Tell whether *host* was named as a proxy, and so may say who a person is."""
        address = _address(host)
        return address is not None and _is_in(address, self._networks)

    def may_be_many(self, host: str) -> bool:
        """Tell whether many callers may share *host*: it is a proxy, or one on this machine."""
        return is_loopback(host) or self.believes(host)

    def caller(self, proxy: str, forwarded_for: Sequence[str]) -> str:
        """
        Find who called *proxy*, a believed one.

        Args:
            proxy: Its address.
            forwarded_for: What it sent in X-Forwarded-For, from left to right.

        Returns:
            The address of the caller; that of the last proxy known where the next is not told.
        """
        caller = proxy
        for hop in reversed(forwarded_for):
            address = _address(_without_port(hop))
            if address is None:
                break
            caller = str(address)
            if not _is_in(address, self._networks):
                break
        return caller


class ForwardedHeaders:
    """
    Puts the caller's address and scheme in place of a believed proxy's, and names the person.

    Args:
        app: What is asked.
        proxies: The proxies whose words count.
        user_header: Where those that were named say who a person is; None: nowhere. It is kept in
            the scope as `PERSON`.
    """

    def __init__(self, app: ASGIApp, proxies: Proxies, user_header: str | None = None) -> None:
        self._app = app
        self._proxies = proxies
        self._user_header = user_header.lower().encode() if user_header else None
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and scope.get("client"):
            person = self._person(scope)
            scope = {**self._seen_through(scope), PERSON: person}
        await self._app(scope, receive, send)

    def _person(self, scope: Scope) -> str | None:
        if self._user_header is None or not self._proxies.vouches(scope["client"][0]):
            return None
        lines = [value for name, value in scope["headers"] if name == self._user_header]
        # Of several, one would be the visitor's own.
        name = lines[0].decode("utf-8", "replace").strip() if len(lines) == 1 else ""
        name = in_lower_case(name)
        return name if is_persons_name(name) else None

    def _seen_through(self, scope: Scope) -> Scope:
        forwarded_for = _values(scope, _FOR)
        protos = _values(scope, _PROTO)
        host, port = scope["client"]
        if not self._proxies.believes(host):
            if forwarded_for or protos:
                self._warn(host)
            return scope
        caller = self._proxies.caller(host, forwarded_for)
        scheme = protos[-1].lower() if protos else ""
        return {
            **scope,
            "client": (caller, port if caller == host else 0),
            "scheme": scheme if scheme in {"http", "https"} else scope["scheme"],
        }

    def _warn(self, host: str) -> None:
        """Say once that a proxy is not believed: it may be the operator's own."""
        if not self._warned:
            self._warned = True
            _log.warning(
                "X-Forwarded-For and X-Forwarded-Proto from %s are ignored, for it is no trusted "
                "proxy. If it is yours, add it to IMAGE2MODEL_SERVE__TRUSTED_PROXIES.",
                host,
            )


def _values(scope: Scope, wanted: bytes) -> Sequence[str]:
    """List the values of a header, which may come in several lines."""
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]
    return [value.strip() for line in lines for value in line.split(",")]


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, colon, _ = hop.partition(":")
    return host if colon and hop.count(":") == 1 else hop


def _address(text: str) -> _Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _is_in(address: _Address, networks: Iterable[_Network]) -> bool:
    return any(address in network for network in networks)
