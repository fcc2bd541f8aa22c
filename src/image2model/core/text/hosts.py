"""Names and addresses of machines."""

import re
from contextlib import suppress
from ipaddress import IPv6Address, IPv6Network, ip_address

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def is_loopback(host: str) -> bool:
    """Tell whether *host* is this machine, as only this machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def network_of(host: str) -> str:
    """Name what one household or server has: an IPv4 address, or a /64 of IPv6."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host  # A Unix socket, or a proxy that tells names.
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Network((address, 64), strict=False))
    return host


def read_host(text: str) -> str:
    """
    Read a host's name or address as it stands in URLs: lower case, IPv6 in brackets.

    Raises:
        ValueError: No request can be addressed to such a name; says why.
    """
    host, port = _split(text)
    if port:
        raise ValueError(f"'{text}' has a port; write the name alone: {host}")
    return host


def read_host_and_port(text: str) -> str:
    """
    Read `host` or `host:port`: lower case, IPv6 without brackets, as parsed URLs have it.

    Raises:
        ValueError: No URL can lead there; says why.
    """
    host, port = _split(text)
    name = host.strip("[]")
    return f"{name}:{port}" if port else name


def _split(text: str) -> tuple[str, str]:
    plain = text.strip()
    if not plain:
        raise ValueError("a name is empty")
    if "/" in plain:
        name = plain.partition("://")[2].partition("/")[0] or plain.strip("/").partition("/")[0]
        raise ValueError(f"'{text}' is an address; write the host's name alone: {name}")
    with suppress(ValueError):
        return _bracketed(plain), ""
    match = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(\d{1,5}))?", plain)
    if match is None:
        raise ValueError(f"'{text}' is no host name")
    host, port = match[1], match[2] or ""
    if int(port or 0) > 65_535:
        raise ValueError(f"'{text}' has a port above 65535")
    try:
        return _bracketed(host), port
    except ValueError:
        return _name(host, text), port


def _bracketed(host: str) -> str:
    """Write an IP address as URLs do."""
    address = ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    if address.version == 4 and host.startswith("["):
        raise ValueError(host)
    return f"[{address}]" if address.version == 6 else str(address)


def _name(host: str, text: str) -> str:
    if host.startswith("["):
        raise ValueError(f"'{text}' has brackets; write the name alone: {host.strip('[]')}")
    if "*" in host:
        raise ValueError(f"'{text}' has a wildcard; names are compared as a whole")
    try:
        name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"'{text}' is no host name")
    if labels[-1].isdigit():
        raise ValueError(f"'{text}' is no IP address")
    return name
