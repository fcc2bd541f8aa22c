"""What receivers of webhooks are sent, when, and what becomes of those that fail."""

import json
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from image2model.core.errors import (
    DeliveryNotFound,
    InvalidRequest,
    TooManyWebhooks,
    WebhookNotFound,
    WrongState,
)
from image2model.core.ids import LOCAL_OWNER, OwnerId, WorkerId, new_hex_id
from image2model.core.job import Job
from image2model.core.webhooks import (
    RETRY_DELAYS_S,
    Delivery,
    DeliveryState,
    EventId,
    EventType,
    SwitchedOff,
    Webhook,
    sign,
)
from image2model.jobs.access import create_api_key, identify_key
from image2model.jobs.background.exclusive_tasks import Turn
from image2model.jobs.intake.submit import JobRequest
from image2model.jobs.webhooks import manage
from image2model.jobs.webhooks.deliver import WebhookDeliverer
from image2model.jobs.webhooks.manage import WebhookChange
from image2model.jobs.webhooks.payloads import ToldJob
from image2model.ports.webhooks import Answer
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

URL = "https://hooks.example/in"
OTHER = OwnerId("session:other")


async def add(rig: Rig, url: str = URL, owner: OwnerId = LOCAL_OWNER, **more: object) -> Webhook:
    return await manage.add_webhook(rig.context, owner, url, **more)  # type: ignore[arg-type]


async def deliver(rig: Rig) -> None:
    await WebhookDeliverer(rig.context).deliver()


async def log_of(rig: Rig, webhook: Webhook) -> list[Delivery]:
    page = await manage.list_deliveries(
        rig.context, webhook.owner, webhook.id, after=None, limit=100
    )
    return list(page.deliveries)


async def send_test(rig: Rig, webhook: Webhook) -> Delivery:
    delivery = await manage.send_test(rig.context, webhook.owner, webhook.id)
    await deliver(rig)
    found = await rig.context.webhooks.find_delivery(webhook.id, delivery.id)
    assert found is not None
    return found


def sent_types(rig: Rig, url: str = URL) -> list[str]:
    return [json.loads(one.body)["type"] for one in rig.receivers.posted if one.url == url]


async def test_a_job_is_told_in_order_signed_and_small(rig: Rig) -> None:
    webhook = await add(rig)
    job = await rig.submit(LOCAL_OWNER, "cup")
    await rig.run_dispatched()
    await deliver(rig)
    assert sent_types(rig) == ["job.started", "item.succeeded", "job.finished"]
    _, posted, last = rig.receivers.posted
    sent_s = int(rig.clock.now().timestamp())
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["webhook-timestamp"] == str(sent_s)
    event_id = posted.headers["webhook-id"]
    secret = webhook.secrets[0].text
    assert posted.headers["webhook-signature"] == sign(secret, event_id, sent_s, posted.body)
    body = json.loads(posted.body)
    assert body["timestamp"] == "2026-01-01T00:00:00Z"
    assert (body["data"]["job"]["id"], body["data"]["job"]["state"]) == (job.id, "finished")
    item = body["data"]["item"]
    assert (item["index"], item["name"], item["state"]) == (0, "cup", "succeeded")
    assert "item" not in json.loads(last.body)["data"]
    assert len(posted.body) < 4_000
    assert all(word not in posted.body.decode() for word in ("whsec_", "https://", "artifact"))
    assert [one.state for one in await log_of(rig, webhook)] == [DeliveryState.DELIVERED] * 3
    await deliver(rig)
    assert len(rig.receivers.posted) == 3


