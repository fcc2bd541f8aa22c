"""How long news takes to reach a thousand watchers of one API process."""

import asyncio
import re
import statistics
import time
from collections.abc import Sequence
from typing import Any

import httpx2

from bench.api_process import ApiProcess, api_process

WATCHERS = 1_000
_NAME = re.compile(rb'event: job\nid: \d+\ndata: {"id":"\w+","name":"(\d+)"')
_SECONDS = 10.0


def main() -> None:
    """Print the delay from before the change is asked for to the event at the watcher."""
    print(f"{WATCHERS} watchers of one process; delays from request to event")
    for jobs, changes_per_s in ((40, 40), (1, 1)):
        with api_process() as server:
            asyncio.run(_measure(server, jobs=jobs, changes_per_s=changes_per_s))


async def _measure(server: ApiProcess, *, jobs: int, changes_per_s: int) -> None:
    base_url = f"http://127.0.0.1:{server.port}/api/v1"
    async with httpx2.AsyncClient(base_url=base_url, timeout=60) as client:
        ids = [(await client.post("/jobs?draft=true", json={})).json()["id"] for _ in range(jobs)]
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        before_bytes = server.memory_bytes()
        delays_s: list[float] = []
        watchers = [
            await _connect(server.port, ids[number % jobs], cookie) for number in range(WATCHERS)
        ]
        each_bytes = (server.memory_bytes() - before_bytes) / WATCHERS
        reading = [asyncio.create_task(_read(reader, delays_s)) for reader, _ in watchers]
        sent = await _change(client, ids, changes_per_s=changes_per_s)
        await asyncio.sleep(1.0)
        expected = sent * WATCHERS // jobs
        for task, (_, writer) in zip(reading, watchers, strict=True):
            task.cancel()
            writer.close()
    _report(delays_s, expected=expected, jobs=jobs, each_bytes=each_bytes)


async def _connect(
    port: int, job: str, cookie: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /api/v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n"
        f"Cookie: {cookie}\r\n\r\n".encode()
    )
    await reader.readuntil(b"event: snapshot")
    return reader, writer


async def _read(reader: asyncio.StreamReader, delays_s: list[float]) -> None:
    while chunk := await reader.read(65_536):
        now_ns = time.monotonic_ns()
        delays_s.extend((now_ns - int(name)) / 1e9 for name in _NAME.findall(chunk))


async def _change(client: httpx2.AsyncClient, ids: Sequence[str], *, changes_per_s: int) -> int:
    """Rename jobs in turn, each to the time it is; returns how often that was done."""
    changes: list[asyncio.Task[Any]] = []
    started_s = time.monotonic()
    while (elapsed_s := len(changes) / changes_per_s) < _SECONDS:
        await asyncio.sleep(max(0.0, started_s + elapsed_s - time.monotonic()))
        path = f"/jobs/{ids[len(changes) % len(ids)]}"
        body = {"name": str(time.monotonic_ns())}
        changes.append(asyncio.create_task(client.patch(path, json=body)))
    for reply in await asyncio.gather(*changes):
        reply.raise_for_status()
    return len(changes)


def _report(delays_s: Sequence[float], *, expected: int, jobs: int, each_bytes: float) -> None:
    assert len(delays_s) == expected, f"{len(delays_s)} of {expected} deliveries came"
    cuts = statistics.quantiles(delays_s, n=100)
    print(
        f"{jobs:3} jobs, {expected / _SECONDS:6.0f} deliveries/s: p50 {cuts[49] * 1e3:6.1f} ms, "
        f"p99 {cuts[98] * 1e3:6.1f} ms, max {max(delays_s) * 1e3:6.1f} ms, "
        f"{each_bytes / 1e3:4.0f} kB per watcher"
    )
