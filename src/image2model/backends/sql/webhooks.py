"""A `WebhookStore` over SQL."""

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Database, Transaction
from image2model.backends.sql.dialect import lock_owner, put_row
from image2model.backends.sql.rows import Row, Values, from_seconds, to_seconds
from image2model.backends.sql.tables import webhook_deliveries, webhook_events, webhooks
from image2model.core.errors import TooManyWebhooks
from image2model.core.ids import JobId, OwnerId
from image2model.core.rules import format_position, parse_position
from image2model.core.webhooks import (
    Delivery,
    DeliveryState,
    Event,
    EventId,
    EventType,
    Secret,
    Webhook,
    WebhookId,
    dropped_for,
)
from image2model.ports.webhooks import DeliveryPage

_IN_ORDER = (
    webhook_events.c.at,
    # Together happen: a job's start, the ends of its items, its own end.
    sa.case(
        (webhook_events.c.type == EventType.JOB_STARTED, 0),
        (webhook_events.c.type == EventType.JOB_FINISHED, 2),
        else_=1,
    ),
    webhook_events.c.place,
    webhook_events.c.id,
)


class SqlWebhookStore:
    """A `WebhookStore` over *database*, which somebody else closes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_webhook(self, webhook: Webhook, *, limit: int) -> None:
        """Add a webhook."""
        await self._database.write(_add_webhook, webhook, limit=limit)

    async def find_webhook(self, webhook: WebhookId) -> Webhook | None:
        """Read a webhook; None: there is none."""
        return await self._database.read(_find_webhook, webhook)

    async def list_webhooks(self, owner: OwnerId) -> Sequence[Webhook]:
        """List an owner's webhooks, oldest first."""
        return await self._database.read(_list_webhooks, owner)

    async def change_webhook(
        self, webhook: WebhookId, change: Callable[[Webhook], Webhook]
    ) -> Webhook | None:
        """Change a webhook, while nobody else does."""
        return await self._database.write(_change_webhook, webhook, change)

    async def remove_webhook(self, webhook: WebhookId) -> None:
        """Remove a webhook with its deliveries, if it is there."""
        await self._database.write(_remove_webhook, webhook)

    async def new_events(self, *, limit: int) -> Sequence[Event]:
        """List events that were not handed on yet, oldest first."""
        return await self._database.read(_new_events, limit=limit)

    async def hand_on(
        self, event: Event, deliveries: Sequence[Delivery], *, most_waiting: int
    ) -> None:
        """Put deliveries in the place of an event."""
        await self._database.write(_hand_on, event, deliveries, most_waiting=most_waiting)

    async def due_webhooks(self, now: datetime) -> Sequence[Webhook]:
        """List webhooks that have a delivery to be sent now."""
        return await self._database.read(_due_webhooks, to_seconds(now))

    async def due_deliveries(
        self, webhook: WebhookId, now: datetime, *, limit: int
    ) -> Sequence[Delivery]:
        """List deliveries of a webhook to be sent now, oldest first."""
        return await self._database.read(_due_deliveries, webhook, to_seconds(now), limit=limit)

    async def put_delivery(self, delivery: Delivery) -> None:
        """Write a delivery in place of what was there."""
        await self._database.write(_put_delivery, delivery)

    async def drop_waiting(self, webhook: WebhookId, *, note: str) -> None:
        """Drop all waiting deliveries of a webhook."""
        await self._database.write(_drop, _waiting(webhook), note=note)

    async def find_delivery(self, webhook: WebhookId, event: EventId) -> Delivery | None:
        """Read a delivery; None: there is none."""
        return await self._database.read(_find_delivery, webhook, event)

    async def list_deliveries(
        self, webhook: WebhookId, *, after: str | None, limit: int
    ) -> DeliveryPage:
        """List deliveries, newest first."""
        return await self._database.read(_list_deliveries, webhook, after=after, limit=limit)

    async def forget_deliveries(self, before: datetime) -> None:
        """Forget old deliveries that wait no more."""
        await self._database.write(_forget_deliveries, to_seconds(before))


def _add_webhook(tx: Transaction, webhook: Webhook, *, limit: int) -> None:
    lock_owner(tx.connection, webhook.owner)
    of_owner = webhooks.c.owner == webhook.owner
    count = tx.run(sa.select(sa.func.count()).select_from(webhooks).where(of_owner)).scalar_one()
    if count >= limit:
        raise TooManyWebhooks(limit=limit)
    tx.run(sa.insert(webhooks), _webhook_values(webhook))


