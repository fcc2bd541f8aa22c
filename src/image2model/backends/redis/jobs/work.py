"""What workers do: claim items, keep their leases, write their steps."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import anyio

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change, Command, Committed, Limit, seconds
from image2model.backends.redis.connection.codec import read_job, read_line
from image2model.backends.redis.connection.database import RedisDatabase
from image2model.backends.redis.jobs.listing import read_jobs
from image2model.backends.redis.jobs.snapshot import Found, find
from image2model.backends.redis.jobs.writes import (
    job_commands,
    request_field,
    tell,
    write_lease_of,
    write_ledger,
    write_one,
)
from image2model.core.errors import AccessEnded, DatabaseUnavailable, LeaseLost
from image2model.core.ids import JobId, SubmitKey, WorkerId
from image2model.core.job import Attempt, Job
from image2model.core.rules import IllegalStep, check_transition, revives
from image2model.core.states import FINAL_STATES, ItemState, JobState
from image2model.core.webhooks import TOLD_STATES, EventType, event_of
from image2model.jobs.records.document import ItemRecord, LedgerLine
from image2model.jobs.records.steps import changed_attempt, revive, started_line, take_step
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, Claim, DueJob, Renewed, Step

Held = tuple[ItemRef, int]

_AT_ONCE = 16
"""How many leases are written side by side: as many as there are connections."""

_MOST_LOOKED_AT = 50_000
"""Of so many due items the jobs are looked for: beyond that, jobs wait until there are fewer."""


async def due_items(database: RedisDatabase, *, limit: int) -> Sequence[ItemRef]:
    """List items that may be claimed now, those waiting longest first."""
    now = seconds(await database.now())
    members = await database.run("ZRANGE", keys.DUE, "-inf", now, "BYSCORE", "LIMIT", 0, limit)
    return [keys.ref_of(member) for member in members]


async def due_jobs(database: RedisDatabase, *, limit: int) -> Sequence[DueJob]:
    """List jobs of which items may be claimed now, those waiting longest first."""
    firsts: dict[JobId, ItemRef] = {}
    for ref in await due_items(database, limit=_MOST_LOOKED_AT):
        firsts[ref.job] = min(ref, firsts.get(ref.job, ref))
    jobs = {job.id: job for job in await read_jobs(database, list(firsts)[:limit])}
    return [
        DueJob(first=ref, owner=jobs[job].owner, generator=jobs[job].generator)
        for job, ref in firsts.items()
        if job in jobs
    ]


async def claim_item(
    database: RedisDatabase, ref: ItemRef, *, worker: WorkerId, lease_s: float
) -> Claim | None:
    """Take the lease of an item that is due."""
    found = await find(database, ref.job, ref.index)
    before = found.items.get(ref.index) if found else None
    if found is None or before is None or not before.is_due(found.job.state, found.now):
        return None
    after = replace(before)
    after.claim(worker, until=found.now + timedelta(seconds=lease_s))
    await database.commit(_lease_change(found, before, after))
    return Claim(ref=ref, worker=worker, fence=after.fence, job=found.job, item=after.item)


async def renew_leases(
    database: RedisDatabase, worker: WorkerId, claims: Collection[Held], *, lease_s: float
) -> Sequence[Renewed]:
    """Prolong leases."""
    renewed: list[Renewed] = []

    async def renew(ref: ItemRef, fence: int) -> None:
        found = await _held(database, ref, worker, fence)
        if found is None:
            return
        before = found.items[ref.index]
        after = replace(before, lease_until=found.now + timedelta(seconds=lease_s))
        await database.commit(_lease_change(found, before, after))
        wanted = before.item.cancel_requested
        renewed.append(Renewed(ref=ref, fence=fence, cancel_requested=wanted))

    await _each(database, claims, renew)
    return renewed


async def release_leases(
    database: RedisDatabase, worker: WorkerId, claims: Collection[Held]
) -> None:
    """Give leases back."""

    async def release(ref: ItemRef, fence: int) -> None:
        found = await _held(database, ref, worker, fence)
        if found is not None:
            before = found.items[ref.index]
            after = replace(before)
            after.end_lease()
            await database.commit(_lease_change(found, before, after))

    await _each(database, claims, release)


async def write_step(database: RedisDatabase, claim: Claim, step: Step) -> Claim:
    """Write a step, if the lease still holds."""
    check_transition(claim.item.state, step.to)
    ref = claim.ref
    found = await _held(database, ref, claim.worker, claim.fence)
    if found is None or found.items[ref.index].item.state is not claim.item.state:
        raise LeaseLost(job=ref.job, index=ref.index)
    if not step.may_be_taken(found.job.state):
        raise LeaseLost(job=ref.job, index=ref.index)
    before = found.items[ref.index]
    step = step.unless_cancelled(cancel_requested=before.item.cancel_requested)
    after = replace(before)
    change = _item_change(found, ref)
    await _write_attempt(database, change, found, after, step)
    take_step(after, step, now=found.now)
    write_one(change, before, after, was=found.job, job=found.job)
    if step.to in TOLD_STATES and step.to is not before.item.state:
        happened = TOLD_STATES[step.to]
        change.events.append(tell(event_of(found.job, happened, item=ref.index, at=found.now)))
    if step.to in FINAL_STATES:
        change.over = _over(found)
        change.over_events = [tell(event_of(found.job, EventType.JOB_FINISHED, at=found.now))]
    done = await database.commit(change)
    item = replace(after.item, version=done.version)
    return replace(claim, job=_job_after(done), item=item)


async def book_late_answer(
    database: RedisDatabase, submit_key: SubmitKey, news: AttemptChange
) -> Attempt | None:
    """Write what became of an attempt whose item has gone on without it."""
    text = await database.run("HGET", keys.ATTEMPTS, submit_key)
    if text is None:
        return None
    line = read_line(text)
    found = await find(database, line.ref.job, line.ref.index)
    now = found.now if found else await database.now()
    attempt = changed_attempt(line.attempt, news, now=now)
    change = Change() if found is None else _item_change(found, line.ref)
    change.check(keys.ATTEMPTS, submit_key, text)
    await _write_line(database, change, line, replace(line, attempt=attempt), found)
    if found is not None:
        before = found.items[line.ref.index]
        after = replace(before)
        attempts = [
            attempt if known.submit_key == submit_key else known for known in before.item.attempts
        ]
        after.item = replace(before.item, attempts=tuple(attempts))
        latest = before.item.attempts[-1].submit_key == submit_key
        if latest and before.item.state is ItemState.UNCERTAIN and revives(attempt):
            revive(after, now=now)
        write_one(change, before, after, was=found.job, job=found.job)
    await database.commit(change)
    return attempt


# --- parts ------------------------------------------------------------------------------------


async def _each(
    database: RedisDatabase,
    claims: Collection[Held],
    do: Callable[[ItemRef, int], Awaitable[None]],
) -> None:
    """Do something to each of *claims*, some side by side."""
    waiting = list(claims)

    async def work() -> None:
        while waiting:
            ref, fence = waiting.pop()
            await database.unopposed(partial(do, ref, fence))

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(min(_AT_ONCE, len(waiting))):
                tasks.start_soon(work)
    except* DatabaseUnavailable as errors:
        # They all met the same trouble.
        first = errors.exceptions[0]
        assert isinstance(first, DatabaseUnavailable)
        reason, wrong = first.details["reason"], first.details.get("wrong", "")
        raise DatabaseUnavailable(reason=reason, wrong=wrong) from errors


async def _held(
    database: RedisDatabase, ref: ItemRef, worker: WorkerId, fence: int
) -> Found | None:
    """Read an item that *worker* holds by *fence*; None: it does not any more."""
    found = await find(database, ref.job, ref.index)
    record = found.items.get(ref.index) if found else None
    holds = record is not None and (record.worker, record.fence) == (worker, fence)
    return found if holds else None


def _item_change(found: Found, ref: ItemRef) -> Change:
    """Begin a change of one item of a job that nobody has locked."""
    change = Change(job=ref.job, bumps=True, touched=[ref.index])
    change.locks[keys.lock_of(ref.job)] = ""
    found.insist(change, "job", f"item:{ref.index}", f"lease:{ref.index}")
    return change


def _lease_change(found: Found, before: ItemRecord, after: ItemRecord) -> Change:
    change = _item_change(found, ItemRef(found.job.id, after.item.index))
    change.bumps = False
    write_lease_of(change, before, after, found.job)
    return change


def _over(found: Found) -> list[Command]:
    """Say what to write if the item that became final was the last."""
    if found.job.state not in {JobState.RUNNING, JobState.PAUSED}:
        return []
    finished = replace(found.job, state=JobState.FINISHED, finished_at=found.now)
    finished = replace(finished, expires_at=finished.due_to_expire_at)
    return job_commands(found.job, finished, now=found.now)


def _job_after(done: Committed) -> Job:
    return read_job(done.job, version=done.version, counts=done.counts)


async def _write_attempt(
    database: RedisDatabase, change: Change, found: Found, record: ItemRecord, step: Step
) -> None:
    """Write what *step* does to the ledger, into *change* and into the item of *record*."""
    attempts = record.item.attempts
    if step.start is not None:
        number = len(attempts) + 1
        line = started_line(found.job, record, step.start, number=number, now=found.now)
        key, owner = line.attempt.submit_key, found.job.owner
        is_known, ends_at = await database.run_all(
            [("HEXISTS", keys.ATTEMPTS, key), ("HGET", keys.OWNER_ENDS, owner)]
        )
        if int(is_known):
            raise IllegalStep(f"the submit key {key} belongs to another attempt")
        if ends_at is not None and float(ends_at) <= found.now.timestamp():
            raise AccessEnded
        change.check(keys.OWNER_ENDS, owner, ends_at)
        change.check(keys.ATTEMPTS, key, None)
        change.starts, change.pays = True, step.start.is_paid
        if step.start.is_paid:
            change.limits = _limits(found, step)
        write_ledger(change, None, line, has_job=True)
        record.item = replace(record.item, attempts=(*attempts, line.attempt))
    elif step.attempt is not None:
        if not attempts:
            raise IllegalStep("there is no attempt to change")
        before = _line(found, record, attempts[-1])
        after = changed_attempt(attempts[-1], step.attempt, now=found.now)
        await _write_line(database, change, before, replace(before, attempt=after), found)
        record.item = replace(record.item, attempts=(*attempts[:-1], after))


async def _write_line(
    database: RedisDatabase,
    change: Change,
    before: LedgerLine,
    after: LedgerLine,
    found: Found | None,
) -> None:
    """Write a line that changes, if no other one has its request."""
    if after.attempt.handle is not None and after.attempt.handle != before.attempt.handle:
        field = request_field(after)
        known = await database.run("HGET", keys.REQUESTS, field)
        if known not in {None, after.attempt.submit_key}:
            raise IllegalStep(f"request {field} belongs to another attempt")
        change.check(keys.REQUESTS, field, known)
    write_ledger(change, before, after, has_job=found is not None)


def _line(found: Found, record: ItemRecord, attempt: Attempt) -> LedgerLine:
    return LedgerLine(
        ref=ItemRef(found.job.id, record.item.index),
        owner=found.job.owner,
        generator=found.job.generator,
        item_name=record.item.name,
        attempt=attempt,
    )


def _limits(found: Found, step: Step) -> list[Limit]:
    assert step.start is not None
    limits = []
    for cap in step.budget.caps(job_usd=found.job.budget_usd):
        limit = Limit(cap=cap, wanted_usd=step.start.submission.estimated_usd)
        if cap.scope.period_s is not None:
            limit = replace(
                limit,
                ledger=keys.ledger_of(found.job.owner) if cap.scope.is_of_owner else keys.LEDGER,
                since=found.now - timedelta(seconds=cap.scope.period_s),
            )
        limits.append(limit)
    return limits
