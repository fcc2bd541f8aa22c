"""A `JobStore` in memory: for tests and for trying things out."""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from image2model.core.errors import (
    AlreadyRunning,
    BudgetExceeded,
    IdempotencyKeyReused,
    ItemNotFound,
    JobNotFound,
    LeaseLost,
    TooManyItems,
    WrongState,
)
from image2model.core.ids import ArtifactId, JobId, OwnerId, SubmitKey, WorkerId
from image2model.core.job import Attempt, Item, Job, Picture, Problem, Result
from image2model.core.names import unique_name
from image2model.core.rules import (
    BUDGET_DAY_S,
    IllegalStep,
    charge_usd,
    check_transition,
    fold_text,
    format_position,
    front_first,
    is_reusable,
    next_attempt,
    next_progress,
    parse_position,
    revives,
)
from image2model.core.states import (
    ACTIVE_STATES,
    FINAL_STATES,
    AttemptState,
    ItemState,
    JobState,
)
from image2model.ports.clock import Clock
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import (
    AttemptChange,
    Claim,
    Description,
    DraftTerms,
    JobChanges,
    JobPage,
    JobQuery,
    LedgerEntry,
    LedgerPage,
    LedgerQuery,
    Renewed,
    Resolution,
    Step,
    Usage,
)
from image2model.testing.memory_records import ItemRecord, JobRecord, Ledger, LedgerLine


