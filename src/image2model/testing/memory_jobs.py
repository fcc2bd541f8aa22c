"""A `JobStore` in memory: for tests and for trying things out."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from image2model.core.errors import (
    AccessEnded,
    BudgetExceeded,
    IdempotencyKeyReused,
    JobNotFound,
    JsonValue,
    LeaseLost,
    SpendingStopped,
)
from image2model.core.ids import ArtifactId, JobId, OwnerId, SubmitKey, WorkerId
from image2model.core.job import Attempt, Description, Item, Job, Picture, Problem, Result
from image2model.core.money import MONTH_S, BudgetScope, Cap, SpendingStop, frees_at
from image2model.core.rules import (
    IllegalStep,
    charge_usd,
    check_transition,
    format_position,
    parse_position,
    revives,
    unfinished_items_of,
)
from image2model.core.states import (
    ItemState,
    JobState,
)
from image2model.core.webhooks import Event
from image2model.jobs.records import adding, control, drafts
from image2model.jobs.records.document import ItemRecord, JobRecord, LedgerLine
from image2model.jobs.records.events import States, events_between, states_of
from image2model.jobs.records.overview import owner_line, queue_of, spending_of
from image2model.jobs.records.steps import (
    changed_attempt,
    is_asked_for,
    is_in_ledger_of,
    revive,
    started_line,
    take_step,
)
from image2model.ports.clock import Clock
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
from image2model.testing.memory_derived import Derived, DerivedFile, FailureBook, is_of
from image2model.testing.memory_ledger import Ledger


class MemoryJobStore:
    """
    A `JobStore` whose jobs end with it; belongs to one event loop.

    No method awaits anything, so each is atomic by itself.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[JobId, JobRecord] = {}
        self._derived = Derived()
        self._failures = FailureBook()
        self._ledger = Ledger()
        self._facts: dict[str, JsonValue] = {}
        self._turns: dict[str, tuple[WorkerId, datetime]] = {}
        self._ends: dict[OwnerId, datetime] = {}
        self._stop: SpendingStop | None = None
        self._told: dict[JobId, States] = {}
        self.events: list[Event] = []
        """What happened and was not handed on yet; see `MemoryWebhookStore`."""

    # --- jobs -------------------------------------------------------------------------------

    async def add_job(self, job: Job, *, reuse: bool = False) -> Job:
        """Add a draft or running job with its items."""
        if (known := self._of_key(job)) is not None:
            return self._whole(known)
        if job.id in self._jobs:
            raise ValueError(f"job {job.id} is there already")
        now = self._clock.now()
        record = adding.new_record(job, now)
        if reuse and job.state is not JobState.DRAFT:
            adding.take_over(record, partial(self._earlier, job.owner), now=now)
        record.touch(record.items.values(), now)
        self._jobs[job.id] = record
        self._tell(record)
        return self._whole(record)

    def _tell(self, record: JobRecord) -> None:
        """Note what happened to a job since this was asked last."""
        self.events += events_between(self._told.get(record.job.id), record)
        self._told[record.job.id] = states_of(record)

    def _of_key(self, job: Job) -> JobRecord | None:
        if job.idempotency_key is None:
            return None
        for known in self._jobs.values():
            if (known.job.owner, known.job.idempotency_key) == (job.owner, job.idempotency_key):
                if known.job.fingerprint != job.fingerprint:
                    raise IdempotencyKeyReused(key=job.idempotency_key)
                return known
        return None

    def _earlier(self, owner: OwnerId, made_key: str) -> Sequence[Item]:
        return [
            self._shown(found)
            for known in self._jobs.values()
            if known.job.owner == owner and known.job.state is not JobState.DRAFT
            for found in known.items.values()
            if found.item.made_key == made_key
        ]

    async def get_job(self, job: JobId) -> Job:
        """Read a job with its items."""
        return self._whole(self._find(job))

    async def get_item(self, ref: ItemRef) -> Item:
        """Read one item."""
        return self._shown(self._find(ref.job).record(ref.index))

    async def list_jobs(self, query: JobQuery) -> JobPage:
        """List jobs, newest first, without their items."""
        before = parse_position(query.after) if query.after is not None else None
        found = [
            record.summary()
            for record in self._jobs.values()
            if is_asked_for(record.job, query)
            and (before is None or (record.job.created_at.timestamp(), record.job.id) < before)
        ]
        found.sort(key=lambda job: (job.created_at, job.id), reverse=True)
        page = found[: query.limit]
        more = len(found) > len(page) and page
        return JobPage(
            jobs=page, next=format_position(page[-1].created_at, page[-1].id) if more else None
        )

    async def count_unfinished(self, owner: OwnerId) -> int:
        """Count an owner's drafts, running and paused jobs."""
        jobs = (record.job for record in self._jobs.values())
        return sum(job.owner == owner and job.state is not JobState.FINISHED for job in jobs)

    async def counts(self, owner: OwnerId) -> Counts:
        """Count an owner's drafts and unfinished items."""
        own = [record.summary() for record in self._jobs.values() if record.job.owner == owner]
        return Counts(
            drafts=sum(job.state is JobState.DRAFT for job in own),
            unfinished_items=sum(map(unfinished_items_of, own)),
        )

    async def usage(self, owner: OwnerId) -> Usage:
        """Add up what an owner has here, and what was spent in a day."""
        counts = await self.counts(owner)
        return Usage(
            jobs=sum(record.job.owner == owner for record in self._jobs.values()),
            drafts=counts.drafts,
            unfinished_items=counts.unfinished_items,
            stored=await self.stored(owner),
            day_usd=await self.spent_usd(BudgetScope.DAY, owner=owner),
        )

    async def stored(self, whose: Whose) -> Stored:
        """Add up what files take."""
        files = {
            file
            for record in self._jobs.values()
            if is_of(record.job.owner, whose)
            for found in record.items.values()
            for file in found.stored_files()
        }
        return Stored(
            kept_bytes=sum(size_bytes for _, size_bytes in files),
            derived_bytes=self._derived.of(whose),
        )

    async def has_key(self, owner: OwnerId, idempotency_key: str) -> bool:
        """Tell whether a job of an owner has an idempotency key."""
        jobs = (record.job for record in self._jobs.values())
        return any((job.owner, job.idempotency_key) == (owner, idempotency_key) for job in jobs)

    async def changes_since(self, job: JobId, version: int) -> JobChanges:
        """Read what is new in a job since a version."""
        record = self._find(job)
        items = (self._shown(found) for found in record.chosen(None))
        return JobChanges(
            job=record.summary(), items=[item for item in items if item.version > version]
        )

    async def update_job(
        self, job: JobId, *, name: str | None = None, starred: bool | None = None
    ) -> Job:
        """Change a job's name or star."""
        record = self._find(job)
        control.update_job(record, name=name, starred=starred, now=self._clock.now())
        return self._whole(record)

    async def set_budget(self, job: JobId, budget_usd: Decimal | None) -> None:
        """Change the most that a job may cost."""
        control.set_budget(self._find(job), budget_usd, now=self._clock.now())

    async def delete_job(self, job: JobId) -> Sequence[ArtifactId]:
        """Remove a job and all about it; the ledger stays."""
        record = self._find(job)
        for index in record.items:
            self._ledger.leave_item(ItemRef(job, index))
        del self._jobs[job]
        del self._told[job]
        return self._derived.with_made_of(self._orphans(record.artifacts()))

    async def replace_result(self, ref: ItemRef, result: Result) -> Sequence[ArtifactId]:
        """Give a succeeded item another result."""
        record = self._find(ref.job)
        named = list(record.artifacts())
        control.replace_result(record, ref.index, result, now=self._clock.now())
        return self._derived.with_made_of(self._orphans(named))

    # --- drafts -----------------------------------------------------------------------------

    async def put_picture(
        self, ref: ItemRef, picture: Picture, *, name: str | None, item_limit: int
    ) -> Sequence[ArtifactId]:
        """Set one view of an item of a draft."""
        draft = self._find(ref.job)
        named = list(draft.artifacts())
        now = self._clock.now()
        drafts.put_picture(draft, ref, picture, name=name, item_limit=item_limit, now=now)
        return self._derived.with_made_of(self._orphans(named))

    async def remove_item(self, ref: ItemRef) -> Sequence[ArtifactId]:
        """Remove an item from a draft; later ones move up."""
        draft = self._find(ref.job)
        named = list(draft.artifacts())
        drafts.remove_item(draft, ref.index, now=self._clock.now())
        return self._derived.with_made_of(self._orphans(named))

    async def move_item(self, ref: ItemRef, *, to: int) -> None:
        """Put an item of a draft at the place of another; those between move by one."""
        drafts.move_item(self._find(ref.job), ref.index, to=to, now=self._clock.now())

    async def describe_items(self, job: JobId, descriptions: Mapping[int, Description]) -> None:
        """Name and describe items of a draft."""
        drafts.describe_items(self._find(job), descriptions, now=self._clock.now())

    async def change_draft(self, job: JobId, terms: DraftTerms) -> None:
        """Give a draft other terms."""
        drafts.change_draft(self._find(job), terms, now=self._clock.now())

    async def start_job(self, job: Job) -> Job:
        """Turn a draft into a running job."""
        record = self._find(job.id)
        drafts.start_job(record, job, now=self._clock.now())
        self._tell(record)
        return self._whole(record)

    # --- what people do to running jobs -----------------------------------------------------

    async def cancel_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """Cancel queued items at once; ask those under way to stop."""
        record = self._find(job)
        active = control.cancel_items(record, indexes, now=self._clock.now())
        self._tell(record)
        return active

    async def retry_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """Queue failed or cancelled items again."""
        record = self._find(job)
        queued = control.retry_items(record, indexes, now=self._clock.now())
        self._tell(record)
        return queued

    async def pause_job(self, job: JobId) -> None:
        """Let no further items of a job be claimed."""
        control.switch_job(self._find(job), JobState.PAUSED, now=self._clock.now())

    async def resume_job(self, job: JobId) -> Sequence[ItemRef]:
        """Let a paused job go on."""
        record = self._find(job)
        control.switch_job(record, JobState.RUNNING, now=self._clock.now())
        return control.refs(control.queued_items(record))

    async def resolve_item(self, ref: ItemRef, resolution: Resolution, *, problem: Problem) -> None:
        """Queue an item in doubt, or one to be paid for again, or fail it."""
        record, attempts = self._find(ref.job), self._ledger.of_item(ref)
        closed = control.resolve_item(
            record,
            ref.index,
            resolution,
            problem=problem,
            attempts=attempts,
            now=self._clock.now(),
        )
        if closed is not None:
            self._ledger.change(closed)
        self._tell(record)

    async def stop_job(
        self, job: JobId, indexes: Collection[int] | None = None, *, problem: Problem
    ) -> None:
        """Fail queued items of a job."""
        record = self._find(job)
        control.stop_job(record, indexes, problem=problem, now=self._clock.now())
        self._tell(record)

    # --- work -------------------------------------------------------------------------------

    async def due_items(self, *, limit: int) -> Sequence[ItemRef]:
        """List items that may be claimed now, those waiting longest first."""
        now = self._clock.now()
        due = [
            (record.not_before, ItemRef(record.item.job, record.item.index))
            for job in self._jobs.values()
            for record in job.items.values()
            if record.not_before is not None and record.is_due(job.job.state, now)
        ]
        return [ref for _, ref in sorted(due)[:limit]]

    async def due_jobs(self, *, limit: int) -> Sequence[DueJob]:
        """List jobs of which items may be claimed now, those waiting longest first."""
        firsts: dict[JobId, ItemRef] = {}
        for ref in await self.due_items(limit=sys.maxsize):
            firsts[ref.job] = min(ref, firsts.get(ref.job, ref))
        known = [(self._jobs[job].job, first) for job, first in firsts.items()]
        return [
            DueJob(first=first, owner=job.owner, generator=job.generator) for job, first in known
        ][:limit]

    async def claim_item(self, ref: ItemRef, *, worker: WorkerId, lease_s: float) -> Claim | None:
        """Take the lease of an item that is due."""
        now = self._clock.now()
        job = self._jobs.get(ref.job)
        record = job.items.get(ref.index) if job is not None else None
        if job is None or record is None or not record.is_due(job.job.state, now):
            return None
        record.claim(worker, until=now + timedelta(seconds=lease_s))
        return Claim(
            ref=ref,
            worker=worker,
            fence=record.fence,
            job=job.summary(),
            item=self._shown(record),
        )

    async def renew_leases(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]], *, lease_s: float
    ) -> Sequence[Renewed]:
        """Prolong leases."""
        until = self._clock.now() + timedelta(seconds=lease_s)
        renewed = []
        for ref, record in self._leased(worker, claims):
            record.lease_until = until
            wanted = record.item.cancel_requested
            renewed.append(Renewed(ref=ref, fence=record.fence, cancel_requested=wanted))
        return renewed

    async def release_leases(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]]
    ) -> None:
        """Give leases back."""
        for _, record in self._leased(worker, claims):
            record.end_lease()

    def _leased(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]]
    ) -> list[tuple[ItemRef, ItemRecord]]:
        found = []
        for ref, fence in claims:
            job = self._jobs.get(ref.job)
            record = job.items.get(ref.index) if job is not None else None
            if record is not None and (record.worker, record.fence) == (worker, fence):
                found.append((ref, record))
        return found

    async def step(self, claim: Claim, step: Step) -> Claim:
        """Write a step, if the lease still holds."""
        check_transition(claim.item.state, step.to)
        held = self._leased(claim.worker, [(claim.ref, claim.fence)])
        if not held or held[0][1].item.state is not claim.item.state:
            raise LeaseLost(job=claim.ref.job, index=claim.ref.index)
        job, record, now = self._find(claim.ref.job), held[0][1], self._clock.now()
        if not step.may_be_taken(job.job.state):
            raise LeaseLost(job=claim.ref.job, index=claim.ref.index)
        step = step.unless_cancelled(cancel_requested=record.item.cancel_requested)
        if step.start is not None:
            self._start_attempt(job, record, step, now)
        if step.attempt is not None:
            self._change_latest(claim.ref, step.attempt, now)
        take_step(record, step, now=now)
        job.touch([record], now)
        self._tell(job)
        return replace(claim, job=job.summary(), item=self._shown(record))

    def _start_attempt(self, job: JobRecord, record: ItemRecord, step: Step, now: datetime) -> None:
        assert step.start is not None
        start, item = step.start, record.item
        if self._is_over(job.job.owner):
            raise AccessEnded
        stop = self._stop
        if stop is not None and stop.holds(is_paid=start.is_paid):
            raise SpendingStopped(reason=stop.reason, everything=stop.everything)
        if start.is_paid:
            for cap in step.budget.caps(job_usd=job.job.budget_usd):
                self._check(cap, job.job, wanted_usd=start.submission.estimated_usd)
        number = len(self._ledger.of_item(ItemRef(item.job, item.index))) + 1
        line = started_line(job.job, record, start, number=number, now=now)
        self._ledger.start(line)

    def _check(self, cap: Cap, job: Job, *, wanted_usd: Decimal) -> None:
        charges = [
            (line.attempt.submitted_at, charge_usd(line.attempt))
            for line in self._counted(cap.scope, owner=job.owner, job=job.id)
        ]
        needed_usd = sum((usd for _, usd in charges), wanted_usd)
        if needed_usd > cap.limit_usd:
            raise BudgetExceeded(
                budget_usd=float(cap.limit_usd),
                needed_usd=float(needed_usd),
                scope=cap.scope,
                frees_at=frees_at(charges, cap=cap, wanted_usd=wanted_usd),
            )

    def _counted(
        self, scope: BudgetScope, *, owner: OwnerId, job: JobId | None = None
    ) -> Iterator[LedgerLine]:
        """List the lines of the ledger that count for a budget of *scope*."""
        if scope.period_s is None:
            return (line for line in self._ledger.lines.values() if line.ref.job == job)
        lines = self._ledger.since(self._clock.now() - timedelta(seconds=scope.period_s))
        return (line for line in lines if not scope.is_of_owner or line.owner == owner)

    async def stop_spending(
        self, *, reason: str, by: str, everything: bool = False
    ) -> SpendingStop:
        """Let no attempt that costs anything start, or none at all."""
        now = self._clock.now()
        stop = SpendingStop(reason=reason, by=by, at=now, everything=everything)
        if self._stop is None or not self._stop.covers(stop):
            self._stop = stop
        return self._stop

    async def allow_spending(self) -> None:
        """Let attempts start again."""
        self._stop = None

    async def spending_stop(self) -> SpendingStop | None:
        """Tell whether spending is stopped."""
        return self._stop

    async def spent_usd(self, scope: BudgetScope, *, owner: OwnerId) -> Decimal:
        """Add up what a budget of a day or month counts now."""
        lines = self._counted(scope, owner=owner)
        return sum((charge_usd(line.attempt) for line in lines), Decimal(0))

    def _change_latest(self, ref: ItemRef, change: AttemptChange, now: datetime) -> None:
        attempts = self._ledger.of_item(ref)
        if not attempts:
            raise IllegalStep("there is no attempt to change")
        self._ledger.change(changed_attempt(attempts[-1], change, now=now))

    async def book_late_answer(
        self, submit_key: SubmitKey, change: AttemptChange
    ) -> Attempt | None:
        """Write what became of an attempt whose item has gone on without it."""
        line = self._ledger.lines.get(submit_key)
        if line is None:
            return None
        now = self._clock.now()
        after = changed_attempt(line.attempt, change, now=now)
        self._ledger.change(after)
        job = self._jobs.get(line.ref.job)
        if job is not None:
            record = job.items[line.ref.index]
            latest = self._ledger.of_item(line.ref)[-1]
            uncertain = record.item.state is ItemState.UNCERTAIN
            if uncertain and latest.submit_key == submit_key and revives(after):
                revive(record, now=now)
            job.touch([record], now)
            self._tell(job)
        return after

    async def find_attempt(self, submit_key: SubmitKey) -> tuple[ItemRef | None, Attempt] | None:
        """Find a line of the ledger, and the item it was made for."""
        line = self._ledger.lines.get(submit_key)
        if line is None:
            return None
        return line.ref if line.ref.job in self._jobs else None, line.attempt

    async def uncertain_items(self, *, since: datetime, limit: int) -> Sequence[ItemRef]:
        """List uncertain items whose latest attempt was started after a moment."""
        found = []
        for job in self._jobs.values():
            for record in job.items.values():
                ref = ItemRef(record.item.job, record.item.index)
                attempts = self._ledger.of_item(ref)
                uncertain = record.item.state is ItemState.UNCERTAIN
                if uncertain and attempts and attempts[-1].submitted_at > since:
                    found.append((attempts[-1].submitted_at, ref))
        return [ref for _, ref in sorted(found)[:limit]]

    async def list_ledger(self, query: LedgerQuery) -> LedgerPage:
        """List attempts, newest first."""
        before = parse_position(query.after) if query.after is not None else None
        lines = [line for line in self._ledger.lines.values() if is_in_ledger_of(line, query)]
        found = sorted(lines, key=_ledger_place, reverse=True)
        if before is not None:
            found = [line for line in found if _ledger_place(line) < before]
        page = found[: query.limit]
        last = page[-1].attempt if len(found) > len(page) and page else None
        return LedgerPage(
            entries=[line.entry() for line in page],
            next=format_position(last.submitted_at, JobId(last.submit_key)) if last else None,
        )

    async def queue(self) -> Queue:
        """Count the items that are to be made."""
        return queue_of(self._jobs.values())

    async def is_sending(self) -> bool:
        """Tell whether any item is being sent."""
        items = (item for job in self._jobs.values() for item in job.items.values())
        return any(record.item.state is ItemState.SUBMITTING for record in items)

    async def spending(self) -> Sequence[SpendingLine]:
        """Add up the last 30 days' attempts."""
        now = self._clock.now()
        return spending_of(self._ledger.since(now - timedelta(seconds=MONTH_S)), now=now)

    async def owners(self) -> Sequence[OwnerLine]:
        """Add up what owners have."""
        by_owner: dict[OwnerId, list[JobRecord]] = {}
        for record in self._jobs.values():
            by_owner.setdefault(record.job.owner, []).append(record)
        return [
            owner_line(owner, by_owner[owner], derived_bytes=self._derived.of(owner))
            for owner in sorted(by_owner)
        ]

    # --- owners that end --------------------------------------------------------------------

    async def end_owner(self, owner: OwnerId, *, at: datetime | None = None) -> None:
        """Let no attempt of an owner's jobs start from a moment on."""
        self._ends[owner] = at or self._clock.now()

    async def reopen_owner(self, owner: OwnerId) -> None:
        """Let attempts of an owner's jobs start again."""
        self._ends.pop(owner, None)

    async def ended_owners(self, *, limit: int) -> Sequence[OwnerId]:
        """List owners past their end who have running or paused jobs."""
        begun = {
            record.job.owner
            for record in self._jobs.values()
            if record.job.state in {JobState.RUNNING, JobState.PAUSED}
        }
        return [owner for owner in self._ends if self._is_over(owner) and owner in begun][:limit]

    def _is_over(self, owner: OwnerId) -> bool:
        return owner in self._ends and self._ends[owner] <= self._clock.now()

    # --- keeping house ----------------------------------------------------------------------

    async def set_expiry(self, job: JobId, expires_at: datetime | None) -> None:
        """Set when a finished job is deleted."""
        record = self._jobs.get(job)
        if record is not None:
            control.set_expiry(record, expires_at, now=self._clock.now())

    async def expired_jobs(
        self, *, draft_life_s: float, empty_draft_life_s: float, limit: int
    ) -> Sequence[JobId]:
        """List jobs past their `expires_at`, and drafts long untouched."""
        over = [
            (record.job.expires_at or record.touched_at, record.job.id)
            for record in self._jobs.values()
            if self._is_due_to_go(
                record, draft_life_s=draft_life_s, empty_draft_life_s=empty_draft_life_s
            )
        ]
        return [job for _, job in sorted(over)[:limit]]

    async def expire_job(
        self, job: JobId, *, draft_life_s: float, empty_draft_life_s: float
    ) -> Sequence[ArtifactId] | None:
        """Remove a job that is over."""
        record = self._jobs.get(job)
        if record is None or not self._is_due_to_go(
            record, draft_life_s=draft_life_s, empty_draft_life_s=empty_draft_life_s
        ):
            return None
        return await self.delete_job(job)

    def _is_due_to_go(
        self, record: JobRecord, *, draft_life_s: float, empty_draft_life_s: float
    ) -> bool:
        now = self._clock.now()
        if record.job.state is not JobState.DRAFT:
            return record.job.expires_at is not None and record.job.expires_at <= now
        life_s = draft_life_s if record.items else min(draft_life_s, empty_draft_life_s)
        return record.touched_at <= now - timedelta(seconds=life_s)

    async def owners_of_jobs(self, owners: Collection[OwnerId]) -> set[OwnerId]:
        """Tell which owners have a job."""
        return {record.job.owner for record in self._jobs.values()} & set(owners)

    async def add_derived(
        self, source: ArtifactId, artifact: ArtifactId, *, owner: OwnerId, size_bytes: int
    ) -> bool:
        """Remember what is made of a picture or a file of a result, if an item still has it."""
        if self._orphans([source]):
            return False
        self._derived[artifact] = DerivedFile(
            source=source, owner=owner, size_bytes=size_bytes, used_at=self._clock.now()
        )
        return True

    async def use_derived(self, artifact: ArtifactId) -> None:
        """Remember that a derived file is used now."""
        self._derived.use(artifact, self._clock.now())

    async def drop_derived(self, whose: Whose, *, keep_bytes: int, idle_s: float) -> Dropped:
        """Forget the derived files used longest ago."""
        idle_since = self._clock.now() - timedelta(seconds=idle_s)
        return self._derived.drop(whose, keep_bytes=keep_bytes, idle_since=idle_since)

    async def add_failure(
        self, name: str, problem: Problem, *, lives_s: Sequence[float], most: int
    ) -> None:
        """Remember what failed."""
        now = self._clock.now()
        self._failures.add(name, problem, now=now, lives_s=lives_s, most=most)

    async def find_failure(self, name: str) -> Problem | None:
        """Tell why something failed lately."""
        return self._failures.find(name, self._clock.now())

    async def unreferenced(self, artifacts: Iterable[ArtifactId]) -> set[ArtifactId]:
        """Tell which artifacts no job names."""
        return set(self._orphans(artifacts))

    async def take_turn(self, duty: str, *, worker: WorkerId, lease_s: float) -> bool:
        """Take, or keep, the turn at what one process at a time is enough for."""
        now = self._clock.now()
        holder, until = self._turns.get(duty, (worker, now))
        if holder != worker and until > now:
            return False
        self._turns[duty] = worker, now + timedelta(seconds=lease_s)
        return True

    async def keep_fact(self, name: str, value: JsonValue) -> None:
        """Keep a small fact in place of what was there."""
        self._facts[name] = value

    async def find_fact(self, name: str) -> JsonValue | None:
        """Read a small fact; None: it is not known."""
        return self._facts.get(name)

    async def check(self) -> None:
        """Do nothing: memory works."""

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""

    # --- finding and showing ----------------------------------------------------------------

    def _find(self, job: JobId) -> JobRecord:
        try:
            return self._jobs[job]
        except KeyError:
            raise JobNotFound(job=job) from None

    def _shown(self, record: ItemRecord) -> Item:
        ref = ItemRef(record.item.job, record.item.index)
        return replace(record.item, attempts=self._ledger.of_item(ref))

    def _whole(self, record: JobRecord) -> Job:
        items = tuple(self._shown(found) for found in record.chosen(None))
        return replace(record.summary(), items=items)

    def _orphans(self, artifacts: Iterable[ArtifactId]) -> list[ArtifactId]:
        named = {known for record in self._jobs.values() for known in record.artifacts()}
        named |= {artifact for artifact, file in self._derived.items() if file.source in named}
        return [artifact for artifact in dict.fromkeys(artifacts) if artifact not in named]


def _ledger_place(line: LedgerLine) -> tuple[float, str]:
    return line.attempt.submitted_at.timestamp(), line.attempt.submit_key
