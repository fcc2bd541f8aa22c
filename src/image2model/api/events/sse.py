"""Server-sent events, as bytes (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.types import Send

RETRY = b"retry: 1000\n\n"
"""How long a browser waits before it connects again, in milliseconds."""

PING = b": still here\n\n"
"""A comment, which proxies and clients take as a sign of life."""

EVENT_STREAM = "text/event-stream"


def event(name: str, data: BaseModel, *, version: int | None = None) -> bytes:
    """
    Encode one event.

    Args:
        name: What a browser's `addEventListener` hears.
        data: Its content; JSON without line breaks.
        version: What `Last-Event-ID` says when the client resumes; None: as before this event.
    """
    place = "" if version is None else f"id: {version}\n"
    return f"event: {name}\n{place}data: {data.model_dump_json()}\n\n".encode()


class EventStream(StreamingResponse):
    """A response that goes on until *events* ends; nothing on the way may keep or cache it."""

    media_type = EVENT_STREAM

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._events = events

    async def stream_response(self, send: Send) -> None:
        """Send the events; however that ends, their source is let go at once."""
        async with aclosing(self._events):
            await super().stream_response(send)