def _find_webhook(tx: Transaction, webhook: WebhookId) -> Webhook | None:
    row = tx.run(sa.select(webhooks).where(webhooks.c.id == webhook)).one_or_none()
    return None if row is None else _webhook_of(row)


def _list_webhooks(tx: Transaction, owner: OwnerId) -> Sequence[Webhook]:
    statement = sa.select(webhooks).where(webhooks.c.owner == owner)
    rows = tx.run(statement.order_by(webhooks.c.created_at, webhooks.c.id))
    return [_webhook_of(row) for row in rows]


def _change_webhook(
    tx: Transaction, webhook: WebhookId, change: Callable[[Webhook], Webhook]
) -> Webhook | None:
    which = webhooks.c.id == webhook
    row = tx.run(sa.select(webhooks).where(which).with_for_update()).one_or_none()
    if row is None:
        return None
    changed = change(_webhook_of(row))
    tx.run(sa.update(webhooks).where(which), _webhook_values(changed))
    return changed


def _remove_webhook(tx: Transaction, webhook: WebhookId) -> None:
    tx.run(sa.delete(webhooks).where(webhooks.c.id == webhook))


def _new_events(tx: Transaction, *, limit: int) -> Sequence[Event]:
    rows = tx.run(sa.select(webhook_events).order_by(*_IN_ORDER).limit(limit))
    return [
        Event(
            id=EventId(row.id),
            owner=OwnerId(row.owner),
            type=row.type,
            job=JobId(row.job_id),
            item=row.place,
            at=from_seconds(row.at),
            webhook_url=row.webhook_url,
        )
        for row in rows
    ]


def _hand_on(
    tx: Transaction, event: Event, deliveries: Sequence[Delivery], *, most_waiting: int
) -> None:
    if not tx.run(sa.delete(webhook_events).where(webhook_events.c.id == event.id)).rowcount:
        return
    for delivery in deliveries:
        # Locked for this alone: of several together each sees how many wait.
        if not _lock_webhook(tx, delivery.webhook, alone=True):
            continue
        put_row(tx.connection, webhook_deliveries, _delivery_values(delivery))
        waiting = _waiting(delivery.webhook)
        newest = sa.select(webhook_deliveries.c.id).where(waiting)
        newest = newest.order_by(
            webhook_deliveries.c.created_at.desc(), webhook_deliveries.c.id.desc()
        )
        extra = tx.run(newest.offset(most_waiting)).scalars().all()
        if extra:
            of_extra = sa.and_(waiting, webhook_deliveries.c.id.in_(extra))
            _drop(tx, of_extra, note=dropped_for(most_waiting))


def _due_webhooks(tx: Transaction, now_s: float) -> Sequence[Webhook]:
    first = sa.func.min(webhook_deliveries.c.next_at)
    due = (
        sa.select(webhook_deliveries.c.webhook_id, first.label("first"))
        .where(webhook_deliveries.c.next_at <= now_s)
        .group_by(webhook_deliveries.c.webhook_id)
        .subquery()
    )
    statement = sa.select(webhooks).join(due, due.c.webhook_id == webhooks.c.id)
    return [_webhook_of(row) for row in tx.run(statement.order_by(due.c.first, webhooks.c.id))]


def _due_deliveries(
    tx: Transaction, webhook: WebhookId, now_s: float, *, limit: int
) -> Sequence[Delivery]:
    statement = (
        sa.select(webhook_deliveries)
        .where(webhook_deliveries.c.webhook_id == webhook, webhook_deliveries.c.next_at <= now_s)
        .order_by(webhook_deliveries.c.next_at, *_PLACE)
        .limit(limit)
    )
    return [_delivery_of(row) for row in tx.run(statement)]


def _put_delivery(tx: Transaction, delivery: Delivery) -> None:
    if _lock_webhook(tx, delivery.webhook, alone=False):
        put_row(tx.connection, webhook_deliveries, _delivery_values(delivery))


