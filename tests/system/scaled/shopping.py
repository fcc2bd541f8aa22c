"""People who use an installation: they submit, watch at every web process, and look closely."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import anyio
import httpx2

from tests.cli.drawing import disc_png

GENERATOR = "fal/tripo-v2.5"
_RETRY_S = 0.2
_ENDED = {"succeeded", "failed", "cancelled"}
_UNDER_WAY = {"generating", "finishing"}


class Watcher:
    """
    A browser that watches a job over server-sent events, and comes again whenever it is cut off.

    Attributes:
        states: The items' states as told, by index.
        cut_off: How often the stream broke before its end.
        is_gone: Whether there is no such job any more.
        moved: Set, and made anew, whenever something is told.
    """

    def __init__(self, http: httpx2.AsyncClient, url: str, job_id: str) -> None:
        self._http = http
        self._address = f"{url}/api/v1/jobs/{job_id}/events"
        self._known = ""
        self.states: dict[int, str] = {}
        self.cut_off = 0
        self.is_gone = False
        self._news: dict[int, tuple[object, ...]] = {}
        self._heard_s: dict[int, float] = {}
        self.moved = anyio.Event()

    async def watch(self) -> None:
        """Watch until the stream says that the job is finished, or there is none any more."""
        while not await self._listen():
            self.cut_off += 1
            await anyio.sleep(_RETRY_S)

    async def until_ended(self, count: int) -> None:
        """Wait until *count* items have ended, as far as this watcher was told."""
        while sum(state in _ENDED for state in self.states.values()) < count:
            await self.moved.wait()

    async def until_resumed(self) -> float:
        """
        Wait until work goes on everywhere: each item under way now, and one that waits, moved.

        One whose submission may have been cut off does not count: whether it was accepted is
        known only when the provider's own list of requests would show it.

        Returns:
            When that was, as `anyio.current_time` tells time.
        """
        from_s = anyio.current_time()
        moving = {i for i, state in self.states.items() if state in _UNDER_WAY}
        waiting = {i for i, state in self.states.items() if state == "queued"}
        while True:
            heard = {i: at_s for i, at_s in self._heard_s.items() if at_s >= from_s}
            if moving <= heard.keys() and (not waiting or waiting & heard.keys()):
                first = min((heard[i] for i in waiting & heard.keys()), default=from_s)
                return max([first, *(heard[i] for i in moving)])
            await self.moved.wait()

    async def _listen(self) -> bool:
        headers = {"Last-Event-ID": self._known} if self._known else {}
        try:
            async with self._http.stream("GET", self._address, headers=headers) as reply:
                if reply.status_code != 200:
                    self.is_gone = reply.status_code == 404
                    return self.is_gone
                name = ""
                async for line in reply.aiter_lines():
                    field, _, value = line.partition(": ")
                    match field:
                        case "event":
                            name = value
                        case "id":
                            self._known = value
                        case "data":
                            if self._hear(name, json.loads(value)):
                                return True
        except httpx2.TransportError:
            pass
        return False

    def _hear(self, name: str, data: dict[str, Any]) -> bool:
        if name == "snapshot":
            self.states = {item["index"]: item["state"] for item in data["items"]}
            for item in data["items"]:
                self._note(item)
        elif name == "item":
            self.states[data["index"]] = data["state"]
            self._note(data)
        self.moved.set()
        self.moved = anyio.Event()
        return name == "end"

    def _note(self, item: dict[str, Any]) -> None:
        """Remember when an item was last told to have moved; a snapshot may tell what is known."""
        progress = item["progress"] or {}
        news = (item["state"], progress.get("phase"), progress.get("fraction"))
        if self._news.get(item["index"]) != news:
            self._news[item["index"]] = news
            self._heard_s[item["index"]] = anyio.current_time()


async def submit(http: httpx2.AsyncClient, url: str, count: int, **fields: str) -> str:
    """Submit a job of *count* pictures. Returns its id."""
    files = [
        ("files", (f"cup-{number:03}.png", disc_png(number * 5 + 1), "image/png"))
        for number in range(count)
    ]
    data = {"generator": GENERATOR, **fields}
    reply = await http.post(f"{url}/api/v1/jobs", data=data, files=files)
    assert reply.status_code == 202, reply.text
    job_id: str = reply.json()["id"]
    return job_id


async def read_job(http: httpx2.AsyncClient, url: str, job_id: str) -> dict[str, Any]:
    """Read a job from one of the web processes."""
    reply = await http.get(f"{url}/api/v1/jobs/{job_id}")
    assert reply.status_code == 200, reply.text
    job: dict[str, Any] = reply.json()
    return job


async def check_results(http: httpx2.AsyncClient, urls: Sequence[str], job_id: str) -> None:
    """Insist that every item succeeded and that every web process has every file of it, whole."""
    for url in urls:
        job = await read_job(http, url, job_id)
        assert job["state"] == "finished"
        states = {item["name"]: (item["state"], item["error"]) for item in job["items"]}
        assert states == dict.fromkeys(states, ("succeeded", None))
    for number, item in enumerate(job["items"]):
        url = urls[number % len(urls)]
        [mesh] = [file for file in item["result"]["files"] if file["role"] == "mesh"]
        reply = await http.get(f"{url}{mesh['url']}")
        assert reply.status_code == 200, reply.text
        assert hashlib.sha256(reply.content).hexdigest() == mesh["sha256"]
