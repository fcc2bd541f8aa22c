"""Two hundred people at one server: how long reads and writes take, and that nothing is lost."""

import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.harness.rig import disc_png
from tests.system.scaled.installation import Installation

PEOPLE = 200
LASTS_S = 60.0
LOOKS_EVERY_S = 1.0
"""How often each looks at a page of the web app while the models are made."""

RATES_PER_S = (100, 200, 300, 400, 500, 600, 800, 1_000)
RATE_LASTS_S = 8.0
PROMISED_S = 0.3

_LIMIT_S = 900.0


def main() -> None:
    """Let people in who make models, then read faster and faster."""
    # As on the internet: every limit on strangers is in force.
    settings = {
        "IMAGE2MODEL_PUBLIC_URL": "https://models.example",
        "IMAGE2MODEL_SERVE__ACCESS": "sessions",
    }
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Installation(Path(folder), settings) as installation,
    ):
        web, url = installation.add_web()
        installation.start()
        asyncio.run(_measure(url, psutil.Process(web.pid)))


@dataclass(slots=True)
class Visit:
    """What happened to all who came."""

    reads_s: list[float] = field(default_factory=list)
    writes_s: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    lost: list[str] = field(default_factory=list)


async def _measure(url: str, server: psutil.Process) -> None:
    visit = Visit()
    people = [Person(number, urlsplit(url).port or 0, visit) for number in range(PEOPLE)]
    began_s = time.monotonic()
    computed_s = sum(server.cpu_times()[:2])
    async with asyncio.timeout(_LIMIT_S):
        async with asyncio.TaskGroup() as group:
            for person in people:
                group.create_task(person.visit(until_s=began_s + LASTS_S))
    took_s = time.monotonic() - began_s
    asked = len(visit.reads_s) + len(visit.writes_s)
    print(f"{PEOPLE} people made {visit.jobs} models in {took_s:.0f} s; {asked} requests")
    print(f"  lost: {len(visit.lost)} {visit.lost[:3]}; refused: {dict(visit.refused)}")
    print(f"  reads:  {_spread(visit.reads_s)}\n  writes: {_spread(visit.writes_s)}")
    print(f"  the server's own computing: {sum(server.cpu_times()[:2]) - computed_s:.1f} s")
    for rate in RATES_PER_S:
        reads_s = await _read_at(people, rate)
        print(f"  {rate} reads a second were asked for: {_spread(reads_s)}", flush=True)
        if _quantile(reads_s, 0.99) > PROMISED_S:
            break


class Person:
    """Somebody with an address and a browser of their own, who makes one model after the other."""

    def __init__(self, number: int, port: int, visit: Visit) -> None:
        self._number = number
        self._visit = visit
        host, cookies = f"127.1.0.{number + 1}", dict[str, str]()
        self._browser = Browser(host, port, cookies)
        self._watching = Browser(host, port, cookies)
        self._job = ""

    async def visit(self, until_s: float) -> None:
        """Make models until then; the last one is waited for."""
        # Nobody comes at the same moment as all others.
        await asyncio.sleep(self._number / PEOPLE * 10.0)
        while time.monotonic() < until_s:
            await self._make()

    async def _make(self) -> None:
        picture = disc_png(f"{self._number}-{self._visit.jobs}", side_px=128)
        began_s = time.monotonic()
        status, body = await self._browser.upload("/api/v1/jobs", picture)
        self._visit.writes_s.append(time.monotonic() - began_s)
        if status != HTTPStatus.ACCEPTED:
            self._visit.refused[f"{status} {body[:200]!r}"] += 1
            await asyncio.sleep(LOOKS_EVERY_S)
            return
        self._visit.jobs += 1
        self._job = json.loads(body)["id"]
        looking = asyncio.create_task(self._look_again_and_again())
        try:
            await self._await_end()
        finally:
            looking.cancel()
            await asyncio.wait([looking])
        self.hang_up()  # A read may have been broken off in the middle.
        await self._download()

    async def _await_end(self) -> None:
        async with aclosing(self._watching.events(f"/api/v1/jobs/{self._job}/events")) as events:
            async for name in events:
                if name == "end":
                    return
        self._visit.lost.append(f"{self._job}: its events ended before it did")

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOKS_EVERY_S)
            await self.look()

    async def look(self) -> float:
        """Read the job, as a page does. Returns how long it took."""
        began_s = time.monotonic()
        status, body = await self._browser.get(f"/api/v1/jobs/{self._job}")
        took_s = time.monotonic() - began_s
        self._visit.reads_s.append(took_s)
        if status != HTTPStatus.OK:
            self._visit.refused[f"{status} {body[:200]!r}"] += 1
        return took_s

    def hang_up(self) -> None:
        """Have the next request connect anew."""
        self._browser.close()

    async def _download(self) -> None:
        _, body = await self._browser.get(f"/api/v1/jobs/{self._job}")
        files = (json.loads(body)["items"][0]["result"] or {}).get("files", ())
        model = next((file for file in files if file["name"].endswith(".glb")), None)
        if model is None:
            self._visit.lost.append(f"{self._job}: {body[:300]!r}")
            return
        status, body = await self._browser.get(model["url"])
        if status != HTTPStatus.OK or len(body) != model["size_bytes"]:
            self._visit.lost.append(f"{model['url']}: {status}, {len(body)} bytes")


