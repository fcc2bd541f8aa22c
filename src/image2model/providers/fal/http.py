"""Speak HTTP to fal's own hosts: one client, the key for them alone, and exact failures."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2

from image2model.core.errors import JsonValue, ProviderAccountBlocked
from image2model.providers.fal.config import FalConfig

PROVIDER = "fal.ai"
"""What people are told who said it."""

_TIMEOUT = httpx2.Timeout(None, connect=10.0, pool=60.0)
"""In seconds; what follows the connection has one time limit in all, see `FalHttp.send`."""

_LIMITS = httpx2.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=20.0)
"""
fal speaks HTTP/2, where one connection carries a hundred requests; 32 are for gateways that do not.
The pool looks at all of them at each request, so more would cost more than they help. Idle ones
are dropped early: a submission must not go out on one that fal has just closed.
"""

_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


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


class FalHttp:
    """
    The one client of the process; HTTP/2 where fal offers it.

    Environment proxies are not asked and redirects not followed: both would hand the key on.
    """

    def __init__(self, config: FalConfig) -> None:
        self._config = config
        urls = (config.queue_url, config.rest_url, config.api_url)
        self._trusted = frozenset(map(_origin, urls))

    @cached_property
    def _client(self) -> httpx2.AsyncClient:
        # At the level "debug" the HTTP/2 header compression logs every header, the key included.
        logging.getLogger("hpack").setLevel(logging.WARNING)
        return httpx2.AsyncClient(
            http2=True,
            trust_env=False,
            follow_redirects=False,
            timeout=_TIMEOUT,
            limits=_LIMITS,
            headers={"user-agent": "image2model"},
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
        all_headers = dict(headers or {})
        if keyed:
            all_headers["authorization"] = f"Key {self._key_for(url)}"
        try:
            with anyio.fail_after(limit_s):
                response = await self._client.request(
                    method,
                    url,
                    params=dict(query) if query else None,
                    headers=all_headers,
                    content=content,
                    json=body if content is None and body is not None else None,
                )
        except _NOT_SENT as error:
            raise NotSent(_reason(error)) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise AnswerLost(_reason(error)) from error
        except TimeoutError as error:
            raise AnswerLost(f"no answer within {limit_s:g} s") from error
        return Answer(
            status=response.status_code, headers=dict(response.headers), body=response.content
        )

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        if "_client" in vars(self):  # It is made when it is first needed.
            await self._client.aclose()

    def _key_for(self, url: str) -> str:
        if self._config.key is None:
            raise no_key()
        if not self.may_see_key(url):
            raise NotSent("the address is not one of fal's, so it does not get the key")
        return self._config.key


def no_key() -> ProviderAccountBlocked:
    """Say that there is no key."""
    return ProviderAccountBlocked(
        provider=PROVIDER,
        reason="no API key is set",
        advice="Make one at https://fal.ai/dashboard/keys and set FAL_KEY, then try again.",
    )


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    try:
        return parts.scheme, (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "", "", None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def as_object(value: Any) -> Mapping[str, JsonValue]:
    """Return *value* if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}
