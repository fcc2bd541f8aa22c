"""What `MemoryJobStore` remembers: jobs with their items, and the ledger."""

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from image2model.core.errors import ItemNotFound, WrongState
from image2model.core.generator import GeneratorId
from image2model.core.ids import ArtifactId, OwnerId, SubmitKey, WorkerId
from image2model.core.job import Attempt, Item, Job, Problem
from image2model.core.rules import IllegalStep, may_have_cost, next_progress
from image2model.core.states import ACTIVE_STATES, FINAL_STATES, ItemState, JobState
from image2model.ports.dispatcher import ItemRef


@dataclass(slots=True, kw_only=True)
class ItemRecord:
    """
    One item and what only the store knows of it.

    Attributes:
        item: Without its attempts, which are in the ledger.
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

    def is_due(self, job: JobState, now: datetime) -> bool:
        """Tell whether it may be claimed at *now*, its job being in the state *job*."""
        works = job is JobState.RUNNING or (
            job is JobState.PAUSED and self.item.state in ACTIVE_STATES
        )
        free = self.lease_until is None or self.lease_until <= now
        return works and free and self.not_before is not None and self.not_before <= now


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
            yield from (picture.artifact for picture in record.item.pictures)
            files = record.item.result.files if record.item.result else ()
            yield from (file.artifact for file in files if file.artifact is not None)

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


@dataclass(slots=True)
class Ledger:
    """All attempts by their submit key, in the order in which they were started."""

    lines: dict[SubmitKey, LedgerLine] = field(default_factory=dict)
    _of_item: dict[ItemRef, list[SubmitKey]] = field(default_factory=dict)
    _requests: dict[tuple[str, str], SubmitKey] = field(default_factory=dict)

    def of_item(self, ref: ItemRef) -> tuple[Attempt, ...]:
        """List the attempts of one item, oldest first."""
        return tuple(self.lines[key].attempt for key in self._of_item.get(ref, ()))

    def since(self, moment: datetime) -> Iterator[Attempt]:
        """List the attempts started after *moment*."""
        lines = reversed(self.lines.values())
        attempts = (line.attempt for line in lines)
        return itertools.takewhile(lambda attempt: attempt.submitted_at > moment, attempts)

    def start(self, line: LedgerLine) -> None:
        """
        Add *line*.

        Raises:
            IllegalStep: Its submit key is in the ledger already.
        """
        key = line.attempt.submit_key
        if key in self.lines:
            raise IllegalStep(f"the submit key {key} belongs to another attempt")
        self.lines[key] = line
        self._of_item.setdefault(line.ref, []).append(key)

    def change(self, attempt: Attempt) -> None:
        """
        Replace the attempt of the same submit key.

        Raises:
            IllegalStep: The provider gave the same request id to another attempt.
        """
        key = attempt.submit_key
        if attempt.handle is not None:
            request = (attempt.provider, attempt.handle.request_id)
            if self._requests.setdefault(request, key) != key:
                raise IllegalStep(f"request {request} belongs to another attempt")
        self.lines[key] = replace(self.lines[key], attempt=attempt)

    def leave_item(self, ref: ItemRef) -> None:
        """Keep of an item that is deleted only the attempts that may have cost money."""
        for key in self._of_item.pop(ref, ()):
            if not may_have_cost(self.lines[key].attempt):
                del self.lines[key]
