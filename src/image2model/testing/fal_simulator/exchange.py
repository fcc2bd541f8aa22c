"""One HTTP request and its answer, with the TCP connection in reach."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

TRANSPORT = "image2model.transport"
"""Key of the ASGI scope's extensions that holds the connection's asyncio transport."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    An answer that was not sent yet.

    Attributes:
        status: The HTTP status.
        headers: The headers, without the length.
        parts: The body, in pieces that are sent one after the other.
        events: A body without a known length, instead of *parts*.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence[bytes] = ()
    events: AsyncIterator[bytes] | None = None

    @property
    def size_bytes(self) -> int:
        """The length of *parts* together."""
        return sum(map(len, self.parts))


def json_reply(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return *data* as a JSON answer."""
    body = json.dumps(data, separators=(",", ":")).encode()
    return Reply(
        status=status, headers={"content-type": "application/json", **(headers or {})}, parts=[body]
    )


def text_reply(text: str, *, status: int, content_type: str = "text/html") -> Reply:
    """Return *text* as an answer."""
    return Reply(status=status, headers={"content-type": content_type}, parts=[text.encode()])


class Refusal(Exception):
    """
    Ends a handler early with an answer.

    Attributes:
        reply: What to answer.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def refuse(status: int, data: Any, *, headers: Mapping[str, str] | None = None) -> Refusal:
    """Return the exception that answers *status* with *data* as JSON."""
    return Refusal(json_reply(data, status=status, headers=headers))


class Call:
    """One request; the body is read when it is asked for."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.body: bytes | None = None
        self._scope = scope
        self._receive = receive
        self._send = send

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The request's headers by lower-case name; of repeated ones, the last."""
        return {name.decode(): value.decode("latin-1") for name, value in self._scope["headers"]}

    @cached_property
    def query(self) -> Mapping[str, Sequence[str]]:
        """The query's values by name."""
        text: bytes = self._scope["query_string"]
        return parse_qs(text.decode(), keep_blank_values=True) if text else {}

    def argument(self, name: str, default: str = "") -> str:
        """Return the first value of the query's *name*."""
        return self.query.get(name, (default,))[0]

    async def read(self) -> bytes:
        """Return the whole body; may be called again."""
        if self.body is None:
            pieces = []
            more = True
            while more:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    break
                pieces.append(message["body"])
                more = message["more_body"]
            self.body = b"".join(pieces)
        return self.body

    async def read_json(self) -> Any:
        """
        Return the body as JSON.

        Raises:
            Refusal: It is not JSON.
        """
        try:
            return json.loads(await self.read() or b"null")
        except ValueError:
            detail = [{"loc": ["body"], "msg": "JSON decode error", "type": "json_invalid"}]
            raise refuse(422, {"detail": detail}) from None

    async def gone(self) -> None:
        """Wait until the client has closed the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def pause(self, for_s: float) -> None:
        """Wait *for_s* seconds, or until the client has closed the connection."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gone(), for_s)

    async def send(self, reply: Reply) -> None:
        """Send *reply* as a well-behaved server does."""
        if reply.events is not None:
            await self._send_events(reply, reply.events)
            return
        await self._start(reply, {"content-length": str(reply.size_bytes)})
        if self.method != "HEAD":
            for part in reply.parts[:-1]:
                await self._send({"type": "http.response.body", "body": part, "more_body": True})
        last = reply.parts[-1] if reply.parts and self.method != "HEAD" else b""
        await self._send({"type": "http.response.body", "body": last})

    async def send_slowly(self, reply: Reply, *, bytes_per_s: float) -> None:
        """Send *reply* in small pieces at about *bytes_per_s*."""
        await self._start(reply, {"content-length": str(reply.size_bytes)})
        body = memoryview(b"".join(reply.parts))
        step_bytes = max(1, int(bytes_per_s / 20))
        for start in range(0, len(body), step_bytes):
            piece = bytes(body[start : start + step_bytes])
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            await self.pause(len(piece) / bytes_per_s)
        await self._send({"type": "http.response.body", "body": b""})

    async def send_falsely(
        self, reply: Reply, *, claimed_bytes: int, sent_bytes: int, reset: bool = False
    ) -> None:
        """
        Send a body whose length is not what the header claims, then end the connection.

        Args:
            reply: What would have been sent.
            claimed_bytes: The Content-Length.
            sent_bytes: How much of the body is written.
            reset: End with a TCP reset instead of an orderly close.
        """
        lines = [f"HTTP/1.1 {reply.status} Simulated", f"content-length: {claimed_bytes}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        transport = self._transport
        transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        transport.write(b"".join(reply.parts)[:sent_bytes])
        if reset:
            # A reset discards what is not on its way yet.
            await self.pause(0.02)
            await self.reset()
        else:
            transport.close()
            await self.gone()

    async def reset(self) -> None:
        """End the connection with a TCP reset instead of an answer."""
        reset_connection(self._transport)
        await self.gone()

    @property
    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport = self._scope["extensions"][TRANSPORT]["transport"]
        return transport

    async def _start(self, reply: Reply, more: Mapping[str, str]) -> None:
        headers = [
            (name.encode(), value.encode("latin-1"))
            for name, value in {**reply.headers, **more}.items()
        ]
        await self._send(
            {"type": "http.response.start", "status": reply.status, "headers": headers}
        )

    async def _send_events(self, reply: Reply, events: AsyncIterator[bytes]) -> None:
        await self._start(reply, {})
        gone = asyncio.ensure_future(self.gone())
        try:
            async for event in events:
                if gone.done():
                    return
                await self._send({"type": "http.response.body", "body": event, "more_body": True})
            await self._send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()


def reset_connection(transport: asyncio.Transport) -> None:
    """
    Close *transport* so that the peer's next read or write fails with a reset.

    With lingering on and a linger time of zero, close() discards what is unsent and sends RST
    (RFC 1122, section 4.2.2.13; socket(7), SO_LINGER).
    """
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        linger_on_for_0_s = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_on_for_0_s)
    transport.abort()
