"""What happens to an item that its provider has made, and that cannot be fetched or kept."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from image2model.core.errors import (
    ArtifactTooLarge,
    ConfigurationError,
    FetchGone,
    FetchRefused,
    GeneratorRetired,
    Image2ModelError,
    InvalidInputError,
    ItemTimedOut,
    JsonValue,
    ProviderAccountBlocked,
    ProviderRejected,
    ProviderResultInvalid,
    ResultExpired,
    StorageFull,
    StorageUnavailable,
)
from image2model.core.job import Item, Problem
from image2model.core.rules import RESUBMIT_USD
from image2model.core.values.backoff import growing_s

_COLLECTING = "collecting"
"""The detail of a problem that says how often a paid result was fetched, and what came."""

NOT_FOUND = "not_found"
"""The kind of refusal that says that the provider knows nothing of the work any more."""

_FIRST_DELAY_S = 3.0
"""Longer than due items are looked for apart, or it would seem that their message was lost."""

_LONGEST_DELAY_S = 60.0
_SAME_FOR_S = 40.0
"""How long the same useless bytes must come before nothing else is expected any more."""

_NOT_BY_ITSELF = (
    ArtifactTooLarge,
    ConfigurationError,
    FetchRefused,
    GeneratorRetired,
    InvalidInputError,
    ItemTimedOut,
    ProviderAccountBlocked,
    StorageFull,
)
"""What stays as it is until a person does something."""

_RETRY_IS_FREE = "retrying it fetches it again and costs nothing."

UNEXPECTED = Problem(
    code="internal_error",
    message="Something unexpected went wrong with this item. If it happens again, the server's "
    "log says what it was.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """
    What is to be done now.

    Attributes:
        problem: What the item is to say.
        delay_s: When it is to be fetched again, in seconds from now; None: not by itself.
        tries: How often it was fetched so far.
    """

    problem: Problem
    delay_s: float | None
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tries:
    """
    What is known of earlier tries; kept in the item's problem, so that every process knows it.

    Attributes:
        since: When the first one failed.
        count: How many there were.
        sha256: Of the useless bytes that came last, hex, where they were whole; None: none came.
        same_since: When these very bytes came first.
    """

    since: datetime
    count: int = 0
    sha256: str | None = None
    same_since: datetime | None = None

    @classmethod
    def of(cls, problem: Problem | None, *, now: datetime) -> Self:
        """Read what *problem* says of earlier tries."""
        known = problem.details.get(_COLLECTING) if problem is not None else None
        if not isinstance(known, Mapping):
            return cls(since=now)
        same_since = known.get("same_since")
        return cls(
            since=datetime.fromisoformat(str(known["since"])),
            count=int(known["tries"]),
            sha256=known.get("sha256"),
            same_since=datetime.fromisoformat(same_since) if same_since else None,
        )

    def one_more(self, sha256: str | None, *, now: datetime) -> "_Tries":
        """Add one that failed with the useless bytes of *sha256*."""
        if sha256 is None:
            sha256, same_since = self.sha256, self.same_since
        else:
            same_since = self.same_since if sha256 == self.sha256 else now
        return _Tries(since=self.since, count=self.count + 1, sha256=sha256, same_since=same_since)

    def as_json(self) -> JsonValue:
        """Write it as `of` reads it."""
        return {
            "since": self.since.isoformat(),
            "tries": self.count,
            "sha256": self.sha256,
            "same_since": self.same_since.isoformat() if self.same_since else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """
    Why a result could not be fetched or kept.

    Attributes:
        code: The error's.
        reason: What went wrong, a sentence or more.
        details: The error's.
        error: The error; None: an unexpected one.
    """

    code: str
    reason: str
    details: Mapping[str, JsonValue] = field(default_factory=dict)
    error: Image2ModelError | None = None

    @classmethod
    def of(cls, error: Image2ModelError | None) -> Self:
        """Describe *error*; None: an unexpected one."""
        if error is None:
            return cls(code=UNEXPECTED.code, reason=UNEXPECTED.message)
        # What is advised is another thing here.
        reason, _, _ = error.message.partition("It is tried again by itself.")
        if isinstance(error, ResultExpired):
            reason, _, _ = reason.partition("Make the item again")
        reason = reason.rstrip()
        return cls(code=error.code, reason=reason, details=dict(error.details), error=error)

    @property
    def is_gone(self) -> bool:
        """Whether the provider says that it does not have the result any more."""
        match self.error:
            case ProviderResultInvalid():
                return self.error.cause == "gone"
            case FetchGone():
                return bool(self.error.details["status"] in {404, 410})
            case ProviderRejected():
                return bool(self.error.details["kind"] == NOT_FOUND)
            case ResultExpired():
                return True
        return False

    @property
    def sha256(self) -> str | None:
        """Which bytes came that are of no use, where all of them came."""
        return self.error.sha256 if isinstance(self.error, ProviderResultInvalid) else None

    @property
    def may_pass(self) -> bool:
        """Whether it may be gone by itself after a while."""
        refused = isinstance(self.error, ProviderResultInvalid) and self.error.cause == "refused"
        return not refused and not isinstance(self.error, _NOT_BY_ITSELF)


def tries_of(item: Item) -> int:
    """Tell how often *item* could not be fetched so far, by itself."""
    known = item.problem.details.get(_COLLECTING) if item.problem is not None else None
    return int(known["tries"]) if isinstance(known, Mapping) else 0


def our_fault(error: BaseException) -> Image2ModelError | None:
    """
    Tell which error of ours *error* is that something else has raised; None: a bug.

    A full disk, or too many open files, may show wherever a file is touched.
    """
    match error:
        case Image2ModelError():
            return error
        case BaseExceptionGroup():
            found = (our_fault(inner) for inner in error.exceptions)
            return next((one for one in found if one is not None), None)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return StorageFull(where=_place_of(error))
        case OSError(errno=int()):
            reason = error.strerror or type(error).__name__
            return StorageUnavailable(where=_place_of(error), reason=reason)
        case MemoryError():
            return StorageUnavailable(where="this machine", reason="it has no memory left")
    return None


def _place_of(error: OSError) -> str:
    return str(error.filename) if error.filename else "this machine"


def next_try(item: Item, failure: Failure, *, now: datetime, limit_s: float) -> Next:
    """
    Decide what becomes of *item*, which is paid for and could not be fetched.

    It is fetched again for *limit_s* seconds, sooner at first. A new payment is offered, and
    no more than offered, where the provider says to the end that it has the result no more, or
    where the same whole bytes came again and again and are of no use.

    Args:
        item: As it was before this failure.
        failure: What went wrong now.
        now: When that was.
        limit_s: How long it is fetched again by itself, in seconds.
    """
    tries = _Tries.of(item.problem, now=now).one_more(failure.sha256, now=now)
    left_s = (tries.since + timedelta(seconds=limit_s) - now).total_seconds()
    pause_s = growing_s(tries.count - 1, first_s=_FIRST_DELAY_S, longest_s=_LONGEST_DELAY_S)
    delay_s = min(pause_s, left_s)
    same_s = (now - tries.same_since).total_seconds() if tries.same_since else 0.0
    is_useless = (
        failure.sha256 is not None and tries.count > 1 and same_s >= min(_SAME_FOR_S, limit_s / 2)
    )
    if failure.may_pass and not is_useless and delay_s > 0.0:
        advice = f"{_paid(item)}, and fetched again by itself."
        known = {**failure.details, _COLLECTING: tries.as_json()}
        problem = Problem(code=failure.code, message=f"{failure.reason} {advice}", details=known)
        return Next(problem=problem, delay_s=delay_s, tries=tries.count)
    offered = is_useless or (failure.is_gone and failure.may_pass)
    return Next(
        problem=_offer(item, failure) if offered else kept_problem(item, failure),
        delay_s=None,
        tries=tries.count,
    )


def kept_problem(item: Item, failure: Failure) -> Problem:
    """Say that *item* is paid for, cannot be fetched now, and is fetched when it is retried."""
    message = f"{failure.reason} {_paid(item)}: {_RETRY_IS_FREE}"
    return Problem(code=failure.code, message=message, details=failure.details)


def _paid(item: Item) -> str:
    return "It is paid for" if item.attempts[-1].cost_usd else "It may be paid for"


def _offer(item: Item, failure: Failure) -> Problem:
    attempt = item.attempts[-1]
    usd = float(attempt.cost_usd or attempt.submission.estimated_usd)
    return Problem(
        code=failure.code,
        message=f"{failure.reason} {_paid(item)}: {_RETRY_IS_FREE} Making it again costs about "
        f"${usd:.2f} more, and happens only when you ask for just that (`resubmit`).",
        details={**failure.details, RESUBMIT_USD: usd},
    )
