"""Remove what is over: expired jobs, forgotten drafts, stray files, old sessions and links."""

import time
from datetime import timedelta
from pathlib import Path

import anyio.to_thread

from image2model.core.errors import JobNotFound
from image2model.jobs.context import Context
from image2model.jobs.discard import discard_artifacts
from image2model.jobs.ending import stop_ended
from image2model.jobs.turns import Turn

TIDY_EVERY_S = 300.0
_MOST_JOBS_AT_ONCE = 200
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
        await self._context.chores.keep("housekeeping", self.tidy, every_s=TIDY_EVERY_S)

    async def tidy(self) -> None:
        """Do all of it once; where it is another process's turn, only what is this machine's."""
        await anyio.to_thread.run_sync(_remove_leftovers, self._context.rules.incoming)
        if self._turn is None or await self._turn.is_ours():
            await self.expire_jobs()
            await self.remove_orphans()
            await stop_ended(self._context)
            await self._context.shares.remove_expired_links()

    async def expire_jobs(self) -> int:
        """Delete jobs whose time is over. Returns how many."""
        expired = await self._context.store.expired_jobs(
            draft_life_s=self._context.rules.draft_s, limit=_MOST_JOBS_AT_ONCE
        )
        for job_id in expired:
            try:
                artifacts = await self._context.store.delete_job(job_id)
            except JobNotFound:
                continue  # Another process was faster.
            await discard_artifacts(self._context, artifacts)
            await self._context.announce(job_id)
        return len(expired)

    async def remove_orphans(self) -> int:
        """Delete old files that no job names (left by a crash). Returns how many."""
        oldest = self._context.clock.now() - _ORPHAN_AFTER
        found = [
            stored.artifact
            async for stored in self._context.artifacts.all()
            if stored.stored_at < oldest
        ]
        orphans = await self._context.store.unreferenced(found)
        await discard_artifacts(self._context, orphans)
        return len(orphans)


def _remove_leftovers(incoming: Path) -> None:
    oldest_s = time.time() - _LEFTOVER_AFTER_S
    for path in incoming.glob("*.part"):
        try:
            if path.stat().st_mtime < oldest_s:
                path.unlink()
        except FileNotFoundError:
            continue
