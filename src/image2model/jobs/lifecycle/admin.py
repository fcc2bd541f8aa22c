"""What operators see and do: all owners' jobs, the stop of all spending, money and storage."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import anyio

from image2model.core.audit import AuditAction
from image2model.core.ids import LOCAL_OWNER, JobId, OwnerId, is_anonymous
from image2model.core.job import Job
from image2model.core.money import Budget, Cap, SpendingStop
from image2model.jobs.auditing import audit
from image2model.jobs.context import Context
from image2model.jobs.health import check_parts
from image2model.jobs.lifecycle import control
from image2model.jobs.lifecycle.owner_end import unfinished_jobs
from image2model.jobs.limits.free_space import Space
from image2model.jobs.provider_links import UrlTally
from image2model.jobs.signed_in_users import person_of
from image2model.jobs.spending.stop import stop_spending
from image2model.ports.overview import OwnerLine, Queue, SpendingLine
from image2model.ports.sessions import ApiKey

_MOST_OWNERS = 500
_BEING_SENT_S = 3.0
"""As for a pause: how long a stop waits for the answers to what was written down before it."""

_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerNow:
    """
    What one owner, or several together, have and spend.

    Attributes:
        owner: Whose jobs these are; "": several sessions without an API key.
        name: For people: the name of the key or the person; "": none.
        owners: How many owners these are.
        jobs: Their jobs, drafts included.
        unfinished_jobs: The drafts, running and paused ones among them.
        stored_bytes: What their pictures, kept results and derived files take.
        day_usd: What they spent or reserved in the last 24 hours.
        month_usd: The same in 30 days.
        budget: What the owner may spend.
        last_active_at: When they last made a job or, with a key, called; None: never.
    """

    owner: OwnerId
    name: str = ""
    owners: int = 1
    jobs: int = 0
    unfinished_jobs: int = 0
    stored_bytes: int = 0
    day_usd: Decimal = Decimal(0)
    month_usd: Decimal = Decimal(0)
    budget: Budget = field(default_factory=Budget)
    last_active_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What is spent of a budget of everybody together."""

    cap: Cap
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """What was spent at one generator, by everybody together."""

    provider: str
    generator: str
    attempts: int
    day_usd: Decimal
    month_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """
    What an operator sees at one glance.

    Attributes:
        health: For each part `ok`, or what is wrong.
        queue: What is to be made.
        stop: Why nothing (that costs money) starts; None: it does.
        makers: What is spent at each generator.
        budgets: What is spent of the budgets of all.
        owners: API keys and people, those active last first, `_MOST_OWNERS` at most.
        anonymous: All browser sessions without an API key together.
        picture_bytes: What everybody's pictures take.
        result_bytes: The same of kept results.
        derived_bytes: What is made of those.
        spaces: The folders that are written to.
        urls: How providers' URLs fared, as this process saw it.
    """

    health: Mapping[str, str]
    queue: Queue
    stop: SpendingStop | None
    makers: Sequence[Maker]
    budgets: Sequence[Spent]
    owners: Sequence[OwnerNow]
    anonymous: OwnerNow
    picture_bytes: int
    result_bytes: int
    derived_bytes: int
    spaces: Sequence[Space]
    urls: Sequence[UrlTally]


async def read_overview(context: Context) -> Overview:
    """Look at everything. All jobs of all owners are looked at, so ask seldom."""
    store = context.store
    spending, lines = await store.spending(), await store.owners()
    keys = {key.owner: key for key in await context.sessions.list_keys()}
    owners = _known_owners(context, lines, spending, keys)
    caps = [cap for cap in context.rules.budget.caps() if not cap.scope.is_of_owner]
    return Overview(
        health=await check_parts(context),
        queue=await store.queue(),
        stop=await store.spending_stop(),
        makers=_makers(spending),
        budgets=[
            Spent(cap=cap, usd=await store.spent_usd(cap.scope, owner=LOCAL_OWNER)) for cap in caps
        ],
        owners=sorted(owners, key=_activity, reverse=True)[:_MOST_OWNERS],
        anonymous=_together(lines, spending),
        picture_bytes=sum(line.picture_bytes for line in lines),
        result_bytes=sum(line.result_bytes for line in lines),
        derived_bytes=sum(line.derived_bytes for line in lines),
        spaces=await context.reserve.spaces(),
        urls=context.links.tallies(),
    )


async def stop_work(context: Context, *, reason: str, everything: bool = False) -> SpendingStop:
    """
    Let nothing that costs money be sent by any process after this has returned.

    Args:
        context: The ports.
        reason: Why, for people.
        everything: Let nothing be sent that costs nothing, either.

    Returns:
        The stop that holds now.
    """
    stop = await stop_spending(context, reason=reason, everything=everything)
    # What was written down before is sent at once, if nobody has died meanwhile.
    with anyio.move_on_after(_BEING_SENT_S):
        while await context.store.is_sending():
            await context.clock.sleep(_LOOK_EVERY_S)
    return stop


