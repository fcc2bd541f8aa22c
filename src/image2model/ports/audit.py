"""Port: the audit log, to which lines are only ever added."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from image2model.core.audit import AuditAction, AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """
    Which entries to list, newest first.

    Attributes:
        action: Only those of this kind; None: all.
        actor: Only those of whom this is the name; None: of everybody.
        since: Only those of then or later; None: from the first.
        until: Only those before then; None: up to now.
        after: Only those older than this position (`AuditPage.next`); None: from the newest.
        limit: The most to return.
    """

    action: AuditAction | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: str | None = None
    limit: int = 100

    def asks_for(self, entry: AuditEntry) -> bool:
        """Tell whether it lists *entry*, its position apart."""
        return (
            self.action in {None, entry.action}
            and self.actor in {None, entry.actor.name}
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """
    One page of the audit log.

    Attributes:
        entries: Newest first.
        next: Pass it as `AuditQuery.after` for more; None: this was the last page.
    """

    entries: Sequence[AuditEntry]
    next: str | None


class AuditLog(Protocol):
    """
    Keeps what happened; no method changes an entry.

    Every method is atomic, and raises DatabaseUnavailable when the store cannot be reached.
    """

    async def add_entry(self, entry: AuditEntry) -> None:
        """Add *entry*."""
        ...

    async def list_entries(self, query: AuditQuery) -> AuditPage:
        """
        List entries, newest first.

        Raises:
            InvalidRequest: `query.after` is no position.
        """
        ...

    async def remove_before(self, moment: datetime) -> int:
        """Forget what happened before *moment*. Returns how many entries."""
        ...