class MemoryJobStore:
    """
    A `JobStore` whose jobs end with it; belongs to one event loop.

    No method awaits anything, so each is atomic by itself.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[JobId, JobRecord] = {}
        self._derived: dict[ArtifactId, ArtifactId] = {}
        self._ledger = Ledger()
        self._turns: dict[str, tuple[WorkerId, datetime]] = {}

    # --- jobs -------------------------------------------------------------------------------

    async def add_job(self, job: Job, *, reuse: bool = False) -> Job:
        """Add a draft or running job with its items."""
        if (known := self._of_key(job)) is not None:
            return self._whole(known)
        if job.id in self._jobs:
            raise ValueError(f"job {job.id} is there already")
        now = self._clock.now()
        runs = job.state is not JobState.DRAFT
        taken: set[str] = set()
        items = {}
        for item in sorted(job.items, key=lambda item: item.index):
            name = unique_name(item.name, taken)
            taken.add(name)
            named = replace(item, job=job.id, name=name, attempts=())
            due = now if runs and item.state is ItemState.QUEUED else None
            items[item.index] = ItemRecord(item=named, not_before=due)
        if reuse and runs:
            self._take_over(job, items.values(), now)
        started_at = now if runs else None
        fresh = replace(job, version=0, created_at=now, started_at=started_at, items=(), counts={})
        record = JobRecord(job=fresh, items=items, touched_at=now)
        record.touch(items.values(), now)
        self._jobs[job.id] = record
        return self._whole(record)

    def _of_key(self, job: Job) -> JobRecord | None:
        if job.idempotency_key is None:
            return None
        for known in self._jobs.values():
            if (known.job.owner, known.job.idempotency_key) == (job.owner, job.idempotency_key):
                if known.job.fingerprint != job.fingerprint:
                    raise IdempotencyKeyReused(key=job.idempotency_key)
                return known
        return None

    def _take_over(self, job: Job, items: Iterable[ItemRecord], now: datetime) -> None:
        earlier: dict[str, list[Item]] = {}
        for known in self._jobs.values():
            if known.job.owner == job.owner and known.job.state is not JobState.DRAFT:
                for record in known.items.values():
                    earlier.setdefault(record.item.made_key, []).append(record.item)
        running: set[JobId] = set()
        for record in items:
            same = earlier.get(record.item.made_key, []) if record.item.made_key else []
            if record.item.state is not ItemState.QUEUED:
                continue
            if (result := _reusable(same, job, now)) is not None:
                record.come_to(ItemState.SUCCEEDED, problem=None, now=now)
                record.item = replace(record.item, result=result)
            else:
                running.update(item.job for item in same if item.state not in FINAL_STATES)
        if running:
            raise AlreadyRunning(jobs=sorted(running))

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
            if _matches(record.job, query)
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

    async def usage(self, owner: OwnerId) -> Usage:
        """Add up what an owner has here, and what was spent in a day."""
        own = [record for record in self._jobs.values() if record.job.owner == owner]
        stored = {
            file
            for record in own
            for found in record.items.values()
            for file in _stored_files(found.item)
        }
        of_day = self._ledger.since(self._clock.now() - timedelta(seconds=BUDGET_DAY_S))
        return Usage(
            jobs=len(own),
            stored_bytes=sum(size_bytes for _, size_bytes in stored),
            day_usd=sum(map(charge_usd, of_day), Decimal(0)),
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
        before = record.job
        after = replace(
            before,
            name=before.name if name is None else name,
            starred=before.starred if starred is None else starred,
        )
        if after.starred != before.starred:
            after = replace(after, expires_at=after.due_to_expire_at)
        if after != before:
            record.job = after
            record.touch((), self._clock.now())
        return self._whole(record)

    async def delete_job(self, job: JobId) -> Sequence[ArtifactId]:
        """Remove a job and all about it; the ledger stays."""
        record = self._find(job)
        for index in record.items:
            self._ledger.leave_item(ItemRef(job, index))
        del self._jobs[job]
        return self._with_derived(self._orphans(record.artifacts()))

    async def replace_result(self, ref: ItemRef, result: Result) -> Sequence[ArtifactId]:
        """Give a succeeded item another result."""
        record = self._find(ref.job)
        found = record.record(ref.index)
        if found.item.state is not ItemState.SUCCEEDED:
            raise WrongState(
                what=f"Item {ref.index}", state=found.item.state, allowed=[ItemState.SUCCEEDED]
            )
        named = [file.artifact for file in found.item.result.files] if found.item.result else []
        found.item = replace(found.item, result=result)
        record.touch([found], self._clock.now())
        return self._with_derived(
            self._orphans(artifact for artifact in named if artifact is not None)
        )

    # --- drafts -----------------------------------------------------------------------------

    async def put_picture(
        self, ref: ItemRef, picture: Picture, *, name: str | None, item_limit: int
    ) -> Sequence[ArtifactId]:
        """Set one view of an item of a draft."""
        job = self._draft(ref.job)
        if ref.index < 0:
            raise ItemNotFound(job=ref.job, index=ref.index)
        if ref.index >= item_limit:
            raise TooManyItems(limit=item_limit)
        record = job.items.get(ref.index)
        if record is None or name is not None:
            wanted = name if name is not None else f"item-{ref.index + 1}"
            name = unique_name(wanted, job.names(but=ref.index))
        if record is None:
            assert name is not None
            item = Item(job=ref.job, index=ref.index, name=name, state=ItemState.QUEUED)
            record = job.items[ref.index] = ItemRecord(item=item)
        before = record.item
        others = [known for known in before.pictures if known.view is not picture.view]
        pictures = front_first([*others, picture])
        record.item = replace(before, pictures=pictures, name=name or before.name)
        job.touch([record], self._clock.now())
        return self._orphans(known.artifact for known in before.pictures)

    async def remove_item(self, ref: ItemRef) -> Sequence[ArtifactId]:
        """Remove an item from a draft; later ones move up."""
        job = self._draft(ref.job)
        removed = job.record(ref.index)
        others = [record for record in job.chosen(None) if record is not removed]
        moved = job.place(others, [r.item.index - (r.item.index > ref.index) for r in others])
        job.touch(moved, self._clock.now())
        return self._orphans(picture.artifact for picture in removed.item.pictures)

    async def move_item(self, ref: ItemRef, *, to: int) -> None:
        """Put an item of a draft at the place of another; those between move by one."""
        job = self._draft(ref.job)
        moving, _ = job.record(ref.index), job.record(to)
        slots = sorted(job.items)
        order = [record for record in job.chosen(None) if record is not moving]
        order.insert(slots.index(to), moving)
        if moved := job.place(order, slots):
            job.touch(moved, self._clock.now())

    async def describe_items(self, job: JobId, descriptions: Mapping[int, Description]) -> None:
        """Name and describe items of a draft."""
        record = self._draft(job)
        chosen = record.chosen(descriptions)
        taken = {r.item.name for index, r in record.items.items() if index not in descriptions}
        for described in chosen:
            said = descriptions[described.item.index]
            name = unique_name(said.name, taken)
            taken.add(name)
            described.item = replace(described.item, name=name, metadata=dict(said.metadata))
        if chosen:
            record.touch(chosen, self._clock.now())

    async def change_draft(self, job: JobId, terms: DraftTerms) -> None:
        """Give a draft other terms."""
        record = self._draft(job)
        after = replace(
            record.job,
            generator=terms.generator,
            options=terms.options,
            keep=terms.keep,
            life_s=terms.life_s,
            budget_usd=terms.budget_usd,
        )
        if after != record.job:
            record.job = after
            record.touch((), self._clock.now())

    async def start_job(self, job: Job) -> Job:
        """Turn a draft into a running job."""
        record = self._draft(job.id)
        if record.job.version != job.version:
            raise WrongState(
                what=f"Job {job.id}", state="changed since", allowed=["as it was read"]
            )
        now = self._clock.now()
        for item in job.items:
            found = record.record(item.index)
            found.item = replace(found.item, made_key=item.made_key)
            found.come_to(item.state, problem=item.problem, now=now)
        record.job = replace(
            record.job,
            state=JobState.RUNNING,
            started_at=now,
            name=job.name,
            generator=job.generator,
            options=job.options,
            keep=job.keep,
            life_s=job.life_s,
            budget_usd=job.budget_usd,
            fingerprint=job.fingerprint,
        )
        record.touch(record.items.values(), now)
        return self._whole(record)

    # --- what people do to running jobs -----------------------------------------------------

    async def cancel_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """Cancel queued items at once; ask those under way to stop."""
        record = self._find(job)
        now = self._clock.now()
        chosen = record.chosen(indexes)
        if record.job.state is JobState.DRAFT:
            if indexes is not None:
                raise WrongState(
                    what=f"Job {job}", state="draft", allowed=[JobState.RUNNING, JobState.PAUSED]
                )
            record.job = replace(record.job, state=JobState.RUNNING, started_at=now)
        queued = [found for found in chosen if found.item.state is ItemState.QUEUED]
        active = [found for found in chosen if found.item.state in ACTIVE_STATES]
        asked = [found for found in active if not found.item.cancel_requested]
        for found in queued:
            found.come_to(ItemState.CANCELLED, problem=None, now=now)
        for found in asked:
            found.item = replace(found.item, cancel_requested=True)
        if queued or asked or (record.job.state is JobState.RUNNING and record.is_over):
            record.touch([*queued, *asked], now)
        return _refs(active)

    async def retry_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """Queue failed or cancelled items again."""
        record = self._find(job)
        record.insist(JobState.RUNNING, JobState.PAUSED, JobState.FINISHED)
        allowed = {ItemState.FAILED, ItemState.CANCELLED}
        chosen = record.chosen(indexes)
        if indexes is None:
            chosen = [found for found in chosen if found.item.state is ItemState.FAILED]
        for found in chosen:
            if found.item.state not in allowed:
                raise WrongState(
                    what=f"Item {found.item.index}", state=found.item.state, allowed=sorted(allowed)
                )
        if chosen:
            now = self._clock.now()
            for found in chosen:
                found.queue_again(now)
            self._reopen(record)
            record.touch(chosen, now)
        return _refs(chosen)

    async def pause_job(self, job: JobId) -> None:
        """Let no further items of a job be claimed."""
        self._switch(job, JobState.PAUSED)

    async def resume_job(self, job: JobId) -> Sequence[ItemRef]:
        """Let a paused job go on."""
        record = self._switch(job, JobState.RUNNING)
        return _refs(r for r in record.chosen(None) if r.item.state is ItemState.QUEUED)

    def _switch(self, job: JobId, to: JobState) -> JobRecord:
        record = self._find(job)
        record.insist(JobState.RUNNING, JobState.PAUSED)
        if record.job.state is not to:
            record.job = replace(record.job, state=to)
            record.touch((), self._clock.now())
        return record

    async def resolve_item(self, ref: ItemRef, resolution: Resolution, *, problem: Problem) -> None:
        """Queue an uncertain item again, or fail it."""
        job = self._find(ref.job)
        record = job.record(ref.index)
        if record.item.state is not ItemState.UNCERTAIN:
            raise WrongState(
                what=f"Item {ref.index}", state=record.item.state, allowed=[ItemState.UNCERTAIN]
            )
        now = self._clock.now()
        if resolution is Resolution.RESUBMIT:
            record.queue_again(now)
        else:
            record.come_to(ItemState.FAILED, problem=problem, now=now)
        job.touch([record], now)

    async def stop_job(self, job: JobId, *, problem: Problem) -> None:
        """Fail every queued item of a job."""
        record = self._find(job)
        queued = [r for r in record.chosen(None) if r.item.state is ItemState.QUEUED]
        if queued and record.job.state is not JobState.DRAFT:
            now = self._clock.now()
            for found in queued:
                found.come_to(ItemState.FAILED, problem=problem, now=now)
            record.touch(queued, now)

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

    async def claim_item(self, ref: ItemRef, *, worker: WorkerId, lease_s: float) -> Claim | None:
        """Take the lease of an item that is due."""
        now = self._clock.now()
        job = self._jobs.get(ref.job)
        record = job.items.get(ref.index) if job is not None else None
        if job is None or record is None or not record.is_due(job.job.state, now):
            return None
        record.fence += 1
        record.worker = worker
        record.lease_until = now + timedelta(seconds=lease_s)
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
        if step.start is not None:
            self._start_attempt(job, record, step, now)
        if step.attempt is not None:
            self._change_latest(claim.ref, step.attempt, now)
        before = record.item
        record.item = replace(
            before,
            state=step.to,
            progress=next_progress(before.progress, step.to, step.progress),
            problem=step.problem,
            result=step.result or before.result,
        )
        if step.to is ItemState.QUEUED:
            record.not_before = now + timedelta(seconds=step.delay_s)
        if step.to in FINAL_STATES or step.to is ItemState.UNCERTAIN:
            record.not_before = None
        if step.to not in ACTIVE_STATES:
            record.end_lease()
        job.touch([record], now)
        return replace(claim, job=job.summary(), item=self._shown(record))

    def _start_attempt(self, job: JobRecord, record: ItemRecord, step: Step, now: datetime) -> None:
        assert step.start is not None
        start, item = step.start, record.item
        wanted = start.submission.estimated_usd
        of_job = itertools.chain.from_iterable(
            self._ledger.of_item(ItemRef(item.job, index)) for index in job.items
        )
        of_day = self._ledger.since(now - timedelta(seconds=BUDGET_DAY_S))
        _check_budget(of_job, wanted, job.job.budget_usd, period="job")
        _check_budget(of_day, wanted, step.budget.day_usd, period="day")
        ref = ItemRef(item.job, item.index)
        attempt = Attempt(
            number=len(self._ledger.of_item(ref)) + 1,
            submit_key=start.submit_key,
            provider=start.provider,
            state=AttemptState.SUBMITTING,
            submission=start.submission,
            submitted_at=now,
        )
        self._ledger.start(
            LedgerLine(
                ref=ref,
                owner=job.job.owner,
                generator=job.job.generator,
                item_name=item.name,
                attempt=attempt,
            )
        )

    def _change_latest(self, ref: ItemRef, change: AttemptChange, now: datetime) -> None:
        attempts = self._ledger.of_item(ref)
        if not attempts:
            raise IllegalStep("there is no attempt to change")
        self._ledger.change(_changed(attempts[-1], change, now))

    async def book_late_answer(
        self, submit_key: SubmitKey, change: AttemptChange
    ) -> Attempt | None:
        """Write what became of an attempt whose item has gone on without it."""
        line = self._ledger.lines.get(submit_key)
        if line is None:
            return None
        now = self._clock.now()
        after = _changed(line.attempt, change, now)
        self._ledger.change(after)
        job = self._jobs.get(line.ref.job)
        if job is not None:
            record = job.items[line.ref.index]
            latest = self._ledger.of_item(line.ref)[-1]
            uncertain = record.item.state is ItemState.UNCERTAIN
            if uncertain and latest.submit_key == submit_key and revives(after):
                record.item = replace(record.item, state=ItemState.GENERATING, problem=None)
                record.not_before = now
            job.touch([record], now)
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
        lines = [line for line in self._ledger.lines.values() if _is_asked_for(line, query)]
        found = sorted(lines, key=_ledger_place, reverse=True)
        if before is not None:
            found = [line for line in found if _ledger_place(line) < before]
        page = found[: query.limit]
        last = page[-1].attempt if len(found) > len(page) and page else None
        return LedgerPage(
            entries=[
                LedgerEntry(
                    job=line.ref.job,
                    item_name=line.item_name,
                    generator=line.generator,
                    attempt=line.attempt,
                )
                for line in page
            ],
            next=format_position(last.submitted_at, JobId(last.submit_key)) if last else None,
        )

    # --- keeping house ----------------------------------------------------------------------

    async def set_expiry(self, job: JobId, expires_at: datetime | None) -> None:
        """Set when a finished job is deleted."""
        record = self._jobs.get(job)
        if record is None or record.job.starred or record.job.state is not JobState.FINISHED:
            return
        if record.job.expires_at != expires_at:
            record.job = replace(record.job, expires_at=expires_at)
            record.touch((), self._clock.now())

    async def expired_jobs(self, *, draft_life_s: float, limit: int) -> Sequence[JobId]:
        """List jobs past their `expires_at`, and drafts long untouched."""
        now = self._clock.now()
        untouched = now - timedelta(seconds=draft_life_s)
        over = [
            (record.job.expires_at or record.touched_at, record.job.id)
            for record in self._jobs.values()
            if (record.job.expires_at is not None and record.job.expires_at <= now)
            or (record.job.state is JobState.DRAFT and record.touched_at <= untouched)
        ]
        return [job for _, job in sorted(over)[:limit]]

    async def add_derived(self, source: ArtifactId, artifact: ArtifactId) -> bool:
        """Remember what is made of a file of a result, if a result still has it."""
        if self._orphans([source]):
            return False
        self._derived[artifact] = source
        return True

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

    def _draft(self, job: JobId) -> JobRecord:
        record = self._find(job)
        record.insist(JobState.DRAFT)
        return record

    def _reopen(self, record: JobRecord) -> None:
        if record.job.state is JobState.FINISHED:
            record.job = replace(
                record.job, state=JobState.RUNNING, finished_at=None, expires_at=None
            )

    def _shown(self, record: ItemRecord) -> Item:
        ref = ItemRef(record.item.job, record.item.index)
        return replace(record.item, attempts=self._ledger.of_item(ref))

    def _whole(self, record: JobRecord) -> Job:
        items = tuple(self._shown(found) for found in record.chosen(None))
        return replace(record.summary(), items=items)

    def _with_derived(self, gone: list[ArtifactId]) -> list[ArtifactId]:
        made = [artifact for artifact, source in self._derived.items() if source in gone]
        for artifact in made:
            del self._derived[artifact]
        return [*gone, *made]

    def _orphans(self, artifacts: Iterable[ArtifactId]) -> list[ArtifactId]:
        named = {known for record in self._jobs.values() for known in record.artifacts()}
        named |= {artifact for artifact, source in self._derived.items() if source in named}
        return [artifact for artifact in dict.fromkeys(artifacts) if artifact not in named]


def _refs(records: Iterable[ItemRecord]) -> list[ItemRef]:
    return [ItemRef(record.item.job, record.item.index) for record in records]


def _matches(job: Job, query: JobQuery) -> bool:
    return (
        job.owner == query.owner
        and fold_text(query.text) in fold_text(job.name)
        and query.state in {None, job.state}
        and query.starred in {None, job.starred}
    )


def _is_asked_for(line: LedgerLine, query: LedgerQuery) -> bool:
    started_at = line.attempt.submitted_at
    return (
        line.owner == query.owner
        and (query.since is None or started_at >= query.since)
        and (query.until is None or started_at < query.until)
    )


def _ledger_place(line: LedgerLine) -> tuple[float, str]:
    return line.attempt.submitted_at.timestamp(), line.attempt.submit_key


def _reusable(same: Sequence[Item], job: Job, now: datetime) -> Result | None:
    results = (item.result for item in reversed(same) if item.state is ItemState.SUCCEEDED)
    usable = (r for r in results if r is not None and is_reusable(r, keep=job.keep, now=now))
    return next(usable, None)


def _check_budget(
    attempts: Iterable[Attempt], wanted_usd: Decimal, limit_usd: Decimal | None, *, period: str
) -> None:
    if limit_usd is None:
        return
    needed = sum((charge_usd(attempt) for attempt in attempts), wanted_usd)
    if needed > limit_usd:
        raise BudgetExceeded(budget_usd=float(limit_usd), needed_usd=float(needed), period=period)


def _stored_files(item: Item) -> Iterable[tuple[ArtifactId, int]]:
    """List what is kept of *item* with its size in bytes."""
    for picture in item.pictures:
        yield picture.artifact, picture.size_bytes
    for file in item.result.files if item.result else ():
        if file.artifact is not None:
            yield file.artifact, file.size_bytes or 0


def _changed(attempt: Attempt, change: AttemptChange, now: datetime) -> Attempt:
    return next_attempt(
        attempt, state=change.state, handle=change.handle, cost_usd=change.cost_usd, now=now
    )
