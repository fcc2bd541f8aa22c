"""How far a whole job is, and how long it still takes."""

from collections.abc import Sequence
from datetime import datetime

from image2model.core.job import Item, Job
from image2model.core.states import FINAL_STATES, ItemState, JobState

_MEASURABLE_FRACTION = 0.05


def item_fraction(item: Item) -> float:
    """Tell how far *item* is, 0.0–1.0; whatever is final is 1.0."""
    return 1.0 if item.state in FINAL_STATES else min(item.progress.fraction, 0.99)


def job_fraction(items: Sequence[Item]) -> float:
    """Average over *items*, 0.0–1.0; 0.0 without any."""
    return sum(map(item_fraction, items)) / len(items) if items else 0.0


def job_eta_s(job: Job, *, fraction: float, now: datetime, typical_s: float) -> float | None:
    """
    Estimate the seconds left: from the pace so far, before that from the generator's typical time.

    Args:
        job: The job.
        fraction: How far it is.
        now: The present time.
        typical_s: What an item takes as a rule, in seconds.

    Returns:
        Seconds, 0.0 when finished; None while it does not move (draft, paused, all uncertain).
    """
    if job.state is JobState.FINISHED:
        return 0.0
    open_items = job.total - sum(job.counts.get(state, 0) for state in FINAL_STATES)
    waiting_for_people = job.counts.get(ItemState.UNCERTAIN, 0)
    if job.state is not JobState.RUNNING or job.started_at is None:
        return None
    if open_items == waiting_for_people:
        return None
    elapsed_s = max(0.0, (now - job.started_at).total_seconds())
    if fraction < _MEASURABLE_FRACTION:
        return typical_s
    return elapsed_s * (1.0 - fraction) / fraction
