"""A `JobStore` over SQL."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from image2model.backends.sql import (
    jobs_add,
    jobs_control,
    jobs_drafts,
    jobs_keep,
    jobs_leases,
    jobs_ledger,
    jobs_read,
    jobs_step,
)
from image2model.backends.sql.engine import Database
from image2model.backends.sql.tables import checks
from image2model.core.generator import GeneratorId, Options
from image2model.core.ids import ArtifactId, JobId, OwnerId, SubmitKey, WorkerId
from image2model.core.job import Attempt, Item, Job, Picture, Problem
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import (
    AttemptChange,
    Claim,
    JobChanges,
    JobPage,
    JobQuery,
    Renewed,
    Resolution,
    Step,
)


class SqlJobStore:
    """A `JobStore` over *database*, one transaction for each call; closes it with itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- jobs -------------------------------------------------------------------------------

    async def add_job(self, job: Job, *, reuse: bool = False) -> Job:
        """Add a draft or running job with its items."""
        async with self._database.writing() as tx:
            return await jobs_add.add_job(tx, job, reuse=reuse)

    async def get_job(self, job: JobId) -> Job:
        """Read a job with its items."""
        async with self._database.reading() as tx:
            return await jobs_read.read_job(tx, job)

    async def get_item(self, ref: ItemRef) -> Item:
        """Read one item."""
        async with self._database.reading() as tx:
            return await jobs_read.read_item(tx, ref)

    async def list_jobs(self, query: JobQuery) -> JobPage:
        """List jobs, newest first, without their items."""
        async with self._database.reading() as tx:
            return await jobs_read.list_jobs(tx, query)

    async def count_unfinished(self, owner: OwnerId) -> int:
        """Count an owner's running and paused jobs."""
        async with self._database.reading() as tx:
            return await jobs_read.count_unfinished(tx, owner)

    async def changes_since(self, job: JobId, version: int) -> JobChanges:
        """Read what is new in a job since a version."""
        async with self._database.reading() as tx:
            return await jobs_read.changes_since(tx, job, version)

    async def update_job(
        self, job: JobId, *, name: str | None = None, starred: bool | None = None
    ) -> Job:
        """Change a job's name or star."""
        async with self._database.writing() as tx:
            return await jobs_control.update_job(tx, job, name=name, starred=starred)

    async def delete_job(self, job: JobId) -> Sequence[ArtifactId]:
        """Remove a job and all about it; the ledger stays."""
        async with self._database.writing() as tx:
            return await jobs_keep.delete_job(tx, job)

    # --- drafts -----------------------------------------------------------------------------

    async def put_picture(
        self, ref: ItemRef, picture: Picture, *, name: str | None, item_limit: int
    ) -> Sequence[ArtifactId]:
        """Set one view of an item of a draft."""
        async with self._database.writing() as tx:
            return await jobs_drafts.put_picture(tx, ref, picture, name=name, item_limit=item_limit)

    async def remove_item(self, ref: ItemRef) -> Sequence[ArtifactId]:
        """Remove an item from a draft; later ones move up."""
        async with self._database.writing() as tx:
            return await jobs_drafts.remove_item(tx, ref)

    async def move_item(self, ref: ItemRef, *, to: int) -> None:
        """Put an item of a draft at the place of another; those between move by one."""
        async with self._database.writing() as tx:
            await jobs_drafts.move_item(tx, ref, to=to)

    async def set_generator(self, job: JobId, *, generator: GeneratorId, options: Options) -> None:
        """Give a draft another generator and options."""
        async with self._database.writing() as tx:
            await jobs_drafts.set_generator(tx, job, generator=generator, options=options)

    async def start_job(self, job: Job) -> Job:
        """Turn a draft into a running job."""
        async with self._database.writing() as tx:
            return await jobs_drafts.start_job(tx, job)

    # --- what people do to running jobs -----------------------------------------------------

    async def cancel_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """Cancel queued items at once; ask those under way to stop."""
        async with self._database.writing() as tx:
            return await jobs_control.cancel_items(tx, job, indexes)

    async def retry_items(
        self, job: JobId, indexes: Collection[int] | None = None
    ) -> Sequence[ItemRef]:
        """Queue failed or cancelled items again."""
        async with self._database.writing() as tx:
            return await jobs_control.retry_items(tx, job, indexes)

    async def pause_job(self, job: JobId) -> None:
        """Let no further items of a job be claimed."""
        async with self._database.writing() as tx:
            await jobs_control.pause_job(tx, job)

    async def resume_job(self, job: JobId) -> Sequence[ItemRef]:
        """Let a paused job go on."""
        async with self._database.writing() as tx:
            return await jobs_control.resume_job(tx, job)

    async def resolve_item(self, ref: ItemRef, resolution: Resolution, *, problem: Problem) -> None:
        """Queue an uncertain item again, or fail it."""
        async with self._database.writing() as tx:
            await jobs_control.resolve_item(tx, ref, resolution, problem=problem)

    async def stop_job(self, job: JobId, *, problem: Problem) -> None:
        """Fail every queued item of a job."""
        async with self._database.writing() as tx:
            await jobs_control.stop_job(tx, job, problem=problem)

    # --- work -------------------------------------------------------------------------------

    async def due_items(self, *, limit: int) -> Sequence[ItemRef]:
        """List items that may be claimed now, those waiting longest first."""
        async with self._database.reading() as tx:
            return await jobs_leases.due_items(tx, limit=limit)

    async def claim_item(self, ref: ItemRef, *, worker: WorkerId, lease_s: float) -> Claim | None:
        """Take the lease of an item that is due."""
        async with self._database.writing() as tx:
            return await jobs_leases.claim_item(tx, ref, worker=worker, lease_s=lease_s)

    async def renew_leases(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]], *, lease_s: float
    ) -> Sequence[Renewed]:
        """Prolong leases."""
        async with self._database.writing() as tx:
            return await jobs_leases.renew_leases(tx, worker, claims, lease_s=lease_s)

    async def release_leases(
        self, worker: WorkerId, claims: Collection[tuple[ItemRef, int]]
    ) -> None:
        """Give leases back."""
        async with self._database.writing() as tx:
            await jobs_leases.release_leases(tx, worker, claims)

    async def step(self, claim: Claim, step: Step) -> Claim:
        """Write a step, if the lease still holds."""
        async with self._database.writing() as tx:
            return await jobs_step.write_step(tx, claim, step)

    async def book_late_answer(
        self, submit_key: SubmitKey, change: AttemptChange
    ) -> Attempt | None:
        """Write what became of an attempt whose item has gone on without it."""
        async with self._database.writing() as tx:
            return await jobs_ledger.book_late_answer(tx, submit_key, change)

    # --- keeping house ----------------------------------------------------------------------

    async def set_expiry(self, job: JobId, expires_at: datetime | None) -> None:
        """Set when a finished job is deleted."""
        async with self._database.writing() as tx:
            await jobs_keep.set_expiry(tx, job, expires_at)

    async def expired_jobs(self, *, draft_life_s: float, limit: int) -> Sequence[JobId]:
        """List jobs past their `expires_at`, and drafts long untouched."""
        async with self._database.reading() as tx:
            return await jobs_keep.expired_jobs(tx, draft_life_s=draft_life_s, limit=limit)

    async def unreferenced(self, artifacts: Iterable[ArtifactId]) -> set[ArtifactId]:
        """Tell which artifacts no job names."""
        async with self._database.reading() as tx:
            return set(await jobs_keep.orphans(tx, artifacts))

    async def check(self) -> None:
        """Write and read, to say whether the store works."""
        async with self._database.writing() as tx:
            written = await tx.run(sa.update(checks).values(checked_at=tx.now).returning(checks))
            if written.one_or_none() is None:
                await tx.run(sa.insert(checks).values(id=1, checked_at=tx.now))

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        await self._database.aclose()