def _lock_webhook(tx: Transaction, webhook: WebhookId, *, alone: bool) -> bool:
    """Let a webhook not go meanwhile; tell whether it is there."""
    of_webhook = sa.select(webhooks.c.id).where(webhooks.c.id == webhook)
    # Rendered on PostgreSQL only.
    return tx.run(of_webhook.with_for_update(read=not alone)).first() is not None


def _find_delivery(tx: Transaction, webhook: WebhookId, event: EventId) -> Delivery | None:
    statement = sa.select(webhook_deliveries).where(_which(webhook, event))
    row = tx.run(statement).one_or_none()
    return None if row is None else _delivery_of(row)


def _list_deliveries(
    tx: Transaction, webhook: WebhookId, *, after: str | None, limit: int
) -> DeliveryPage:
    statement = sa.select(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook)
    if after is not None:
        statement = statement.where(sa.tuple_(*_PLACE) < sa.tuple_(*parse_position(after)))
    newest_first = [column.desc() for column in _PLACE]
    rows = tx.run(statement.order_by(*newest_first).limit(limit + 1)).all()
    page = [_delivery_of(row) for row in rows[:limit]]
    last = page[-1] if len(rows) > limit else None
    return DeliveryPage(
        deliveries=page, next=format_position(last.created_at, last.id) if last else None
    )


def _forget_deliveries(tx: Transaction, before_s: float) -> None:
    tx.run(
        sa.delete(webhook_deliveries).where(
            webhook_deliveries.c.created_at < before_s, webhook_deliveries.c.next_at.is_(None)
        )
    )


def _drop(tx: Transaction, which: sa.ColumnElement[bool], *, note: str) -> None:
    values = {"state": DeliveryState.DROPPED, "next_at": None, "note": note}
    tx.run(sa.update(webhook_deliveries).where(which).values(**values))


_PLACE = (webhook_deliveries.c.created_at, webhook_deliveries.c.id)


def _which(webhook: WebhookId, event: EventId) -> sa.ColumnElement[bool]:
    return sa.and_(webhook_deliveries.c.webhook_id == webhook, webhook_deliveries.c.id == event)


def _waiting(webhook: WebhookId) -> sa.ColumnElement[bool]:
    return sa.and_(
        webhook_deliveries.c.webhook_id == webhook, webhook_deliveries.c.next_at.is_not(None)
    )


def _webhook_values(webhook: Webhook) -> Values:
    return {
        "id": webhook.id,
        "owner": webhook.owner,
        "url": webhook.url,
        "events": list(webhook.events),
        "named_only": webhook.named_only,
        "secrets": [
            {"text": secret.text, "until": to_seconds(secret.until)} for secret in webhook.secrets
        ],
        "switched_off": webhook.switched_off,
        "failing_since": to_seconds(webhook.failing_since),
        "created_at": to_seconds(webhook.created_at),
    }


def _webhook_of(row: Row) -> Webhook:
    return Webhook(
        id=WebhookId(row.id),
        owner=OwnerId(row.owner),
        url=row.url,
        events=tuple(map(EventType, row.events)),
        named_only=row.named_only,
        secrets=tuple(
            Secret(text=secret["text"], until=from_seconds(secret["until"]))
            for secret in row.secrets
        ),
        switched_off=row.switched_off,
        failing_since=from_seconds(row.failing_since),
        created_at=from_seconds(row.created_at),
    )


def _delivery_values(delivery: Delivery) -> Values:
    return {
        "webhook_id": delivery.webhook,
        "id": delivery.id,
        "type": delivery.type,
        "job_id": delivery.job,
        "place": delivery.item,
        "payload": delivery.payload,
        "state": delivery.state,
        "created_at": to_seconds(delivery.created_at),
        "tries": delivery.tries,
        "next_at": to_seconds(delivery.next_at),
        "tried_at": to_seconds(delivery.tried_at),
        "status": delivery.status,
        "note": delivery.note,
    }


def _delivery_of(row: Row) -> Delivery:
    return Delivery(
        id=EventId(row.id),
        webhook=WebhookId(row.webhook_id),
        type=row.type,
        job=None if row.job_id is None else JobId(row.job_id),
        item=row.place,
        payload=row.payload,
        state=row.state,
        created_at=from_seconds(row.created_at),
        tries=row.tries,
        next_at=from_seconds(row.next_at),
        tried_at=from_seconds(row.tried_at),
        status=row.status,
        note=row.note,
    )