async def test_what_is_said_of_a_job_is_put_together_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large job has many events, and adding it up for each would take ever longer."""
    told: list[str] = []
    of = ToldJob.of

    def counted(job: Job) -> ToldJob:
        told.append(job.id)
        return of(job)

    monkeypatch.setattr(ToldJob, "of", counted)
    await add(rig, events=[EventType.ITEM_SUCCEEDED])
    job = await rig.submit(LOCAL_OWNER, "cup", "mug", "vase")
    await rig.run_dispatched()
    await deliver(rig)
    bodies = [json.loads(posted.body)["data"] for posted in rig.receivers.posted]
    assert [body["item"]["name"] for body in bodies] == ["cup", "mug", "vase"]
    assert told == [job.id]


async def test_only_what_was_asked_for_and_only_to_its_owner(rig: Rig) -> None:
    await add(rig, events=[EventType.JOB_FINISHED])
    await add(rig, f"{URL}/other", OTHER)
    await rig.submit(LOCAL_OWNER, "cup")
    await rig.run_dispatched()
    await deliver(rig)
    assert sent_types(rig) == ["job.finished"]
    assert sent_types(rig, f"{URL}/other") == []


async def test_a_url_that_a_job_names_hears_of_that_job_alone(rig: Rig) -> None:
    named = JobRequest(webhook_url=URL)
    job = await rig.submit(LOCAL_OWNER, "cup", request=named)
    await rig.submit(LOCAL_OWNER, "jug")
    await rig.submit(LOCAL_OWNER, "mug", request=named)
    (webhook,) = await rig.context.webhooks.list_webhooks(LOCAL_OWNER)
    assert webhook.named_only
    await deliver(rig)
    told = [json.loads(one.body)["data"]["job"]["id"] for one in rig.receivers.posted]
    assert len(told) == 2
    assert told[0] == job.id
    with pytest.raises(InvalidRequest, match="webhook_url"):
        await rig.submit(LOCAL_OWNER, "cup", request=JobRequest(webhook_url="http://10.0.0.1/"))


async def test_failures_are_tried_again_for_days_with_the_same_id(rig: Rig) -> None:
    webhook = await add(rig)
    rig.receivers.answers[URL] = Answer(status=500)
    delivery = await send_test(rig, webhook)
    for number, delay_s in enumerate(RETRY_DELAYS_S, 1):
        assert (delivery.state, delivery.tries) == (DeliveryState.WAITING, number)
        assert delivery.next_at is not None
        waits_s = (delivery.next_at - rig.clock.now()).total_seconds()
        assert delay_s <= waits_s <= 1.1 * delay_s
        await rig.clock.advance(delay_s - 1.0)
        await deliver(rig)
        assert len(rig.receivers.posted) == number
        await rig.clock.advance(waits_s - delay_s + 1.0)
        await deliver(rig)
        (delivery,) = await log_of(rig, webhook)
    assert (delivery.state, delivery.tries, delivery.next_at) == (DeliveryState.FAILED, 10, None)
    assert (delivery.status, delivery.note) == (500, "the receiver answered 500")
    assert {one.headers["webhook-id"] for one in rig.receivers.posted} == {delivery.id}
    assert len({one.headers["webhook-signature"] for one in rig.receivers.posted}) == 10
    assert len({one.body for one in rig.receivers.posted}) == 1
    changed = await rig.context.webhooks.find_webhook(webhook.id)
    assert changed is not None
    assert changed.failing_since == delivery.created_at


@pytest.mark.parametrize("answer", [Answer(status=302), Answer(status=404), None])
async def test_only_2xx_is_success(rig: Rig, answer: Answer | None) -> None:
    webhook = await add(rig)
    rig.receivers.answers[URL] = answer
    delivery = await send_test(rig, webhook)
    assert (delivery.state, bool(delivery.note)) == (DeliveryState.WAITING, True)
    rig.receivers.answers[URL] = Answer(status=200)
    await rig.clock.advance(6.0)
    await deliver(rig)
    (delivery,) = await log_of(rig, webhook)
    assert (delivery.state, delivery.status, delivery.note) == (DeliveryState.DELIVERED, 200, "")
    changed = await rig.context.webhooks.find_webhook(webhook.id)
    assert changed == webhook


async def test_a_receiver_may_ask_for_more_time(rig: Rig) -> None:
    webhook = await add(rig)
    rig.receivers.answers[URL] = Answer(status=429, retry_after_s=90.0)
    delivery = await send_test(rig, webhook)
    assert delivery.next_at == rig.clock.now() + timedelta(seconds=90)


async def test_gone_switches_off_at_once(rig: Rig) -> None:
    webhook = await add(rig)
    await rig.submit(LOCAL_OWNER, "cup")
    await rig.submit(LOCAL_OWNER, "jug")
    rig.receivers.answers[URL] = Answer(status=410)
    await deliver(rig)
    assert len(rig.receivers.posted) == 1
    changed = await manage.owned_webhook(rig.context, LOCAL_OWNER, webhook.id)
    assert changed.switched_off is SwitchedOff.GONE
    states = {one.state for one in await log_of(rig, webhook)}
    assert states == {DeliveryState.DROPPED}
    await rig.run_dispatched()
    await deliver(rig)
    assert len(rig.receivers.posted) == 1
    with pytest.raises(WrongState):
        await manage.send_test(rig.context, LOCAL_OWNER, webhook.id)

    rig.receivers.answers.clear()
    on = WebhookChange(enabled=True)
    changed = await manage.change_webhook(rig.context, LOCAL_OWNER, webhook.id, on)
    assert (changed.switched_off, changed.failing_since) == (None, None)
    await rig.submit(LOCAL_OWNER, "mug")
    await deliver(rig)
    assert sent_types(rig)[1:] == ["job.started"]


async def test_days_of_failures_alone_switch_off(rig: Rig) -> None:
    webhook = await add(rig)
    rig.receivers.answers[URL] = None
    await send_test(rig, webhook)
    await rig.clock.advance(rig.context.rules.webhook_failing_s - 10.0)
    await send_test(rig, webhook)
    assert (await manage.owned_webhook(rig.context, LOCAL_OWNER, webhook.id)).switched_off is None
    await rig.clock.advance(20.0)
    await deliver(rig)
    changed = await manage.owned_webhook(rig.context, LOCAL_OWNER, webhook.id)
    assert changed.switched_off is SwitchedOff.FAILING


async def test_a_secret_is_rotated_without_a_gap(rig: Rig) -> None:
    webhook = await add(rig)
    rotated = await manage.rotate_secret(rig.context, LOCAL_OWNER, webhook.id)
    new, old = rotated.secrets[0].text, webhook.secrets[0].text
    assert new != old
    delivery = await send_test(rig, webhook)
    (posted,) = rig.receivers.posted
    sent_s = int(posted.headers["webhook-timestamp"])
    signatures = [sign(secret, delivery.id, sent_s, posted.body) for secret in (new, old)]
    assert posted.headers["webhook-signature"].split() == signatures
    await rig.clock.advance(86_400.0)
    await send_test(rig, webhook)
    assert len(rig.receivers.posted[-1].headers["webhook-signature"].split()) == 1


async def test_a_delivery_is_replayed_by_hand(rig: Rig) -> None:
    webhook = await add(rig)
    first = await send_test(rig, webhook)
    await manage.replay_delivery(rig.context, LOCAL_OWNER, webhook.id, first.id)
    await deliver(rig)
    one, two = rig.receivers.posted
    assert (one.body, one.headers["webhook-id"]) == (two.body, two.headers["webhook-id"])
    unknown = EventId(new_hex_id())
    with pytest.raises(DeliveryNotFound):
        await manage.replay_delivery(rig.context, LOCAL_OWNER, webhook.id, unknown)


async def test_others_find_nothing(rig: Rig) -> None:
    webhook = await add(rig)
    delivery = await send_test(rig, webhook)
    context = rig.context
    for refused in (
        manage.owned_webhook(context, OTHER, webhook.id),
        manage.change_webhook(context, OTHER, webhook.id, WebhookChange(enabled=False)),
        manage.remove_webhook(context, OTHER, webhook.id),
        manage.rotate_secret(context, OTHER, webhook.id),
        manage.send_test(context, OTHER, webhook.id),
        manage.list_deliveries(context, OTHER, webhook.id, after=None, limit=1),
        manage.replay_delivery(context, OTHER, webhook.id, delivery.id),
    ):
        with pytest.raises(WebhookNotFound):
            await refused
    assert await context.webhooks.find_webhook(webhook.id) == webhook


async def test_webhooks_are_limited_and_the_log_ends(rig: Rig) -> None:
    webhook = await add(rig)
    for _ in range(rig.context.rules.webhooks_per_owner - 1):
        await add(rig)
    with pytest.raises(TooManyWebhooks):
        await add(rig)
    await send_test(rig, webhook)
    await rig.clock.advance(rig.context.rules.webhook_log_s + 1.0)
    await deliver(rig)
    assert await log_of(rig, webhook) == []


async def test_a_slow_receiver_holds_up_nobody_else(rig: Rig) -> None:
    """Neither other owners nor, beyond its own places, its own."""

    class Slow:
        def check_url(self, url: str) -> None:
            rig.receivers.check_url(url)

        async def post(self, url: str, **more: object) -> Answer:
            if url.startswith(f"{URL}/slow"):
                started.append(url)
                await anyio.sleep_forever()
            return await rig.receivers.post(url, **more)  # type: ignore[arg-type]

    started: list[str] = []
    context = replace(rig.context, poster=Slow())
    for number in range(6):
        slow = await manage.add_webhook(context, LOCAL_OWNER, f"{URL}/slow/{number}")
        await manage.send_test(context, LOCAL_OWNER, slow.id)
    fast = await manage.add_webhook(context, OTHER, URL)
    async with anyio.create_task_group() as group:
        group.start_soon(WebhookDeliverer(context).run)
        await manage.send_test(context, OTHER, fast.id)
        with anyio.fail_after(5):
            while not rig.receivers.posted:
                await rig.clock.advance(1.0)
        assert len(started) == 4
        # Ending does not wait for them; what was under way is sent again.
        group.cancel_scope.cancel()
    again = WebhookDeliverer(rig.context)
    await again.deliver()
    await again.deliver()
    assert len([one for one in rig.receivers.posted if "/slow/" in one.url]) == 6


async def test_a_receiver_that_fails_is_left_alone_for_a_while(rig: Rig) -> None:
    """However much waits for it, each look tries it once, and less and less often."""
    webhook = await add(rig)
    rig.receivers.answers[URL] = None
    for _ in range(5):
        await manage.send_test(rig.context, LOCAL_OWNER, webhook.id)
    deliverer = WebhookDeliverer(rig.context)
    tried_s: list[int] = []
    for second in range(60):
        await deliverer.deliver()
        tried_s += [second] * (len(rig.receivers.posted) - len(tried_s))
        await rig.clock.advance(1.0)
    assert tried_s == [0, 5, 15, 35]
    rig.receivers.answers.clear()
    await rig.clock.advance(20.0)
    await deliverer.deliver()
    states = [one.state for one in await log_of(rig, webhook)]
    assert states.count(DeliveryState.DELIVERED) >= 3


async def test_one_process_delivers_at_a_time(rig: Rig) -> None:
    webhook = await add(rig)
    await manage.send_test(rig.context, LOCAL_OWNER, webhook.id)

    def turn(name: str) -> Turn:
        return Turn(rig.store, worker=WorkerId(name), duty="webhooks", lease_s=15.0)

    assert await turn("one").is_ours()
    async with anyio.create_task_group() as group:
        group.start_soon(WebhookDeliverer(rig.context, turn("two")).run)
        await rig.clock.advance(10.0)
        assert rig.receivers.posted == []
        await rig.clock.advance(10.0)
        assert len(rig.receivers.posted) == 1
        group.cancel_scope.cancel()


async def test_a_revoked_key_is_told_nothing_more(rig: Rig) -> None:
    key = await create_api_key(rig.context, name="shop")
    owner = (await identify_key(rig.context, key)).owner
    webhook = await add(rig, owner=owner)
    await rig.submit(owner, "cup")
    await deliver(rig)
    assert sent_types(rig) == ["job.started"]
    delivery = await manage.send_test(rig.context, owner, webhook.id)
    await rig.context.sessions.revoke_key(owner.removeprefix("key:"))
    await rig.run_dispatched()
    await deliver(rig)
    assert sent_types(rig) == ["job.started"]
    dropped = await rig.context.webhooks.find_delivery(webhook.id, delivery.id)
    assert dropped is not None
    assert dropped.state is DeliveryState.DROPPED


async def test_a_deleted_job_is_told_by_its_id(rig: Rig) -> None:
    await add(rig)
    job = await rig.submit(LOCAL_OWNER, "cup")
    await rig.store.delete_job(job.id)
    await deliver(rig)
    assert json.loads(rig.receivers.posted[0].body)["data"] == {"job": {"id": job.id}}
