"""Send what happened to the webhooks that want to hear of it."""

import logging
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import anyio
import anyio.abc

from image2model.core.errors import FetchError, JobNotFound, StorageError
from image2model.core.ids import JobId, OwnerId
from image2model.core.values.backoff import growing_s
from image2model.core.webhooks import (
    RETRY_DELAYS_S,
    Delivery,
    DeliveryState,
    Event,
    SwitchedOff,
    Webhook,
    WebhookId,
    sign,
)
from image2model.jobs.access import may_still_act
from image2model.jobs.background.exclusive_tasks import Turn
from image2model.jobs.context import Context
from image2model.jobs.webhooks.payloads import ToldJob, payload_of
from image2model.ports.webhooks import Answer

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
DELIVERY_TURN_S = 15.0
"""How long a process that ends without a word keeps the others from delivering."""

ANSWER_LIMIT_S = 15.0
_EVENTS_AT_ONCE = 500
_WEBHOOKS_AT_ONCE = 64
_WEBHOOKS_OF_OWNER_AT_ONCE = 4
_DELIVERIES_AT_ONCE = 50
_FORGET_EVERY_S = 300.0
_FIRST_REST_S = 5.0
_LONGEST_REST_S = 300.0
_LONGEST_WISH_S = 86_400.0
_JITTER = 0.1
_MOMENT = timedelta(microseconds=1)
_GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    """How often a receiver failed in a row after the first time, and until when it is left."""

    failures: int
    until_s: float


