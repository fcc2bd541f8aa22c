"""What operators see and do: in this process, on its data folder, or at a server."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from image2model.api.serializers.admin import (
    audit_entry_out,
    overview_out,
    owned_job,
    purge_out,
    stop_out,
)
from image2model.core.audit import AuditAction
from image2model.core.ids import JobId, OwnerId
from image2model.core.states import JobState
from image2model.jobs.context import Context
from image2model.jobs.lifecycle import admin
from image2model.jobs.lifecycle.purge import Purgeable, find_purge, purge
from image2model.jobs.lifecycle.watch import list_jobs
from image2model.jobs.paging import PageT, QueryT
from image2model.jobs.spending.stop import allow_spending
from image2model.ports.audit import AuditQuery
from image2model.ports.jobstore import JobQuery
from image2model.wire.admin import (
    ActionName,
    AuditEntryOut,
    OverviewOut,
    OwnedJob,
    PurgeableName,
    PurgeOut,
    StopOut,
)

T = TypeVar("T")


class Caller(Protocol):
    """Calls use cases; an `EmbeddedDesk` does."""

    context: Context

    def call(self, function: Callable[..., Awaitable[T]], *args: object, **more: object) -> T:
        """Run a coroutine function to its end."""
        ...

    def pages(self, read: Callable[[QueryT], Awaitable[PageT]], query: QueryT) -> Iterator[PageT]:
        """Yield the pages that *query* asks for, each when it is asked for."""
        ...


class EmbeddedOperator:
    """The same as `image2model.client.admin.AdminClient`, over the use cases."""

    def __init__(self, desk: Caller) -> None:
        self._desk = desk
        self._context = desk.context

    def overview(self) -> OverviewOut:
        """See how everything stands."""
        return overview_out(self._desk.call(admin.read_overview, self._context))

    def stop(self, reason: str, *, everything: bool = False) -> StopOut:
        """Have no process send anything that costs money."""
        return stop_out(
            self._desk.call(admin.stop_work, self._context, reason=reason, everything=everything)
        )

    def go(self) -> None:
        """Let what was stopped go on."""
        self._desk.call(allow_spending, self._context)

    def jobs(
        self, *, text: str = "", state: str | None = None, owner: str | None = None
    ) -> Iterator[OwnedJob]:
        """Yield everybody's jobs, or one owner's, newest first, without their items."""
        query = JobQuery(
            owner=OwnerId(owner) if owner else None,
            text=text,
            state=JobState(state) if state else None,
        )
        for page in self._desk.pages(partial(list_jobs, self._context), query):
            yield from (owned_job(self._context, job) for job in page.jobs)

    def cancel_job(self, job_id: str) -> OwnedJob:
        """Cancel anybody's job."""
        job = self._desk.call(admin.cancel_job, self._context, JobId(job_id))
        return owned_job(self._context, job)

    def delete_job(self, job_id: str) -> None:
        """Delete anybody's job with its pictures and results."""
        self._desk.call(admin.delete_job, self._context, JobId(job_id))

    def cancel_owner(self, owner: str) -> Sequence[str]:
        """Cancel all running and paused jobs of an owner. Returns their ids."""
        return list(self._desk.call(admin.cancel_owner, self._context, OwnerId(owner)))

    def purge(self, what: Sequence[PurgeableName] = (), *, dry_run: bool = False) -> PurgeOut:
        """Remove now what is over or can be made again."""
        chosen = {Purgeable(name) for name in what} or set(Purgeable)
        do = find_purge if dry_run else purge
        return purge_out(self._desk.call(do, self._context, chosen), dry_run=dry_run)

    def audit(
        self,
        *,
        action: ActionName | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[AuditEntryOut]:
        """Yield who changed what about money and access, newest first."""
        query = AuditQuery(
            action=AuditAction(action) if action else None, actor=actor, since=since, until=until
        )
        for page in self._desk.pages(self._context.audit.list_entries, query):
            yield from map(audit_entry_out, page.entries)
