"""
One connection: uvicorn's protocol, with limits that hold while the bytes come.

A proxy in front has limits of its own; these hold without one, too.
"""

import time
from asyncio import Transport
from enum import Enum, auto
from typing import Any, NoReturn

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from image2model.api.middleware.guards import SECURITY_HEADERS
from image2model.api.responses.problems import http_problem, problem
from image2model.api.server.connections import LOOK_EVERY_S, Edge, EdgeLimits
from image2model.core.errors import TooManyRequests

_PIPELINED = 8
"""Requests that may wait behind one whose answer is not complete; browsers send none so."""


class _Awaited(Enum):
    """What has to come from the other side."""

    HEADER = auto()
    BODY = auto()
    NOTHING = auto()


class _TooMuch(Exception):
    """Stops the parser in the middle of what it was given."""


class EdgeProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with limits that hold while the bytes come."""

    def __init__(self, edge: Edge, **given: Any) -> None:
        super().__init__(**given)
        self._edge = edge
        self._limits = edge.limits
        self._refusal: bytes | None = None
        self._answered: RequestResponseCycle | None = None
        # What the parser keeps to itself: parts of a name or a value whose end is not there yet.
        self._parsed = False
        self._kept_bytes = 0
        self._header_bytes = 0
        # When it must have come.
        self._awaited = _Awaited.HEADER
        self._began = False
        self._since_s = self._moved_s = self._read_s = time.monotonic()
        self._body_bytes = self._body_bytes_seen = self._unread_bytes = 0

    # --- from its beginning to its end ----------------------------------------------------------

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin if there is room."""
        super().connection_made(transport)
        try:
            self._edge.admit(self, self.client[0] if self.client else "")
        except TooManyRequests as error:
            transport.write(_raw(problem(error)))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and tell whatever is being answered: uvicorn tells only the last request."""
        self._edge.forget(self)
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Rest, unless the next request is there already."""
        if self.pipeline:
            self._answered, _ = self.pipeline[-1]
        super().on_response_complete()
        if self.cycle.response_complete:
            self._edge.rests(self)

    # --- what comes -----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Read what came, and end it where the parser only keeps it."""
        self._parsed = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        self._kept_bytes = 0 if self._parsed else self._kept_bytes + len(data)
        if self._kept_bytes > self._limits.header_bytes:
            self._refuse(_header_too_large(self._limits))
        elif self._awaited is _Awaited.NOTHING and self.cycle.response_complete:
            # Line ends between two requests: uvicorn takes them for the second.
            self._await(_Awaited.HEADER)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._parsed = True
        self._began = True
        self._header_bytes = self._body_bytes = 0
        self._await(_Awaited.HEADER)

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        super().on_url(url)
        if len(self.url) > self._limits.url_bytes:
            self._stop(_url_too_long(self._limits.url_bytes))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the header, or of what may follow a body."""
        super().on_header(name, value)
        self._parsed = True
        self._header_bytes += len(name) + len(value)
        limits = self._limits
        if len(self.headers) > limits.header_fields or self._header_bytes > limits.header_bytes:
            self._stop(_header_too_large(limits))

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._parsed = True
        self._await(_Awaited.BODY)
        self._edge.works(self)
        super().on_headers_complete()
        if not self.pipeline:
            self._answered = self.cycle
        elif len(self.pipeline) > _PIPELINED:
            self._stop(_answer_of(400, "bad_request", "Too many requests come at once."))

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._parsed = True
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._parsed = True
        self._began = False
        self._await(_Awaited.NOTHING)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser stopped at."""
        del msg
        self._refuse(self._refusal or _answer_of(400, "bad_request", "That is no HTTP request."))

    # --- when it comes --------------------------------------------------------------------------

    def look(self, now_s: float) -> None:
        """End if the other side takes too long; *now_s* is monotonic time."""
        if self._lies_unread_s(now_s) > self._limits.answer_idle_s:
            self.transport.abort()
        elif self._awaited is _Awaited.NOTHING or self.transport.is_closing():
            return
        elif self._waits_for_us:
            self._since_s += LOOK_EVERY_S
            self._moved_s += LOOK_EVERY_S
        elif self._is_late(now_s):
            self._refuse(_too_slow())

    @property
    def _waits_for_us(self) -> bool:
        """Whether nothing comes because nothing is read, or asked for."""
        cycle = self._latest
        unasked = cycle is not None and cycle.waiting_for_100_continue
        return self.flow.read_paused or unasked

    @property
    def _latest(self) -> RequestResponseCycle | None:
        """The last request that began; None before the first, whatever uvicorn declares."""
        return self.cycle

    def _is_late(self, now_s: float) -> bool:
        waited_s = now_s - self._since_s
        if self._awaited is _Awaited.HEADER:
            return waited_s > self._limits.header_s
        if self._body_bytes != self._body_bytes_seen:
            self._body_bytes_seen = self._body_bytes
            self._moved_s = now_s
        if now_s - self._moved_s > self._limits.body_idle_s:
            return True
        least_bytes = waited_s * self._limits.body_bytes_per_s
        return waited_s > self._limits.body_idle_s and self._body_bytes < least_bytes

    def _lies_unread_s(self, now_s: float) -> float:
        """Tell for how long nothing was taken off an answer that waits for that."""
        unread_bytes = self.transport.get_write_buffer_size()
        waits = self.flow.write_paused or self.transport.is_closing()
        if not waits or unread_bytes < self._unread_bytes:
            self._read_s = now_s
        self._unread_bytes = unread_bytes
        return now_s - self._read_s

    def _await(self, awaited: _Awaited) -> None:
        self._awaited = awaited
        self._since_s = self._moved_s = time.monotonic()

    # --- refusing -------------------------------------------------------------------------------

    def _stop(self, refusal: bytes) -> NoReturn:
        """Have the parser stop, and `send_400_response` called."""
        self._refusal = refusal
        raise _TooMuch

    def _refuse(self, refusal: bytes) -> None:
        """End the connection; with an answer where one can still be read as such."""
        if self._may_answer:
            self.transport.write(refusal)
        self.transport.close()

    @property
    def _may_answer(self) -> bool:
        if not self._began:
            return False  # Nothing was asked, or all of it was.
        if self._awaited is _Awaited.HEADER:
            return self._latest is None or self._latest.response_complete
        return not (self.cycle.response_started or self.pipeline)


def _url_too_long(limit_bytes: int) -> bytes:
    return _answer_of(414, "url_too_long", f"The address is longer than {limit_bytes} bytes.")


def _header_too_large(limits: EdgeLimits) -> bytes:
    return _answer_of(
        431,
        "header_too_large",
        f"The header has more than {limits.header_bytes} bytes or {limits.header_fields} fields.",
    )


def _too_slow() -> bytes:
    return _answer_of(408, "request_too_slow", "The request came too slowly.")


def _answer_of(status: int, code: str, detail: str) -> bytes:
    return _raw(http_problem(status, detail, code=code))


def _raw(response: Response) -> bytes:
    """Write a whole answer after which nothing comes."""
    more = {**SECURITY_HEADERS, "Connection": "close"}
    fields = [*response.raw_headers, *((name.encode(), more[name].encode()) for name in more)]
    head = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    return STATUS_LINE[response.status_code] + head + b"\r\n" + bytes(response.body)
