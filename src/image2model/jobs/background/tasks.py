"""Background work that goes on, whatever goes wrong in it."""

import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from image2model.core.errors import Image2ModelError
from image2model.core.values.backoff import growing_s
from image2model.ports.clock import Clock
from image2model.ports.metrics import Metrics

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_MOST_FAILURES = 3
"""What fails this often in a row does not pass by itself soon, and is told of."""

_GOES_AGAIN_AFTER_S = 120.0
"""What has gone on for so long without another failure is taken to work again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trouble:
    """
    Failures of a chore in a row.

    Attributes:
        count: How many.
        last_s: When the last one was, by the clock's timer.
        text: What went wrong then.
    """

    count: int
    last_s: float
    text: str

    @property
    def pause_s(self) -> float:
        """How long to wait before the next try."""
        return growing_s(self.count - 1, first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S)


class Chores:
    """
    Keeps the background work of one process going.

    An error never ends a chore, nor the process: it is logged and counted, and the chore is done
    again after a pause that grows with every failure in a row.

    Args:
        clock: The time.
        metrics: Counts failures; None: nobody does.
    """

    def __init__(self, clock: Clock, metrics: Metrics | None = None) -> None:
        self._clock = clock
        self._metrics = metrics
        self._troubles: dict[str, _Trouble] = {}

    async def keep(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        *,
        every_s: float = 0.0,
        spread: float = 0.0,
        waits_first: bool = False,
    ) -> None:
        """
        Do *work* again and again; cancel to stop.

        Args:
            name: What it is called in the log, in metrics and by `failing`.
            work: Does it once, or goes on for as long as it can.
            every_s: How long to rest after it was done, in seconds.
            spread: By which share of *every_s* a rest may be shorter or longer, so that processes
                which were started together do not work together.
            waits_first: Whether to rest before it is done for the first time.
        """

        def rest_s() -> float:
            return every_s * random.uniform(1.0 - spread, 1.0 + spread)  # noqa: S311 - no secret

        if waits_first:
            await self._clock.sleep(rest_s())
        while True:
            try:
                await work()
                self._troubles.pop(name, None)
                pause_s = rest_s()
            except Exception as error:  # noqa: BLE001 - whatever it is, the work must go on
                pause_s = self._note(name, error)
                # Who comes often is not to come seldom because of one failure.
                pause_s = min(pause_s, every_s) if every_s else pause_s
            await self._clock.sleep(pause_s)

    def failing(self) -> Mapping[str, str]:
        """Tell which chores fail again and again now, by name, and why."""
        now_s = self._clock.monotonic_s()
        return {
            name: trouble.text
            for name, trouble in self._troubles.items()
            if trouble.count >= _MOST_FAILURES and now_s - trouble.last_s < _GOES_AGAIN_AFTER_S
        }

    def _note(self, name: str, error: Exception) -> float:
        """Log and count a failure. Returns how long to wait, in seconds."""
        try:
            now_s = self._clock.monotonic_s()
            before = self._troubles.get(name)
            if before is not None and now_s - before.last_s >= _GOES_AGAIN_AFTER_S:
                before = None
            trouble = self._troubles[name] = _Trouble(
                count=before.count + 1 if before else 1,
                last_s=now_s,
                text=_told(error),
            )
            # A bug is worth its traceback once; what we know of says all in its message.
            known = isinstance(error, Image2ModelError) or before is not None
            _log.warning(
                "%s failed and is tried again in %g s: %s",
                name,
                trouble.pause_s,
                trouble.text,
                exc_info=None if known else error,
            )
            if self._metrics is not None:
                self._metrics.chore_failed(name)
        except Exception:  # noqa: BLE001 - with no memory left even this may fail
            return _LONGEST_PAUSE_S
        return trouble.pause_s


def _told(error: Exception) -> str:
    if isinstance(error, Image2ModelError):
        return error.message
    return f"{type(error).__name__}: {error}"
