"""An `AuditLog` in memory: for tests and for trying things out."""

from datetime import datetime

from image2model.core.audit import AuditEntry
from image2model.core.ids import JobId
from image2model.core.rules import format_position, parse_position
from image2model.ports.audit import AuditPage, AuditQuery


class MemoryAuditLog:
    """An `AuditLog` that forgets all when it goes."""

    def __init__(self) -> None:
        self._entries: list[AuditEntry] = []

    async def add_entry(self, entry: AuditEntry) -> None:
        """Add an entry."""
        self._entries.append(entry)

    async def list_entries(self, query: AuditQuery) -> AuditPage:
        """List entries, newest first."""
        before = parse_position(query.after) if query.after is not None else None
        asked = [entry for entry in self._entries if query.asks_for(entry)]
        found = sorted(asked, key=_place, reverse=True)
        if before is not None:
            found = [entry for entry in found if _place(entry) < before]
        page = found[: query.limit]
        more = page and len(found) > len(page)
        position = format_position(page[-1].at, JobId(page[-1].id)) if more else None
        return AuditPage(entries=page, next=position)

    async def remove_before(self, moment: datetime) -> int:
        """Forget what happened before a moment."""
        kept = [entry for entry in self._entries if entry.at >= moment]
        count = len(self._entries) - len(kept)
        self._entries = kept
        return count


def _place(entry: AuditEntry) -> tuple[float, str]:
    return entry.at.timestamp(), entry.id
