"""A `WebhookStore` in Redis."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change, seconds
from image2model.backends.redis.connection.codec import (
    read_delivery,
    read_event,
    read_webhook,
    write_delivery,
    write_event,
    write_webhook,
)
from image2model.backends.redis.connection.database import RedisDatabase
from image2model.backends.redis.jobs.listing import newest_first
from image2model.core.errors import TooManyWebhooks
from image2model.core.ids import OwnerId
from image2model.core.rules import format_position, parse_position
from image2model.core.webhooks import (
    Delivery,
    Event,
    EventId,
    Webhook,
    WebhookId,
    dropped_for,
)
from image2model.ports.webhooks import DeliveryPage

_Read = tuple[Delivery, str]
"""A delivery, and as it is written."""

_FORGOTTEN_AT_ONCE = 1_000


class RedisWebhookStore:
    """A `WebhookStore` over *database*, which somebody else closes."""

    def __init__(self, database: RedisDatabase) -> None:
        self._database = database

    # --- webhooks ---------------------------------------------------------------------------

    async def add_webhook(self, webhook: Webhook, *, limit: int) -> None:
        """Add a webhook."""
        of_owner = keys.webhooks_of(webhook.owner)

        async def attempt() -> None:
            async with self._database.locked(of_owner) as lock:
                if int(await self._database.run("SCARD", of_owner)) >= limit:
                    raise TooManyWebhooks(limit=limit)
                change = Change(locks=lock)
                change.run("SADD", of_owner, webhook.id)
                change.run("HSET", keys.WEBHOOKS, webhook.id, write_webhook(webhook))
                await self._database.commit(change)

        await self._database.unopposed(attempt)

    async def find_webhook(self, webhook: WebhookId) -> Webhook | None:
        """Read a webhook; None: there is none."""
        text = await self._database.run("HGET", keys.WEBHOOKS, webhook)
        return None if text is None else read_webhook(text)

    async def list_webhooks(self, owner: OwnerId) -> Sequence[Webhook]:
        """List an owner's webhooks, oldest first."""
        names = await self._database.run("SMEMBERS", keys.webhooks_of(owner))
        found = await self._read(sorted(names))
        return sorted(found, key=lambda webhook: (webhook.created_at, webhook.id))

    async def _read(self, names: Sequence[str]) -> list[Webhook]:
        if not names:
            return []
        texts = await self._database.run("HMGET", keys.WEBHOOKS, *names)
        return [read_webhook(text) for text in texts if text is not None]

    async def change_webhook(
        self, webhook: WebhookId, change: Callable[[Webhook], Webhook]
    ) -> Webhook | None:
        """Change a webhook, while nobody else does."""

        async def attempt() -> Webhook | None:
            text = await self._database.run("HGET", keys.WEBHOOKS, webhook)
            if text is None:
                return None
            changed = change(read_webhook(text))
            written = Change()
            written.check(keys.WEBHOOKS, webhook, text)
            written.run("HSET", keys.WEBHOOKS, webhook, write_webhook(changed))
            await self._database.commit(written)
            return changed

        return await self._database.unopposed(attempt)

    async def remove_webhook(self, webhook: WebhookId) -> None:
        """Remove a webhook with its deliveries, if it is there."""
        found = await self.find_webhook(webhook)
        if found is None:
            return
        change = Change()
        change.run("SREM", keys.webhooks_of(found.owner), webhook)
        change.run("HDEL", keys.WEBHOOKS, webhook)
        change.run("DEL", *_places(webhook))
        await self._database.commit(change)

    # --- events -----------------------------------------------------------------------------

    async def new_events(self, *, limit: int) -> Sequence[Event]:
        """List events that were not handed on yet, oldest first."""
        texts = await self._database.run("LRANGE", keys.WEBHOOK_EVENTS, 0, limit - 1)
        return [read_event(text) for text in texts]

    async def hand_on(
        self, event: Event, deliveries: Sequence[Delivery], *, most_waiting: int
    ) -> None:
        """Put deliveries in the place of an event."""
        text = write_event(event)

        async def attempt() -> None:
            # Who hands on is one process; another one that took its place finds the event gone.
            async with self._database.locked(keys.WEBHOOK_EVENTS) as lock:
                if await self._database.run("LPOS", keys.WEBHOOK_EVENTS, text) is None:
                    return
                change = Change(locks=lock)
                change.run("LREM", keys.WEBHOOK_EVENTS, 1, text)
                for delivery in deliveries:
                    await self._put(change, delivery)
                    await self._drop_oldest(change, delivery, most_waiting)
                await self._database.commit(change)

        await self._database.unopposed(attempt)

    async def _put(self, change: Change, delivery: Delivery) -> None:
        """Have *delivery* written, unless its webhook is gone."""
        text = await self._database.run("HGET", keys.WEBHOOKS, delivery.webhook)
        if text is not None:
            change.check(keys.WEBHOOKS, delivery.webhook, text)
            _write(change, delivery)

    async def _drop_oldest(self, change: Change, new: Delivery, most_waiting: int) -> None:
        if int(await self._database.run("ZCARD", keys.waiting_of(new.webhook))) < most_waiting:
            return
        waiting = await self._waiting(new.webhook)
        waiting.sort(key=lambda one: (one[0].created_at, one[0].id))
        oldest = waiting[: max(0, len(waiting) + 1 - most_waiting)]
        _drop(change, oldest, note=dropped_for(most_waiting))

    # --- deliveries -------------------------------------------------------------------------

    async def due_webhooks(self, now: datetime) -> Sequence[Webhook]:
        """List webhooks that have a delivery to be sent now."""
        names = await self._database.run("HKEYS", keys.WEBHOOKS)
        firsts = await self._database.run_all(
            [("ZRANGE", keys.waiting_of(name), 0, 0, "WITHSCORES") for name in names]
        )
        due = {
            name: float(first[1])
            for name, first in zip(names, firsts, strict=True)
            if first and float(first[1]) <= now.timestamp()
        }
        found = await self._read(sorted(due))
        return sorted(found, key=lambda webhook: (due[webhook.id], webhook.id))

    async def due_deliveries(
        self, webhook: WebhookId, now: datetime, *, limit: int
    ) -> Sequence[Delivery]:
        """List deliveries of a webhook to be sent now, oldest first."""
        names = await self._database.run(
            "ZRANGE",
            keys.waiting_of(webhook),
            "-inf",
            seconds(now),
            "BYSCORE",
            "LIMIT",
            0,
            limit,
        )
        found = await self._deliveries(webhook, names)
        due = [delivery for delivery in found if delivery.next_at is not None]
        return sorted(due, key=lambda one: (one.next_at, one.created_at, one.id))

    async def put_delivery(self, delivery: Delivery) -> None:
        """Write a delivery in place of what was there."""

        async def attempt() -> None:
            change = Change()
            await self._put(change, delivery)
            await self._database.commit(change)

        await self._database.unopposed(attempt)

    async def drop_waiting(self, webhook: WebhookId, *, note: str) -> None:
        """Drop all waiting deliveries of a webhook."""

        async def attempt() -> None:
            change = Change()
            _drop(change, await self._waiting(webhook), note=note)
            await self._database.commit(change)

        await self._database.unopposed(attempt)

    async def _waiting(self, webhook: WebhookId) -> list[_Read]:
        names = await self._database.run("ZRANGE", keys.waiting_of(webhook), 0, -1)
        found = await self._read_deliveries(webhook, names)
        # Some may have arrived between the two reads.
        return [(delivery, text) for delivery, text in found if delivery.next_at is not None]

    async def _deliveries(self, webhook: WebhookId, names: Sequence[str]) -> list[Delivery]:
        return [delivery for delivery, _ in await self._read_deliveries(webhook, names)]

    async def _read_deliveries(self, webhook: WebhookId, names: Sequence[str]) -> list[_Read]:
        if not names:
            return []
        texts = await self._database.run("HMGET", keys.deliveries_of(webhook), *names)
        return [(read_delivery(text), text) for text in texts if text is not None]

    async def find_delivery(self, webhook: WebhookId, event: EventId) -> Delivery | None:
        """Read a delivery; None: there is none."""
        found = await self._deliveries(webhook, [event])
        return found[0] if found else None

    async def list_deliveries(
        self, webhook: WebhookId, *, after: str | None, limit: int
    ) -> DeliveryPage:
        """List deliveries, newest first."""
        place = None if after is None else parse_position(after)
        found: list[Delivery] = []
        async for some in newest_first(self._database, keys.delivery_log_of(webhook), place):
            found += await self._deliveries(webhook, some)
            if len(found) > limit:
                break
        page = found[:limit]
        last = page[-1] if page and len(found) > limit else None
        return DeliveryPage(
            deliveries=page, next=format_position(last.created_at, last.id) if last else None
        )

    async def forget_deliveries(self, before: datetime) -> None:
        """Forget old deliveries that wait no more."""
        for webhook in await self._database.run("HKEYS", keys.WEBHOOKS):
            await self._database.unopposed(partial(self._forget, webhook, before))

    async def _forget(self, webhook: WebhookId, before: datetime) -> None:
        until = f"({seconds(before)}"
        log = keys.delivery_log_of(webhook)
        names = await self._database.run(
            "ZRANGE", log, "-inf", until, "BYSCORE", "LIMIT", 0, _FORGOTTEN_AT_ONCE
        )
        change = Change()
        for delivery, text in await self._read_deliveries(webhook, names):
            if delivery.next_at is None:
                # Unless somebody has it sent once more.
                change.check(keys.deliveries_of(webhook), delivery.id, text)
                change.run("HDEL", keys.deliveries_of(webhook), delivery.id)
                change.run("ZREM", log, delivery.id)
        await self._database.commit(change)


def _places(webhook: WebhookId) -> tuple[str, ...]:
    return keys.deliveries_of(webhook), keys.delivery_log_of(webhook), keys.waiting_of(webhook)


def _drop(change: Change, waiting: Sequence[_Read], *, note: str) -> None:
    """Drop deliveries, if nobody else has written them since they were read."""
    for delivery, text in waiting:
        change.check(keys.deliveries_of(delivery.webhook), delivery.id, text)
        _write(change, delivery.dropped(note))


def _write(change: Change, delivery: Delivery) -> None:
    deliveries, log, waiting = _places(delivery.webhook)
    change.run("HSET", deliveries, delivery.id, write_delivery(delivery))
    change.run("ZADD", log, seconds(delivery.created_at), delivery.id)
    if delivery.next_at is None:
        change.run("ZREM", waiting, delivery.id)
    else:
        change.run("ZADD", waiting, seconds(delivery.next_at), delivery.id)
