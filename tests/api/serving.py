"""The API behind a real server on a free loopback port, and a reader of event streams."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
from fastapi import FastAPI

from image2model.api.server.connections import EdgeLimits
from image2model.api.server.serve import serve_api
from tests.harness.patience import PATIENCE_S, waiting_for


@asynccontextmanager
async def serving(
    api: FastAPI, *, limits: EdgeLimits | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve *api* and yield a browser that looks at it."""
    async with anyio.create_task_group() as group:
        ready, urls = anyio.Event(), list[str]()

        def on_ready(url: str) -> None:
            urls.append(url)
            ready.set()

        async def serve() -> None:
            await serve_api(api, host="127.0.0.1", port=0, on_ready=on_ready, limits=limits)

        group.start_soon(serve)
        await ready.wait()
        async with httpx2.AsyncClient(base_url=urls[0], timeout=PATIENCE_S) as client:
            yield client
        group.cancel_scope.cancel()


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a stream: a comment is called `comment`, a stream's end `closed`."""

    name: str
    id: str | None = None
    data: Any = None


CLOSED = Told("closed")


class EventReader:
    """Reads a stream event by event, from the bytes as they come; `retry` hints are skipped."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._came = b""

    async def next(self) -> Told:
        """Read the next event, at most for some seconds."""
        with waiting_for("the next event"):
            while True:
                block = await self._block()
                if block is None:
                    return CLOSED
                if not block.startswith("retry:"):
                    return _parse(block)

    async def until(self, name: str) -> list[Told]:
        """Read up to the next event called *name*, that one included."""
        events = [await self.next()]
        while events[-1].name != name:
            assert events[-1] is not CLOSED, f"the stream ended before '{name}': {events}"
            events.append(await self.next())
        return events

    async def _block(self) -> str | None:
        while b"\n\n" not in self._came:
            try:
                self._came += await anext(self._chunks)
            except StopAsyncIteration:
                assert self._came == b"", "the stream ended in the middle of an event"
                return None
        block, _, self._came = self._came.partition(b"\n\n")
        return block.decode()


def _parse(block: str) -> Told:
    if block.startswith(":"):
        return Told("comment", data=block[1:].strip())
    fields = dict(line.split(": ", 1) for line in block.splitlines())
    return Told(fields["event"], fields.get("id"), json.loads(fields["data"]))
