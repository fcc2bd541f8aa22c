"""Remove what is over: expired jobs, forgotten drafts, stray files, old sessions and links."""

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from image2model.core.ids import is_anonymous
from image2model.jobs.auditing import forget_old_entries, note_expired_keys
from image2model.jobs.background.exclusive_tasks import Turn
from image2model.jobs.context import Context
from image2model.jobs.lifecycle.owner_end import stop_ended
from image2model.jobs.storage.derived_files import drop_derived, give_way
from image2model.jobs.storage.discard import discard_artifacts
from image2model.ports.artifacts import StoredArtifact
from image2model.ports.derived import Owners

TIDY_EVERY_S = 300.0
_SPACE_EVERY_S = 10.0
_MOST_JOBS_AT_ONCE = 200
_SESSIONS_AT_ONCE = 500
_ORPHAN_AFTER = timedelta(hours=24)
"""Younger files may belong to a job that is just being taken in."""

_LEFTOVER_AFTER_S = 3_600.0


class Housekeeper:
    """
    Tidies up, at start and every few minutes.

    Args:
        context: The ports.
        turn: Whether it is this process's turn; None: nobody else need be asked. Several may tidy
            up at once all the same; it is only more work.
    """

    def __init__(self, context: Context, turn: Turn | None = None) -> None:
        self._context = context
        self._turn = turn

    async def run(self) -> None:
        """Tidy up for ever; cancel to stop."""
        keep = self._context.chores.keep
        async with anyio.create_task_group() as group:
            group.start_soon(partial(keep, "housekeeping", self.tidy, every_s=TIDY_EVERY_S))
            group.start_soon(partial(keep, "making space", self.make_space, every_s=_SPACE_EVERY_S))

    async def make_space(self) -> None:
        """Drop what is made of results where the disk has too little free space."""
        await give_way(self._context)

    async def tidy(self) -> None:
        """Do all of it once; where it is another process's turn, only what is this machine's."""
        await anyio.to_thread.run_sync(_remove_leftovers, self._context.rules.incoming)
        await self._context.artifacts.remove_leftovers(older_than_s=_LEFTOVER_AFTER_S)
        if self._turn is None or await self._turn.is_ours():
            await self.expire_jobs()
            await self.remove_orphans()
            await self.drop_derived()
            await stop_ended(self._context)
            await self.forget_idle_sessions()
            await self._context.shares.remove_expired_links()
            await note_expired_keys(self._context)
            await forget_old_entries(self._context)

    async def expire_jobs(self) -> int:
        """Delete jobs whose time is over. Returns how many."""
        store, rules = self._context.store, self._context.rules
        draft_s, empty_draft_s = rules.draft_s, rules.bounds.empty_draft_s
        expired = await store.expired_jobs(
            draft_life_s=draft_s, empty_draft_life_s=empty_draft_s, limit=_MOST_JOBS_AT_ONCE
        )
        count = 0
        for job_id in expired:
            artifacts = await store.expire_job(
                job_id, draft_life_s=draft_s, empty_draft_life_s=empty_draft_s
            )
            if artifacts is None:
                continue  # Another process was faster, or somebody keeps it after all.
            count += 1
            await discard_artifacts(self._context, artifacts)
            await self._context.announce(job_id)
        return count

    async def drop_derived(self) -> None:
        """Drop what is made of results and was used longest ago, if all of it is too much."""
        limit_bytes = self._context.rules.bounds.derived_bytes
        if limit_bytes is not None:
            await drop_derived(self._context, Owners.ALL, keep_bytes=limit_bytes)

    async def forget_idle_sessions(self) -> int:
        """End the oldest browser sessions without jobs beyond the limit. Returns how many."""
        sessions, most = self._context.sessions, self._context.rules.bounds.sessions
        over = await sessions.count_sessions() - most
        ended = passed = 0
        while ended < over and (
            some := await sessions.list_sessions(skip=passed, limit=_SESSIONS_AT_ONCE)
        ):
            anonymous = [one for one in some if is_anonymous(one.owner)]
            busy = await self._context.store.owners_of_jobs({one.owner for one in anonymous})
            idle = [one for one in anonymous if one.owner not in busy][: over - ended]
            for one in idle:
                await sessions.remove_session(one.id)
            ended += len(idle)
            passed += len(some) - len(idle)
        return ended

    async def remove_orphans(self) -> int:
        """Delete old files that no job names (left by a crash). Returns how many."""
        orphans = await find_orphans(self._context)
        await discard_artifacts(self._context, [orphan.artifact for orphan in orphans])
        return len(orphans)


async def find_orphans(context: Context) -> Sequence[StoredArtifact]:
    """List old files that no job names."""
    oldest = context.clock.now() - _ORPHAN_AFTER
    found = {
        stored.artifact: stored
        async for stored in context.artifacts.all()
        if stored.stored_at < oldest
    }
    return [found[artifact] for artifact in await context.store.unreferenced(found)]


def _remove_leftovers(incoming: Path) -> None:
    oldest_s = time.time() - _LEFTOVER_AFTER_S
    for path in incoming.glob("*.part"):
        try:
            if path.stat().st_mtime < oldest_s:
                path.unlink()
        except FileNotFoundError:
            continue
