"""A simulator with an HTTP client that speaks to it, for the tests of the simulator."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from image2model.testing.fal_simulator import Behaviour, FalSimulator, FaultRule, Latency

TRIPO = "tripo3d/tripo/v2.5/image-to-3d"
TRELLIS = "fal-ai/trellis-2"
PICTURE = "https://pictures.example/cat.png"
AT_ONCE = Latency(median_s=0.0)
HELD = Latency(held=True)
FOR_EVER = Latency(median_s=3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """The simulator, and a client that sends its key."""

    fal: FalSimulator
    http: httpx2.AsyncClient

    async def post(
        self, endpoint: str = TRIPO, *, query: str = "", picture: str = PICTURE, **more: Any
    ) -> httpx2.Response:
        """Submit *picture*; *more* are request headers, with _ for -."""
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        url = f"{self.fal.queue_url}/{endpoint}{query}"
        return await self.http.post(url, json={"image_url": picture}, headers=headers)

    async def submit(self, endpoint: str = TRIPO, **more: Any) -> dict[str, Any]:
        """Submit and return the answer, which must be an acceptance."""
        answer = await self.post(endpoint, **more)
        assert answer.status_code == 200, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    async def follow(self, accepted: dict[str, Any]) -> list[dict[str, Any]]:
        """Return every status of a request until it is completed, by its event stream."""
        url = f"{accepted['status_url']}/stream?logs=1"
        async with self.http.stream("GET", url) as events:
            lines = [line async for line in events.aiter_lines()]
        return [json.loads(line.removeprefix("data: ")) for line in lines if line]

    async def result(self, endpoint: str = TRIPO, **more: Any) -> httpx2.Response:
        """Submit, wait for the end, and return the answer of the result request."""
        accepted = await self.submit(endpoint, **more)
        await self.follow(accepted)
        return await self.http.get(accepted["response_url"])

    async def mesh_url(self, endpoint: str = TRIPO) -> str:
        """Return the mesh URL of a finished request."""
        result = (await self.result(endpoint)).json()
        url: str = (result.get("model_mesh") or result.get("model_glb"))["url"]
        return url


@asynccontextmanager
async def running(
    latency: Latency = AT_ONCE, *, faults: Iterable[FaultRule] = (), **behaviour: Any
) -> AsyncIterator[Rig]:
    """Run a simulator on this loop."""
    settings = Behaviour(latency=latency, **behaviour)
    async with (
        FalSimulator(settings, faults=faults) as fal,
        httpx2.AsyncClient(
            headers={"authorization": f"Key {fal.key}"},
            trust_env=False,
            # A thousand requests wait for each other, and no server can help that.
            timeout=httpx2.Timeout(5.0, pool=None),
        ) as http,
    ):
        yield Rig(fal=fal, http=http)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request that the receiver got; header names are lower-case."""

    headers: dict[str, Any]
    body: bytes


class Receiver:
    """A web server for webhooks: keeps what it gets and answers with the statuses given."""

    def __init__(self, *statuses: int) -> None:
        self.url = ""
        self._statuses = list(statuses)
        self._received: asyncio.Queue[Received] = asyncio.Queue()

    async def next(self) -> Received:
        """Return the oldest request that was not looked at yet; waits for it."""
        async with asyncio.timeout(5):
            return await self._received.get()

    @property
    def pending(self) -> int:
        """How many requests were not looked at yet."""
        return self._received.qsize()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection for one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        status = self._statuses.pop(0) if self._statuses else 200
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()
        self._received.put_nowait(Received(headers=headers, body=body))


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    """Run a receiver that answers *statuses*, then 200."""
    receiver = Receiver(*statuses)
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
