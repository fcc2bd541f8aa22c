"""Read jobs: a page of them, or one as soon as it changes."""

import contextlib
import dataclasses
from collections import OrderedDict
from collections.abc import Sequence

import anyio

from image2model.core.errors import JobNotFound
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Item, Job
from image2model.core.states import JobState
from image2model.jobs.context import Context
from image2model.ports.jobstore import JobPage, JobQuery, JobStore

LOOK_EVERY_S = 5.0
"""How often a watcher looks for itself, because messages may be lost; in seconds."""

_MOST_REMEMBERED = 8
_UNDER_WAY = frozenset({JobState.RUNNING, JobState.PAUSED})


async def list_jobs(context: Context, query: JobQuery) -> JobPage:
    """
    List an owner's jobs with their items, which progress and cost are summed up from.

    Raises:
        InvalidRequest: `query.after` is no position.
    """
    page = await context.store.list_jobs(query)
    jobs: list[Job] = []
    for listed in page.jobs:
        # One that was deleted since it was listed is left out.
        with contextlib.suppress(JobNotFound):
            jobs.append(await context.store.get_job(listed.id))
    return dataclasses.replace(page, jobs=jobs)


async def catch_up(store: JobStore, known: Job) -> tuple[Job, Sequence[Item] | None] | None:
    """
    Read what is new of a job that was read with its items before.

    Returns:
        The whole job and those of its items that changed, None for all; None: nothing is new.

    Raises:
        JobNotFound: It was deleted meanwhile.
    """
    changes = await store.changes_since(known.id, known.version)
    if changes.job.version <= known.version:
        return None
    items = {item.index: item for item in (*known.items, *changes.items)}
    if len(items) != changes.job.total:
        # Items of a draft were removed, which no list of changed ones can say.
        return await store.get_job(known.id), None
    merged = [items[index] for index in sorted(items)]
    return dataclasses.replace(changes.job, items=merged), changes.items


class RecentJobs:
    """
    Reads jobs again and again, of those under way only what is new.

    Reading five hundred items for each change of one of them would cost more than the change.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._jobs: OrderedDict[JobId, Job] = OrderedDict()

    async def read(self, job_id: JobId) -> Job:
        """Read a job with its items as they are now, or raise `JobNotFound`."""
        known = self._jobs.get(job_id)
        try:
            job = await (self._store.get_job(job_id) if known is None else self._newest(known))
        except JobNotFound:
            self._jobs.pop(job_id, None)
            raise
        self._remember(job)
        return job

    async def _newest(self, known: Job) -> Job:
        news = await catch_up(self._store, known)
        return known if news is None else news[0]

    def _remember(self, job: Job) -> None:
        # Of two who read at once the slower may leave the older here: what is new is then read
        # once more.
        self._jobs.pop(job.id, None)
        if job.state in _UNDER_WAY:
            self._jobs[job.id] = job
            if len(self._jobs) > _MOST_REMEMBERED:
                self._jobs.popitem(last=False)


async def wait_for_change(
    context: Context,
    owner: OwnerId,
    job_id: JobId,
    *,
    after: int,
    wait_s: float,
    recent: RecentJobs | None = None,
) -> Job:
    """
    Read a job as soon as its version is beyond *after*, or when the time is over.

    Args:
        context: The ports.
        owner: Who asks.
        job_id: The job.
        after: The version the caller knows.
        wait_s: The longest wait, in seconds.
        recent: Reads the job, for many waits; None: for this one alone.

    Raises:
        JobNotFound: The owner has no such job, or it was deleted meanwhile.
    """
    until_s = anyio.current_time() + wait_s
    recent = recent or RecentJobs(context.store)
    async with context.feed.watch(job_id) as watch:
        job = await recent.read(job_id)
        if job.owner != owner:
            raise JobNotFound(job=job_id)
        while job.version <= after and (left_s := until_s - anyio.current_time()) > 0:
            await watch.changed(timeout_s=min(left_s, LOOK_EVERY_S))
            job = await recent.read(job_id)
    return job
