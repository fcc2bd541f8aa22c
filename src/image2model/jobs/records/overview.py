"""What an operator sees of all owners together, for stores that keep records."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from image2model.core.generator import GeneratorId
from image2model.core.ids import OwnerId
from image2model.core.money import DAY_S
from image2model.core.rules import charge_usd
from image2model.core.states import FINAL_STATES, ItemState, JobState
from image2model.jobs.records.document import JobRecord, LedgerLine
from image2model.ports.overview import OwnerLine, Queue, QueueLine, SpendingLine


def queue_of(records: Iterable[JobRecord]) -> Queue:
    """Count the items that are to be made."""
    counts: dict[tuple[GeneratorId, ItemState], int] = defaultdict(int)
    waiting: list[datetime] = []
    for record in records:
        if record.job.state not in {JobState.RUNNING, JobState.PAUSED}:
            continue
        for state, count in record.summary().counts.items():
            if state not in FINAL_STATES:
                counts[record.job.generator, state] += count
            if state is ItemState.QUEUED and record.job.state is JobState.RUNNING:
                waiting.append(record.job.started_at or record.job.created_at)
    lines = [
        QueueLine(generator=generator, state=state, items=count)
        for (generator, state), count in sorted(counts.items())
    ]
    return Queue(lines=lines, waiting_since=min(waiting, default=None))


def spending_of(lines: Iterable[LedgerLine], *, now: datetime) -> Sequence[SpendingLine]:
    """Add up *lines*, those of the last 30 days."""
    since = now - timedelta(seconds=DAY_S)
    found: dict[tuple[OwnerId, str, GeneratorId], list[LedgerLine]] = defaultdict(list)
    for line in lines:
        found[line.owner, line.attempt.provider, line.generator].append(line)
    return [
        SpendingLine(
            owner=owner,
            provider=provider,
            generator=generator,
            attempts=len(some),
            day_usd=_total(line for line in some if line.attempt.submitted_at > since),
            month_usd=_total(some),
        )
        for (owner, provider, generator), some in sorted(found.items())
    ]


def owner_line(owner: OwnerId, records: Sequence[JobRecord], *, derived_bytes: int) -> OwnerLine:
    """Add up the jobs of *owner*, of which there is one at least."""
    pictures: dict[str, int] = {}
    results: dict[str, int] = {}
    for record in records:
        for found in record.items.values():
            for picture in found.item.pictures:
                pictures[picture.artifact] = picture.size_bytes
            for file in found.item.result.files if found.item.result else ():
                if file.artifact is not None:
                    results[file.artifact] = file.size_bytes or 0
    return OwnerLine(
        owner=owner,
        jobs=len(records),
        unfinished_jobs=sum(record.job.state is not JobState.FINISHED for record in records),
        last_job_at=max(record.job.created_at for record in records),
        picture_bytes=sum(pictures.values()),
        result_bytes=sum(results.values()),
        derived_bytes=derived_bytes,
    )


def _total(lines: Iterable[LedgerLine]) -> Decimal:
    return sum((charge_usd(line.attempt) for line in lines), Decimal(0))
