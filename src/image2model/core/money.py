"""How much may be spent."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingLimits:
    """
    The most that may be spent, in US dollars; None: no limit.

    Attributes:
        job_usd: On each job.
        day_usd: In any 24 hours.
        month_usd: In any 30 days.
    """

    job_usd: Decimal | None = None
    day_usd: Decimal | None = None
    month_usd: Decimal | None = None


NO_LIMITS = SpendingLimits()
