"""How often progress is written, and how long to wait before another try."""

from image2model.core.job import Progress
from image2model.core.values.backoff import growing_s
from image2model.ports.clock import Clock

_MIN_INTERVAL_S = 0.5
_MIN_FRACTION = 0.01
_FIRST_DELAY_S = 2.0
_LONGEST_DELAY_S = 300.0


def retry_delay_s(tries: int, *, retry_after_s: float | None) -> float:
    """
    Tell how long to wait before the next try, in seconds.

    Doubles with every try from 2 s to 300 s; never less than what the provider asked for.
    """
    growing = growing_s(tries, first_s=_FIRST_DELAY_S, longest_s=_LONGEST_DELAY_S)
    return max(growing, retry_after_s or 0.0)


class ProgressPacer:
    """Lets through what a person would notice: new phases, else two writes a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: Progress | None = None
        self._written_at_s = 0.0

    def worth_writing(self, progress: Progress) -> bool:
        """Tell whether *progress* should be written now; remembers it if so."""
        now_s = self._clock.monotonic_s()
        if not self._differs(progress, elapsed_s=now_s - self._written_at_s):
            return False
        self._last, self._written_at_s = progress, now_s
        return True

    def _differs(self, progress: Progress, *, elapsed_s: float) -> bool:
        last = self._last
        if last is None or progress.phase != last.phase:
            return True
        moved = abs(progress.fraction - last.fraction) >= _MIN_FRACTION
        queue_moved = progress.queue_position != last.queue_position
        return (moved or queue_moved) and elapsed_s >= _MIN_INTERVAL_S
