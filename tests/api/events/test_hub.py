"""Streams of events: nothing lost, nothing repeated needlessly, nothing left running."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import anyio
import pytest

from image2model.api.app import create_api
from image2model.api.events.channel import Pace
from image2model.api.events.hub import Hub
from image2model.api.limits.watchers import while_allowed
from image2model.backends.inprocess.clock import SystemClock
from image2model.core.errors import DatabaseUnavailable, ProviderRejected
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Job
from image2model.jobs.access import create_api_key, identify_key
from image2model.jobs.context import Context
from image2model.jobs.intake import submit
from image2model.jobs.intake.submit import JobRequest
from image2model.jobs.lifecycle import control
from image2model.jobs.lifecycle.owner_end import revoke_api_key
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import JobChanges, JobStore
from tests.api.asking import ask
from tests.api.serving import CLOSED, EventReader
from tests.harness.patience import PATIENCE_S
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANN = OwnerId("ann")
QUICK = Pace(coalesce_s=0.0)


@pytest.fixture
def context(rig: Rig) -> Context:
    """The rig's, with time that passes for watchers."""
    return replace(rig.context, clock=SystemClock())


@asynccontextmanager
async def watching(
    context: Context, job: Job, *, after: int | None = None, pace: Pace = QUICK
) -> AsyncIterator[EventReader]:
    """Watch *job* through a hub of its own, which must be idle in the end."""
    hub = Hub(context, pace)
    stream = hub.stream(job.id, after=after)
    yield EventReader(stream)
    await stream.aclose()
    assert hub.channels == 0


async def rename(context: Context, job: Job, name: str) -> None:
    await control.update_job(context, ANN, job.id, name=name)


async def test_a_snapshot_then_what_changes_then_the_end(rig: Rig, context: Context) -> None:
    job = await rig.submit(ANN, "cup", "pot")
    async with watching(context, job) as events:
        first = await events.next()
        assert (first.name, first.id) == ("snapshot", str(job.version))
        assert [item["state"] for item in first.data["items"]] == ["queued", "queued"]
        await rig.run_dispatched()
        told = await events.until("end")
        assert [one.data["reason"] for one in told if one.name == "end"] == ["finished"]
        assert await events.next() is CLOSED
    last = {one.data["index"]: one.data["state"] for one in told if one.name == "item"}
    assert last == {0: "succeeded", 1: "succeeded"}
    jobs = [one for one in told if one.name == "job"]
    assert jobs[-1].data["state"] == "finished"
    assert jobs[-1].data["progress"]["fraction"] == 1.0
    assert jobs[-1].data["cost"]["booked_usd"] == 0.4
    assert "items" not in jobs[-1].data
    assert [one.id for one in told if one.name == "item"] == [None] * (len(told) - len(jobs) - 1), (
        "only what completes a version may carry it"
    )
    assert told[-1].id == jobs[-1].id == str(jobs[-1].data["version"])


async def test_resuming_tells_only_what_is_new(rig: Rig, context: Context) -> None:
    job = await rig.submit(ANN, "cup", "pot")
    await control.cancel_items(context, ANN, job.id, [1])
    async with watching(context, job, after=job.version) as events:
        told = await events.until("job")
        assert [(one.name, one.data.get("index")) for one in told] == [("item", 1), ("job", None)]
        await rename(context, job, "Kitchen")
        assert (await events.next()).data["name"] == "Kitchen"


async def test_resuming_at_the_newest_version_waits_for_news(rig: Rig, context: Context) -> None:
    job = await rig.submit(ANN, "cup")

    async def change() -> None:
        await anyio.wait_all_tasks_blocked()
        await rename(context, job, "Kitchen")

    async with (
        watching(context, job, after=job.version) as events,
        anyio.create_task_group() as group,
    ):
        group.start_soon(change)
        assert (await events.next()).data["name"] == "Kitchen"


async def test_no_change_is_lost_between_streams(rig: Rig, context: Context) -> None:
    """A client that loses its connection after every event still sees every item's end."""
    job = await rig.submit(ANN, *(f"p{n}" for n in range(5)))
    states: dict[int, str] = {}
    version: int | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(rig.run_dispatched)
        ended = False
        while not ended:
            async with watching(context, job, after=version) as events:
                for one in await events.until("end" if version is None else "job"):
                    if one.name == "snapshot":
                        states.update((i["index"], i["state"]) for i in one.data["items"])
                    if one.name == "item":
                        states[one.data["index"]] = one.data["state"]
                    version = int(one.id) if one.id else version
                    ended = ended or one.data.get("state") == "finished"
    assert states == dict.fromkeys(range(5), "succeeded")


async def test_an_unknown_version_gets_a_snapshot(rig: Rig, context: Context) -> None:
    job = await rig.submit(ANN, "cup")
    async with watching(context, job, after=job.version + 1_000) as events:
        assert (await events.next()).name == "snapshot"


