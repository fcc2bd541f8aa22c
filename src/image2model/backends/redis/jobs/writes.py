"""What must be written when jobs, items and the ledger change; the indexes follow from them."""

from datetime import datetime

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change, Command, micro_usd, seconds
from image2model.backends.redis.connection.codec import (
    write_event,
    write_item,
    write_job,
    write_lease,
    write_line,
)
from image2model.core.job import Job
from image2model.core.rules import charge_usd
from image2model.core.states import ItemState, JobState
from image2model.core.webhooks import Event
from image2model.jobs.records.document import ItemRecord, JobRecord, LedgerLine
from image2model.jobs.records.events import events_between, states_of
from image2model.ports.dispatcher import ItemRef


def write_whole(change: Change, before: JobRecord | None, after: JobRecord) -> None:
    """Write a job of which all items were read, and locked, or which is new."""
    job = after.job
    change.job = job.id
    seen = states_of(before) if before is not None else None
    change.events += [tell(event) for event in events_between(seen, after)]
    change.commands += job_commands(before.job if before else None, job, now=after.touched_at)
    change.run("HSET", keys.job_key(job.id), "version", job.version)
    known = before.items if before else {}
    for index in sorted(known.keys() | after.items.keys()):
        old, new = known.get(index), after.items.get(index)
        was = before.job if before else None
        if old != new or was is None or was.state is not job.state:
            write_one(change, old, new, was=was, job=job)
        if new is not None and (old is None or old.item.version != new.item.version):
            change.run("ZADD", keys.versions_key(job.id), new.item.version, index)


def write_one(
    change: Change,
    before: ItemRecord | None,
    after: ItemRecord | None,
    *,
    was: Job | None,
    job: Job,
) -> None:
    """
    Write one item and all indexes that it is in.

    Args:
        change: Gets the writes.
        before: The item as it was; None: it was not there.
        after: As it is now; None: it is gone.
        was: Its job before; None: it was not there.
        job: Its job now; only its state, owner and id count.
    """
    old_or_new = after or before
    assert old_or_new is not None
    index = old_or_new.item.index
    key = keys.job_key(job.id)
    member = keys.member_of(ItemRef(job.id, index))
    if before is not None:
        change.counts[before.item.state] -= 1
        change.leave(before.artifacts())
    if after is not None:
        change.counts[after.item.state] += 1
        change.name(after.artifacts())
        change.run("HSET", key, f"item:{index}", write_item(after))
        change.run("HSET", key, f"lease:{index}", write_lease(after))
    else:
        change.run("HDEL", key, f"item:{index}", f"lease:{index}")
        change.run("ZREM", keys.versions_key(job.id), index)
    _keep_score(
        change,
        keys.DUE,
        member,
        before.due_at(was.state) if before and was else None,
        after.due_at(job.state) if after else None,
    )
    _keep_score(change, keys.UNCERTAIN, member, _doubted_at(before), _doubted_at(after))
    old_set, new_set = _made_set(before, was), _made_set(after, job)
    if old_set is not None and old_set != new_set:
        change.run("SREM", old_set, member)
    if new_set is not None and old_set != new_set:
        change.run("SADD", new_set, member)


def write_lease_of(change: Change, before: ItemRecord, after: ItemRecord, job: Job) -> None:
    """Write who holds an item that is otherwise as it was."""
    index = after.item.index
    change.run("HSET", keys.job_key(job.id), f"lease:{index}", write_lease(after))
    member = keys.member_of(ItemRef(job.id, index))
    due = (before.due_at(job.state), after.due_at(job.state))
    _keep_score(change, keys.DUE, member, *due)


