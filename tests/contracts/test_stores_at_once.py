"""What every store promises of two processes that change the same at once."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import anyio
import pytest

from image2model.core.errors import JobNotFound
from image2model.core.ids import JobId, OwnerId, new_hex_id
from image2model.core.job import Handle, Job
from image2model.core.money import SpendingStop
from image2model.core.states import AttemptState, ItemState
from image2model.core.webhooks import (
    Delivery,
    DeliveryState,
    EventId,
    EventType,
    Secret,
    Webhook,
    WebhookId,
    new_secret,
)
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, JobStore
from image2model.ports.shares import SharedLink
from image2model.ports.webhooks import WebhookStore
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import (
    WORKER,
    generate,
    make_artifact,
    make_draft,
    make_file,
    make_item,
    make_job,
    make_picture,
    make_result,
    open_both_stores,
    open_share_store,
    refs,
)

pytestmark = pytest.mark.anyio

ROUNDS = 15
"""How often two things are tried at once: each order of their parts must come about."""

Do = Callable[[], Coroutine[Any, Any, object]]
Stores = tuple[JobStore, WebhookStore]


@pytest.fixture
async def stores(any_store_url: str, store_clock: FakeClock) -> AsyncIterator[Stores]:
    """An empty job store of each kind, and the webhooks beside it."""
    async with open_both_stores(any_store_url, clock=store_clock) as both:
        yield both


async def at_once(*what: Do) -> None:
    """Do all of it at the same time."""
    async with anyio.create_task_group() as group:
        for do in what:
            group.start_soon(do)


# --- work and money ---------------------------------------------------------------------------


async def test_a_paused_job_is_held_by_nobody(job_store: JobStore) -> None:
    """Whoever claims while it is paused either was before, or gets nothing."""
    for _ in range(ROUNDS):
        job = await job_store.add_job(make_job(count=8))
        claims = [
            partial(job_store.claim_item, ref, worker=WORKER, lease_s=900.0) for ref in refs(job)
        ]
        await at_once(*claims[:4], partial(job_store.pause_job, job.id), *claims[4:])
        await job_store.resume_job(job.id)
        assert await job_store.due_items(limit=99) == refs(job)
        await job_store.cancel_items(job.id)


async def test_all_late_news_of_a_deleted_job_counts(job_store: JobStore) -> None:
    for number in range(ROUNDS):
        job = await job_store.add_job(make_job(count=1))
        claim = await generate(job_store, refs(job)[0])
        await job_store.delete_job(job.id)
        handle = Handle(request_id=f"late-{number}", data={})
        key = claim.item.attempts[-1].submit_key
        done = AttemptState.SUCCEEDED
        await at_once(
            *(
                partial(job_store.book_late_answer, key, change)
                for change in (
                    AttemptChange(state=done, handle=handle),
                    AttemptChange(state=done, cost_usd=Decimal("0.25")),
                )
            )
        )
        found = await job_store.find_attempt(key)
        assert found is not None
        assert (found[1].handle, found[1].cost_usd) == (handle, Decimal("0.25"))


async def test_of_stops_at_once_all_tell_of_the_one_that_holds(job_store: JobStore) -> None:
    for _ in range(ROUNDS):
        await job_store.stop_spending(reason="some of it", by="anna")
        told: list[SpendingStop] = []

        async def stop(by: str, told: list[SpendingStop] = told) -> None:
            told.append(await job_store.stop_spending(reason="all", by=by, everything=True))

        await at_once(*(partial(stop, by) for by in ("anna", "bert", "cleo")))
        assert told == [await job_store.spending_stop()] * 3
        await job_store.allow_spending()


# --- files ------------------------------------------------------------------------------------


async def add_made(store: JobStore, *, made_key: str) -> Job:
    """Add a job with a model that another job can take over."""
    item = make_item(0, state=ItemState.SUCCEEDED, made_key=made_key, result=make_result())
    return await store.add_job(make_job(item))


def same(made_key: str) -> Job:
    """Make a job that asks for the same model."""
    return make_job(make_item(0, made_key=made_key))


async def test_a_shared_file_goes_with_the_last_that_names_it(job_store: JobStore) -> None:
    for number in range(ROUNDS):
        one = await add_made(job_store, made_key=f"made-{number}")
        other = await job_store.add_job(same(f"made-{number}"), reuse=True)
        assert one.items[0].result == other.items[0].result
        gone: list[str] = []

        async def replace_one(job: Job = one, gone: list[str] = gone) -> None:
            gone.extend(await job_store.replace_result(refs(job)[0], make_result()))

        async def delete_other(job: Job = other, gone: list[str] = gone) -> None:
            gone.extend(await job_store.delete_job(job.id))

        await at_once(replace_one, delete_other)
        mesh = one.items[0].mesh
        assert mesh is not None
        assert gone.count(str(mesh.artifact)) == 1


async def test_what_is_taken_over_is_not_gone(job_store: JobStore) -> None:
    for number in range(ROUNDS):
        one = await add_made(job_store, made_key=f"made-{number}")
        wanted = same(f"made-{number}")
        gone: list[str] = []

        async def replace_one(job: Job = one, gone: list[str] = gone) -> None:
            gone.extend(await job_store.replace_result(refs(job)[0], make_result()))

        await at_once(partial(job_store.add_job, wanted, reuse=True), replace_one)
        mesh = (await job_store.get_job(wanted.id)).items[0].mesh
        assert mesh is not None
        assert mesh.artifact not in gone


async def test_what_is_used_is_not_dropped(job_store: JobStore, store_clock: FakeClock) -> None:
    """Whichever is first, a file that has just been made anew is known afterwards."""
    mesh = make_file()
    assert mesh.artifact is not None
    item = make_item(0, state=ItemState.SUCCEEDED, result=make_result(mesh))
    job = await job_store.add_job(make_job(item))
    made = [make_artifact() for _ in range(4)]
    adding = [
        partial(job_store.add_derived, mesh.artifact, one, owner=job.owner, size_bytes=10)
        for one in made
    ]
    for _ in range(ROUNDS):
        await at_once(*adding)
        await store_clock.advance(1_000.0)
        dropping = partial(job_store.drop_derived, job.owner, keep_bytes=0, idle_s=500.0)
        await at_once(*adding[:2], dropping, *adding[2:])
        assert await job_store.unreferenced(made) == set()


async def test_what_is_kept_at_the_last_moment_stays(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """Whoever hears that it is starred, or that its picture is taken, has it."""
    lives = {"draft_life_s": 60.0, "empty_draft_life_s": 60.0}
    for _ in range(ROUNDS):
        done = make_item(0, state=ItemState.SUCCEEDED, result=make_result())
        job = await job_store.add_job(make_job(done, life_s=60.0))
        draft = await job_store.add_job(make_draft(count=1))
        await store_clock.advance(61.0)
        assert set(await job_store.expired_jobs(**lives, limit=9)) == {job.id, draft.id}
        kept: list[JobId] = []

        async def star(job: Job = job, kept: list[JobId] = kept) -> None:
            with suppress(JobNotFound):
                await job_store.update_job(job.id, starred=True)
                kept.append(job.id)

        async def show(draft: Job = draft, kept: list[JobId] = kept) -> None:
            with suppress(JobNotFound):
                ref = ItemRef(draft.id, 0)
                await job_store.put_picture(ref, make_picture(), name=None, item_limit=9)
                kept.append(draft.id)

        expire = [partial(job_store.expire_job, one.id, **lives) for one in (job, draft)]
        await at_once(star, *expire, show)
        for one in (job, draft):
            if one.id in kept:
                assert (await job_store.get_job(one.id)).id == one.id
            else:
                with pytest.raises(JobNotFound):
                    await job_store.get_job(one.id)
            assert await job_store.expire_job(one.id, **lives) is None
            with suppress(JobNotFound):
                await job_store.delete_job(one.id)


# --- webhooks and links -----------------------------------------------------------------------


async def add_webhook(webhooks: WebhookStore, clock: FakeClock) -> Webhook:
    """Add a webhook of the local owner."""
    webhook = Webhook(
        id=WebhookId(new_hex_id()),
        owner=make_job().owner,
        url="https://hooks.example/in",
        secrets=(Secret(text=new_secret()),),
        created_at=clock.now(),
    )
    await webhooks.add_webhook(webhook, limit=99)
    return webhook


def make_delivery(webhook: Webhook, clock: FakeClock, event: str | None = None) -> Delivery:
    """Make a delivery that waits."""
    return Delivery(
        id=EventId(event or new_hex_id()),
        webhook=webhook.id,
        type=EventType.JOB_STARTED,
        job=JobId(new_hex_id()),
        item=None,
        payload="{}",
        created_at=clock.now(),
        next_at=clock.now(),
    )


def delivered(delivery: Delivery) -> Delivery:
    """Tell what becomes of a delivery that arrives."""
    return replace(delivery, state=DeliveryState.DELIVERED, next_at=None, tries=1, status=204)


async def states_of(webhooks: WebhookStore, webhook: Webhook) -> list[DeliveryState]:
    """Read the states of a webhook's deliveries."""
    page = await webhooks.list_deliveries(webhook.id, after=None, limit=999)
    return [delivery.state for delivery in page.deliveries]