async def test_a_finished_job_ends_at_once_and_a_retried_one_goes_on(
    rig: Rig, context: Context
) -> None:
    rig.provider.fail("submit", "cup", [ProviderRejected(provider="scripted", reason="ugly")])
    job = await rig.submit(ANN, "cup")
    await rig.run_dispatched()
    async with watching(context, job) as events:
        assert [one.name for one in await events.until("end")] == ["snapshot", "end"]
        assert await events.next() is CLOSED
    failed = await context.store.get_job(job.id)
    async with watching(context, job, after=failed.version) as events:
        assert [one.name for one in await events.until("end")] == ["end"]
    await control.retry_items(context, ANN, job.id)
    async with watching(context, job, after=failed.version) as events:
        await rig.run_dispatched()
        assert (await events.until("end"))[-2].data["counts"]["succeeded"] == 1


async def test_a_stream_that_ended_does_not_hinder_a_later_one(rig: Rig, context: Context) -> None:
    """One hub, one job: finished, retried, finished again."""
    rig.provider.fail("submit", "cup", [ProviderRejected(provider="scripted", reason="ugly")])
    job = await rig.submit(ANN, "cup")
    hub = Hub(context, QUICK)
    lagging = EventReader(hub.stream(job.id, after=None))
    assert (await lagging.next()).name == "snapshot"
    await rig.run_dispatched()
    await control.retry_items(context, ANN, job.id)
    again = EventReader(hub.stream(job.id, after=None))
    assert (await again.next()).data["state"] == "running"
    await rig.run_dispatched()
    assert (await again.until("end"))[-1].data == {"reason": "finished"}
    await lagging.until("end")
    await hub.aclose()


async def test_deleting_ends_the_stream(rig: Rig, context: Context) -> None:
    job = await rig.submit(ANN, "cup")
    async with watching(context, job) as events:
        await events.next()
        await control.delete_job(context, ANN, job.id)
        end = await events.next()
        assert (end.name, end.data) == ("end", {"reason": "deleted"})
        assert await events.next() is CLOSED


async def test_a_draft_that_loses_an_item_is_told_as_a_whole(rig: Rig, context: Context) -> None:
    draft = await submit.create_draft(context, ANN, JobRequest())
    for index, name in enumerate(["a", "b", "c"]):
        picture = (await rig.new_item(name)).pictures[0]
        await submit.put_picture(context, ANN, ItemRef(draft.id, index), picture, name=name)
    async with watching(context, draft) as events:
        await events.next()
        await submit.remove_item(context, ANN, ItemRef(draft.id, 1))
        told = await events.next()
        assert told.name == "snapshot"
        assert [item["name"] for item in told.data["items"]] == ["a", "c"]
        version = int(told.id or 0)
    async with watching(context, draft, after=version - 1) as events:
        assert (await events.next()).name == "snapshot", "what went cannot be told by items"


async def test_what_a_draft_lost_before_its_start_is_told_after_it(
    rig: Rig, context: Context
) -> None:
    draft = await submit.create_draft(context, ANN, JobRequest())
    for index, name in enumerate(["a", "b"]):
        picture = (await rig.new_item(name)).pictures[0]
        await submit.put_picture(context, ANN, ItemRef(draft.id, index), picture, name=name)
    known = (await context.store.get_job(draft.id)).version
    await submit.remove_item(context, ANN, ItemRef(draft.id, 1))
    await submit.start_draft(context, ANN, draft.id)
    async with watching(context, draft, after=known) as events:
        told = await events.next()
    assert told.name == "snapshot"
    assert [item["name"] for item in told.data["items"]] == ["a"]


async def test_a_later_snapshot_has_what_changed_since_the_first(
    rig: Rig, context: Context
) -> None:
    job = await rig.submit(ANN, "cup")
    hub = Hub(context, QUICK)
    first, second = (EventReader(hub.stream(job.id, after=None)) for _ in range(2))
    await first.next()
    await rename(context, job, "Kitchen")
    assert (await second.next()).data["name"] == "Kitchen"
    assert (await first.next()).data["name"] == "Kitchen"
    await hub.aclose()


async def test_changes_are_gathered_but_the_first_goes_out_at_once(
    rig: Rig, context: Context
) -> None:
    job = await rig.submit(ANN, "cup")
    pace = Pace(coalesce_s=0.2)
    async with watching(context, job, pace=pace) as events:
        await events.next()
        started_s = anyio.current_time()
        await rename(context, job, "0")
        assert (await events.next()).data["name"] == "0"
        assert anyio.current_time() - started_s < 0.1
        for number in range(1, 51):
            await rename(context, job, str(number))
        gathered = await events.next()
        assert gathered.data["name"] == "50"
        assert anyio.current_time() - started_s >= 0.2


