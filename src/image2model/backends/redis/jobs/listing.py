"""Lists: of jobs, of the ledger, and of what housekeeping looks for."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change, seconds
from image2model.backends.redis.connection.codec import read_job, read_line
from image2model.backends.redis.connection.database import RedisDatabase, pairs
from image2model.backends.redis.jobs.derived_files import stored
from image2model.backends.redis.jobs.snapshot import Found
from image2model.backends.redis.jobs.writes import forget_line
from image2model.core.ids import ArtifactId, JobId, OwnerId, SubmitKey
from image2model.core.job import Attempt, Job
from image2model.core.money import MONTH_S, BudgetScope
from image2model.core.rules import format_position, parse_position, unfinished_items_of
from image2model.core.states import JobState
from image2model.jobs.records.document import LedgerLine
from image2model.jobs.records.steps import is_asked_for, is_in_ledger_of
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import (
    Counts,
    JobPage,
    JobQuery,
    LedgerPage,
    LedgerQuery,
    Usage,
)

_T = TypeVar("_T")

LEDGER_S = MONTH_S
"""How long lines of the ledger are kept whose jobs are gone, in seconds: as budgets count them."""

_AT_ONCE = 100
_FORGET_AT_ONCE = 500


async def list_jobs(database: RedisDatabase, query: JobQuery) -> JobPage:
    """List jobs, newest first, without their items."""
    place = parse_position(query.after) if query.after is not None else None
    page: list[Job] = []
    async for some in _jobs_newest_first(database, query.owner, place):
        page += [job for job in await read_jobs(database, some) if is_asked_for(job, query)]
        if len(page) > query.limit:
            last = page[query.limit - 1] if query.limit else None
            position = format_position(last.created_at, last.id) if last else None
            return JobPage(jobs=page[: query.limit], next=position)
    return JobPage(jobs=page, next=None)


async def read_jobs(database: RedisDatabase, jobs: Iterable[str]) -> list[Job]:
    """Read *jobs* without their items; those that are gone are left out."""
    ids = [JobId(job) for job in jobs]
    answers = await database.run_all(
        [
            command
            for job in ids
            for command in (
                ("HMGET", keys.job_key(job), "job", "version"),
                ("HGETALL", keys.counts_key(job)),
            )
        ]
    )
    found = zip(answers[::2], answers[1::2], strict=True)
    return [
        read_job(text, version=int(version), counts=_numbers(counts))
        for (text, version), counts in found
        if text is not None
    ]


async def ended_owners(database: RedisDatabase, *, limit: int) -> Sequence[OwnerId]:
    """List owners past their end who have running or paused jobs."""
    ends: Mapping[str, str] = await database.run("HGETALL", keys.OWNER_ENDS)
    now_s = (await database.now()).timestamp()
    over = [OwnerId(owner) for owner, ends_at in ends.items() if float(ends_at) <= now_s]
    unfinished = await database.run_all([("SMEMBERS", keys.unfinished_of(one)) for one in over])
    having = [(owner, jobs) for owner, jobs in zip(over, unfinished, strict=True) if jobs]
    drafts = await database.run_all([("ZMSCORE", keys.DRAFTS, *jobs) for _, jobs in having])
    found = [owner for (owner, _), scores in zip(having, drafts, strict=True) if None in scores]
    return found[:limit]


async def counts(database: RedisDatabase, owner: OwnerId) -> Counts:
    """Count an owner's drafts and unfinished items."""
    unfinished = await database.run("SMEMBERS", keys.unfinished_of(owner))
    jobs = await read_jobs(database, unfinished)
    return Counts(
        drafts=sum(job.state is JobState.DRAFT for job in jobs),
        unfinished_items=sum(map(unfinished_items_of, jobs)),
    )


async def usage(database: RedisDatabase, owner: OwnerId) -> Usage:
    """Add up what an owner has here, and what was spent in a day."""
    counted = await counts(database, owner)
    return Usage(
        jobs=int(await database.run("ZCARD", keys.jobs_of(owner))),
        drafts=counted.drafts,
        unfinished_items=counted.unfinished_items,
        stored=await stored(database, owner),
        day_usd=await spent_usd(database, BudgetScope.DAY, owner=owner),
    )