async def test_no_more_deliveries_wait_than_may(stores: Stores, store_clock: FakeClock) -> None:
    store, webhooks = stores
    webhook = await add_webhook(webhooks, store_clock)
    for _ in range(ROUNDS):
        for _ in range(4):
            await store.add_job(make_job(count=1))
        events = await webhooks.new_events(limit=9)
        assert len(events) == 4
        await at_once(
            *(
                partial(
                    webhooks.hand_on,
                    event,
                    [make_delivery(webhook, store_clock, event.id)],
                    most_waiting=2,
                )
                for event in events
            )
        )
        states = await states_of(webhooks, webhook)
        assert states.count(DeliveryState.WAITING) == 2


async def test_what_arrives_is_not_dropped(stores: Stores, store_clock: FakeClock) -> None:
    """Neither where all that waits is dropped, nor where there is too much of it."""
    store, webhooks = stores
    for _ in range(ROUNDS):
        webhook = await add_webhook(webhooks, store_clock)
        waiting = [make_delivery(webhook, store_clock) for _ in range(4)]
        for one in waiting:
            await webhooks.put_delivery(one)
        arrive = [partial(webhooks.put_delivery, delivered(one)) for one in waiting]
        await store.add_job(make_job(count=1))
        event = (await webhooks.new_events(limit=9))[0]
        await store_clock.advance(1.0)
        last = delivered(make_delivery(webhook, store_clock, event.id))
        await at_once(
            *arrive[:2],
            partial(webhooks.drop_waiting, webhook.id, note="enough"),
            partial(webhooks.hand_on, event, [last], most_waiting=1),
            *arrive[2:],
        )
        assert await states_of(webhooks, webhook) == [DeliveryState.DELIVERED] * 5
        await webhooks.remove_webhook(webhook.id)