async def test_lost_messages_are_made_up_for(rig: Rig, context: Context) -> None:
    job = await rig.submit(ANN, "cup")
    async with watching(context, job, pace=Pace(look_s=0.05)) as events:
        await events.next()
        await context.store.update_job(job.id, name="Unannounced")
        assert (await events.next()).data["name"] == "Unannounced"


async def test_a_silent_stream_shows_that_it_lives(rig: Rig, context: Context) -> None:
    job = await rig.submit(ANN, "cup")
    started_s = context.clock.monotonic_s()
    async with watching(context, job, pace=Pace(look_s=0.01, ping_s=0.05)) as events:
        await events.next()
        assert (await events.next()).name == "comment"
        assert (await events.next()).name == "comment"
        assert context.clock.monotonic_s() - started_s >= 0.1


async def test_a_client_that_lags_is_let_go_and_resumes(rig: Rig, context: Context) -> None:
    job = await rig.submit(ANN, "cup")
    hub = Hub(context, Pace(coalesce_s=0.0, waiting=3))
    slow, quick = (EventReader(hub.stream(job.id, after=None)) for _ in range(2))
    version = int((await slow.next()).id or 0)
    await quick.next()
    for number in range(10):
        await rename(context, job, str(number))
        assert (await quick.next()).data["name"] == str(number)
    assert await slow.next() is CLOSED
    resumed = EventReader(hub.stream(job.id, after=version))
    assert (await resumed.until("job"))[-1].data["name"] == "9"
    await hub.aclose()


async def test_all_watchers_are_given_the_same_bytes(rig: Rig, context: Context) -> None:
    """What happens is encoded once, not once for every watcher."""
    job = await rig.submit(ANN, "cup")
    hub = Hub(context, QUICK)
    streams = [hub.stream(job.id, after=None) for _ in range(3)]
    for stream in streams:
        assert (await anext(stream)).startswith(b"retry:")
    snapshots = [await anext(stream) for stream in streams]
    assert snapshots[0] is snapshots[1] is snapshots[2]
    assert hub.channels == 1
    await hub.aclose()


class FlakyStore:
    """A job store that cannot list changes the first time it is asked."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def changes_since(self, job: JobId, version: int) -> JobChanges:
        """Fail, once."""
        if not self.failed:
            self.failed = True
            raise DatabaseUnavailable(reason="locked")
        return await self._store.changes_since(job, version)


async def test_a_store_that_fails_for_a_while_ends_no_stream(rig: Rig, context: Context) -> None:
    job = await rig.submit(ANN, "cup")
    store = FlakyStore(context.store)
    context = replace(context, store=cast("JobStore", store))
    async with watching(context, job, pace=Pace(look_s=0.02, coalesce_s=0.0)) as events:
        await events.next()
        await rename(context, job, "After all")
        assert (await events.next()).data["name"] == "After all"
    assert store.failed


async def test_closing_ends_streams_and_waits_and_begins_none(rig: Rig, context: Context) -> None:
    job = await rig.submit(ANN, "cup")
    hub = Hub(context, QUICK)
    events = EventReader(hub.stream(job.id, after=None))
    await events.next()
    found: list[Job] = []

    async def wait() -> None:
        found.append(await hub.wait(ANN, job.id, after=job.version, wait_s=60.0))

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await hub.aclose()
        assert await events.next() is CLOSED
        assert await EventReader(hub.stream(job.id, after=None)).next() is CLOSED
        await hub.wait(ANN, job.id, after=job.version, wait_s=60.0)
    assert found[0].version == job.version


async def test_news_end_with_the_key_that_asked_for_them(rig: Rig) -> None:
    key = await create_api_key(rig.context, name="leaked")
    owner = (await identify_key(rig.context, key)).owner

    async def news() -> AsyncGenerator[bytes]:
        while True:
            yield b"news"

    events = while_allowed(rig.context, owner, news())
    await rig.clock.advance(60)
    assert await anext(events) == b"news"
    await revoke_api_key(rig.context, key.split("_")[1])
    await rig.clock.advance(5)
    assert [event async for event in events] == []


async def test_a_wait_for_news_ends_with_the_key_that_asked_for_them(rig: Rig) -> None:
    key = await create_api_key(rig.context, name="leaked")
    owner = (await identify_key(rig.context, key)).owner
    job = await rig.submit(owner, "cup")
    context = replace(rig.context, clock=SystemClock())
    headers = {"Authorization": f"Bearer {key}"}
    replies = []
    async with ask(create_api(context), headers=headers) as client:

        async def wait() -> None:
            query = {"after_version": job.version, "wait_s": PATIENCE_S}
            replies.append(await client.get(f"/api/v1/jobs/{job.id}", params=query))

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await revoke_api_key(context, key.split("_")[1])
    assert [reply.status_code for reply in replies] == [401]
