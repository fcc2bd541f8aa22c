"""A `JobStore` in Redis."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change, seconds
from image2model.backends.redis.connection.codec import (
    Turn,
    read_stop,
    read_turn,
    write_stop,
    write_turn,
)
from image2model.backends.redis.connection.database import RedisDatabase
from image2model.backends.redis.jobs import derived_files, editing, listing, overview, work
from image2model.backends.redis.jobs.snapshot import find_job
from image2model.core.errors import JobNotFound, JsonValue
from image2model.core.ids import ArtifactId, JobId, OwnerId, SubmitKey, WorkerId
from image2model.core.job import Attempt, Description, Item, Job, Picture, Problem, Result
from image2model.core.money import BudgetScope, SpendingStop
from image2model.core.states import JobState
from image2model.jobs.records import control, drafts
from image2model.jobs.records.document import JobRecord
from image2model.ports.derived import Dropped, Whose
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import (
    AttemptChange,
    Claim,
    Counts,
    DraftTerms,
    DueJob,
    JobChanges,
    JobPage,
    JobQuery,
    LedgerPage,
    LedgerQuery,
    Renewed,
    Resolution,
    Step,
    Stored,
    Usage,
)
from image2model.ports.overview import OwnerLine, Queue, SpendingLine


class RedisJobStore:
    """
    A `JobStore` over *database*; closes it with itself.

    Each job is a document of its own fields. Workers change one item at a time and look whether
    it is still as they read it; who changes a whole job locks it. What Redis keeps is what is
    kept: with append-only files synced every second, the last second may be lost with the
    machine.
    """

    def __init__(self, database: RedisDatabase) -> None:
        self._database = database

    # --- jobs -------------------------------------------------------------------------------

    async def add_job(self, job: Job, *, reuse: bool = False) -> Job:
        """Add a draft or running job with its items."""
        return await editing.add_job(self._database, job, reuse=reuse)

    async def get_job(self, job: JobId) -> Job:
        """Read a job with its items."""
        return (await find_job(self._database, job)).whole()

    async def get_item(self, ref: ItemRef) -> Item:
        """Read one item."""
        return (await find_job(self._database, ref.job, ref.index)).item(ref.index).item

    async def list_jobs(self, query: JobQuery) -> JobPage:
        """List jobs, newest first, without their items."""
        return await listing.list_jobs(self._database, query)

    async def count_unfinished(self, owner: OwnerId) -> int:
        """Count an owner's drafts, running and paused jobs."""
        return int(await self._database.run("SCARD", keys.unfinished_of(owner)))

    async def counts(self, owner: OwnerId) -> Counts:
        """Count an owner's drafts and unfinished items."""
        return await listing.counts(self._database, owner)

    async def usage(self, owner: OwnerId) -> Usage:
        """Add up what an owner has here, and what was spent in a day."""
        return await listing.usage(self._database, owner)

    async def stored(self, whose: Whose) -> Stored:
        """Add up what files take."""
        return await derived_files.stored(self._database, whose)

    async def has_key(self, owner: OwnerId, idempotency_key: str) -> bool:
        """Tell whether a job of an owner has an idempotency key."""
        which = keys.idempotency_of(owner)
        return bool(await self._database.run("HEXISTS", which, idempotency_key))

    async def changes_since(self, job: JobId, version: int) -> JobChanges:
        """Read what is new in a job since a version."""
        found = await find_job(self._database, job, after_version=version)
        return JobChanges(job=found.job, items=list(found.whole().items))

    async def update_job(
        self, job: JobId, *, name: str | None = None, starred: bool | None = None
    ) -> Job:
        """Change a job's name or star."""

        def edit(record: JobRecord, now: datetime) -> None:
            control.update_job(record, name=name, starred=starred, now=now)

        return (await editing.edit_job(self._database, job, edit)).job

    async def set_budget(self, job: JobId, budget_usd: Decimal | None) -> None:
        """Change the most that a job may cost."""

        def edit(record: JobRecord, now: datetime) -> None:
            control.set_budget(record, budget_usd, now=now)

        await editing.edit_job(self._database, job, edit)

    async def delete_job(self, job: JobId) -> Sequence[ArtifactId]:
        """Remove a job and all about it; the ledger stays."""
        return await editing.delete_job(self._database, job)

    async def replace_result(self, ref: ItemRef, result: Result) -> Sequence[ArtifactId]:
        """Give a succeeded item another result."""
        return await editing.replace_result(self._database, ref, result)

    # --- drafts -----------------------------------------------------------------------------

    async def put_picture(
        self, ref: ItemRef, picture: Picture, *, name: str | None, item_limit: int
    ) -> Sequence[ArtifactId]:
        """Set one view of an item of a draft."""

        def edit(draft: JobRecord, now: datetime) -> None:
            drafts.put_picture(draft, ref, picture, name=name, item_limit=item_limit, now=now)

        return (await editing.edit_job(self._database, ref.job, edit)).gone

    async def remove_item(self, ref: ItemRef) -> Sequence[ArtifactId]:
        """Remove an item from a draft; later ones move up."""

        def edit(draft: JobRecord, now: datetime) -> None:
            drafts.remove_item(draft, ref.index, now=now)

        return (await editing.edit_job(self._database, ref.job, edit)).gone

    async def move_item(self, ref: ItemRef, *, to: int) -> None:
        """Put an item of a draft at the place of another; those between move by one."""

        def edit(draft: JobRecord, now: datetime) -> None:
            drafts.move_item(draft, ref.index, to=to, now=now)

        await editing.edit_job(self._database, ref.job, edit)

    async def describe_items(self, job: JobId, descriptions: Mapping[int, Description]) -> None:
        """Name and describe items of a draft."""

        def edit(draft: JobRecord, now: datetime) -> None:
            drafts.describe_items(draft, descriptions, now=now)

        await editing.edit_job(self._database, job, edit)

    async def change_draft(self, job: JobId, terms: DraftTerms) -> None:
        """Give a draft other terms."""

        def edit(draft: JobRecord, now: datetime) -> None:
            drafts.change_draft(draft, terms, now=now)

        await editing.edit_job(self._database, job, edit)

    async def start_job(self, job: Job) -> Job:
        """Turn a draft into a running job."""

        def edit(draft: JobRecord, now: datetime) -> None:
            drafts.start_job(draft, job, now=now)

        return (await editing.edit_job(self._database, job.id, edit)).job

    # --- what people do to running jobs -----------------------------------------------------

    async def cancel_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """Cancel queued items at once; ask those under way to stop."""

        def edit(record: JobRecord, now: datetime) -> Sequence[ItemRef]:
            return control.cancel_items(record, indexes, now=now)

        return (await editing.edit_job(self._database, job, edit)).answer

    async def retry_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """Queue failed or cancelled items again."""

        def edit(record: JobRecord, now: datetime) -> Sequence[ItemRef]:
            return control.retry_items(record, indexes, now=now)

        return (await editing.edit_job(self._database, job, edit)).answer

    async def pause_job(self, job: JobId) -> None:
        """Let no further items of a job be claimed."""

        def edit(record: JobRecord, now: datetime) -> None:
            control.switch_job(record, JobState.PAUSED, now=now)

        await editing.edit_job(self._database, job, edit)

    async def resume_job(self, job: JobId) -> Sequence[ItemRef]:
        """Let a paused job go on."""

        def edit(record: JobRecord, now: datetime) -> Sequence[ItemRef]:
            control.switch_job(record, JobState.RUNNING, now=now)
            return control.refs(control.queued_items(record))

        return (await editing.edit_job(self._database, job, edit)).answer

    async def resolve_item(self, ref: ItemRef, resolution: Resolution, *, problem: Problem) -> None:
        """Queue an item in doubt, or one to be paid for again, or fail it."""
        await editing.resolve_item(self._database, ref, resolution, problem=problem)

    async def stop_job(
        self, job: JobId, indexes: Collection[int] | None = None, *, problem: Problem
    ) -> None:
        """Fail queued items of a job."""

        def edit(record: JobRecord, now: datetime) -> None:
            control.stop_job(record, indexes, problem=problem, now=now)

        await editing.edit_job(self._database, job, edit)

    # --- work -------------------------------------------------------------------------------

    async def due_items(self, *, limit: int) -> Sequence[ItemRef]:
        """List items that may be claimed now, those waiting longest first."""
        return await work.due_items(self._database, limit=limit)

    async def due_jobs(self, *, limit: int) -> Sequence[DueJob]:
        """List jobs of which items may be claimed now, those waiting longest first."""
        return await work.due_jobs(self._database, limit=limit)

    async def claim_item(self, ref: ItemRef, *, worker: WorkerId, lease_s: float) -> Claim | None:
        """Take the lease of an item that is due."""
        claim = partial(work.claim_item, self._database, ref, worker=worker, lease_s=lease_s)
        return await self._database.unopposed(claim)

    async def renew_leases(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]], *, lease_s: float
    ) -> Sequence[Renewed]:
        """Prolong leases."""
        return await work.renew_leases(self._database, worker, claims, lease_s=lease_s)

    async def release_leases(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]]
    ) -> None:
        """Give leases back."""
        await work.release_leases(self._database, worker, claims)

    async def step(self, claim: Claim, step: Step) -> Claim:
        """Write a step, if the lease still holds."""
        return await self._database.unopposed(partial(work.write_step, self._database, claim, step))

    async def book_late_answer(
        self, submit_key: SubmitKey, change: AttemptChange
    ) -> Attempt | None:
        """Write what became of an attempt whose item has gone on without it."""
        return await self._database.unopposed(
            partial(work.book_late_answer, self._database, submit_key, change)
        )

    async def find_attempt(self, submit_key: SubmitKey) -> tuple[ItemRef | None, Attempt] | None:
        """Find a line of the ledger, and the item it was made for."""
        return await listing.find_attempt(self._database, submit_key)

    async def uncertain_items(self, *, since: datetime, limit: int) -> Sequence[ItemRef]:
        """List uncertain items whose latest attempt was started after a moment."""
        return await listing.uncertain_items(self._database, since=since, limit=limit)

    async def stop_spending(
        self, *, reason: str, by: str, everything: bool = False
    ) -> SpendingStop:
        """Let no attempt that costs anything start, or none at all."""
        now = await self._database.now()
        stop = SpendingStop(reason=reason, by=by, at=now, everything=everything)
        # First, for nothing may be in its way.
        await self._database.run("SET", keys.SPENDING_STOP, write_stop(stop), "NX")

        async def attempt() -> SpendingStop:
            async with self._database.locked(keys.SPENDING_STOP) as lock:
                known = await self.spending_stop()
                if known is not None and known.covers(stop):
                    return known
                change = Change(locks=lock)
                change.run("SET", keys.SPENDING_STOP, write_stop(stop))
                await self._database.commit(change)
                return stop

        return await self._database.unopposed(attempt)

    async def allow_spending(self) -> None:
        """Let attempts start again."""
        await self._database.run("DEL", keys.SPENDING_STOP)

    async def spending_stop(self) -> SpendingStop | None:
        """Tell whether spending is stopped."""
        text = await self._database.run("GET", keys.SPENDING_STOP)
        return None if text is None else read_stop(text)

    async def spent_usd(self, scope: BudgetScope, *, owner: OwnerId) -> Decimal:
        """Add up what a budget of a day or month counts now."""
        return await listing.spent_usd(self._database, scope, owner=owner)

    async def list_ledger(self, query: LedgerQuery) -> LedgerPage:
        """List attempts, newest first."""
        return await listing.list_ledger(self._database, query)

    async def queue(self) -> Queue:
        """Count the items that are to be made."""
        return await overview.read_queue(self._database)

    async def is_sending(self) -> bool:
        """Tell whether any item is being sent."""
        return await overview.is_sending(self._database)

    async def spending(self) -> Sequence[SpendingLine]:
        """Add up the last 30 days' attempts."""
        return await overview.read_spending(self._database)

    async def owners(self) -> Sequence[OwnerLine]:
        """Add up what owners have."""
        return await overview.read_owners(self._database)

    # --- owners that end --------------------------------------------------------------------

    async def end_owner(self, owner: OwnerId, *, at: datetime | None = None) -> None:
        """Let no attempt of an owner's jobs start from a moment on."""
        ends_at = seconds(at or await self._database.now())
        change = Change()
        change.run("HSET", keys.OWNER_ENDS, owner, ends_at)
        await self._database.commit(change)

    async def reopen_owner(self, owner: OwnerId) -> None:
        """Let attempts of an owner's jobs start again."""
        change = Change()
        change.run("HDEL", keys.OWNER_ENDS, owner)
        await self._database.commit(change)

    async def ended_owners(self, *, limit: int) -> Sequence[OwnerId]:
        """List owners past their end who have running or paused jobs."""
        return await listing.ended_owners(self._database, limit=limit)

    # --- keeping house ----------------------------------------------------------------------

    async def set_expiry(self, job: JobId, expires_at: datetime | None) -> None:
        """Set when a finished job is deleted."""

        def edit(record: JobRecord, now: datetime) -> None:
            control.set_expiry(record, expires_at, now=now)

        try:
            await editing.edit_job(self._database, job, edit)
        except JobNotFound:
            return

    async def expired_jobs(
        self, *, draft_life_s: float, empty_draft_life_s: float, limit: int
    ) -> Sequence[JobId]:
        """List jobs past their `expires_at`, and drafts long untouched."""
        return await listing.expired_jobs(
            self._database,
            draft_life_s=draft_life_s,
            empty_draft_life_s=empty_draft_life_s,
            limit=limit,
        )

    async def expire_job(
        self, job: JobId, *, draft_life_s: float, empty_draft_life_s: float
    ) -> Sequence[ArtifactId] | None:
        """Remove a job that is over."""
        is_over = partial(
            listing.is_over, draft_life_s=draft_life_s, empty_draft_life_s=empty_draft_life_s
        )
        return await editing.expire_job(self._database, job, is_over)

    async def owners_of_jobs(self, owners: Collection[OwnerId]) -> set[OwnerId]:
        """Tell which owners have a job."""
        ordered = list(owners)
        counts = await self._database.run_all([("ZCARD", keys.jobs_of(one)) for one in ordered])
        return {one for one, count in zip(ordered, counts, strict=True) if int(count)}

    async def add_derived(
        self, source: ArtifactId, artifact: ArtifactId, *, owner: OwnerId, size_bytes: int
    ) -> bool:
        """Remember what is made of a picture or a file of a result, if an item still has it."""
        add = partial(derived_files.add_derived, owner=owner, size_bytes=size_bytes)
        return await self._database.unopposed(partial(add, self._database, source, artifact))

    async def use_derived(self, artifact: ArtifactId) -> None:
        """Remember that a derived file is used now."""
        await derived_files.use_derived(self._database, artifact)

    async def drop_derived(self, whose: Whose, *, keep_bytes: int, idle_s: float) -> Dropped:
        """Forget the derived files used longest ago."""
        return await derived_files.drop_derived(
            self._database, whose, keep_bytes=keep_bytes, idle_s=idle_s
        )

    async def add_failure(
        self, name: str, problem: Problem, *, lives_s: Sequence[float], most: int
    ) -> None:
        """Remember what failed."""
        await derived_files.add_failure(self._database, name, problem, lives_s=lives_s, most=most)

    async def find_failure(self, name: str) -> Problem | None:
        """Tell why something failed lately."""
        return await derived_files.find_failure(self._database, name)

    async def unreferenced(self, artifacts: Iterable[ArtifactId]) -> set[ArtifactId]:
        """Tell which artifacts no job names."""
        return await listing.unreferenced(self._database, artifacts)

    async def take_turn(self, duty: str, *, worker: WorkerId, lease_s: float) -> bool:
        """Take, or keep, the turn at what one process at a time is enough for."""

        async def attempt() -> bool:
            text = await self._database.run("HGET", keys.TURNS, duty)
            now = await self._database.now()
            turn = read_turn(text) if text is not None else None
            if turn is not None and turn.worker != worker and turn.until > now:
                return False
            change = Change()
            change.check(keys.TURNS, duty, text)
            until = now + timedelta(seconds=lease_s)
            change.run("HSET", keys.TURNS, duty, write_turn(Turn(worker=worker, until=until)))
            await self._database.commit(change)
            return True

        return await self._database.unopposed(attempt)

    async def keep_fact(self, name: str, value: JsonValue) -> None:
        """Keep a small fact in place of what was there."""
        change = Change()
        change.run("HSET", keys.FACTS, name, json.dumps(value))
        await self._database.commit(change)

    async def find_fact(self, name: str) -> JsonValue | None:
        """Read a small fact; None: it is not known."""
        text = await self._database.run("HGET", keys.FACTS, name)
        return None if text is None else json.loads(text)

    async def check(self) -> None:
        """Write and read, to say whether the store works."""
        change = Change()
        change.run("HSET", keys.CHECKS, "checked", "1")
        await self._database.commit(change)

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        await self._database.aclose()
