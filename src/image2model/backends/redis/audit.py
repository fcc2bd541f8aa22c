"""An `AuditLog` in Redis."""

from datetime import datetime

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change, seconds
from image2model.backends.redis.connection.codec import read_entry, write_entry
from image2model.backends.redis.connection.database import RedisDatabase
from image2model.backends.redis.jobs.listing import newest_first
from image2model.core.audit import AuditEntry
from image2model.core.ids import JobId
from image2model.core.rules import format_position, parse_position
from image2model.ports.audit import AuditPage, AuditQuery

_FORGET_AT_ONCE = 500


class RedisAuditLog:
    """An `AuditLog` over *database*, which somebody else closes."""

    def __init__(self, database: RedisDatabase) -> None:
        self._database = database

    async def add_entry(self, entry: AuditEntry) -> None:
        """Add an entry."""
        change = Change()
        change.run("HSET", keys.AUDIT_ENTRIES, entry.id, write_entry(entry))
        change.run("ZADD", keys.AUDIT, seconds(entry.at), entry.id)
        await self._database.commit(change)

    async def list_entries(self, query: AuditQuery) -> AuditPage:
        """List entries, newest first."""
        place = parse_position(query.after) if query.after is not None else None
        page: list[AuditEntry] = []
        async for some in newest_first(self._database, keys.AUDIT, place):
            texts = await self._database.run("HMGET", keys.AUDIT_ENTRIES, *some) if some else []
            found = [read_entry(text) for text in texts if text is not None]
            page += [entry for entry in found if query.asks_for(entry)]
            if len(page) > query.limit:
                break
        entries = page[: query.limit]
        more = entries and len(page) > len(entries)
        position = format_position(entries[-1].at, JobId(entries[-1].id)) if more else None
        return AuditPage(entries=entries, next=position)

    async def remove_before(self, moment: datetime) -> int:
        """Forget what happened before a moment."""
        count = 0
        until = f"({seconds(moment)}"
        while old := await self._database.run(
            "ZRANGE", keys.AUDIT, "-inf", until, "BYSCORE", "LIMIT", 0, _FORGET_AT_ONCE
        ):
            change = Change()
            change.run("HDEL", keys.AUDIT_ENTRIES, *old)
            change.run("ZREM", keys.AUDIT, *old)
            await self._database.commit(change)
            count += len(old)
        return count