async def _read_at(people: list[Person], rate: int) -> list[float]:
    """Have *rate* reads a second begun, however long those before them take."""
    reads: list[asyncio.Task[float]] = []
    locks = [asyncio.Lock() for _ in people]
    for person in people:
        person.hang_up()  # Connections that rested too long are closed at the other end.

    async def read(place: int) -> float:
        began_s = time.monotonic()
        async with locks[place]:
            await people[place].look()
        return time.monotonic() - began_s

    started_s = time.monotonic()
    while (elapsed_s := len(reads) / rate) < RATE_LASTS_S:
        await asyncio.sleep(max(0.0, started_s + elapsed_s - time.monotonic()))
        reads.append(asyncio.create_task(read(len(reads) % len(people))))
    return await asyncio.gather(*reads)


class Browser:
    """As little of an HTTP client as will do: the server is measured, not what asks it."""

    def __init__(self, host: str, port: int, cookies: dict[str, str]) -> None:
        self._host = host
        self._port = port
        self._cookies = cookies
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> tuple[int, bytes]:
        """Read *path*. Returns status and body."""
        return await self._ask("GET", path)

    async def upload(self, path: str, picture: bytes) -> tuple[int, bytes]:
        """Send a form of one picture."""
        form = (
            b'--edge\r\nContent-Disposition: form-data; name="generator"\r\n\r\n'
            b"local/puff\r\n"
            b'--edge\r\nContent-Disposition: form-data; name="files"; filename="cup.png"\r\n'
            b"Content-Type: image/png\r\n\r\n" + picture + b"\r\n--edge--\r\n"
        )
        headers = {"Content-Type": "multipart/form-data; boundary=edge"}
        return await self._ask("POST", path, form, headers)

    async def events(self, path: str) -> AsyncGenerator[str]:
        """Tell the names of the events of a stream."""
        reader, _ = await self._send("GET", path, b"", {})
        try:
            while line := await reader.readline():
                if line.startswith(b"event: "):
                    yield line[7:].strip().decode()
        finally:
            self.close()

    def close(self) -> None:
        """Hang up; the next request connects again."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        reader, _ = await self._send(method, path, body, headers or {})
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        told = [line.partition(": ") for line in head[1:] if line]
        told_of = {name.lower(): value for name, _, value in told}
        if cookie := told_of.get("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        answer = await reader.readexactly(int(told_of["content-length"]))
        if told_of.get("connection") == "close":
            self.close()
        return int(head[0].split()[1]), answer

    async def _send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=(self._host, 0)
            )
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        lines = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
        if cookies:
            lines["Cookie"] = cookies
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._streams[1].write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return self._streams


def _spread(taken_s: list[float]) -> str:
    return (
        f"{len(taken_s)}, p50 {statistics.median(taken_s) * 1e3:.0f} ms, "
        f"p99 {_quantile(taken_s, 0.99) * 1e3:.0f} ms, worst {max(taken_s) * 1e3:.0f} ms"
    )


def _quantile(taken_s: list[float], share: float) -> float:
    return sorted(taken_s)[int(len(taken_s) * share)]