async def spent_usd(database: RedisDatabase, scope: BudgetScope, *, owner: OwnerId) -> Decimal:
    """Add up what a budget of a day or month counts now."""
    assert scope.period_s is not None
    ledger = keys.ledger_of(owner) if scope.is_of_owner else keys.LEDGER
    since = await database.now() - timedelta(seconds=scope.period_s)
    return sum((usd for _, usd in await database.charges(ledger, since=since)), Decimal(0))


async def list_ledger(database: RedisDatabase, query: LedgerQuery) -> LedgerPage:
    """List attempts, newest first."""
    place = parse_position(query.after) if query.after is not None else None
    page: list[LedgerLine] = []
    async for some in newest_first(database, keys.ledger_of(query.owner), place):
        page += [line for line in await read_lines(database, some) if is_in_ledger_of(line, query)]
        if len(page) > query.limit:
            break
    shown = page[: query.limit]
    last = shown[-1].attempt if len(page) > len(shown) and shown else None
    return LedgerPage(
        entries=[line.entry() for line in shown],
        next=format_position(last.submitted_at, JobId(last.submit_key)) if last else None,
    )


async def read_lines(database: RedisDatabase, submit_keys: Sequence[str]) -> list[LedgerLine]:
    """Read lines of the ledger; those that are gone are left out."""
    if not submit_keys:
        return []
    texts = await database.run("HMGET", keys.ATTEMPTS, *submit_keys)
    return [read_line(text) for text in texts if text is not None]


async def find_attempt(
    database: RedisDatabase, submit_key: SubmitKey
) -> tuple[ItemRef | None, Attempt] | None:
    """Find a line of the ledger, and the item it was made for."""
    lines = await read_lines(database, [submit_key])
    if not lines:
        return None
    (line,) = lines
    is_there = await database.run("EXISTS", keys.job_key(line.ref.job))
    return line.ref if is_there else None, line.attempt


async def uncertain_items(
    database: RedisDatabase, *, since: datetime, limit: int
) -> Sequence[ItemRef]:
    """List uncertain items whose latest attempt was started after a moment."""
    after = f"({seconds(since)}"
    members = await database.run(
        "ZRANGE", keys.UNCERTAIN, after, "+inf", "BYSCORE", "LIMIT", 0, limit
    )
    return [keys.ref_of(member) for member in members]


async def expired_jobs(
    database: RedisDatabase, *, draft_life_s: float, empty_draft_life_s: float, limit: int
) -> Sequence[JobId]:
    """List jobs past their `expires_at`, and drafts long untouched; forget an old ledger."""
    now = await database.now()
    await forget_old_lines(database, before=now - timedelta(seconds=LEDGER_S))
    first_life_s = min(draft_life_s, empty_draft_life_s)
    ended = await _until(database, keys.EXPIRING, now)
    drafts = await _until(database, keys.DRAFTS, now - timedelta(seconds=first_life_s))
    untouched_s = (now - timedelta(seconds=draft_life_s)).timestamp()
    young = [job for touched_s, job in drafts if touched_s > untouched_s]
    sizes = await database.run_all([("ZCARD", keys.versions_key(JobId(job))) for job in young])
    filled = {job for job, size in zip(young, sizes, strict=True) if int(size)}
    over = ended + [(touched_s, job) for touched_s, job in drafts if job not in filled]
    return [JobId(job) for _, job in sorted(over)[:limit]]


async def is_over(
    database: RedisDatabase, found: Found, *, draft_life_s: float, empty_draft_life_s: float
) -> bool:
    """Tell whether `expired_jobs` would list a job."""
    if found.job.state is not JobState.DRAFT:
        return found.job.expires_at is not None and found.job.expires_at <= found.now
    touched_s = await database.run("ZSCORE", keys.DRAFTS, found.job.id)
    life_s = draft_life_s if found.items else min(draft_life_s, empty_draft_life_s)
    untouched_s = (found.now - timedelta(seconds=life_s)).timestamp()
    return touched_s is not None and float(touched_s) <= untouched_s


