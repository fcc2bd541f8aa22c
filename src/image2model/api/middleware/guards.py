"""What every request passes before any route: host, origin, body size; and answers' headers."""

import logging
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from image2model.api.responses.problems import internal_problem, problem
from image2model.core.errors import (
    CrossSiteRequest,
    HostNotAllowed,
    ProxyNotAnnounced,
    UploadTooLarge,
)
from image2model.core.text.hosts import is_loopback
from image2model.wire.paths import API_PREFIX

_log = logging.getLogger(__name__)

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
ANY_HOST = "*"
JSON_BODY_BYTES = 1_000_000
_WORTH_DISCARDING_BYTES = 100_000_000

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})
_HEALTH = f"{API_PREFIX}/health/"

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # Whatever tells of a caller's jobs, keys or money is kept by no browser and no proxy. Files,
    # and what is the same for everybody, say otherwise themselves.
    "Cache-Control": "no-store",
}
"""Where a route sets one itself, its own counts."""


class BelowPath:
    """
    Serves below *base_path*, whether the proxy before us removes it from addresses or not.

    Addresses in answers begin at the server's own root, as the API describes them; only headers
    that browsers follow by themselves must name the path.
    """

    def __init__(self, app: ASGIApp, base_path: str) -> None:
        self._app = app
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if f"{scope['path']}/".startswith(f"{self._base_path}/"):
            below = scope["path"].removeprefix(self._base_path) or "/"
            raw = scope.get("raw_path") or b""
            raw_below = raw.removeprefix(self._base_path.encode()) or b"/"
            scope = {**scope, "path": below, "raw_path": raw_below}

        async def send_located(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                location = headers.get("location", "")
                if location.startswith("/"):
                    headers["location"] = self._base_path + location
            await send(message)

        await self._app(scope, receive, send_located)


class SecurityHeaders:
    """Adds `SECURITY_HEADERS` to every answer, and turns what nobody expected into a 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_safely)
        except Exception:
            _log.exception("%s %s", scope["method"], scope["path"])
            if started:
                raise
            await internal_problem()(scope, receive, send_safely)


class HostGuard:
    """
    Answers only to its own names, so that no other site's name can be pointed at it.

    Such DNS rebinding lets a page read what it may not. Health is told to anybody, for probes
    often ask by address.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = {host.lower() for host in allowed} | LOOPBACK_HOSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or self._may_pass(scope):
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        await problem(HostNotAllowed(host=host))(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        if ANY_HOST in self._allowed or scope["path"].startswith(_HEALTH):
            return True
        return _without_port(Headers(scope=scope).get("host", "")) in self._allowed


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


_SIGNS_OF_PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class ProxyGuard:
    """
    Refuses what came through a proxy that nobody told us of.

    For a server where whoever asks may do everything, since only its own machine can reach it. A
    tunnel or a proxy that calls it by its local name brings the whole internet. Some leave no trace
    in what they pass on, but then a browser's pages are of another site than the one asked.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or (sign := _sign_of_proxy(Headers(scope=scope))) is None:
            await self._app(scope, receive, send)
            return
        await problem(ProxyNotAnnounced(sign=sign))(scope, receive, send)


def _sign_of_proxy(headers: Headers) -> str | None:
    for name in _SIGNS_OF_PROXIES:
        if name in headers:
            return name
    own_site = headers.get("sec-fetch-site") == "same-origin"
    origin = urlsplit(headers.get("origin", "")).hostname if own_site else None
    return None if origin is None or is_loopback(origin) else "origin"


class CrossSiteGuard:
    """
    Refuses what other sites' pages have a browser send.

    Reading is safe without it, for no answer allows other origins to see it; and no browser adds
    an API key by itself, as it does with cookies and passwords.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or _is_own(scope):
            await self._app(scope, receive, send)
            return
        await problem(CrossSiteRequest())(scope, receive, send)


def _is_own(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    if scope["method"] in _SAFE_METHODS:
        return True
    if headers.get("authorization", "").lower().startswith("bearer "):
        return True
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in _OWN_SITE
    if (origin := headers.get("origin")) is not None:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    return True  # No browser: those send at least one of the two.


class BodyGuard:
    """
    Ends requests whose body is too large; uploads count their own bytes, by file.

    Whoever is refused while sending much more, or nobody knows how much, is cut off after the
    answer; less than that is let run out, so that the answer is not lost.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive, send)
        if body.limit_bytes is not None and (body.promised_bytes or 0) > body.limit_bytes:
            await problem(UploadTooLarge(limit_bytes=body.limit_bytes))(scope, receive, body.send)
            return
        await self._app(scope, body.receive, body.send)


class _Body:
    """One request's body on its way, with the answer to it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        chunked = "transfer-encoding" in headers
        self.limit_bytes = None if _is_upload(scope) else JSON_BODY_BYTES
        self.promised_bytes = int(length) if length.isascii() and length.isdigit() else None
        self._more = chunked or bool(self.promised_bytes)
        self._came_bytes = 0
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        self._came_bytes += len(message.get("body", b""))
        self._more = message.get("more_body", False)
        if self.limit_bytes is not None and self._came_bytes > self.limit_bytes:
            # The one kind of error that FastAPI lets through while it reads a body.
            raise HTTPException(413, f"The body is larger than {self.limit_bytes} bytes.")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._more and self._is_long():
            MutableHeaders(scope=message)["Connection"] = "close"
        await self._send(message)

    def _is_long(self) -> bool:
        if self.promised_bytes is None:
            return True
        return self.promised_bytes - self._came_bytes > _WORTH_DISCARDING_BYTES


def _is_upload(scope: Scope) -> bool:
    path, method = scope["path"], scope["method"]
    if method == "POST":
        return path in {f"{API_PREFIX}/jobs", f"{API_PREFIX}/sheet"}
    return method == "PUT" and ("/views/" in path or path.endswith("/sheet"))
