"""A job with its items, and a line of the ledger."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from image2model.core.errors import ItemNotFound, WrongState
from image2model.core.generator import GeneratorId
from image2model.core.ids import ArtifactId, OwnerId, WorkerId
from image2model.core.job import Attempt, Item, Job, Problem
from image2model.core.rules import next_progress
from image2model.core.states import ACTIVE_STATES, FINAL_STATES, ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import LedgerEntry


@dataclass(slots=True, kw_only=True)
class ItemRecord:
    """
    One item and what only the store knows of it.

    Attributes:
        item: As it is shown; whether with its attempts is the store's choice.
        fence: Grows with every claim.
        worker: Who holds the lease; None: nobody.
        lease_until: When the lease runs out; None: there is none.
        not_before: When it may be claimed; None: not at all (draft, final, uncertain).
    """

    item: Item
    fence: int = 0
    worker: WorkerId | None = None
    lease_until: datetime | None = None
    not_before: datetime | None = None

    def end_lease(self) -> None:
        """Take the lease from whoever holds it."""
        self.worker = self.lease_until = None

    def come_to(self, state: ItemState, *, problem: Problem | None, now: datetime) -> None:
        """Bring the item to a state in which nobody works on it."""
        progress = next_progress(self.item.progress, state, None)
        self.item = replace(self.item, state=state, progress=progress, problem=problem)
        self.not_before = now if state is ItemState.QUEUED else None
        self.end_lease()

    def queue_again(self, now: datetime) -> None:
        """Forget how it ended and let it be claimed from *now* on."""
        self.come_to(ItemState.QUEUED, problem=None, now=now)
        self.item = replace(self.item, cancel_requested=False)

    def due_at(self, job: JobState) -> datetime | None:
        """Tell from when on it may be claimed, its job being in the state *job*; None: never."""
        works = job is JobState.RUNNING or (
            job is JobState.PAUSED and self.item.state in ACTIVE_STATES
        )
        if not works or self.not_before is None:
            return None
        return max(self.not_before, self.lease_until or self.not_before)

    def is_due(self, job: JobState, now: datetime) -> bool:
        """Tell whether it may be claimed at *now*, its job being in the state *job*."""
        due_at = self.due_at(job)
        return due_at is not None and due_at <= now

    def claim(self, worker: WorkerId, *, until: datetime) -> None:
        """Give its lease to *worker*."""
        self.fence += 1
        self.worker, self.lease_until = worker, until

    def artifacts(self) -> Iterator[ArtifactId]:
        """List every artifact it names."""
        yield from (picture.artifact for picture in self.item.pictures)
        files = self.item.result.files if self.item.result else ()
        yield from (file.artifact for file in files if file.artifact is not None)

    def stored_files(self) -> Iterator[tuple[ArtifactId, int]]:
        """List what is kept of it, with sizes in bytes."""
        for picture in self.item.pictures:
            yield picture.artifact, picture.size_bytes
        for file in self.item.result.files if self.item.result else ():
            if file.artifact is not None:
                yield file.artifact, file.size_bytes or 0


@dataclass(slots=True, kw_only=True)
class JobRecord:
    """One job, its items by their index, and when anything of it last changed."""

    job: Job
    items: dict[int, ItemRecord]
    touched_at: datetime

    def record(self, index: int) -> ItemRecord:
        """Find the item at *index*, or raise `ItemNotFound`."""
        try:
            return self.items[index]
        except KeyError:
            raise ItemNotFound(job=self.job.id, index=index) from None

    def chosen(self, indexes: Collection[int] | None) -> list[ItemRecord]:
        """Find the items at *indexes*, or all, in order; or raise `ItemNotFound`."""
        return [self.record(index) for index in sorted(self.items if indexes is None else indexes)]

    def insist(self, *allowed: JobState) -> None:
        """Raise `WrongState` where the job is in none of the *allowed* states."""
        if self.job.state not in allowed:
            raise WrongState(what=f"Job {self.job.id}", state=self.job.state, allowed=allowed)

    def touch(self, touched: Iterable[ItemRecord], now: datetime) -> None:
        """Raise the version, mark the *touched* items, and finish the job if it is over."""
        job = replace(self.job, version=self.job.version + 1)
        if job.state in {JobState.RUNNING, JobState.PAUSED} and self.is_over:
            job = replace(job, state=JobState.FINISHED, finished_at=now)
            job = replace(job, expires_at=job.due_to_expire_at)
        for record in touched:
            record.item = replace(record.item, version=job.version)
        self.job, self.touched_at = job, now

    @property
    def is_over(self) -> bool:
        """Whether every item is final."""
        return all(record.item.state in FINAL_STATES for record in self.items.values())

    def names(self, *, but: int) -> set[str]:
        """List the names of all items except the one at index *but*."""
        return {r.item.name for index, r in self.items.items() if index != but}

    def place(self, records: Sequence[ItemRecord], indexes: Sequence[int]) -> list[ItemRecord]:
        """Put *records* at *indexes* in place of all there were; list those that moved."""
        moved = []
        for record, index in zip(records, indexes, strict=True):
            if record.item.index != index:
                record.item = replace(record.item, index=index)
                moved.append(record)
        self.items = {record.item.index: record for record in records}
        return moved

    def artifacts(self) -> Iterator[ArtifactId]:
        """List every artifact the job names."""
        for record in self.items.values():
            yield from record.artifacts()

    def summary(self) -> Job:
        """Show the job with its counts, without its items."""
        counts = Counter(record.item.state for record in self.items.values())
        return replace(self.job, counts=dict(counts), items=())


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """An attempt, and what must be known of it when its job is gone."""

    ref: ItemRef
    owner: OwnerId
    generator: GeneratorId
    item_name: str
    attempt: Attempt

    def entry(self) -> LedgerEntry:
        """Show it to its owner."""
        return LedgerEntry(
            job=self.ref.job,
            item_name=self.item_name,
            generator=self.generator,
            attempt=self.attempt,
        )
