"""The states of jobs, items and attempts, and which may follow which."""

from enum import StrEnum


class ItemState(StrEnum):
    """Where an item stands."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    GENERATING = "generating"
    FINISHING = "finishing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


class JobState(StrEnum):
    """Where a job stands. A paused job starts no further items; those under way go on."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"


class AttemptState(StrEnum):
    """What became of one try. `accepted`: the provider has it and gave it an id."""

    SUBMITTING = "submitting"
    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


ACTIVE_STATES = frozenset({ItemState.SUBMITTING, ItemState.GENERATING, ItemState.FINISHING})
"""A worker holds a lease, or one has died and another must take over."""

FINAL_STATES = frozenset({ItemState.SUCCEEDED, ItemState.FAILED, ItemState.CANCELLED})
"""Nothing more happens unless a person asks for it."""

OPEN_ATTEMPTS = frozenset({AttemptState.SUBMITTING, AttemptState.ACCEPTED})

_NEXT: dict[ItemState, frozenset[ItemState]] = {
    ItemState.QUEUED: frozenset(
        {
            ItemState.SUBMITTING,
            # A retried item whose accepted attempt is still open goes on with that one.
            ItemState.GENERATING,
            ItemState.FAILED,
            ItemState.CANCELLED,
        }
    ),
    ItemState.SUBMITTING: frozenset(
        {
            ItemState.GENERATING,
            ItemState.QUEUED,
            ItemState.FAILED,
            ItemState.CANCELLED,
            ItemState.UNCERTAIN,
        }
    ),
    ItemState.GENERATING: frozenset(
        {ItemState.FINISHING, ItemState.QUEUED, ItemState.FAILED, ItemState.CANCELLED}
    ),
    ItemState.FINISHING: frozenset({ItemState.SUCCEEDED, ItemState.FAILED, ItemState.CANCELLED}),
    ItemState.UNCERTAIN: frozenset(
        {ItemState.GENERATING, ItemState.QUEUED, ItemState.FAILED, ItemState.CANCELLED}
    ),
    ItemState.FAILED: frozenset({ItemState.QUEUED}),
    ItemState.CANCELLED: frozenset({ItemState.QUEUED}),
    ItemState.SUCCEEDED: frozenset(),
}


def may_follow(before: ItemState, after: ItemState) -> bool:
    """Tell whether an item may go from *before* to *after*."""
    return after in _NEXT[before]
