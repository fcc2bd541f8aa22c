"""An `AuditLog` over SQL."""

from datetime import datetime

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Database, Transaction
from image2model.backends.sql.rows import Row, from_seconds, to_seconds
from image2model.backends.sql.tables import audit_log
from image2model.core.audit import Actor, AuditAction, AuditEntry
from image2model.core.ids import JobId
from image2model.core.rules import format_position, parse_position
from image2model.ports.audit import AuditPage, AuditQuery


class SqlAuditLog:
    """An `AuditLog` over *database*, which somebody else closes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_entry(self, entry: AuditEntry) -> None:
        """Add an entry."""
        await self._database.write(_add, entry)

    async def list_entries(self, query: AuditQuery) -> AuditPage:
        """List entries, newest first."""
        return await self._database.read(_list, query)

    async def remove_before(self, moment: datetime) -> int:
        """Forget what happened before a moment."""
        return await self._database.write(_remove_before, moment)


def _add(tx: Transaction, entry: AuditEntry) -> None:
    values = {
        "id": entry.id,
        "at": to_seconds(entry.at),
        "actor": entry.actor.name,
        "address": entry.actor.address,
        "action": entry.action.value,
        "details": dict(entry.details),
    }
    tx.run(sa.insert(audit_log), values)


def _list(tx: Transaction, query: AuditQuery) -> AuditPage:
    statement = sa.select(audit_log)
    if query.action is not None:
        statement = statement.where(audit_log.c.action == query.action.value)
    if query.actor is not None:
        statement = statement.where(audit_log.c.actor == query.actor)
    if query.since is not None:
        statement = statement.where(audit_log.c.at >= to_seconds(query.since))
    if query.until is not None:
        statement = statement.where(audit_log.c.at < to_seconds(query.until))
    if query.after is not None:
        at, last = parse_position(query.after)
        same_time = sa.and_(audit_log.c.at == at, audit_log.c.id < last)
        statement = statement.where(sa.or_(audit_log.c.at < at, same_time))
    newest_first = statement.order_by(audit_log.c.at.desc(), audit_log.c.id.desc())
    rows = tx.run(newest_first.limit(query.limit + 1)).all()
    entries = [_entry_of(row) for row in rows[: query.limit]]
    more = entries and len(rows) > len(entries)
    position = format_position(entries[-1].at, JobId(entries[-1].id)) if more else None
    return AuditPage(entries=entries, next=position)


def _remove_before(tx: Transaction, moment: datetime) -> int:
    old = audit_log.c.at < to_seconds(moment)
    return tx.run(sa.delete(audit_log).where(old)).rowcount


def _entry_of(row: Row) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=from_seconds(row.at),
        actor=Actor(name=row.actor, address=row.address),
        action=AuditAction(row.action),
        details=row.details,
    )
