"""How often one caller may ask for what is expensive."""

from collections import OrderedDict

from image2model.core.errors import TooManyRequests
from image2model.ports.clock import Clock

_MINUTE_S = 60.0
_MOST_CALLERS = 100_000


class Rate:
    """
    Lets each caller do something so many times a minute, or another period, in this process.

    A period's worth may come at once; then one more for every share of it that has passed.
    That is the generic cell rate algorithm (ITU-T I.371, annex A), which needs one number for a
    caller: when all that was let through would have come at the even pace. Who has been quiet for
    a period is forgotten, so that strangers who never come again take no memory.

    Args:
        times: How many times in a period; None: any number.
        clock: Where time passes.
        period_s: How long a period is, in seconds.
        limit: What the limit is called.
    """

    def __init__(
        self,
        times: int | None,
        clock: Clock,
        *,
        period_s: float = _MINUTE_S,
        limit: str = "requests_per_minute",
    ) -> None:
        self._limit = limit
        self._period_s = period_s
        self._gap_s = 0.0 if times is None else period_s / times
        self._clock = clock
        self._paid_until_s: OrderedDict[str, float] = OrderedDict()

    @property
    def known(self) -> int:
        """How many callers it remembers."""
        return len(self._paid_until_s)

    def take(self, caller: str) -> None:
        """
        Count that *caller* does it now.

        Raises:
            TooManyRequests: Too often; this time is not counted.
        """
        until_s = self.check(caller)
        if self._gap_s:
            self._paid_until_s[caller] = until_s
            self._paid_until_s.move_to_end(caller)

    def check(self, caller: str) -> float:
        """
        Insist that *caller* may do it now, without counting it.

        Returns:
            When all that was let through would have come at the even pace, with this time.

        Raises:
            TooManyRequests: Too often.
        """
        now_s = self._clock.monotonic_s()
        self._forget(now_s)
        until_s = max(self._paid_until_s.get(caller, now_s), now_s) + self._gap_s
        # A hair's breadth more, for sums of fractions are not exact.
        too_early_s = until_s - now_s - self._period_s * (1 + 1e-9)
        if too_early_s > 0.0:
            raise TooManyRequests(retry_after_s=too_early_s, limit=self._limit)
        return until_s

    def _forget(self, now_s: float) -> None:
        # In the order of their last times; each of them is forgotten a period later at the latest.
        while self._paid_until_s:
            caller, until_s = next(iter(self._paid_until_s.items()))
            if until_s > now_s and len(self._paid_until_s) < _MOST_CALLERS:
                return
            del self._paid_until_s[caller]
