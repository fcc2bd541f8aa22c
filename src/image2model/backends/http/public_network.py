"""Connections to public addresses only, whatever a name resolves to."""

import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import anyio
import httpcore2

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the addresses of a host; raises OSError when there are none."""

_HTTPS_PORT = 443
_DISGUISES = (
    IPv6Network("64:ff9b::/96"),  # NAT64: an IPv4 address, private ones too
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("2001::/32"),  # Teredo
    IPv4Network("192.0.0.0/24"),
)
"""Networks that `ipaddress` calls global although they lead to private addresses."""


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
        if port != _HTTPS_PORT:
            raise AddressRefused(f"port {port} is not that of https")
        addresses = await self._resolve(host, port)
        # All of them: a name with one private address among public ones is up to something.
        if not all(is_public(address) for address in addresses):
            raise AddressRefused("its address is not public")
        return addresses

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of *host*."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(text: str) -> bool:
    """Tell whether an IP address belongs to the public internet."""
    address: IPv4Address | IPv6Address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _DISGUISES if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast
