"""Remove now what housekeeping would remove in time, and what can be made again."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from image2model.core.audit import AuditAction
from image2model.jobs.auditing import audit
from image2model.jobs.context import Context
from image2model.jobs.lifecycle.housekeeping import Housekeeper, find_orphans
from image2model.jobs.lifecycle.owner_end import stop_ended
from image2model.jobs.storage.derived_files import drop_derived
from image2model.jobs.storage.discard import discard_artifacts
from image2model.ports.derived import Owners

_MOST_JOBS = 100_000
_SESSIONS_AT_ONCE = 500


class Purgeable(StrEnum):
    """What may be purged."""

    JOBS = "jobs"
    """Jobs past their retention, and drafts that nobody touches."""

    ORPHANS = "orphans"
    """Files that no job names, a day old or more."""

    SESSIONS = "sessions"
    """Browser sessions that are over."""

    DERIVED = "derived"
    """Other formats, thumbnails and turntables, which are made again when somebody asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """
    How much there is to purge, or was purged.

    Attributes:
        jobs: Jobs.
        orphans: Files that no job names.
        orphan_bytes: What they take.
        sessions: Tokens of sessions that are over.
        derived_bytes: What derived files take.
    """

    jobs: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    sessions: int = 0
    derived_bytes: int = 0


async def find_purge(context: Context, what: Collection[Purgeable]) -> Purge:
    """Tell how much of *what* there is, without removing anything."""
    orphans = await find_orphans(context) if Purgeable.ORPHANS in what else []
    derived_bytes = 0
    if Purgeable.DERIVED in what:
        derived_bytes = (await context.store.stored(Owners.ALL)).derived_bytes
    return Purge(
        jobs=await _count_expired_jobs(context) if Purgeable.JOBS in what else 0,
        orphans=len(orphans),
        orphan_bytes=sum(orphan.size_bytes for orphan in orphans),
        sessions=await _count_ended_sessions(context) if Purgeable.SESSIONS in what else 0,
        derived_bytes=derived_bytes,
    )


async def purge(context: Context, what: Collection[Purgeable]) -> Purge:
    """
    Remove *what* is purgeable now.

    Derived files that somebody uses at this moment stay.

    Returns:
        How much was removed.
    """
    housekeeper = Housekeeper(context)
    jobs = 0
    if Purgeable.JOBS in what:
        while removed := await housekeeper.expire_jobs():
            jobs += removed
    orphans = await find_orphans(context) if Purgeable.ORPHANS in what else []
    await discard_artifacts(context, [orphan.artifact for orphan in orphans])
    sessions = 0
    if Purgeable.SESSIONS in what:
        sessions = await _count_ended_sessions(context)
        await stop_ended(context)
    derived_bytes = 0
    if Purgeable.DERIVED in what:
        before = (await context.store.stored(Owners.ALL)).derived_bytes
        derived_bytes = before - await drop_derived(context, Owners.ALL, keep_bytes=0)
    done = Purge(
        jobs=jobs,
        orphans=len(orphans),
        orphan_bytes=sum(orphan.size_bytes for orphan in orphans),
        sessions=sessions,
        derived_bytes=derived_bytes,
    )
    await audit(
        context,
        AuditAction.PURGED,
        jobs=done.jobs,
        orphans=done.orphans,
        sessions=done.sessions,
        derived_bytes=done.derived_bytes,
    )
    return done


async def _count_expired_jobs(context: Context) -> int:
    expired = await context.store.expired_jobs(
        draft_life_s=context.rules.draft_s,
        empty_draft_life_s=context.rules.bounds.empty_draft_s,
        limit=_MOST_JOBS,
    )
    return len(expired)


async def _count_ended_sessions(context: Context) -> int:
    now, count = context.clock.now(), 0
    while True:
        some = await context.sessions.list_sessions(skip=count, limit=_SESSIONS_AT_ONCE)
        ended = sum(session.expires_at <= now for session in some)
        count += ended
        if ended < _SESSIONS_AT_ONCE:
            return count
