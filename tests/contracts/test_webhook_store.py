"""What every store of webhooks does, and which events every job store writes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from image2model.core.errors import InvalidRequest, TooManyWebhooks
from image2model.core.ids import LOCAL_OWNER, JobId, OwnerId, new_hex_id
from image2model.core.states import ItemState
from image2model.core.webhooks import (
    Delivery,
    DeliveryState,
    Event,
    EventId,
    EventType,
    Secret,
    SwitchedOff,
    Webhook,
    WebhookId,
    new_secret,
)
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import JobStore, Resolution, Step
from image2model.ports.webhooks import WebhookStore
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import (
    LEASE_S,
    PROBLEM,
    WORKER,
    make_draft,
    make_item,
    make_job,
    open_both_stores,
)

Stores = tuple[JobStore, WebhookStore]

pytestmark = pytest.mark.anyio

NAMED = "https://hooks.example/named"


@pytest.fixture
async def stores(any_store_url: str, store_clock: FakeClock) -> AsyncIterator[Stores]:
    """An empty job store of each kind, and the webhooks beside it."""
    async with open_both_stores(any_store_url, clock=store_clock) as both:
        yield both


def make_webhook(clock: FakeClock, **changes: object) -> Webhook:
    """Make a webhook of the local owner."""
    webhook = Webhook(
        id=WebhookId(new_hex_id()),
        owner=LOCAL_OWNER,
        url="https://hooks.example/in",
        secrets=(Secret(text=new_secret()),),
        created_at=clock.now(),
    )
    return replace(webhook, **changes)  # type: ignore[arg-type]


def make_delivery(webhook: Webhook, clock: FakeClock, **changes: object) -> Delivery:
    """Make a delivery that is due now."""
    delivery = Delivery(
        id=EventId(new_hex_id()),
        webhook=webhook.id,
        type=EventType.ITEM_FAILED,
        job=JobId(new_hex_id()),
        item=3,
        payload='{"type":"item.failed"}',
        created_at=clock.now(),
        next_at=clock.now(),
    )
    return replace(delivery, **changes)  # type: ignore[arg-type]


async def happened(webhooks: WebhookStore) -> list[tuple[EventType, int | None]]:
    """Take all new events, and tell their types and items."""
    events = await webhooks.new_events(limit=1_000)
    for event in events:
        await webhooks.hand_on(event, [], most_waiting=1)
    return [(event.type, event.item) for event in events]


async def step(store: JobStore, ref: ItemRef, *states: ItemState) -> None:
    """Bring an item through *states*."""
    claim = await store.claim_item(ref, worker=WORKER, lease_s=LEASE_S)
    assert claim is not None
    for state in states:
        claim = await store.step(claim, Step(to=state))


SUCCEEDING = (ItemState.SUBMITTING, ItemState.GENERATING, ItemState.FINISHING, ItemState.SUCCEEDED)


async def test_a_job_tells_of_its_start_its_items_and_its_end(
    stores: Stores, store_clock: FakeClock
) -> None:
    store, webhooks = stores
    await webhooks.add_webhook(make_webhook(store_clock), limit=1)
    job = await store.add_job(make_job(count=3, webhook_url=NAMED))
    (event,) = await webhooks.new_events(limit=10)
    assert (event.type, event.job, event.item) == (EventType.JOB_STARTED, job.id, None)
    assert (event.owner, event.at, event.webhook_url) == (LOCAL_OWNER, store_clock.now(), NAMED)
    assert await happened(webhooks) == [(EventType.JOB_STARTED, None)]

    await step(store, ItemRef(job.id, 1), *SUCCEEDING)
    assert await happened(webhooks) == [(EventType.ITEM_SUCCEEDED, 1)]
    await step(store, ItemRef(job.id, 0), ItemState.SUBMITTING, ItemState.UNCERTAIN)
    await store.cancel_items(job.id, [2])
    assert await happened(webhooks) == [
        (EventType.ITEM_UNCERTAIN, 0),
        (EventType.ITEM_CANCELLED, 2),
    ]
    await store.resolve_item(ItemRef(job.id, 0), Resolution.GIVE_UP, problem=PROBLEM)
    assert await happened(webhooks) == [
        (EventType.ITEM_FAILED, 0),
        (EventType.JOB_FINISHED, None),
    ]
    await store.retry_items(job.id, [0])
    await store.stop_job(job.id, problem=PROBLEM)
    assert await happened(webhooks) == [
        (EventType.ITEM_FAILED, 0),
        (EventType.JOB_FINISHED, None),
    ]
    await store.update_job(job.id, name="Another", starred=True)
    assert await happened(webhooks) == []


async def test_a_last_step_tells_of_the_item_before_the_job(
    stores: Stores, store_clock: FakeClock
) -> None:
    store, webhooks = stores
    await webhooks.add_webhook(make_webhook(store_clock), limit=1)
    job = await store.add_job(make_job(count=1))
    await step(store, ItemRef(job.id, 0), *SUCCEEDING)
    assert await happened(webhooks) == [
        (EventType.JOB_STARTED, None),
        (EventType.ITEM_SUCCEEDED, 0),
        (EventType.JOB_FINISHED, None),
    ]


async def test_drafts_tell_when_they_start_and_refused_pictures_at_once(
    stores: Stores, store_clock: FakeClock
) -> None:
    store, webhooks = stores
    await webhooks.add_webhook(make_webhook(store_clock), limit=1)
    draft = await store.add_job(make_draft(count=1))
    assert await happened(webhooks) == []
    await store.start_job(draft)
    assert await happened(webhooks) == [(EventType.JOB_STARTED, None)]
    refused = make_item(0, state=ItemState.FAILED, problem=PROBLEM, pictures=())
    await store.add_job(make_job(refused))
    assert await happened(webhooks) == [
        (EventType.JOB_STARTED, None),
        (EventType.ITEM_FAILED, 0),
        (EventType.JOB_FINISHED, None),
    ]


async def test_what_was_not_written_is_not_told(stores: Stores, store_clock: FakeClock) -> None:
    store, webhooks = stores
    await webhooks.add_webhook(make_webhook(store_clock), limit=1)
    first = await store.add_job(make_job(idempotency_key="once", fingerprint="a"))
    again = await store.add_job(make_job(idempotency_key="once", fingerprint="a"))
    assert again.id == first.id
    assert await happened(webhooks) == [(EventType.JOB_STARTED, None)]


async def test_webhooks_are_kept_counted_changed_and_removed(
    stores: Stores, store_clock: FakeClock
) -> None:
    _, webhooks = stores
    first = make_webhook(store_clock, events=(EventType.JOB_FINISHED,), named_only=True)
    await webhooks.add_webhook(first, limit=2)
    await store_clock.advance(1.0)
    second = make_webhook(store_clock)
    await webhooks.add_webhook(second, limit=2)
    with pytest.raises(TooManyWebhooks):
        await webhooks.add_webhook(make_webhook(store_clock), limit=2)
    await webhooks.add_webhook(make_webhook(store_clock, owner=OwnerId("key:other")), limit=2)
    assert await webhooks.list_webhooks(LOCAL_OWNER) == [first, second]

    now = store_clock.now()
    changed = await webhooks.change_webhook(
        first.id,
        lambda known: replace(
            known.rotated(now), switched_off=SwitchedOff.FAILING, failing_since=now
        ),
    )
    assert changed is not None
    assert len(changed.secrets) == 2
    assert await webhooks.find_webhook(first.id) == changed
    delivery = make_delivery(first, store_clock)
    await webhooks.put_delivery(delivery)
    assert await webhooks.find_delivery(first.id, delivery.id) == delivery
    assert await webhooks.find_delivery(second.id, delivery.id) is None, "it is not this one's"
    await webhooks.remove_webhook(first.id)
    await webhooks.remove_webhook(first.id)
    assert await webhooks.find_webhook(first.id) is None
    assert await webhooks.find_delivery(first.id, delivery.id) is None
    assert await webhooks.change_webhook(first.id, lambda known: known) is None
    await webhooks.put_delivery(delivery)
    assert await webhooks.find_delivery(first.id, delivery.id) is None
    assert await webhooks.list_webhooks(LOCAL_OWNER) == [second]


async def test_an_event_is_handed_on_once(stores: Stores, store_clock: FakeClock) -> None:
    store, webhooks = stores
    webhook = make_webhook(store_clock)
    await webhooks.add_webhook(webhook, limit=1)
    await store.add_job(make_job())
    (event,) = await webhooks.new_events(limit=10)
    delivery = make_delivery(webhook, store_clock, id=event.id)
    await webhooks.hand_on(event, [delivery], most_waiting=10)
    done = replace(delivery, state=DeliveryState.DELIVERED, next_at=None, tries=1, status=204)
    await webhooks.put_delivery(done)
    await webhooks.hand_on(event, [delivery], most_waiting=10)
    assert await webhooks.new_events(limit=10) == []
    assert await webhooks.find_delivery(webhook.id, event.id) == done


async def test_the_oldest_of_too_many_are_dropped(stores: Stores, store_clock: FakeClock) -> None:
    store, webhooks = stores
    webhook = make_webhook(store_clock)
    await webhooks.add_webhook(webhook, limit=1)
    ids: list[EventId] = []
    for _ in range(4):
        await store_clock.advance(1.0)
        await store.add_job(make_job())
        (event,) = await webhooks.new_events(limit=10)
        ids.append(event.id)
        made = make_delivery(webhook, store_clock, id=event.id)
        await webhooks.hand_on(event, [made], most_waiting=2)
    page = await webhooks.list_deliveries(webhook.id, after=None, limit=10)
    states = [(one.id, one.state) for one in page.deliveries]
    assert states == [
        (ids[3], DeliveryState.WAITING),
        (ids[2], DeliveryState.WAITING),
        (ids[1], DeliveryState.DROPPED),
        (ids[0], DeliveryState.DROPPED),
    ]
    assert "more than 2" in page.deliveries[-1].note


async def test_deliveries_are_due_listed_and_forgotten(
    stores: Stores, store_clock: FakeClock
) -> None:
    _, webhooks = stores
    one, other = make_webhook(store_clock), make_webhook(store_clock)
    for webhook in (one, other):
        await webhooks.add_webhook(webhook, limit=2)
    start = store_clock.now()
    later = make_delivery(one, store_clock, next_at=start + timedelta(seconds=60))
    await webhooks.put_delivery(later)
    assert await webhooks.due_webhooks(start) == []
    await store_clock.advance(1.0)
    first = make_delivery(other, store_clock, note="Ü")
    await webhooks.put_delivery(first)
    assert await webhooks.due_webhooks(store_clock.now()) == [other]
    await store_clock.advance(60.0)
    assert await webhooks.due_webhooks(store_clock.now()) == [other, one]
    assert await webhooks.due_deliveries(other.id, store_clock.now(), limit=5) == [first]

    newer = make_delivery(one, store_clock, next_at=None, state=DeliveryState.FAILED, status=500)
    await webhooks.put_delivery(newer)
    page = await webhooks.list_deliveries(one.id, after=None, limit=1)
    assert page.deliveries == [newer]
    rest = await webhooks.list_deliveries(one.id, after=page.next, limit=1)
    assert (rest.deliveries, rest.next) == ([later], None)
    with pytest.raises(InvalidRequest):
        await webhooks.list_deliveries(one.id, after="nowhere", limit=1)

    await webhooks.forget_deliveries(store_clock.now() + timedelta(seconds=1))
    page = await webhooks.list_deliveries(one.id, after=None, limit=5)
    assert page.deliveries == [later]
    await webhooks.drop_waiting(one.id, note="enough")
    dropped = await webhooks.find_delivery(one.id, later.id)
    assert dropped == later.dropped("enough")
    assert await webhooks.due_webhooks(store_clock.now()) == [other]


async def test_what_is_due_comes_in_the_order_in_which_it_is_due(
    stores: Stores, store_clock: FakeClock
) -> None:
    """Not in the order in which it happened; of the same moment, what happened first."""
    _, webhooks = stores
    one, other = make_webhook(store_clock), make_webhook(store_clock)
    for webhook in (one, other):
        await webhooks.add_webhook(webhook, limit=2)
    start = store_clock.now()
    waits_s = (40, 10, 30, 20, 30)
    made = []
    for number, wait_s in enumerate(waits_s):
        due = start + timedelta(seconds=wait_s)
        event = EventId(f"{number:032x}")
        made.append(make_delivery(one, store_clock, id=event, next_at=due))
        await webhooks.put_delivery(made[-1])
        await store_clock.advance(1.0)
    await webhooks.put_delivery(make_delivery(other, store_clock, next_at=start))
    ordered = [made[place] for place in (1, 3, 2, 4, 0)]
    for passed_s, count in ((9, 0), (10, 1), (29, 2), (30, 4), (99, 5)):
        now = start + timedelta(seconds=passed_s)
        for limit in (9, 3, 1):
            due_now = await webhooks.due_deliveries(one.id, now, limit=limit)
            assert list(due_now) == ordered[:count][:limit], (passed_s, limit)
        assert list(await webhooks.due_webhooks(now)) == ([other, one] if count else [other])
    tried = replace(ordered[0], next_at=start + timedelta(seconds=25), tries=1)
    await webhooks.put_delivery(tried)
    now = start + timedelta(seconds=99)
    assert list(await webhooks.due_deliveries(one.id, now, limit=2)) == [ordered[1], tried]
    done = replace(tried, next_at=None, state=DeliveryState.DELIVERED, status=200)
    await webhooks.put_delivery(done)
    assert list(await webhooks.due_deliveries(one.id, now, limit=9)) == ordered[1:]


async def test_deliveries_are_listed_in_pages(stores: Stores, store_clock: FakeClock) -> None:
    """Newest first; those of one moment are each in one page."""
    _, webhooks = stores
    webhook = make_webhook(store_clock)
    await webhooks.add_webhook(webhook, limit=1)
    made = []
    for number in range(130):
        if number % 13 == 0:
            await store_clock.advance(1.0)
        one = make_delivery(webhook, store_clock)
        made.append(one)
        await webhooks.put_delivery(one)
    expected = sorted(made, key=lambda one: (one.created_at, one.id), reverse=True)
    for limit in (1_000, 130, 129, 65, 7):
        pages: list[Delivery] = []
        after, count = None, 0
        while count == 0 or after is not None:
            page = await webhooks.list_deliveries(webhook.id, after=after, limit=limit)
            assert len(page.deliveries) <= limit
            pages += page.deliveries
            after, count = page.next, count + 1
        assert pages == expected
        assert count == -(-len(made) // limit)
    nothing = await webhooks.list_deliveries(WebhookId("f" * 32), after=None, limit=9)
    assert (list(nothing.deliveries), nothing.next) == ([], None)


async def test_only_old_deliveries_that_wait_no_more_are_forgotten(
    stores: Stores, store_clock: FakeClock
) -> None:
    _, webhooks = stores
    webhook = make_webhook(store_clock)
    await webhooks.add_webhook(webhook, limit=1)
    waiting = make_delivery(webhook, store_clock)
    old = make_delivery(webhook, store_clock, next_at=None, state=DeliveryState.DELIVERED)
    await store_clock.advance(1.0)
    before = store_clock.now()
    young = make_delivery(webhook, store_clock, next_at=None, state=DeliveryState.FAILED)
    for one in (waiting, old, young):
        await webhooks.put_delivery(one)
    await webhooks.forget_deliveries(before)
    for one, found in ((waiting, waiting), (old, None), (young, young)):
        assert await webhooks.find_delivery(webhook.id, one.id) == found
    page = await webhooks.list_deliveries(webhook.id, after=None, limit=9)
    assert list(page.deliveries) == [young, waiting]


async def test_a_webhook_hears_what_it_asks_for() -> None:
    clock = FakeClock()
    event = Event(
        id=EventId(new_hex_id()),
        owner=LOCAL_OWNER,
        type=EventType.ITEM_FAILED,
        job=JobId(new_hex_id()),
        item=0,
        at=clock.now(),
        webhook_url=NAMED,
    )
    assert make_webhook(clock).hears(event)
    assert not make_webhook(clock, events=(EventType.JOB_FINISHED,)).hears(event)
    assert make_webhook(clock, events=(EventType.ITEM_FAILED,)).hears(event)
    assert not make_webhook(clock, named_only=True).hears(event)
    assert make_webhook(clock, named_only=True, url=NAMED).hears(event)
    assert not make_webhook(clock, switched_off=SwitchedOff.GONE).hears(event)
