"""Connections to public addresses only, whatever a name resolves to."""

import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import anyio
import httpcore2

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the addresses of a host; raises OSError when there are none."""

_HTTPS_PORT = 443
_GLOBAL_IPV6 = IPv6Network("2000::/3")
"""All of IPv6 that is given out to the internet (IANA, IPv6 address space)."""

_SPECIAL_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT
        "127.0.0.0/8",  # this machine
        "169.254.0.0/16",  # this link, and metadata of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # automatic multicast tunneling
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
"""What IANA's registry of special IPv4 addresses lists, and multicast."""

_SPECIAL_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks and more
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address, private ones too
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
"""
What IANA's registry of special IPv6 addresses lists within `_GLOBAL_IPV6`.

The rest of the registry is outside: loopback, NAT64 and other IPv4 addresses in disguise, local and
private ones, segment routing. `ipaddress` knows some of them only, by the version of Python.
"""


class AddressRefused(Exception):
    """A host is not one to connect to; the text says why."""


class PublicNetwork(httpcore2.AsyncNetworkBackend):
    """
    A network in which private addresses do not exist, but for those of *allowed*.

    Names are resolved here and the connection goes to the very address that was checked, so that
    a second answer of the name server (DNS rebinding) changes nothing. TLS still verifies the name.
    """

    def __init__(self, *, allowed: Collection[str] = (), resolve: Resolver | None = None) -> None:
        """
        Prepare the network.

        Args:
            allowed: `host` or `host:port` of exceptions, lower case.
            resolve: Finds addresses; None: the system does.
        """
        self._allowed = frozenset(allowed)
        self._resolve = resolve or resolve_host
        self._plain = httpcore2.AnyIOBackend()

    def allows_private(self, host: str, port: int) -> bool:
        """Tell whether *host* is one of the exceptions."""
        return not self._allowed.isdisjoint({host.lower(), f"{host.lower()}:{port}"})

    def check_literal(self, host: str, port: int) -> None:
        """
        Refuse a *host* that no name server is needed for: an address, or this machine's own name.

        Raises:
            AddressRefused: It is private, or the port is not that of https.
        """
        address = _literal_address(host)
        if address is None or self.allows_private(host, port):
            return
        _check_port(port)
        _check_addresses([address])

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore calls it so
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """
        Connect to *host*.

        Raises:
            AddressRefused: It is private, or the port is not that of https.
        """
        try:
            addresses = await self._addresses(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} cannot be found") from error
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._plain.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        if self.allows_private(host, port):
            return [host]
        _check_port(port)
        addresses = await self._resolve(host, port)
        _check_addresses(addresses)
        return addresses

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of *host*."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _check_port(port: int) -> None:
    if port != _HTTPS_PORT:
        raise AddressRefused(f"port {port} is not that of https")


def _check_addresses(addresses: Iterable[str]) -> None:
    # All of them: a name with one private address among public ones is up to something.
    if not all(is_public(address) for address in addresses):
        raise AddressRefused("its address is not public")


def _literal_address(host: str) -> str | None:
    """Read a host that is an address itself; None: it is a name."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return "127.0.0.1"
    with suppress(ValueError):
        return str(ip_address(name))
    # Systems read `127.1`, `2130706433` and `0x7f.1` as addresses, too.
    with suppress(OSError, UnicodeEncodeError):
        return socket.inet_ntoa(socket.inet_aton(name))
    return None


def is_public(text: str) -> bool:
    """Tell whether an IP address belongs to the public internet."""
    address: IPv4Address | IPv6Address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    return address in _GLOBAL_IPV6 and not any(address in network for network in _SPECIAL_IPV6)
