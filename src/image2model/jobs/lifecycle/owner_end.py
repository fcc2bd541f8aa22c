"""
When an owner's access ends, what of theirs was not sent yet is not sent any more.

All ways to end lead here: a key that is revoked or expires, a session that ends. What is under way
at its maker goes on, for it is paid for.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import anyio

from image2model.core.audit import AuditAction
from image2model.core.errors import AccessEnded, JobNotFound
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Job, Problem
from image2model.core.rules import undelivered_attempt
from image2model.core.states import JobState
from image2model.jobs.access import Identity, find_api_key
from image2model.jobs.auditing import audit
from image2model.jobs.context import Context
from image2model.jobs.lifecycle.control import cancel_items, delete_job, until_sent
from image2model.jobs.paging import read_pages
from image2model.jobs.signed_in_users import is_known_owner
from image2model.jobs.webhooks.manage import remove_webhook
from image2model.ports.jobstore import JobQuery

_MOST_OWNERS_AT_ONCE = 200


async def end_owner(context: Context, owner: OwnerId) -> None:
    """
    End *owner*'s access now: nothing of theirs is submitted after this has returned.

    Their waiting items fail, saying why, in every process.
    """
    await context.store.end_owner(owner)
    await stop_waiting(context, owner)


async def revoke_api_key(context: Context, key_id: str) -> None:
    """
    Stop a key from working for ever; its sessions end with it, and its jobs stay.

    Raises:
        ApiKeyNotFound: There is none, or it was revoked already.
    """
    key = await find_api_key(context, key_id)
    # First what costs money: should this process end in between, the key is asked for again.
    await context.store.end_owner(key.owner)
    await context.sessions.revoke_key(key_id)
    # Whoever gave the key another end in between has opened it again; from now on nobody can.
    await context.store.end_owner(key.owner)
    await audit(context, AuditAction.KEY_REVOKED, key=key_id, name=key.name)
    await stop_waiting(context, key.owner)


async def close_session(context: Context, identity: Identity) -> None:
    """End the session of *identity*; without a key nobody reaches its jobs any more."""
    if identity.session is not None:
        await context.sessions.remove_session(identity.session.id)
    if not is_known_owner(identity.owner):
        await end_owner(context, identity.owner)


@dataclass(slots=True)
class Forgotten:
    """
    What was deleted of somebody.

    Attributes:
        jobs: How many jobs.
        paid: Those of which a model was, or may be, paid for that was not there yet.
    """

    jobs: int = 0
    paid: list[JobId] = field(default_factory=list)


async def forget_owner(context: Context, identity: Identity) -> Forgotten:
    """
    Delete all jobs of *identity* with their files, and end its session.

    What is under way is cancelled first. The ledger keeps what was paid.
    """
    owner, forgotten = identity.owner, Forgotten()
    if not is_known_owner(owner):
        await end_owner(context, owner)
    while (page := await context.store.list_jobs(JobQuery(owner=owner))).jobs:
        for listed in page.jobs:
            with contextlib.suppress(JobNotFound):
                if await _cancelled_with_payment(context, owner, listed):
                    forgotten.paid.append(listed.id)
                await delete_job(context, owner, listed.id)
                forgotten.jobs += 1
    for webhook in await context.webhooks.list_webhooks(owner):
        await remove_webhook(context, owner, webhook.id)
    # Last, so that whoever is interrupted can ask again.
    if identity.session is not None:
        await context.sessions.remove_session(identity.session.id)
    return forgotten


async def _cancelled_with_payment(context: Context, owner: OwnerId, listed: Job) -> bool:
    if listed.state not in {JobState.RUNNING, JobState.PAUSED}:
        return False
    job = await cancel_items(context, owner, listed.id)
    return any(undelivered_attempt(item.attempts) is not None for item in job.items)


async def stop_ended(context: Context) -> None:
    """Fail what waits of owners whose time is over: keys that expired, sessions nobody used."""
    for owner in await context.sessions.remove_expired_sessions():
        if not is_known_owner(owner):
            await context.store.end_owner(owner)
    for owner in await context.store.ended_owners(limit=_MOST_OWNERS_AT_ONCE):
        await stop_waiting(context, owner)


async def stop_waiting(context: Context, owner: OwnerId) -> None:
    """Fail the waiting items of an owner whose access has ended."""
    stopped = [job_id async for job_id in unfinished_jobs(context, owner)]
    for job_id in stopped:
        await _stop(context, job_id)
    async with anyio.create_task_group() as group:
        for job_id in stopped:
            group.start_soon(_wait_for_sending, context, job_id)


async def _wait_for_sending(context: Context, job_id: JobId) -> None:
    with contextlib.suppress(JobNotFound):
        await until_sent(context, job_id)


async def unfinished_jobs(context: Context, owner: OwnerId) -> AsyncIterator[JobId]:
    """Yield the running and paused jobs of *owner*."""
    for state in (JobState.RUNNING, JobState.PAUSED):
        query = JobQuery(owner=owner, state=state)
        async for page in read_pages(context.store.list_jobs, query):
            for job in page.jobs:
                yield job.id


async def _stop(context: Context, job_id: JobId) -> None:
    with contextlib.suppress(JobNotFound):
        job = await context.store.get_job(job_id)
        # What is paid for and was not fetched yet costs nothing more.
        unpaid = [item.index for item in job.items if undelivered_attempt(item.attempts) is None]
        await context.store.stop_job(job_id, unpaid, problem=Problem.of(AccessEnded()))
