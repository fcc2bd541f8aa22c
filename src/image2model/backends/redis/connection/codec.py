"""Documents as JSON, and back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from image2model.core.audit import AuditEntry
from image2model.core.ids import OwnerId, WorkerId
from image2model.core.job import Item, Job
from image2model.core.money import SpendingStop
from image2model.core.states import ItemState
from image2model.core.webhooks import Delivery, Event, Webhook
from image2model.jobs.records.document import ItemRecord, LedgerLine
from image2model.ports.sessions import ApiKey
from image2model.ports.shares import SharedLink


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDocument:
    """An item with its attempts, and when it may be claimed; its version is kept beside it."""

    item: Item
    not_before: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who holds an item."""

    fence: int = 0
    worker: WorkerId | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whose turn it is."""

    worker: WorkerId
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of a browser session; see `Session`."""

    issued_at: datetime
    expires_at: datetime
    is_confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDocument:
    """A browser session with its tokens, by their hashes."""

    owner: OwnerId
    ends_at: datetime
    tokens: dict[str, Token]


def write_job(job: Job) -> str:
    """Write *job* without what is kept beside it: version, counts, items."""
    return _write(Job, replace(job, version=0, counts={}, items=()))


def read_job(text: str, *, version: int, counts: Mapping[str, int]) -> Job:
    """Read what `write_job` wrote, with what is kept beside it."""
    by_state = {ItemState(state): count for state, count in counts.items() if count}
    job: Job = _read(Job, text)
    return replace(job, version=version, counts=by_state, items=())


def write_item(record: ItemRecord) -> str:
    """Write an item without what is kept beside it: version, lease."""
    item = replace(record.item, version=0)
    return _write(ItemDocument, ItemDocument(item=item, not_before=record.not_before))


def write_lease(record: ItemRecord) -> str:
    """Write who holds an item."""
    lease = Lease(fence=record.fence, worker=record.worker, until=record.lease_until)
    return _write(Lease, lease)


def read_record(text: str, lease_text: str | None, *, version: int) -> ItemRecord:
    """Read what `write_item` and `write_lease` wrote."""
    document: ItemDocument = _read(ItemDocument, text)
    lease: Lease = _read(Lease, lease_text) if lease_text else Lease()
    item, result = document.item, document.item.result
    if result is not None:
        result = replace(result, files=tuple(result.files))
    whole = replace(
        item,
        pictures=tuple(item.pictures),
        attempts=tuple(item.attempts),
        result=result,
        version=version,
    )
    return ItemRecord(
        item=whole,
        fence=lease.fence,
        worker=lease.worker,
        lease_until=lease.until,
        not_before=document.not_before,
    )


def write_line(line: LedgerLine) -> str:
    """Write a line of the ledger."""
    return _write(LedgerLine, line)


def read_line(text: str) -> LedgerLine:
    """Read what `write_line` wrote."""
    line: LedgerLine = _read(LedgerLine, text)
    return line


def write_key(key: ApiKey) -> str:
    """Write an API key."""
    return _write(ApiKey, key)


def read_key(text: str) -> ApiKey:
    """Read what `write_key` wrote."""
    key: ApiKey = _read(ApiKey, text)
    return key


def write_session(session: SessionDocument) -> str:
    """Write a browser session."""
    return _write(SessionDocument, session)


def read_session(text: str) -> SessionDocument:
    """Read what `write_session` wrote."""
    session: SessionDocument = _read(SessionDocument, text)
    return session


def write_link(link: SharedLink) -> str:
    """Write a shared link."""
    return _write(SharedLink, link)


def read_link(text: str) -> SharedLink:
    """Read what `write_link` wrote."""
    link: SharedLink = _read(SharedLink, text)
    return link


def write_turn(turn: Turn) -> str:
    """Write whose turn it is."""
    return _write(Turn, turn)


def read_turn(text: str) -> Turn:
    """Read what `write_turn` wrote."""
    turn: Turn = _read(Turn, text)
    return turn


def write_stop(stop: SpendingStop) -> str:
    """Write why nothing that costs money may start."""
    return _write(SpendingStop, stop)


def read_stop(text: str) -> SpendingStop:
    """Read what `write_stop` wrote."""
    stop: SpendingStop = _read(SpendingStop, text)
    return stop


def write_entry(entry: AuditEntry) -> str:
    """Write a line of the audit log."""
    return _write(AuditEntry, entry)


def read_entry(text: str) -> AuditEntry:
    """Read what `write_entry` wrote."""
    entry: AuditEntry = _read(AuditEntry, text)
    return entry


def write_event(event: Event) -> str:
    """Write something that happened."""
    return _write(Event, event)


def read_event(text: str) -> Event:
    """Read what `write_event` wrote."""
    event: Event = _read(Event, text)
    return event


def write_webhook(webhook: Webhook) -> str:
    """Write a webhook."""
    return _write(Webhook, webhook)


def read_webhook(text: str) -> Webhook:
    """Read what `write_webhook` wrote."""
    webhook: Webhook = _read(Webhook, text)
    return replace(webhook, events=tuple(webhook.events), secrets=tuple(webhook.secrets))


def write_delivery(delivery: Delivery) -> str:
    """Write a delivery."""
    return _write(Delivery, delivery)


def read_delivery(text: str) -> Delivery:
    """Read what `write_delivery` wrote."""
    delivery: Delivery = _read(Delivery, text)
    return delivery


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _write(kind: Any, value: object) -> str:
    return _adapter(kind).dump_json(value).decode()


def _read(kind: Any, text: str) -> Any:
    return _adapter(kind).validate_json(text)
