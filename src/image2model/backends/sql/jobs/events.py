"""What happened to jobs and items, written in the transaction in which it happens."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.rows import Row
from image2model.backends.sql.tables import webhook_events, webhooks
from image2model.core.ids import new_hex_id
from image2model.core.states import ItemState
from image2model.core.webhooks import TOLD_STATES, EventType

_HEARD = sa.select(webhooks.c.id).where(webhooks.c.owner == sa.bindparam("owner")).limit(1)
_ADD = sa.insert(webhook_events)


class _JobLike(Protocol):
    """A job, or its row."""

    @property
    def id(self) -> str: ...

    @property
    def owner(self) -> str: ...

    @property
    def webhook_url(self) -> str | None: ...


def add_events(
    tx: Transaction, job: _JobLike, happened: Sequence[tuple[EventType, int | None]]
) -> None:
    """Add events of *job*, each with the index of its item, if the owner has webhooks."""
    if not happened or tx.run(_HEARD, {"owner": job.owner}).first() is None:
        return
    rows = [
        {
            "id": new_hex_id(),
            "owner": job.owner,
            "type": event_type,
            "job_id": job.id,
            "place": place,
            "at": tx.now_s,
            "webhook_url": job.webhook_url,
        }
        for event_type, place in happened
    ]
    tx.run(_ADD, rows)


def add_item_events(tx: Transaction, job: _JobLike, steps: Iterable[tuple[Row, ItemState]]) -> None:
    """Add the events of items, each with its row before and the state it comes to."""
    told = [
        (TOLD_STATES[state], row.place)
        for row, state in steps
        if state in TOLD_STATES and row.state is not state
    ]
    add_events(tx, job, told)
