"""What may be spent: limits, the times they count over, and the stop of all spending."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

DAY_S = 24 * 3600.0
MONTH_S = 30 * DAY_S
"""Days and months roll: what was started longer ago does not count any more."""


class BudgetScope(StrEnum):
    """What a budget is a limit of."""

    JOB = "job"
    OWNER_JOB = "owner_job"
    OWNER_DAY = "owner_day"
    OWNER_MONTH = "owner_month"
    DAY = "day"
    MONTH = "month"

    @property
    def period_s(self) -> float | None:
        """Over how long attempts are summed up, in seconds; None: over those of one job."""
        match self:
            case BudgetScope.DAY | BudgetScope.OWNER_DAY:
                return DAY_S
            case BudgetScope.MONTH | BudgetScope.OWNER_MONTH:
                return MONTH_S
        return None

    @property
    def is_of_owner(self) -> bool:
        """Whether only the attempts of one owner count."""
        return self in {BudgetScope.OWNER_JOB, BudgetScope.OWNER_DAY, BudgetScope.OWNER_MONTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingLimits:
    """
    What one owner may spend, in US dollars; None: no limit.

    Attributes:
        job_usd: In each job.
        day_usd: In any 24 hours.
        month_usd: In any 30 days.
    """

    job_usd: Decimal | None = None
    day_usd: Decimal | None = None
    month_usd: Decimal | None = None

    def within(self, other: "SpendingLimits") -> "SpendingLimits":
        """Give the limits that keep both these and *other*."""
        return SpendingLimits(
            job_usd=_lower(self.job_usd, other.job_usd),
            day_usd=_lower(self.day_usd, other.day_usd),
            month_usd=_lower(self.month_usd, other.month_usd),
        )


NO_LIMITS = SpendingLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most that may be spent in one scope, in US dollars."""

    scope: BudgetScope
    limit_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """
    Limits checked in the same transaction that starts an attempt.

    Attributes:
        day_usd: The most that all attempts started within the last 24 hours may cost, in US
            dollars; None: no limit.
        month_usd: The same for the last 30 days.
        owner: The same for the attempts of the owner whose attempt starts.
    """

    day_usd: Decimal | None = None
    month_usd: Decimal | None = None
    owner: SpendingLimits = NO_LIMITS

    def caps(self, *, job_usd: Decimal | None = None) -> Sequence[Cap]:
        """List all limits that there are; *job_usd*: what the job's owner set for it."""
        limits = {
            BudgetScope.JOB: job_usd,
            BudgetScope.OWNER_JOB: self.owner.job_usd,
            BudgetScope.OWNER_DAY: self.owner.day_usd,
            BudgetScope.OWNER_MONTH: self.owner.month_usd,
            BudgetScope.DAY: self.day_usd,
            BudgetScope.MONTH: self.month_usd,
        }
        given = ((scope, limit) for scope, limit in limits.items() if limit is not None)
        return [Cap(scope=scope, limit_usd=limit) for scope, limit in given]


UNLIMITED = Budget()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingStop:
    """
    That nothing which costs money may start.

    Attributes:
        reason: Why, for people.
        by: Who stopped it.
        at: When.
        everything: Whether what costs nothing may not start, either.
    """

    reason: str
    by: str
    at: datetime
    everything: bool = False

    def holds(self, *, is_paid: bool) -> bool:
        """Tell whether it keeps an attempt from starting."""
        return is_paid or self.everything

    def covers(self, other: "SpendingStop") -> bool:
        """Tell whether *other* would stop nothing more."""
        return self.everything or not other.everything


def frees_at(
    charges: Iterable[tuple[datetime, Decimal]], *, cap: Cap, wanted_usd: Decimal
) -> datetime | None:
    """
    Tell when so much of what was spent has left the period of *cap* that *wanted_usd* fits in.

    Args:
        charges: When each attempt of the period was started, and what it counts, in US dollars.
        cap: The limit.
        wanted_usd: What is to be spent, in US dollars.

    Returns:
        None: never by itself.
    """
    if cap.scope.period_s is None:
        return None
    in_order = sorted(charges)
    needed_usd = sum((usd for _, usd in in_order), wanted_usd)
    for started_at, usd in in_order:
        needed_usd -= usd
        if needed_usd <= cap.limit_usd:
            return started_at + timedelta(seconds=cap.scope.period_s)
    return None


def _lower(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    given = [usd for usd in (one, other) if usd is not None]
    return min(given, default=None)
