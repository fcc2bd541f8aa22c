"""What every job store must do alike to items, attempts and lists of jobs; pure functions."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from image2model.core.errors import InvalidRequest
from image2model.core.generator import View
from image2model.core.ids import JobId
from image2model.core.job import (
    Attempt,
    Handle,
    Item,
    Job,
    KeepPolicy,
    Picture,
    Progress,
    Result,
    ResultFile,
)
from image2model.core.states import (
    ACTIVE_STATES,
    FINAL_STATES,
    AttemptState,
    ItemState,
    JobState,
    may_follow,
)

ENDED_ATTEMPTS = frozenset({AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.CANCELLED})
"""Nothing more will come of them; an uncertain one may still turn out to run."""

_VIEW_ORDER = {view: place for place, view in enumerate(View)}
_POSITION = re.compile(r"(\d{1,12}\.\d{6})-([0-9a-f]{32})")


class IllegalStep(ValueError):
    """
    A step that no item may take.

    A mistake in the calling code, not something that happens to a job; therefore no part of the
    product's error tree, and nobody should catch it.
    """


def check_transition(before: ItemState, after: ItemState) -> None:
    """
    Insist that a step may lead from *before* to *after*.

    Raises:
        IllegalStep: It may not. Staying in a state is legal where work goes on.
    """
    stays = before is after and (before is ItemState.QUEUED or before in ACTIVE_STATES)
    if not stays and not may_follow(before, after):
        raise IllegalStep(f"an item that is {before} cannot become {after}")


def next_progress(before: Progress, to: ItemState, given: Progress | None) -> Progress:
    """
    Tell an item's progress after a step to the state *to*.

    Args:
        before: Its progress until now.
        to: The state it comes to.
        given: The progress the step brings, or None.

    Returns:
        Never a smaller fraction than before, except for an item that is queued again; nothing but
        the fraction for one that stands still.
    """
    if to is ItemState.QUEUED:
        return given or Progress()
    fraction = max(before.fraction, given.fraction if given else 0.0)
    if to is ItemState.SUCCEEDED:
        return Progress(fraction=1.0)
    if to not in ACTIVE_STATES:
        return Progress(fraction=fraction)
    return replace(given or before, fraction=fraction)


def next_attempt(
    before: Attempt,
    *,
    state: AttemptState,
    handle: Handle | None,
    cost_usd: Decimal | None,
    now: datetime,
) -> Attempt:
    """
    Tell what an attempt is after news of it.

    Late news cannot open an attempt that has ended, but its handle and cost still count.

    Args:
        before: The attempt as written down.
        state: What the news says became of it.
        handle: What the provider answered; None: unchanged.
        cost_usd: Booked cost in US dollars; None: unchanged.
        now: When the news came.
    """
    if before.state in ENDED_ATTEMPTS and state not in ENDED_ATTEMPTS:
        state = before.state
    ended_at = before.finished_at or now
    return replace(
        before,
        state=state,
        handle=handle or before.handle,
        cost_usd=before.cost_usd if cost_usd is None else cost_usd,
        finished_at=ended_at if state in ENDED_ATTEMPTS else None,
    )


def charge_usd(attempt: Attempt) -> Decimal:
    """Tell what *attempt* counts against budgets: the booked cost, else the estimate."""
    return attempt.submission.estimated_usd if attempt.cost_usd is None else attempt.cost_usd


def may_have_cost(attempt: Attempt) -> bool:
    """Tell whether *attempt* must stay in the ledger: it cost something, or still might."""
    return attempt.state not in ENDED_ATTEMPTS or charge_usd(attempt) != 0


def undelivered_attempt(attempts: Sequence[Attempt]) -> Attempt | None:
    """
    Find the attempt that a provider has accepted and of which nothing is kept here yet.

    It may be paid for already, so the item goes on with it and with no new one.
    """
    last = attempts[-1] if attempts else None
    return last if last is not None and last.state is AttemptState.ACCEPTED else None


def can_be_resubmitted(state: ItemState, attempts: Sequence[Attempt]) -> bool:
    """
    Tell whether a person may have an item sent to its provider again, and pay for it again.

    That is an item in doubt, one that was given up in doubt, or one that failed although its
    provider has made it.
    """
    return is_in_doubt(state, attempts) or (
        state is ItemState.FAILED
        and (undelivered_attempt(attempts) is not None or was_given_up(state, attempts))
    )


def was_given_up(state: ItemState, attempts: Sequence[Attempt]) -> bool:
    """Tell whether an item failed while nobody knew whether its provider had accepted it."""
    last = attempts[-1] if attempts else None
    return state is ItemState.FAILED and last is not None and last.state is AttemptState.UNCERTAIN


def is_still_to_come(item: Item) -> bool:
    """Tell whether *item* is unfinished, or paid for and still to be fetched."""
    if item.state not in FINAL_STATES:
        return True
    attempt = undelivered_attempt(item.attempts)
    return attempt is not None and attempt.cost_usd != 0


RESUBMIT_USD = "resubmit_usd"
"""The detail of a problem that offers to make an item again, for so many US dollars."""


def offered_usd(item: Item) -> float | None:
    """Tell what making *item* again costs where that is offered; None: it is not."""
    if item.problem is None or not can_be_resubmitted(item.state, item.attempts):
        return None
    usd = item.problem.details.get(RESUBMIT_USD)
    return float(usd) if isinstance(usd, int | float) else None


def revives(attempt: Attempt) -> bool:
    """Tell whether an uncertain item can go on because the provider has *attempt* after all."""
    return attempt.handle is not None and attempt.state in {
        AttemptState.ACCEPTED,
        AttemptState.SUCCEEDED,
    }


def is_in_doubt(state: ItemState, attempts: Sequence[Attempt]) -> bool:
    """
    Tell whether a person may decide what becomes of an item whose provider's answer was lost.

    Args:
        state: Where the item stands. One that is submitting is in doubt while its lost answer is
            searched for.
        attempts: Its attempts, oldest first.
    """
    if state is ItemState.SUBMITTING:
        return bool(attempts) and attempts[-1].state is AttemptState.UNCERTAIN
    return state is ItemState.UNCERTAIN


def is_reusable(result: Result, *, keep: KeepPolicy, now: datetime) -> bool:
    """Tell whether a new item with the policy *keep* may take over *result* as it is."""

    def is_there(file: ResultFile) -> bool:
        if file.artifact is not None:
            return True
        live = file.provider_url is not None and (file.expires_at is None or file.expires_at > now)
        return live and keep is KeepPolicy.LINKS

    return bool(result.files) and all(is_there(file) for file in result.files)


def unfinished_items_of(job: Job) -> int:
    """Count the items of *job* that are to be made and not final, by its counts."""
    if job.state not in {JobState.RUNNING, JobState.PAUSED}:
        return 0
    return sum(count for state, count in job.counts.items() if state not in FINAL_STATES)


def front_first(pictures: Iterable[Picture]) -> tuple[Picture, ...]:
    """Sort *pictures* by their view, the front first."""
    return tuple(sorted(pictures, key=lambda picture: _VIEW_ORDER[picture.view]))


def fold_text(text: str) -> str:
    """Bring *text* to a form in which texts that look alike apart from case are equal."""
    return unicodedata.normalize("NFKC", text).casefold()


def format_position(created_at: datetime, job: str) -> str:
    """Name a job's place in a list that is sorted newest first."""
    return f"{created_at.timestamp():.6f}-{job}"


def parse_position(text: str) -> tuple[float, JobId]:
    """
    Read what `format_position` wrote.

    Returns:
        When the job was created, in seconds since 1970, and its id.

    Raises:
        InvalidRequest: *text* is no position.
    """
    match = _POSITION.fullmatch(text)
    if match is None:
        raise InvalidRequest(field="after", reason="is not a position that a listing returned.")
    return float(match[1]), JobId(match[2])
