"""What watchers of a job are sent, encoded once for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from image2model.api.events import sse
from image2model.api.serializers.jobs import changed_items, item_out, job_out, job_summary
from image2model.core.job import Item, Job
from image2model.core.states import JobState
from image2model.jobs.context import Context
from image2model.wire.jobs import StreamEnd


@dataclass(frozen=True, slots=True)
class Frame:
    """
    Some events that belong together.

    Attributes:
        data: The events.
        version: The job's version they lead to; None: they say nothing of the job.
        last: Nothing comes after it.
    """

    data: bytes
    version: int | None = None
    last: bool = False


PING = Frame(sse.PING)


def snapshot(context: Context, job: Job) -> Frame:
    """Say all about *job*, and that it is over if it is."""
    data = sse.event("snapshot", job_out(context, job), version=job.version)
    return _frame(job, data)


def delta(context: Context, job: Job, items: Iterable[Item]) -> Frame:
    """
    Say what changed: *items*, and *job*, which must hold all of its items.

    Only the last event carries the version, so a client that is cut off in the middle asks for
    all of it again.
    """
    changed = [sse.event("item", item_out(item, job=job)) for item in items]
    summary = sse.event("job", job_summary(context, job), version=job.version)
    return _frame(job, b"".join([*changed, summary]))


def resumption(context: Context, job: Job, *, after: int | None) -> Frame:
    """
    Say what a client must hear first that knows the version *after*; None: nothing yet.

    A draft may have lost items since, as may a job all of whose items changed; then, and when
    the client knows a version that never was, it hears everything.
    """
    if after is None or after > job.version or job.state is JobState.DRAFT:
        return snapshot(context, job)
    items = changed_items(job, after=after)
    if job.version == after:
        return _frame(job, b"")
    if len(items) == len(job.items):
        return snapshot(context, job)
    return delta(context, job, items)


def end(reason: Literal["finished", "deleted"], *, version: int | None) -> bytes:
    """Say that nothing more will come, and why."""
    return sse.event("end", StreamEnd(reason=reason), version=version)


def _frame(job: Job, data: bytes) -> Frame:
    if job.state is not JobState.FINISHED:
        return Frame(data, job.version)
    return Frame(data + end("finished", version=job.version), job.version, last=True)
