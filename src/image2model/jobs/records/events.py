"""What happened to a job between two records of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from image2model.core.states import ItemState, JobState
from image2model.core.webhooks import TOLD_STATES, Event, EventType, event_of
from image2model.jobs.records.document import JobRecord


@dataclass(frozen=True, slots=True)
class States:
    """The states of a job and of its items, by index."""

    job: JobState
    items: Mapping[int, ItemState]


def states_of(record: JobRecord) -> States:
    """Tell in which states *record* is now."""
    items = {index: found.item.state for index, found in record.items.items()}
    return States(record.job.state, items)


def events_between(before: States | None, after: JobRecord) -> list[Event]:
    """List what happened since *before*, in its order; None: the job is new."""
    job, at = after.job, after.touched_at
    happened = []
    if (before is None or before.job is JobState.DRAFT) and job.state is not JobState.DRAFT:
        happened.append(event_of(job, EventType.JOB_STARTED, at=at))
    for index, state in sorted(states_of(after).items.items()):
        if state in TOLD_STATES and (before is None or before.items.get(index) is not state):
            happened.append(event_of(job, TOLD_STATES[state], item=index, at=at))
    was_finished = before is not None and before.job is JobState.FINISHED
    if job.state is JobState.FINISHED and not was_finished:
        happened.append(event_of(job, EventType.JOB_FINISHED, at=at))
    return happened
