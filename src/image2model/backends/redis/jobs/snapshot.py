"""A state of a job as it was read, to be shown, or changed."""

from dataclasses import dataclass, replace
from datetime import datetime

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change
from image2model.backends.redis.connection.codec import read_job, read_record
from image2model.backends.redis.connection.database import RedisDatabase, pairs
from image2model.core.errors import ItemNotFound, JobNotFound
from image2model.core.ids import JobId
from image2model.core.job import Job
from image2model.jobs.records.document import ItemRecord, JobRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    One state of a job, or of some of its items.

    Attributes:
        now: When it was read, by the store's clock.
        job: The job without its items.
        items: Those that were asked for, by index; to be read only, for `record` copies them.
        texts: What was read: the job's and the items' documents and leases, by field.
    """

    now: datetime
    job: Job
    items: dict[int, ItemRecord]
    texts: dict[str, str | None]

    def record(self) -> JobRecord:
        """Make a copy to be changed; all items must have been read."""
        items = {index: replace(record) for index, record in self.items.items()}
        return JobRecord(job=replace(self.job, counts={}), items=items, touched_at=self.now)

    def item(self, index: int) -> ItemRecord:
        """Find the item at *index*, or raise `ItemNotFound`."""
        try:
            return self.items[index]
        except KeyError:
            raise ItemNotFound(job=self.job.id, index=index) from None

    def whole(self) -> Job:
        """Show the job with its items."""
        return replace(self.job, items=tuple(self.items[i].item for i in sorted(self.items)))

    def insist(self, change: Change, *fields: str) -> None:
        """Have *change* written only where *fields* are as they were read."""
        for field in fields:
            change.check(keys.job_key(self.job.id), field, self.texts[field])


async def find(
    database: RedisDatabase, job: JobId, *indexes: int, after_version: int = -1
) -> Found | None:
    """
    Read one state of *job*; None: there is none.

    Args:
        database: Where it is.
        job: The job.
        indexes: Which items; none: all.
        after_version: With all items: only those touched since.
    """
    answer = await database.read(job, after_version, indexes)
    now = database.time_of(answer[0])
    if len(answer) == 1:
        return None
    _, (job_text, version), counts, found = answer
    texts: dict[str, str | None] = {"job": job_text}
    items = {}
    for index, touched, item_text, lease_text in found:
        texts[f"item:{index}"], texts[f"lease:{index}"] = item_text, lease_text
        items[int(index)] = read_record(item_text, lease_text, version=int(float(touched)))
    return Found(
        now=now,
        job=read_job(job_text, version=int(version), counts=pairs(counts)),
        items=items,
        texts=texts,
    )


async def find_job(
    database: RedisDatabase, job: JobId, *indexes: int, after_version: int = -1
) -> Found:
    """Read one state of *job*, or raise `JobNotFound`."""
    found = await find(database, job, *indexes, after_version=after_version)
    if found is None:
        raise JobNotFound(job=job)
    return found
