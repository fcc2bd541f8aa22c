"""What operators are shown, as tables and lines."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.table import Table

from image2model.cli.tables.jobs import add_row, dollars, local_time, new_table
from image2model.wire.admin import (
    AuditEntryOut,
    MakerOut,
    OverviewOut,
    OwnedJob,
    OwnerOut,
    PurgeOut,
)

_MEGA = 1_000_000


def overview_lines(seen: OverviewOut) -> Iterator[str]:
    """Tell in lines how everything stands, what is wrong first."""
    if (stop := seen.stop) is not None:
        what = "Everything is" if stop.everything else "Spending is"
        yield f"{what} STOPPED since {local_time(stop.at)} by {stop.by}: {stop.reason}"
    else:
        yield "Spending goes on."
    wrong = {part: outcome for part, outcome in seen.health.items() if outcome != "ok"}
    yield from (f"{part}: {outcome}" for part, outcome in wrong.items())
    if not wrong:
        yield f"Works: {', '.join(seen.health)}"
    yield _queue_line(seen)
    for budget in seen.budgets:
        spent, limit = dollars(budget.spent_usd or 0.0), dollars(budget.limit_usd)
        yield f"Budget of a {budget.scope}: {spent} of {limit} spent or reserved"
    storage = seen.storage
    yield (
        f"Storage: {_size(storage.picture_bytes)} of pictures, {_size(storage.result_bytes)} of "
        f"results, {_size(storage.derived_bytes)} that can be made again"
    )
    for space in storage.spaces:
        yield (
            f"Free in {space.folder}: {_size(space.free_bytes)}; {_size(space.reserve_bytes)} are "
            "kept free"
        )
    for urls in seen.urls:
        if urls.dead:
            yield f"URLs of {urls.provider}: {urls.dead} of {urls.dead + urls.alive} were gone"


def makers_table(makers: Sequence[MakerOut]) -> Table:
    """List what is spent at each generator."""
    table = new_table("Generator", "Provider", "Sent", "24 hours", "30 days")
    for maker in makers:
        usd = (dollars(maker.day_usd), dollars(maker.month_usd))
        add_row(table, maker.generator, maker.provider, maker.attempts, *usd)
    return table


def owners_table(owners: Sequence[OwnerOut]) -> Table:
    """List what owners have and spend."""
    table = new_table("Owner", "Name", "Jobs", "Open", "Stored", "24 hours", "30 days", "Active")
    for owner in owners:
        add_row(
            table,
            owner.owner or f"{owner.owners} sessions",
            owner.name,
            owner.jobs,
            owner.unfinished_jobs,
            _size(owner.stored_bytes),
            _of(owner.day_usd, owner.day_limit_usd),
            _of(owner.month_usd, owner.month_limit_usd),
            _when(owner.last_active_at),
        )
    return table


def owned_jobs_table(jobs: Sequence[OwnedJob]) -> Table:
    """List everybody's jobs, one a line."""
    table = new_table("Job", "Owner", "Name", "State", "Items", "Generator", "Cost", "Made")
    for job in jobs:
        cost = dollars(job.cost.booked_usd or job.cost.estimated_usd)
        made = local_time(job.created_at)
        add_row(
            table,
            job.id,
            job.owner,
            job.name,
            job.state,
            job.counts.total,
            job.generator,
            cost,
            made,
        )
    return table


def audit_table(entries: Sequence[AuditEntryOut]) -> Table:
    """List who changed what."""
    table = new_table("Time", "Who", "From", "What", "Details")
    for entry in entries:
        details = ", ".join(
            f"{name}={value}" for name, value in entry.details.items() if value is not None
        )
        when = local_time(entry.at)
        add_row(table, when, entry.actor, entry.address, entry.action, details)
    return table


def purge_lines(done: PurgeOut) -> Iterator[str]:
    """Tell how much was purged, or would be."""
    yield "This would be removed:" if done.dry_run else "Removed:"
    yield f"  {done.jobs} jobs past their retention"
    yield f"  {done.orphans} files that no job names ({_size(done.orphan_bytes)})"
    yield f"  {done.sessions} sessions that are over"
    yield f"  {_size(done.derived_bytes)} that can be made again"


def _queue_line(seen: OverviewOut) -> str:
    by_state: dict[str, int] = {}
    for line in seen.queue.items:
        by_state[line.state] = by_state.get(line.state, 0) + line.items
    if not by_state:
        return "Nothing is to be made."
    told = ", ".join(f"{count} {state}" for state, count in by_state.items())
    since = seen.queue.waiting_since
    return f"Items: {told}" + (f"; waiting since {local_time(since)}" if since else "")


def _of(usd: float, limit_usd: float | None) -> str:
    return dollars(usd) if limit_usd is None else f"{dollars(usd)} of {dollars(limit_usd)}"


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else local_time(moment)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / _MEGA:,.1f} MB"
