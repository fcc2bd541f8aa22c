"""A `WebhookStore` in memory: for tests and for trying things out."""

from collections.abc import Callable, Sequence
from datetime import datetime

from image2model.core.errors import TooManyWebhooks
from image2model.core.ids import OwnerId
from image2model.core.rules import format_position, parse_position
from image2model.core.webhooks import Delivery, Event, EventId, Webhook, WebhookId, dropped_for
from image2model.ports.webhooks import DeliveryPage


class MemoryWebhookStore:
    """
    A `WebhookStore` that forgets all when it goes.

    Args:
        events: What happened; a `MemoryJobStore` adds to it.
    """

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self._webhooks: dict[WebhookId, Webhook] = {}
        self._deliveries: dict[tuple[WebhookId, EventId], Delivery] = {}

    async def add_webhook(self, webhook: Webhook, *, limit: int) -> None:
        """Add a webhook."""
        if len(await self.list_webhooks(webhook.owner)) >= limit:
            raise TooManyWebhooks(limit=limit)
        self._webhooks[webhook.id] = webhook

    async def find_webhook(self, webhook: WebhookId) -> Webhook | None:
        """Read a webhook; None: there is none."""
        return self._webhooks.get(webhook)

    async def list_webhooks(self, owner: OwnerId) -> Sequence[Webhook]:
        """List an owner's webhooks, oldest first."""
        found = [webhook for webhook in self._webhooks.values() if webhook.owner == owner]
        return sorted(found, key=lambda webhook: (webhook.created_at, webhook.id))

    async def change_webhook(
        self, webhook: WebhookId, change: Callable[[Webhook], Webhook]
    ) -> Webhook | None:
        """Change a webhook."""
        found = self._webhooks.get(webhook)
        if found is not None:
            self._webhooks[webhook] = found = change(found)
        return found

    async def remove_webhook(self, webhook: WebhookId) -> None:
        """Remove a webhook with its deliveries, if it is there."""
        self._webhooks.pop(webhook, None)
        self._deliveries = {
            key: delivery for key, delivery in self._deliveries.items() if key[0] != webhook
        }

    async def new_events(self, *, limit: int) -> Sequence[Event]:
        """List events that were not handed on yet, oldest first."""
        return self._events[:limit]

    async def hand_on(
        self, event: Event, deliveries: Sequence[Delivery], *, most_waiting: int
    ) -> None:
        """Put deliveries in the place of an event."""
        if event not in self._events:
            return
        self._events.remove(event)
        for delivery in deliveries:
            await self.put_delivery(delivery)
            waiting = sorted(self._waiting(delivery.webhook), key=_place)
            for extra in waiting[: max(0, len(waiting) - most_waiting)]:
                await self.put_delivery(extra.dropped(dropped_for(most_waiting)))

    async def due_webhooks(self, now: datetime) -> Sequence[Webhook]:
        """List webhooks that have a delivery to be sent now."""
        firsts: dict[WebhookId, datetime] = {}
        for delivery in self._deliveries.values():
            if delivery.next_at is not None and delivery.next_at <= now:
                known = firsts.get(delivery.webhook, delivery.next_at)
                firsts[delivery.webhook] = min(known, delivery.next_at)
        names = sorted(firsts, key=lambda name: (firsts[name], name))
        return [self._webhooks[name] for name in names]

    async def due_deliveries(
        self, webhook: WebhookId, now: datetime, *, limit: int
    ) -> Sequence[Delivery]:
        """List deliveries of a webhook to be sent now, oldest first."""
        due = [
            (one.next_at, *_place(one), one)
            for one in self._waiting(webhook)
            if one.next_at is not None and one.next_at <= now
        ]
        return [delivery for *_, delivery in sorted(due, key=lambda one: one[:3])[:limit]]

    async def put_delivery(self, delivery: Delivery) -> None:
        """Write a delivery in place of what was there."""
        if delivery.webhook in self._webhooks:
            self._deliveries[delivery.webhook, delivery.id] = delivery

    async def drop_waiting(self, webhook: WebhookId, *, note: str) -> None:
        """Drop all waiting deliveries of a webhook."""
        for delivery in self._waiting(webhook):
            await self.put_delivery(delivery.dropped(note))

    async def find_delivery(self, webhook: WebhookId, event: EventId) -> Delivery | None:
        """Read a delivery; None: there is none."""
        return self._deliveries.get((webhook, event))

    async def list_deliveries(
        self, webhook: WebhookId, *, after: str | None, limit: int
    ) -> DeliveryPage:
        """List deliveries, newest first."""
        found = [one for one in self._deliveries.values() if one.webhook == webhook]
        found.sort(key=_place, reverse=True)
        if after is not None:
            before = parse_position(after)
            found = [one for one in found if (one.created_at.timestamp(), str(one.id)) < before]
        page = found[:limit]
        last = page[-1] if len(found) > limit else None
        return DeliveryPage(
            deliveries=page, next=format_position(last.created_at, last.id) if last else None
        )

    async def forget_deliveries(self, before: datetime) -> None:
        """Forget old deliveries that wait no more."""
        self._deliveries = {
            key: one
            for key, one in self._deliveries.items()
            if one.created_at >= before or one.next_at is not None
        }

    def _waiting(self, webhook: WebhookId) -> list[Delivery]:
        return [
            one
            for one in self._deliveries.values()
            if one.webhook == webhook and one.next_at is not None
        ]


def _place(delivery: Delivery) -> tuple[datetime, EventId]:
    return delivery.created_at, delivery.id
