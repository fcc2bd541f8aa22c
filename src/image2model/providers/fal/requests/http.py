"""Speak HTTP to fal's own hosts: one client, the key for them alone, and exact failures."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urlencode

import anyio
import httpcore2
import httpx2

from image2model.core.errors import JsonValue, ProviderAccountBlocked
from image2model.providers.fal.config import FalConfig

PROVIDER = "fal.ai"
"""What people are told who said it."""

_TIMEOUTS = {"connect": 10.0, "pool": 60.0}
"""In seconds; what follows the connection has one time limit in all, see `FalHttp.send`."""

_MOST_CONNECTIONS = 32
"""
fal speaks HTTP/2, where one connection carries a hundred requests; 32 are for gateways that do not.
The pool looks at all of them at each request, so more would cost more than they help.
"""

_MOST_IDLE = 4
"""The pool probes each idle connection at each request; to open one now and then costs less."""

_IDLE_S = 20.0
"""Idle ones are dropped early: a submission must not go out on one that fal has just closed."""

_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "image2model"}
_NOT_SENT = (
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
    httpcore2.PoolTimeout,
    httpx2.InvalidURL,
)
_LOST = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError)


class NotSent(Exception):
    """No connection came about (refused, no such host, TLS): not a byte of the request left."""


class AnswerLost(Exception):
    """The request may have arrived; its answer did not (reset, time limit, broken protocol)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What came back.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name.
        body: Whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    @property
    def data(self) -> JsonValue:
        """The body as JSON; None: it is none, or null."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def fields(self) -> Mapping[str, JsonValue]:
        """The body as a JSON object; empty: it is none."""
        data = self.data
        return data if isinstance(data, dict) else {}

    @property
    def retry_after_s(self) -> float | None:
        """How long the server asks to wait, in seconds; None: it does not say."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdigit() else None

    @property
    def is_passing(self) -> bool:
        """Whether the same request may well be answered a little later."""
        return self.status in {408, 425, 429} or self.status >= 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """
    A URL as it is connected to, which is also what is looked at to say whether it may be.

    Attributes:
        url: As it was given.
        host: For the header of that name.
        origin: Scheme, host and port.
    """

    url: httpcore2.URL
    host: str
    origin: str

    def asked(self, query: Mapping[str, str] | None) -> httpcore2.URL:
        """Return the URL with *query* added."""
        if not query:
            return self.url
        url = self.url
        joint = b"&" if b"?" in url.target else b"?"
        path = joint.join([url.target, urlencode(query).encode()])
        return httpcore2.URL(scheme=url.scheme, host=url.host, port=url.port, target=path)


class FalHttp:
    """
    The one client of the process; HTTP/2 where fal offers it.

    Environment proxies are not asked and redirects not followed: both would hand the key on. So
    little is left of what a client does that it is built on the connections alone: hundreds of
    items are asked for every second, and a client takes half as long again for each request.
    """

    def __init__(self, config: FalConfig) -> None:
        self._config = config
        urls = (config.queue_url, config.rest_url, config.api_url)
        self._trusted = frozenset(map(_origin, urls)) - {""}

    @cached_property
    def _pool(self) -> httpcore2.AsyncConnectionPool:
        # At the level "debug" the HTTP/2 header compression logs every header, the key included.
        logging.getLogger("hpack").setLevel(logging.WARNING)
        return httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_IDLE,
            keepalive_expiry=_IDLE_S,
            http2=True,
        )

    def may_see_key(self, url: str) -> bool:
        """Tell whether *url* is at one of fal's hosts as configured."""
        return _origin(url) in self._trusted

    async def send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: JsonValue = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        keyed: bool = True,
        limit_s: float | None = None,
    ) -> Answer:
        """
        Make one request, once.

        Args:
            method: The HTTP method.
            url: Without a query of its own.
            query: Arguments of the URL.
            body: Sent as JSON unless *content* is given.
            content: Sent as it is.
            headers: More headers.
            keyed: Whether the key goes along; only ever to the configured hosts.
            limit_s: The longest it may take in all, in seconds; None: as configured.

        Raises:
            NotSent: Nothing left this machine.
            AnswerLost: It may have arrived.
            ProviderAccountBlocked: There is no key to send.
        """
        limit_s = self._config.pace.answer_s if limit_s is None else limit_s
        all_headers = {**_HEADERS, **(headers or {})}
        if keyed:
            all_headers["authorization"] = f"Key {self._key_for(url)}"
        if content is None and body is not None:
            all_headers["content-type"] = "application/json"
            content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        if method != "GET":
            all_headers["content-length"] = str(len(content or b""))
        try:
            target = _target(url)
            with anyio.fail_after(limit_s):
                response = await self._pool.request(
                    method,
                    target.asked(query),
                    headers=[("host", target.host), *all_headers.items()],
                    content=content,
                    extensions={"timeout": _TIMEOUTS},
                )
        except _NOT_SENT as error:
            raise NotSent(_reason(error)) from error
        except _LOST as error:
            raise AnswerLost(_reason(error)) from error
        except TimeoutError as error:
            raise AnswerLost(f"no answer within {limit_s:g} s") from error
        return Answer(
            status=response.status, headers=_decoded(response.headers), body=response.content
        )

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        if "_pool" in vars(self):  # It is made when it is first needed.
            await self._pool.aclose()

    def _key_for(self, url: str) -> str:
        if self._config.key is None:
            raise no_key()
        if not self.may_see_key(url):
            raise NotSent("the address is not one of fal's, so it does not get the key")
        return self._config.key


KEY_ADVICE = (
    "Make a key at https://fal.ai/dashboard/keys, set FAL_KEY to it, and start image2model again."
)


def no_key() -> ProviderAccountBlocked:
    """Say that there is no key."""
    return ProviderAccountBlocked(
        provider=PROVIDER,
        reason="no API key is set",
        advice=KEY_ADVICE,
    )


@lru_cache(maxsize=4_096)
def _target(url: str) -> _Target:
    """Read *url*, or raise `httpx2.InvalidURL`; the same few are asked again and again."""
    parsed = httpx2.URL(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise httpx2.InvalidURL("that is no URL of a web server")
    connected = httpcore2.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path
    )
    return _Target(url=connected, host=parsed.netloc.decode("ascii"), origin=str(connected.origin))


def _origin(url: str) -> str:
    try:
        return _target(url).origin
    except httpx2.InvalidURL:
        return ""


def _decoded(headers: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def as_object(value: Any) -> Mapping[str, JsonValue]:
    """Return *value* if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}
