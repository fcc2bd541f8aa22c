"""A `Fetcher` over HTTP that cannot be talked into reading from private networks."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

import anyio
import httpcore2
import httpx2

from image2model.backends.http.public_network import AddressRefused, PublicNetwork, Resolver
from image2model.core.errors import ArtifactTooLarge, FetchBroken, FetchGone, FetchRefused
from image2model.ports.fetcher import Fetched, Peek
from image2model.ports.webhooks import Answer

_TIMEOUTS = {"connect": 10.0, "read": 30.0, "write": 10.0, "pool": 60.0}
"""In seconds; "read" is the longest silence, not the longest download."""

_MOST_CONNECTIONS = 64
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_HEAD = frozenset({405, 501})
_BUSY = frozenset({408, 425, 429})
_REFUSED_READING = 416
_SECONDS = re.compile(r"\d{1,6}")
_Headers = Mapping[bytes | str, bytes | str]

_HEADERS: _Headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "image2model"}


class HttpFetcher:
    """
    Reads https URLs of public hosts; plain http and private addresses of *allowed* hosts alone.

    It is built on httpcore2 and not on a client: it sends exactly these headers, no cookies, no
    credentials, asks no proxy, and looks at every redirect itself.
    """

    def __init__(
        self, *, allowed_private_hosts: Collection[str] = (), resolve: Resolver | None = None
    ) -> None:
        """
        Prepare a fetcher.

        Args:
            allowed_private_hosts: `host` or `host:port` that may be private or plain http.
            resolve: Finds the addresses of hosts; None: the system does.
        """
        self._network = PublicNetwork(
            allowed={host.lower() for host in allowed_private_hosts}, resolve=resolve
        )
        self._pool = httpcore2.AsyncConnectionPool(
            network_backend=self._network, max_connections=_MOST_CONNECTIONS, keepalive_expiry=30.0
        )

    @asynccontextmanager
    async def fetch(
        self, url: str, *, limit_bytes: int, start: int = 0
    ) -> AsyncGenerator[Fetched, None]:
        """Open *url* for reading; see `Fetcher.fetch`."""
        more: _Headers = {"range": f"bytes={start}-"} if start else {}
        async with self._open("GET", url, more) as (response, host):
            headers = _headers(response)
            if headers.get("content-encoding", "identity") != "identity":
                raise FetchBroken(host=host, reason="it is compressed although nobody asked")
            begin, size_bytes = _extent(response.status, headers)
            if size_bytes is not None and size_bytes > limit_bytes:
                raise ArtifactTooLarge(limit_bytes=limit_bytes)
            yield Fetched(
                start=begin,
                size_bytes=size_bytes,
                media_type=headers.get("content-type", ""),
                chunks=_read(response, host=host, begin=begin, limit_bytes=limit_bytes),
            )

    async def peek(self, url: str, *, limit_s: float) -> Peek:
        """Ask whether *url* can be read; see `Fetcher.peek`."""
        try:
            with anyio.fail_after(limit_s):
                return await self._peek(url)
        except TimeoutError:
            raise FetchBroken(host=_host_of(url), reason=f"no answer in {limit_s:g} s") from None
        except FetchGone:
            return Peek(alive=False)

    def check_url(self, url: str) -> None:
        """Check what can be seen of *url*; see `Poster.check_url`."""
        target = _parse(url)
        self._check(target)
        try:
            self._network.check_literal(target.host, _port_of(target))
        except AddressRefused as error:
            raise FetchRefused(host=target.host, reason=str(error)) from error

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, limit_s: float
    ) -> Answer:
        """Post *body*, following no redirect and reading no answer; see `Poster.post`."""
        target = _parse(url)
        self._check(target)
        more: dict[bytes | str, bytes | str] = {"content-length": str(len(body))}
        more.update(headers.items())
        try:
            with anyio.fail_after(limit_s):
                response = await self._send("POST", target, more, body)
                try:
                    after = _headers(response).get("retry-after", "")
                    return Answer(
                        status=response.status,
                        retry_after_s=float(after) if _SECONDS.fullmatch(after) else None,
                    )
                finally:
                    with anyio.CancelScope(shield=True):
                        await response.aclose()
        except TimeoutError:
            raise FetchBroken(host=target.host, reason=f"no answer in {limit_s:g} s") from None

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        await self._pool.aclose()

    async def _peek(self, url: str) -> Peek:
        try:
            async with self._open("HEAD", url, {}) as (response, _host):
                return Peek(alive=True, size_bytes=_extent(200, _headers(response))[1])
        except FetchGone as error:
            if error.details["status"] not in _NO_HEAD:
                raise
        async with self._open("GET", url, {"range": "bytes=0-0"}) as (response, _host):
            return Peek(alive=True, size_bytes=_extent(response.status, _headers(response))[1])

    @asynccontextmanager
    async def _open(
        self, method: str, url: str, more: _Headers
    ) -> AsyncGenerator[tuple[httpcore2.Response, str], None]:
        target = _parse(url)
        for _ in range(_MOST_REDIRECTS + 1):
            self._check(target)
            response = await self._send(method, target, more)
            try:
                if response.status not in _REDIRECTS:
                    _check_status(response.status, host=target.host)
                    yield response, target.host
                    return
                target = _next(target, _headers(response).get("location", ""))
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()
        raise FetchRefused(host=target.host, reason="it redirects without end")

    def _check(self, target: httpx2.URL) -> None:
        exempt = self._network.allows_private(target.host, _port_of(target))
        if target.scheme != "https" and not (exempt and target.scheme == "http"):
            raise FetchRefused(host=target.host or "?", reason="it is not https")
        if target.userinfo:
            raise FetchRefused(host=target.host, reason="its URL holds a password")

    async def _send(
        self, method: str, target: httpx2.URL, more: _Headers, body: bytes | None = None
    ) -> httpcore2.Response:
        headers: _Headers = {"host": target.netloc, **_HEADERS, **more}
        request = httpcore2.Request(
            method,
            httpcore2.URL(
                scheme=target.raw_scheme,
                host=target.raw_host,
                port=target.port,
                target=target.raw_path,
            ),
            headers=headers,
            content=body,
            extensions={"timeout": _TIMEOUTS},
        )
        try:
            return await self._pool.handle_async_request(request)
        except AddressRefused as error:
            raise FetchRefused(host=target.host, reason=str(error)) from error
        except _FAULTS as error:
            raise FetchBroken(host=target.host, reason=_name(error)) from error


_FAULTS = (
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
)


async def _read(
    response: httpcore2.Response, *, host: str, begin: int, limit_bytes: int
) -> AsyncIterator[bytes]:
    size_bytes = begin
    try:
        async for chunk in response.aiter_stream():
            size_bytes += len(chunk)
            if size_bytes > limit_bytes:
                raise ArtifactTooLarge(limit_bytes=limit_bytes)
            yield chunk
    except _FAULTS as error:
        raise FetchBroken(host=host, reason=_name(error)) from error


def _parse(url: str) -> httpx2.URL:
    try:
        target = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError, ValueError) as error:
        raise FetchRefused(host="?", reason="that is no URL") from error
    if not target.host:
        raise FetchRefused(host="?", reason="that is no URL of a host")
    return target


def _port_of(target: httpx2.URL) -> int:
    return target.port or (443 if target.scheme == "https" else 80)


def _next(target: httpx2.URL, location: str) -> httpx2.URL:
    try:
        return _parse(str(target.join(location)))
    except (httpx2.InvalidURL, ValueError) as error:
        raise FetchRefused(host=target.host, reason="it redirects to nowhere") from error


def _host_of(url: str) -> str:
    return _parse(url).host


def _check_status(status: int, *, host: str) -> None:
    if 200 <= status < 300:
        return
    if (status >= 500 and status not in _NO_HEAD) or status in _BUSY or status == _REFUSED_READING:
        raise FetchBroken(host=host, reason=f"it answers {status}")
    raise FetchGone(host=host, status=status)


def _headers(response: httpcore2.Response) -> Mapping[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }


def _extent(status: int, headers: Mapping[str, str]) -> tuple[int, int | None]:
    """Tell where the bytes that come begin, and how long the whole file is (RFC 9110, 14.4)."""
    if status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", ""))
        if match is not None:
            return int(match[1]), None if match[2] == "*" else int(match[2])
    length = headers.get("content-length", "")
    return 0, int(length) if length.isdigit() else None


def _name(error: Exception) -> str:
    return str(error) or type(error).__name__