async def cancel_job(context: Context, job_id: JobId) -> Job:
    """
    Cancel any owner's job: what waits at once, what is under way as soon as its worker hears.

    Raises:
        JobNotFound: There is none.
    """
    owner = (await context.store.get_job(job_id)).owner
    job = await control.cancel_items(context, owner, job_id)
    await audit(context, AuditAction.JOB_CANCELLED, job=job_id, owner=owner)
    return job


async def delete_job(context: Context, job_id: JobId) -> None:
    """
    Delete any owner's job with its pictures and results.

    Raises:
        JobNotFound: There is none.
    """
    owner = (await context.store.get_job(job_id)).owner
    await control.delete_job(context, owner, job_id)
    await audit(context, AuditAction.JOB_DELETED, job=job_id, owner=owner)


async def cancel_owner(context: Context, owner: OwnerId) -> Collection[JobId]:
    """
    Cancel all running and paused jobs of *owner*; drafts stay, and new jobs may come.

    Returns:
        The jobs.
    """
    jobs = [job_id async for job_id in unfinished_jobs(context, owner)]
    for job_id in jobs:
        await context.store.cancel_items(job_id)
    # Nothing waits any more; now those under way are stopped, all at once.
    async with anyio.create_task_group() as group:
        for job_id in jobs:
            group.start_soon(control.cancel_items, context, owner, job_id)
    await audit(context, AuditAction.OWNER_CANCELLED, owner=owner, jobs=len(jobs))
    return jobs


def _makers(spending: Sequence[SpendingLine]) -> Sequence[Maker]:
    by_maker: dict[tuple[str, str], list[SpendingLine]] = {}
    for line in spending:
        by_maker.setdefault((line.provider, line.generator), []).append(line)
    return [
        Maker(
            provider=provider,
            generator=generator,
            attempts=sum(line.attempts for line in some),
            day_usd=_usd(line.day_usd for line in some),
            month_usd=_usd(line.month_usd for line in some),
        )
        for (provider, generator), some in sorted(by_maker.items())
    ]


def _known_owners(
    context: Context,
    lines: Sequence[OwnerLine],
    spending: Sequence[SpendingLine],
    keys: Mapping[OwnerId, ApiKey],
) -> list[OwnerNow]:
    by_owner = {line.owner: line for line in lines}
    spent: dict[OwnerId, list[SpendingLine]] = {}
    for one in spending:
        spent.setdefault(one.owner, []).append(one)
    known = {owner for owner in by_owner.keys() | spent.keys() if not is_anonymous(owner)}
    return [
        _owner_now(context, owner, by_owner.get(owner), spent.get(owner, ()), keys.get(owner))
        for owner in known | keys.keys()
    ]


def _owner_now(
    context: Context,
    owner: OwnerId,
    line: OwnerLine | None,
    spent: Sequence[SpendingLine],
    key: ApiKey | None,
) -> OwnerNow:
    limits = context.rules.budget.owner
    times = [line.last_job_at if line else None, key.last_used_at if key else None]
    return OwnerNow(
        owner=owner,
        name=key.name if key else person_of(owner) or "",
        jobs=line.jobs if line else 0,
        unfinished_jobs=line.unfinished_jobs if line else 0,
        stored_bytes=_stored_bytes(line) if line else 0,
        day_usd=_usd(one.day_usd for one in spent),
        month_usd=_usd(one.month_usd for one in spent),
        budget=Budget(owner=limits.within(key.limits) if key else limits),
        last_active_at=max((time for time in times if time is not None), default=None),
    )


def _together(lines: Sequence[OwnerLine], spending: Sequence[SpendingLine]) -> OwnerNow:
    strangers = [line for line in lines if is_anonymous(line.owner)]
    own = [one for one in spending if is_anonymous(one.owner)]
    return OwnerNow(
        owner=OwnerId(""),
        owners=len(strangers),
        jobs=sum(line.jobs for line in strangers),
        unfinished_jobs=sum(line.unfinished_jobs for line in strangers),
        stored_bytes=sum(map(_stored_bytes, strangers)),
        day_usd=_usd(one.day_usd for one in own),
        month_usd=_usd(one.month_usd for one in own),
        last_active_at=max((line.last_job_at for line in strangers), default=None),
    )


def _stored_bytes(line: OwnerLine) -> int:
    return line.picture_bytes + line.result_bytes + line.derived_bytes


def _activity(owner: OwnerNow) -> tuple[float, str]:
    return owner.last_active_at.timestamp() if owner.last_active_at else 0.0, owner.owner


def _usd(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
