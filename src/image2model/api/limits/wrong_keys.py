"""How often wrong keys came from where, so that the audit log tells without a line for each."""

from image2model.core.values.bounded_dict import BoundedDict
from image2model.ports.clock import Clock

_MOST_PLACES = 10_000
_FORGOTTEN_AFTER_S = 3_600.0


class WrongKeys:
    """Counts failures to sign in by the place that they come from, in this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: BoundedDict[str, tuple[float, int]] = BoundedDict(_MOST_PLACES)

    def count(self, place: str) -> int | None:
        """
        Count one more from *place*.

        Returns:
            How many came from there within an hour, when that is to be told: the first, the
            tenth, the hundredth and so on; else None.
        """
        now_s = self._clock.monotonic_s()
        began_s, known = self._counts.get(place, (now_s, 0))
        if now_s - began_s >= _FORGOTTEN_AFTER_S:
            began_s, known = now_s, 0
        count = known + 1
        self._counts[place] = (began_s, count)
        return count if str(count).strip("0") == "1" else None
