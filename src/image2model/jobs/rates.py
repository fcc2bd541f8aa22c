"""How often one caller may ask for what is expensive."""

from collections import OrderedDict

from image2model.core.errors import TooManyRequests
from image2model.ports.clock import Clock

_PERIOD_S = 60.0


class Rate:
    """
    Lets each caller do something so many times a minute, in this process.

    A minute's worth may come at once; then one more for every share of a minute that has passed.
    That is the generic cell rate algorithm (ITU-T I.371, annex A), which needs one number for a
    caller: when all that was let through would have come at the even pace. Who has been quiet for
    a minute is forgotten, so that strangers who never come again take no memory.

    Args:
        per_minute: How many times; None: any number.
        clock: Where time passes.
        limit: What the limit is called.
    """

    def __init__(
        self, per_minute: int | None, clock: Clock, *, limit: str = "requests_per_minute"
    ) -> None:
        self._limit = limit
        self._gap_s = 0.0 if per_minute is None else _PERIOD_S / per_minute
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
        too_early_s = until_s - now_s - _PERIOD_S * (1 + 1e-9)
        if too_early_s > 0.0:
            raise TooManyRequests(retry_after_s=too_early_s, limit=self._limit)
        return until_s

    def _forget(self, now_s: float) -> None:
        # In the order of their last times; each of them is forgotten a minute later at the latest.
        while self._paid_until_s:
            caller, until_s = next(iter(self._paid_until_s.items()))
            if until_s > now_s:
                return
            del self._paid_until_s[caller]