async def test_what_is_sent_once_more_is_not_forgotten(
    stores: Stores, store_clock: FakeClock
) -> None:
    _, webhooks = stores
    webhook = await add_webhook(webhooks, store_clock)
    for _ in range(ROUNDS):
        again = [make_delivery(webhook, store_clock) for _ in range(4)]
        for one in again:
            await webhooks.put_delivery(delivered(one))
        await store_clock.advance(10.0)
        sending = [partial(webhooks.put_delivery, one) for one in again]
        forget = partial(webhooks.forget_deliveries, store_clock.now())
        await at_once(*sending[:2], forget, *sending[2:])
        for one in again:
            assert await webhooks.find_delivery(webhook.id, one.id) == one


async def test_a_link_is_removed_once(
    job_store: JobStore, any_store_url: str, store_clock: FakeClock
) -> None:
    job = await job_store.add_job(make_job(count=1))
    if any_store_url.startswith("memory:"):
        pytest.skip("one process has it for itself")
    async with open_share_store(any_store_url, clock=store_clock) as shares:
        for number in range(ROUNDS):
            link = SharedLink(
                id=f"{number:016x}",
                token_sha256=f"{number:064x}",
                owner=OwnerId("session:1"),
                job=job.id,
                item=None,
                pictures=False,
                note="",
                created_at=store_clock.now(),
                expires_at=store_clock.now() + timedelta(seconds=60),
            )
            await shares.add_link(link)
            removed: list[bool] = []

            async def remove(link: SharedLink = link, removed: list[bool] = removed) -> None:
                removed.append(await shares.remove_link(job.id, link.id))

            await at_once(*[remove] * 4)
            assert sorted(removed) == [False, False, False, True]
