"""Read jobs: a page of them, or one as soon as it changes."""

import contextlib
import dataclasses

import anyio

from image2model.core.errors import JobNotFound
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Job
from image2model.jobs.access import owned_job
from image2model.jobs.context import Context
from image2model.ports.jobstore import JobPage, JobQuery

LOOK_EVERY_S = 5.0
"""How often a watcher looks for itself, because messages may be lost; in seconds."""


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


async def wait_for_change(
    context: Context, owner: OwnerId, job_id: JobId, *, after: int, wait_s: float
) -> Job:
    """
    Read a job as soon as its version is beyond *after*, or when the time is over.

    Args:
        context: The ports.
        owner: Who asks.
        job_id: The job.
        after: The version the caller knows.
        wait_s: The longest wait, in seconds.

    Raises:
        JobNotFound: The owner has no such job, or it was deleted meanwhile.
    """
    until_s = anyio.current_time() + wait_s
    async with context.feed.watch(job_id) as watch:
        job = await owned_job(context, owner, job_id)
        while job.version <= after and (left_s := until_s - anyio.current_time()) > 0:
            await watch.changed(timeout_s=min(left_s, LOOK_EVERY_S))
            job = await owned_job(context, owner, job_id)
    return job