async def _until(database: RedisDatabase, key: str, until: datetime) -> list[tuple[float, str]]:
    found = await database.run("ZRANGE", key, "-inf", seconds(until), "BYSCORE", "WITHSCORES")
    return [(float(found[i + 1]), found[i]) for i in range(0, len(found), 2)]


async def forget_old_lines(
    database: RedisDatabase, *, before: datetime, at_once: int = _FORGET_AT_ONCE
) -> None:
    """
    Forget lines of the ledger from before a moment whose jobs are gone.

    Args:
        database: Where they are.
        before: The moment.
        at_once: How many are read, and forgotten, in one exchange.
    """
    # Those of jobs that are still there (they have a star) stay, and are passed over.
    stay = 0
    while True:
        old = await database.run(
            "ZRANGE", keys.LEDGER, "-inf", seconds(before), "BYSCORE", "LIMIT", stay, at_once
        )
        lines = await read_lines(database, old)
        are_there = await database.run_all(
            [("EXISTS", keys.job_key(line.ref.job)) for line in lines]
        )
        change = Change()
        over = [line for line, is_there in zip(lines, are_there, strict=True) if not is_there]
        for line in over:
            forget_line(change, line)
        if over:
            await database.commit(change)
        if len(old) < at_once:
            return
        stay += len(old) - len(over)


async def unreferenced(database: RedisDatabase, artifacts: Iterable[ArtifactId]) -> set[ArtifactId]:
    """Tell which artifacts no job names, nor what is made of its results."""
    candidates = list(dict.fromkeys(artifacts))
    named: set[ArtifactId] = set()
    for some in _batches(candidates):
        counts, sources = await database.run_all(
            [("HMGET", keys.NAMED, *some), ("HMGET", keys.SOURCES, *some)]
        )
        named.update(one for one, count in zip(some, counts, strict=True) if count)
        made = {one: source for one, source in zip(some, sources, strict=True) if source}
        if made:
            alive = await database.run("HMGET", keys.NAMED, *made.values())
            named.update(one for one, count in zip(made, alive, strict=True) if count)
    return set(candidates) - named


async def _jobs_newest_first(
    database: RedisDatabase, owner: OwnerId | None, place: tuple[float, str] | None
) -> AsyncIterator[Sequence[str]]:
    """List an owner's jobs, or everybody's, that come before *place*, some at a time."""
    if owner is not None:
        async for some in newest_first(database, keys.jobs_of(owner), place):
            yield some
        return
    owners = [OwnerId(one) for one in await database.run("SMEMBERS", keys.OWNERS)]
    lists = await database.run_all(
        [("ZRANGE", keys.jobs_of(one), 0, -1, "WITHSCORES") for one in owners]
    )
    places = [(float(one[i + 1]), str(one[i])) for one in lists for i in range(0, len(one), 2)]
    before = sorted((one for one in places if place is None or one < place), reverse=True)
    for batch in _batches(before):
        yield [job for _, job in batch]


async def newest_first(
    database: RedisDatabase, key: str, place: tuple[float, str] | None
) -> AsyncIterator[Sequence[str]]:
    """List the members of a sorted set that come before *place*, some at a time."""
    newest, start = "+inf" if place is None else f"{place[0]:.6f}", 0
    while True:
        found = await database.run(
            "ZRANGE", key, newest, "-inf", "BYSCORE", "REV", "LIMIT", start, _AT_ONCE, "WITHSCORES"
        )
        members = [(float(found[i + 1]), str(found[i])) for i in range(0, len(found), 2)]
        yield [member for score, member in members if place is None or (score, member) < place]
        if len(members) < _AT_ONCE:
            return
        start += _AT_ONCE


def _batches(members: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (members[start : start + _AT_ONCE] for start in range(0, len(members), _AT_ONCE))


def _numbers(counts: Mapping[str, str] | Sequence[str]) -> Mapping[str, int]:
    if isinstance(counts, Mapping):
        return {state: int(count) for state, count in counts.items()}
    return pairs(counts)
