"""What one caller has under way keeps nobody else waiting."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import anyio
import httpx2
import pytest

from image2model.api.app import create_api
from image2model.jobs.intake import fetch_picture, pictures
from image2model.ports.fetcher import Fetched
from image2model.testing.memory_fetcher import MemoryFetcher
from tests.api.asking import ask, make_draft, problem_of
from tests.api.limits.test_rates import come_from
from tests.harness.patience import waiting_for
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

PICTURES = "/api/v1/pictures"
FAST, STUCK = "https://pictures.example/teapot.png", "https://slow.example/teapot.png"


class StuckFetcher(MemoryFetcher):
    """
    Reads from a host that sends nothing.

    Attributes:
        stuck: How many readings wait for it now.
    """

    def __init__(self) -> None:
        super().__init__()
        self.files[FAST] = disc_png("teapot")
        self.stuck = 0

    @asynccontextmanager
    async def fetch(
        self, url: str, *, limit_bytes: int, start: int = 0
    ) -> AsyncGenerator[Fetched, None]:
        """Open *url* for reading, unless it is stuck."""
        if url == STUCK:
            self.stuck += 1
            try:
                await anyio.sleep_forever()
            finally:
                self.stuck -= 1
        async with super().fetch(url, limit_bytes=limit_bytes, start=start) as fetched:
            yield fetched


async def test_seventy_stuck_fetches_of_one_caller_hold_up_nobody_else(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = StuckFetcher()
    api = create_api(replace(rig.context, fetcher=web))
    async with (
        come_from(api, "203.0.113.7") as slow,
        come_from(api, "198.51.100.9") as other,
        anyio.create_task_group() as group,
    ):
        for _ in range(70):
            group.start_soon(partial(slow.post, PICTURES, json={"url": STUCK}))
        with waiting_for("as many fetches as one caller may have"):
            while web.stuck < rig.context.rules.fetches_at_once:  # noqa: ASYNC110 - it knows
                await anyio.sleep(0.01)
        reply = await other.post(PICTURES, json={"url": FAST})
        assert reply.status_code == 200, reply.text
        assert web.stuck == rig.context.rules.fetches_at_once
        monkeypatch.setattr(fetch_picture, "FETCH_LIMIT_S", 0.01)
        refused = problem_of(await slow.post(PICTURES, json={"url": FAST}), 429)
        assert (refused["code"], refused["details"]["limit"]) == (
            "too_many_requests",
            "fetches_at_once",
        )
        group.cancel_scope.cancel()


async def test_one_host_is_asked_for_a_few_at_once(rig: Rig) -> None:
    """However many callers want something of it."""
    web = StuckFetcher()
    api = create_api(replace(rig.context, fetcher=web))
    async with anyio.create_task_group() as group:

        async def fetch(number: int) -> None:
            async with come_from(api, f"203.0.113.{number}") as client:
                await client.post(PICTURES, json={"url": STUCK})

        for number in range(12):
            group.start_soon(fetch, number)
        with waiting_for("as many fetches as a host gets"):
            while web.stuck < 8:  # noqa: ASYNC110 - it knows
                await anyio.sleep(0.01)
        await anyio.sleep(0.05)
        assert web.stuck == 8
        group.cancel_scope.cancel()


async def test_a_host_that_sends_hardly_anything_is_given_up(rig: Rig) -> None:
    class DripFetcher(MemoryFetcher):
        """Sends a byte a second."""

        async def _chunks(self, url: str, content: bytes) -> AsyncIterator[bytes]:
            del url
            for byte in content:
                await rig.clock.advance(1.0)
                yield bytes([byte])

    web = DripFetcher()
    web.files[FAST] = disc_png("teapot")
    async with ask(create_api(replace(rig.context, fetcher=web))) as client:
        refused = problem_of(await client.post(PICTURES, json={"url": FAST}), 422)
    assert refused["code"] == "picture_not_fetched"
    assert "less than 10 kB" in refused["detail"]


async def test_slow_uploads_of_one_caller_hold_up_nobody_else(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_PATIENCE_S", 0.05)
    rules = replace(rig.context.rules, uploads_at_once=3)
    api = create_api(replace(rig.context, rules=rules))
    begun = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal begun
        begun += 1
        yield b"\x89PNG"
        await anyio.sleep_forever()

    async with (
        come_from(api, "203.0.113.7") as slow,
        come_from(api, "198.51.100.9") as other,
        anyio.create_task_group() as group,
    ):
        drafts = {client: (await make_draft(client))["id"] for client in (slow, other)}
        views = {client: f"/api/v1/jobs/{draft}/items" for client, draft in drafts.items()}

        async def upload(client: httpx2.AsyncClient, place: int) -> None:
            await client.put(f"{views[client]}/{place}/views/front", content=endless())

        for place in range(3):
            group.start_soon(upload, slow, place)
        with waiting_for("three uploads to begin"):
            while begun < 3:  # noqa: ASYNC110 - it knows
                await anyio.sleep(0.01)
        refused = await slow.put(f"{views[slow]}/3/views/front", content=disc_png("cup"))
        assert problem_of(refused, 429)["details"]["limit"] == "uploads_at_once"
        assert refused.headers["retry-after"] == "1"
        taken = await other.put(f"{views[other]}/0/views/front", content=disc_png("cup"))
        assert taken.status_code == 200, taken.text
        group.cancel_scope.cancel()