def job_commands(before: Job | None, after: Job, *, now: datetime) -> list[Command]:
    """Write a job's own document and all indexes that it is in."""
    change = Change()
    text = write_job(after)
    if before is None or write_job(before) != text:
        change.run("HSET", keys.job_key(after.id), "job", text)
    if before is None:
        change.run("SADD", keys.OWNERS, after.owner)
        change.run("ZADD", keys.jobs_of(after.owner), seconds(after.created_at), after.id)
        if after.idempotency_key is not None:
            which = keys.idempotency_of(after.owner)
            change.run("HSET", which, after.idempotency_key, after.id)
    unfinished = after.state is not JobState.FINISHED
    if before is None or (before.state is not JobState.FINISHED) is not unfinished:
        verb = "SADD" if unfinished else "SREM"
        change.run(verb, keys.unfinished_of(after.owner), after.id)
    _keep_score(
        change, keys.EXPIRING, after.id, before.expires_at if before else None, after.expires_at
    )
    was_draft = before is not None and before.state is JobState.DRAFT
    _keep_score(
        change,
        keys.DRAFTS,
        after.id,
        before.created_at if before is not None and was_draft else None,
        now if after.state is JobState.DRAFT else None,
    )
    return change.commands


def tell(event: Event) -> Command:
    """Write that something happened, for `Change.events`."""
    return [keys.webhooks_of(event.owner), keys.WEBHOOK_EVENTS, write_event(event)]


def delete_whole(change: Change, before: JobRecord) -> None:
    """Remove a job with its items; the ledger is not touched."""
    job = before.job
    change.job = job.id
    for record in before.items.values():
        write_one(change, record, None, was=job, job=job)
    change.counts.clear()
    change.run("DEL", keys.job_key(job.id), keys.versions_key(job.id), keys.counts_key(job.id))
    change.run("ZREM", keys.jobs_of(job.owner), job.id)
    change.leaving = (keys.jobs_of(job.owner), keys.OWNERS, job.owner)
    change.run("SREM", keys.unfinished_of(job.owner), job.id)
    change.run("ZREM", keys.EXPIRING, job.id)
    change.run("ZREM", keys.DRAFTS, job.id)
    if job.idempotency_key is not None:
        change.run("HDEL", keys.idempotency_of(job.owner), job.idempotency_key)


def write_ledger(
    change: Change, before: LedgerLine | None, after: LedgerLine, *, has_job: bool
) -> None:
    """Write a line of the ledger, and what its job has spent, if there still is one."""
    attempt = after.attempt
    key = attempt.submit_key
    charge = micro_usd(charge_usd(attempt))
    known = 0 if before is None else micro_usd(charge_usd(before.attempt))
    change.run("HSET", keys.ATTEMPTS, key, write_line(after))
    change.run("HSET", keys.CHARGES, key, charge)
    if before is None:
        started_at = seconds(attempt.submitted_at)
        change.run("ZADD", keys.LEDGER, started_at, key)
        change.run("ZADD", keys.ledger_of(after.owner), started_at, key)
    if attempt.handle is not None:
        change.run("HSET", keys.REQUESTS, request_field(after), key)
    if has_job and charge != known:
        change.run("HINCRBY", keys.job_key(after.ref.job), "spent", charge - known)


def forget_line(change: Change, line: LedgerLine) -> None:
    """Remove a line of the ledger."""
    key = line.attempt.submit_key
    change.run("HDEL", keys.ATTEMPTS, key)
    change.run("HDEL", keys.CHARGES, key)
    change.run("ZREM", keys.LEDGER, key)
    change.run("ZREM", keys.ledger_of(line.owner), key)
    if line.attempt.handle is not None:
        change.run("HDEL", keys.REQUESTS, request_field(line))


def request_field(line: LedgerLine) -> str:
    """Name a provider's request."""
    handle = line.attempt.handle
    assert handle is not None
    return f"{line.attempt.provider} {handle.request_id}"


def _keep_score(
    change: Change, key: str, member: str, before: datetime | None, after: datetime | None
) -> None:
    if after is not None:
        change.run("ZADD", key, seconds(after), member)
    elif before is not None:
        change.run("ZREM", key, member)


def _doubted_at(record: ItemRecord | None) -> datetime | None:
    if record is None or record.item.state is not ItemState.UNCERTAIN:
        return None
    return record.item.attempts[-1].submitted_at if record.item.attempts else None


def _made_set(record: ItemRecord | None, job: Job | None) -> str | None:
    if record is None or job is None or job.state is JobState.DRAFT or not record.item.made_key:
        return None
    return keys.made_by(job.owner, record.item.made_key)