class WebhookDeliverer:
    """
    Hands events on to webhooks, and sends what is due, each webhook's in its order.

    Whatever it does is written down first, so that a process may end at any moment: an event is
    handed on exactly once, and a delivery whose answer nobody wrote down is sent again. A receiver
    that is slow holds up its own deliveries alone.

    Args:
        context: The ports.
        turn: Whether it is this process's turn; None: no other process delivers.
    """

    def __init__(self, context: Context, turn: Turn | None = None) -> None:
        self._context = context
        self._turn = turn
        self._busy: dict[WebhookId, OwnerId] = {}
        self._rests: dict[WebhookId, _Rest] = {}
        self._forget_at_s = 0.0

    async def run(self) -> None:
        """Deliver for ever; cancel to stop."""
        async with anyio.create_task_group() as group:

            async def look() -> None:
                if self._turn is None or await self._turn.is_ours():
                    await self._look(group)

            keep = self._context.chores.keep
            await keep("the delivery of webhooks", look, every_s=LOOK_EVERY_S)

    async def deliver(self) -> None:
        """Hand on all events and send once what is due now."""
        async with anyio.create_task_group() as group:
            await self._look(group)

    async def _look(self, group: anyio.abc.TaskGroup) -> None:
        now_s = self._context.clock.monotonic_s()
        if now_s >= self._forget_at_s:
            self._forget_at_s = now_s + _FORGET_EVERY_S
            oldest = timedelta(seconds=self._context.rules.webhook_log_s)
            await self._context.webhooks.forget_deliveries(self._context.clock.now() - oldest)
            self._rests = {one: rest for one, rest in self._rests.items() if rest.until_s > now_s}
        await self._hand_on()
        for webhook in await self._context.webhooks.due_webhooks(self._context.clock.now()):
            if self._has_room_for(webhook):
                self._busy[webhook.id] = webhook.owner
                group.start_soon(self._serve, webhook.id)

    def _has_room_for(self, webhook: Webhook) -> bool:
        """Tell whether *webhook* may be served now: an owner has only a few places of all."""
        return (
            webhook.id not in self._busy
            and not self._rests_now(webhook)
            and len(self._busy) < _WEBHOOKS_AT_ONCE
            and Counter(self._busy.values())[webhook.owner] < _WEBHOOKS_OF_OWNER_AT_ONCE
        )

    def _rests_now(self, webhook: Webhook) -> bool:
        rest = self._rests.get(webhook.id)
        return rest is not None and rest.until_s > self._context.clock.monotonic_s()

    # --- handing on -------------------------------------------------------------------------

    async def _hand_on(self) -> None:
        while events := await self._context.webhooks.new_events(limit=_EVENTS_AT_ONCE):
            webhooks: dict[OwnerId, Sequence[Webhook]] = {}
            jobs: dict[JobId, ToldJob | None] = {}
            last = events[0].at
            for number, event in enumerate(events):
                # Together happened, or nearly so: each a little later, so that they stay in order.
                last = event.at if not number else max(event.at, last + _MOMENT)
                if event.owner not in webhooks:
                    webhooks[event.owner] = await self._webhooks_of(event.owner)
                hearing = [one for one in webhooks[event.owner] if one.hears(event)]
                if hearing and event.job not in jobs:
                    jobs[event.job] = await self._job(event.job)
                await self._hand_on_one(event, last, hearing, jobs.get(event.job))

    async def _hand_on_one(
        self, event: Event, at: datetime, hearing: Sequence[Webhook], job: ToldJob | None
    ) -> None:
        payload = payload_of(event, job) if hearing else ""
        deliveries = [
            Delivery(
                id=event.id,
                webhook=webhook.id,
                type=event.type,
                job=event.job,
                item=event.item,
                payload=payload,
                created_at=at,
                next_at=self._context.clock.now(),
            )
            for webhook in hearing
        ]
        most_waiting = self._context.rules.webhook_waiting
        await self._context.webhooks.hand_on(event, deliveries, most_waiting=most_waiting)

    async def _webhooks_of(self, owner: OwnerId) -> Sequence[Webhook]:
        if not await may_still_act(self._context, owner):
            return ()
        return await self._context.webhooks.list_webhooks(owner)

    async def _job(self, job: JobId) -> ToldJob | None:
        try:
            return ToldJob.of(await self._context.store.get_job(job))
        except JobNotFound:
            return None

    # --- sending ----------------------------------------------------------------------------

    async def _serve(self, webhook_id: WebhookId) -> None:
        """Send what is due to one webhook, one after the other."""
        try:
            now = self._context.clock.now()
            due = await self._context.webhooks.due_deliveries(
                webhook_id, now, limit=_DELIVERIES_AT_ONCE
            )
            for delivery in due:
                # It may have been removed, switched off, or given another secret meanwhile.
                webhook = await self._context.webhooks.find_webhook(webhook_id)
                if webhook is None:
                    return
                note = await self._reason_to_drop(webhook)
                if note:
                    await self._context.webhooks.drop_waiting(webhook_id, note=note)
                    return
                if not await self._send(webhook, delivery):
                    self._let_rest(webhook)
                    return
                self._rests.pop(webhook_id, None)
        except StorageError as error:
            _log.warning("cannot deliver to webhook %s now: %s", webhook_id, error)
        except Exception:  # noqa: BLE001 - the others are served all the same
            _log.exception("webhook %s could not be served", webhook_id)
        finally:
            del self._busy[webhook_id]

    def _let_rest(self, webhook: Webhook) -> None:
        """Give others the place of a receiver that fails, longer each time."""
        known = self._rests.get(webhook.id)
        failures = 0 if known is None else known.failures + 1
        rest_s = growing_s(failures, first_s=_FIRST_REST_S, longest_s=_LONGEST_REST_S)
        until_s = self._context.clock.monotonic_s() + rest_s
        self._rests[webhook.id] = _Rest(failures=failures, until_s=until_s)

    async def _reason_to_drop(self, webhook: Webhook) -> str:
        """Say why nothing may be sent to *webhook* (any more); "": something may."""
        if webhook.switched_off is not None:
            return "the webhook is switched off"
        if not await may_still_act(self._context, webhook.owner):
            return "its owner's API key works no more"
        return ""

    async def _send(self, webhook: Webhook, delivery: Delivery) -> bool:
        """Send one delivery, and write down what came of it. Returns whether it arrived."""
        answer: Answer | None = None
        note = ""
        try:
            answer = await self._post(webhook, delivery)
        except FetchError as error:
            note = error.message
        if answer is not None and not 200 <= answer.status < 300:
            note = f"the receiver answered {answer.status}"
        after = self._after(delivery, answer, note)
        await self._context.webhooks.put_delivery(after)
        if bool(note) or webhook.failing_since is not None:
            await self._note_health(webhook, after)
        return not note

    async def _post(self, webhook: Webhook, delivery: Delivery) -> Answer:
        now = self._context.clock.now()
        body, sent_s = delivery.payload.encode(), int(now.timestamp())
        signatures = [
            sign(secret, delivery.id, sent_s, body) for secret in webhook.signing_secrets(now)
        ]
        return await self._context.poster.post(
            webhook.url,
            headers={
                "content-type": "application/json",
                "webhook-id": delivery.id,
                "webhook-timestamp": str(sent_s),
                "webhook-signature": " ".join(signatures),
            },
            body=body,
            limit_s=ANSWER_LIMIT_S,
        )

    def _after(self, delivery: Delivery, answer: Answer | None, note: str) -> Delivery:
        now = self._context.clock.now()
        tried = replace(
            delivery,
            tries=delivery.tries + 1,
            tried_at=now,
            status=None if answer is None else answer.status,
            note=note,
            next_at=None,
        )
        if not note:
            return replace(tried, state=DeliveryState.DELIVERED)
        if delivery.tries >= len(RETRY_DELAYS_S):
            return replace(tried, state=DeliveryState.FAILED)
        spread = random.uniform(1.0, 1.0 + _JITTER)  # noqa: S311 - spreads work, keeps no secret
        wait_s = RETRY_DELAYS_S[delivery.tries] * spread
        if answer is not None and answer.retry_after_s is not None:
            wait_s = max(wait_s, min(answer.retry_after_s, _LONGEST_WISH_S))
        return replace(tried, next_at=now + timedelta(seconds=wait_s))

    async def _note_health(self, webhook: Webhook, delivery: Delivery) -> None:
        """Note whether a webhook works, and switch it off where it has not for too long."""
        now = self._context.clock.now()
        patience = timedelta(seconds=self._context.rules.webhook_failing_s)
        works = delivery.state is DeliveryState.DELIVERED

        def noted(known: Webhook) -> Webhook:
            if works:
                return replace(known, failing_since=None)
            since = known.failing_since or now
            off = known.switched_off
            if known.url == webhook.url and off is None:
                if delivery.status == _GONE:
                    off = SwitchedOff.GONE
                elif now - since >= patience:
                    off = SwitchedOff.FAILING
            return replace(known, failing_since=since, switched_off=off)

        changed = await self._context.webhooks.change_webhook(webhook.id, noted)
        if changed is not None and changed.switched_off is not None:
            _log.info("webhook %s is switched off: %s", webhook.id, changed.switched_off)
            note = f"the webhook was switched off: {delivery.note}"
            await self._context.webhooks.drop_waiting(webhook.id, note=note)
