"""Show operators what the use cases told, as the wire has it."""

from image2model.api.serializers.jobs import job_summary, usd_out
from image2model.core.audit import AuditEntry
from image2model.core.job import Job
from image2model.core.money import SpendingStop
from image2model.core.states import ItemState
from image2model.jobs.context import Context
from image2model.jobs.lifecycle.admin import Overview, OwnerNow
from image2model.jobs.lifecycle.purge import Purge
from image2model.wire.account import BudgetOut
from image2model.wire.admin import (
    AuditEntryOut,
    MakerOut,
    OverviewOut,
    OwnedJob,
    OwnerOut,
    PurgeOut,
    QueueLineOut,
    QueueOut,
    SpaceOut,
    StopOut,
    StorageOut,
    UrlsOut,
)


def overview_out(seen: Overview) -> OverviewOut:
    """Show all that an operator sees at one glance."""
    return OverviewOut(
        health=dict(seen.health),
        queue=_queue_out(seen),
        stop=None if seen.stop is None else stop_out(seen.stop),
        makers=[
            MakerOut(
                provider=maker.provider,
                generator=maker.generator,
                attempts=maker.attempts,
                day_usd=float(maker.day_usd),
                month_usd=float(maker.month_usd),
            )
            for maker in seen.makers
        ],
        budgets=[
            BudgetOut.model_validate(
                {
                    "scope": spent.cap.scope.value,
                    "limit_usd": float(spent.cap.limit_usd),
                    "spent_usd": float(spent.usd),
                }
            )
            for spent in seen.budgets
        ],
        owners=[_owner_out(owner) for owner in seen.owners],
        anonymous=_owner_out(seen.anonymous),
        storage=StorageOut(
            picture_bytes=seen.picture_bytes,
            result_bytes=seen.result_bytes,
            derived_bytes=seen.derived_bytes,
            spaces=[
                SpaceOut(
                    folder=str(space.folder),
                    free_bytes=space.free_bytes,
                    reserve_bytes=space.reserve_bytes,
                )
                for space in seen.spaces
            ],
        ),
        urls=[
            UrlsOut(
                provider=tally.provider,
                alive=tally.alive,
                dead=tally.dead,
                last_dead_at=tally.last_dead_at,
            )
            for tally in seen.urls
        ],
    )


def stop_out(stop: SpendingStop) -> StopOut:
    """Show what is stopped."""
    return StopOut(reason=stop.reason, at=stop.at, by=stop.by, everything=stop.everything)


def owned_job(context: Context, job: Job) -> OwnedJob:
    """Show *job*, read with its items, with its owner."""
    return OwnedJob(**dict(job_summary(context, job)), owner=job.owner)


def purge_out(purged: Purge, *, dry_run: bool) -> PurgeOut:
    """Show how much was removed, or would be."""
    return PurgeOut(
        dry_run=dry_run,
        jobs=purged.jobs,
        orphans=purged.orphans,
        orphan_bytes=purged.orphan_bytes,
        sessions=purged.sessions,
        derived_bytes=purged.derived_bytes,
    )


def audit_entry_out(entry: AuditEntry) -> AuditEntryOut:
    """Show a line of the audit log."""
    return AuditEntryOut(
        id=entry.id,
        at=entry.at,
        actor=entry.actor.name,
        address=entry.actor.address,
        action=entry.action.value,
        details=dict(entry.details),
    )


def _queue_out(seen: Overview) -> QueueOut:
    lines = [
        QueueLineOut.model_validate(
            {"generator": line.generator, "state": line.state.value, "items": line.items}
        )
        for line in seen.queue.lines
    ]
    waiting = sum(line.items for line in seen.queue.lines if line.state is ItemState.QUEUED)
    return QueueOut(items=lines, waiting=waiting, waiting_since=seen.queue.waiting_since)


def _owner_out(owner: OwnerNow) -> OwnerOut:
    limits = owner.budget.owner
    return OwnerOut(
        owner=owner.owner,
        name=owner.name,
        owners=owner.owners,
        jobs=owner.jobs,
        unfinished_jobs=owner.unfinished_jobs,
        stored_bytes=owner.stored_bytes,
        day_usd=float(owner.day_usd),
        month_usd=float(owner.month_usd),
        day_limit_usd=usd_out(limits.day_usd),
        month_limit_usd=usd_out(limits.month_usd),
        last_active_at=owner.last_active_at,
    )
