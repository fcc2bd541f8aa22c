"""A `JobStore` over SQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from image2model.backends.sql.connections.transaction import Database
from image2model.backends.sql.jobs import (
    adding,
    control,
    derived_files,
    drafts,
    leases,
    ledger,
    overview,
    owner_ends,
    reading,
    retention,
    steps,
)
from image2model.core.errors import JsonValue
from image2model.core.ids import ArtifactId, JobId, OwnerId, SubmitKey, WorkerId
from image2model.core.job import Attempt, Description, Item, Job, Picture, Problem, Result
from image2model.core.money import BudgetScope, SpendingStop
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


class SqlJobStore:
    """A `JobStore` over *database*, one transaction for each call; closes it with itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- jobs -------------------------------------------------------------------------------

    async def add_job(self, job: Job, *, reuse: bool = False) -> Job:
        """Add a draft or running job with its items."""
        return await self._database.write(adding.add_job, job, reuse=reuse)

    async def get_job(self, job: JobId) -> Job:
        """Read a job with its items."""
        return await self._database.read(reading.read_job, job)

    async def get_item(self, ref: ItemRef) -> Item:
        """Read one item."""
        return await self._database.read(reading.read_item, ref)

    async def list_jobs(self, query: JobQuery) -> JobPage:
        """List jobs, newest first, without their items."""
        return await self._database.read(reading.list_jobs, query)

    async def count_unfinished(self, owner: OwnerId) -> int:
        """Count an owner's drafts, running and paused jobs."""
        return await self._database.read(reading.count_unfinished, owner)

    async def counts(self, owner: OwnerId) -> Counts:
        """Count an owner's drafts and unfinished items."""
        return await self._database.read(ledger.read_counts, owner)

    async def usage(self, owner: OwnerId) -> Usage:
        """Add up what an owner has here, and what was spent in a day."""
        return await self._database.read(ledger.read_usage, owner)

    async def stored(self, whose: Whose) -> Stored:
        """Add up what files take."""
        return await self._database.read(derived_files.read_stored, whose)

    async def has_key(self, owner: OwnerId, idempotency_key: str) -> bool:
        """Tell whether a job of an owner has an idempotency key."""
        return await self._database.read(reading.has_key, owner, idempotency_key)

    async def changes_since(self, job: JobId, version: int) -> JobChanges:
        """Read what is new in a job since a version."""
        return await self._database.read(reading.changes_since, job, version)

    async def update_job(
        self, job: JobId, *, name: str | None = None, starred: bool | None = None
    ) -> Job:
        """Change a job's name or star."""
        return await self._database.write(control.update_job, job, name=name, starred=starred)

    async def set_budget(self, job: JobId, budget_usd: Decimal | None) -> None:
        """Change the most that a job may cost."""
        await self._database.write(control.set_budget, job, budget_usd)

    async def delete_job(self, job: JobId) -> Sequence[ArtifactId]:
        """Remove a job and all about it; the ledger stays."""
        return await self._database.write(retention.delete_job, job)

    async def replace_result(self, ref: ItemRef, result: Result) -> Sequence[ArtifactId]:
        """Give a succeeded item another result."""
        return await self._database.write(retention.replace_result, ref, result)

    # --- drafts -----------------------------------------------------------------------------

    async def put_picture(
        self, ref: ItemRef, picture: Picture, *, name: str | None, item_limit: int
    ) -> Sequence[ArtifactId]:
        """Set one view of an item of a draft."""
        return await self._database.write(
            drafts.put_picture, ref, picture, name=name, item_limit=item_limit
        )

    async def remove_item(self, ref: ItemRef) -> Sequence[ArtifactId]:
        """Remove an item from a draft; later ones move up."""
        return await self._database.write(drafts.remove_item, ref)

    async def move_item(self, ref: ItemRef, *, to: int) -> None:
        """Put an item of a draft at the place of another; those between move by one."""
        await self._database.write(drafts.move_item, ref, to=to)

    async def describe_items(self, job: JobId, descriptions: Mapping[int, Description]) -> None:
        """Name and describe items of a draft."""
        await self._database.write(drafts.describe_items, job, descriptions)

    async def change_draft(self, job: JobId, terms: DraftTerms) -> None:
        """Give a draft other terms."""
        await self._database.write(drafts.change_draft, job, terms)

    async def start_job(self, job: Job) -> Job:
        """Turn a draft into a running job."""
        return await self._database.write(drafts.start_job, job)

    # --- what people do to running jobs -----------------------------------------------------

    async def cancel_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """Cancel queued items at once; ask those under way to stop."""
        return await self._database.write(control.cancel_items, job, indexes)

    async def retry_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """Queue failed or cancelled items again."""
        return await self._database.write(control.retry_items, job, indexes)

    async def pause_job(self, job: JobId) -> None:
        """Let no further items of a job be claimed."""
        await self._database.write(control.pause_job, job)

    async def resume_job(self, job: JobId) -> Sequence[ItemRef]:
        """Let a paused job go on."""
        return await self._database.write(control.resume_job, job)

    async def resolve_item(self, ref: ItemRef, resolution: Resolution, *, problem: Problem) -> None:
        """Queue an item in doubt, or one to be paid for again, or fail it."""
        await self._database.write(control.resolve_item, ref, resolution, problem=problem)

    async def stop_job(
        self, job: JobId, indexes: Collection[int] | None = None, *, problem: Problem
    ) -> None:
        """Fail queued items of a job."""
        await self._database.write(control.stop_job, job, indexes, problem=problem)

    # --- work -------------------------------------------------------------------------------

    async def due_items(self, *, limit: int) -> Sequence[ItemRef]:
        """List items that may be claimed now, those waiting longest first."""
        return await self._database.read(leases.due_items, limit=limit)

    async def due_jobs(self, *, limit: int) -> Sequence[DueJob]:
        """List jobs of which items may be claimed now, those waiting longest first."""
        return await self._database.read(leases.due_jobs, limit=limit)

    async def claim_item(self, ref: ItemRef, *, worker: WorkerId, lease_s: float) -> Claim | None:
        """Take the lease of an item that is due."""
        return await self._database.write(leases.claim_item, ref, worker=worker, lease_s=lease_s)

    async def renew_leases(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]], *, lease_s: float
    ) -> Sequence[Renewed]:
        """Prolong leases."""
        return await self._database.write(leases.renew_leases, worker, claims, lease_s=lease_s)

    async def release_leases(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]]
    ) -> None:
        """Give leases back."""
        await self._database.write(leases.release_leases, worker, claims)

    async def step(self, claim: Claim, step: Step) -> Claim:
        """Write a step, if the lease still holds."""
        return await self._database.write_together(steps.write_steps, claim.ref.job, (claim, step))

    async def book_late_answer(
        self, submit_key: SubmitKey, change: AttemptChange
    ) -> Attempt | None:
        """Write what became of an attempt whose item has gone on without it."""
        return await self._database.write(ledger.book_late_answer, submit_key, change)

    async def find_attempt(self, submit_key: SubmitKey) -> tuple[ItemRef | None, Attempt] | None:
        """Find a line of the ledger, and the item it was made for."""
        return await self._database.read(ledger.find_attempt, submit_key)

    async def uncertain_items(self, *, since: datetime, limit: int) -> Sequence[ItemRef]:
        """List uncertain items whose latest attempt was started after a moment."""
        return await self._database.read(ledger.uncertain_items, since=since, limit=limit)

    async def stop_spending(
        self, *, reason: str, by: str, everything: bool = False
    ) -> SpendingStop:
        """Let no attempt that costs anything start, or none at all."""
        return await self._database.write(
            ledger.stop_spending, reason=reason, by=by, everything=everything
        )

    async def allow_spending(self) -> None:
        """Let attempts start again."""
        await self._database.write(ledger.allow_spending)

    async def spending_stop(self) -> SpendingStop | None:
        """Tell whether spending is stopped."""
        return await self._database.read(ledger.spending_stop)

    async def spent_usd(self, scope: BudgetScope, *, owner: OwnerId) -> Decimal:
        """Add up what a budget of a day or month counts now."""
        return await self._database.read(ledger.spent_usd, scope, owner=owner)

    async def list_ledger(self, query: LedgerQuery) -> LedgerPage:
        """List attempts, newest first."""
        return await self._database.read(ledger.list_ledger, query)

    async def queue(self) -> Queue:
        """Count the items that are to be made."""
        return await self._database.read(overview.read_queue)

    async def is_sending(self) -> bool:
        """Tell whether any item is being sent."""
        return await self._database.read(overview.read_is_sending)

    async def spending(self) -> Sequence[SpendingLine]:
        """Add up the last 30 days' attempts."""
        return await self._database.read(overview.read_spending)

    async def owners(self) -> Sequence[OwnerLine]:
        """Add up what owners have."""
        return await self._database.read(overview.read_owners)

    # --- owners that end --------------------------------------------------------------------

    async def end_owner(self, owner: OwnerId, *, at: datetime | None = None) -> None:
        """Let no attempt of an owner's jobs start from a moment on."""
        await self._database.write(owner_ends.end_owner, owner, at=at)
        await self._database.write(owner_ends.await_starts, owner)

    async def reopen_owner(self, owner: OwnerId) -> None:
        """Let attempts of an owner's jobs start again."""
        await self._database.write(owner_ends.reopen_owner, owner)

    async def ended_owners(self, *, limit: int) -> Sequence[OwnerId]:
        """List owners past their end who have running or paused jobs."""
        return await self._database.read(owner_ends.ended_owners, limit=limit)

    # --- keeping house ----------------------------------------------------------------------

    async def set_expiry(self, job: JobId, expires_at: datetime | None) -> None:
        """Set when a finished job is deleted."""
        await self._database.write(retention.set_expiry, job, expires_at)

    async def expired_jobs(
        self, *, draft_life_s: float, empty_draft_life_s: float, limit: int
    ) -> Sequence[JobId]:
        """List jobs past their `expires_at`, and drafts long untouched."""
        return await self._database.read(
            retention.expired_jobs,
            draft_life_s=draft_life_s,
            empty_draft_life_s=empty_draft_life_s,
            limit=limit,
        )

    async def expire_job(
        self, job: JobId, *, draft_life_s: float, empty_draft_life_s: float
    ) -> Sequence[ArtifactId] | None:
        """Remove a job that is over."""
        return await self._database.write(
            retention.expire_job,
            job,
            draft_life_s=draft_life_s,
            empty_draft_life_s=empty_draft_life_s,
        )

    async def owners_of_jobs(self, owners: Collection[OwnerId]) -> set[OwnerId]:
        """Tell which owners have a job."""
        return await self._database.read(retention.owners_of_jobs, list(owners))

    async def add_derived(
        self, source: ArtifactId, artifact: ArtifactId, *, owner: OwnerId, size_bytes: int
    ) -> bool:
        """Remember what is made of a picture or a file of a result, if an item still has it."""
        return await self._database.write(
            derived_files.add_derived, source, artifact, owner=owner, size_bytes=size_bytes
        )

    async def use_derived(self, artifact: ArtifactId) -> None:
        """Remember that a derived file is used now."""
        if await self._database.read(derived_files.is_used_long_ago, artifact):
            await self._database.write(derived_files.use_derived, artifact)

    async def drop_derived(self, whose: Whose, *, keep_bytes: int, idle_s: float) -> Dropped:
        """Forget the derived files used longest ago."""
        return await self._database.write(
            derived_files.drop_derived, whose, keep_bytes=keep_bytes, idle_s=idle_s
        )

    async def add_failure(
        self, name: str, problem: Problem, *, lives_s: Sequence[float], most: int
    ) -> None:
        """Remember what failed."""
        await self._database.write(
            derived_files.add_failure, name, problem, lives_s=lives_s, most=most
        )

    async def find_failure(self, name: str) -> Problem | None:
        """Tell why something failed lately."""
        return await self._database.read(derived_files.find_failure, name)

    async def unreferenced(self, artifacts: Iterable[ArtifactId]) -> set[ArtifactId]:
        """Tell which artifacts no job names."""
        return set(await self._database.read(retention.orphans, artifacts))

    async def take_turn(self, duty: str, *, worker: WorkerId, lease_s: float) -> bool:
        """Take, or keep, the turn at what one process at a time is enough for."""
        return await self._database.write(leases.take_turn, duty, worker=worker, lease_s=lease_s)

    async def keep_fact(self, name: str, value: JsonValue) -> None:
        """Keep a small fact in place of what was there."""
        await self._database.write(retention.keep_fact, name, value)

    async def find_fact(self, name: str) -> JsonValue | None:
        """Read a small fact; None: it is not known."""
        return await self._database.read(retention.find_fact, name)

    async def check(self) -> None:
        """Write and read, to say whether the store works."""
        await self._database.write(retention.write_check)

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        await self._database.aclose()
