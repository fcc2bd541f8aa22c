"""
Progress that means something.

fal reports a place in the queue and a log. The log's percentages start again with every phase of
a model, so they would run a bar backwards and to its end too early; only its words are used. The
bar follows the place in the queue first and then a curve over time, which reaches four fifths in
the time the generator has lately taken and comes ever closer to the end without reaching it.
"""

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from image2model.core.errors import JsonValue
from image2model.core.generator import GeneratorId
from image2model.core.job import Progress
from image2model.core.values.bounded_dict import BoundedDict
from image2model.providers.fal.requests.http import as_object

_QUEUE_START, _RUN_START, _RUN_END = 0.02, 0.10, 0.93
_STEEPNESS = math.log(5.0)
"""1 − e^(−log 5) is four fifths, at the typical time."""

_REMEMBERED_RUNS = 15
_MOST_GENERATORS = 1_000
_PHASE = re.compile(r"^[^\w]*([A-Za-z][A-Za-z0-9 ,()/-]{2,60}?)\s*(?:[:|.…]|\.\.\.|\d+%|$)")
_LEVELS = frozenset({"debug", "info", "warn", "warning", "error", "stderr", "stdout"})


class RunTimes:
    """How long generators have taken lately, in this process."""

    def __init__(self) -> None:
        self._seen = BoundedDict[GeneratorId, deque[float]](_MOST_GENERATORS)

    def note(self, generator: GeneratorId, run_s: float) -> None:
        """Remember a run of *run_s* seconds."""
        runs = self._seen.get(generator) or deque(maxlen=_REMEMBERED_RUNS)
        runs.append(run_s)
        self._seen[generator] = runs

    def learnt_s(self, generator: GeneratorId) -> float | None:
        """Tell the usual seconds of a run; None until one has been seen."""
        runs = self._seen.get(generator)
        return max(median(runs), 0.1) if runs else None

    def typical_s(self, generator: GeneratorId, *, otherwise_s: float) -> float:
        """Tell the usual seconds of a run; *otherwise_s* until one has been seen."""
        return self.learnt_s(generator) or otherwise_s


@dataclass(slots=True, kw_only=True)
class Meter:
    """
    How far one request is, from what fal says of it.

    Attributes:
        typical_s: What a run takes as a rule, in seconds.
        began_running_s: When it was first seen to run; None: not yet.
        has_run: Whether it has been seen to run, even if it waits again.
        phase: The last phase the log named.
    """

    typical_s: float
    began_running_s: float | None = None
    has_run: bool = False
    phase: str = ""
    _fraction: float = 0.0
    _first_place: tuple[float, int] | None = field(default=None)

    def queued(self, position: int | None, *, now_s: float) -> Progress:
        """Tell the progress of a request with *position* others before it (None: not said)."""
        self.began_running_s = None
        if position is None:
            return self._at(_QUEUE_START, "Queued at fal.ai", None, None)
        if self._first_place is None or self._first_place[1] < position:
            self._first_place = now_s, position
        since_s, first = self._first_place
        moved = first - position
        share = moved / (first + 1)
        wait_s = (now_s - since_s) / moved * position if moved else None
        if position == 0:
            wait_s = 0.0
        eta_s = None if wait_s is None else wait_s + self.typical_s
        fraction = _QUEUE_START + (_RUN_START - _QUEUE_START) * share
        return self._at(fraction, "Queued at fal.ai", position, eta_s)

    def running(self, logs: JsonValue, *, now_s: float) -> Progress:
        """Tell the progress of a request that runs, with the *logs* of its status."""
        if self.began_running_s is None:
            self.began_running_s = now_s
        self.has_run = True
        self.phase = phase_in(logs) or self.phase
        run_s = now_s - self.began_running_s
        share = 1.0 - math.exp(-_STEEPNESS * run_s / self.typical_s)
        fraction = _RUN_START + (_RUN_END - _RUN_START) * share
        # Beyond the typical time what is left grows with what it has taken already.
        eta_s = max(self.typical_s - run_s, 0.15 * run_s)
        return self._at(fraction, self.phase or "Generating", None, eta_s)

    def _at(
        self, fraction: float, phase: str, position: int | None, eta_s: float | None
    ) -> Progress:
        self._fraction = max(self._fraction, fraction)
        return Progress(
            fraction=round(self._fraction, 4),
            phase=phase,
            queue_position=position,
            eta_s=None if eta_s is None else round(eta_s, 1),
        )


def phase_in(logs: JsonValue) -> str:
    """Find the last phase that a log names; "": it names none."""
    lines = logs if isinstance(logs, list) else []
    for line in reversed(lines):
        message = as_object(line).get("message")
        match = _PHASE.match(message) if isinstance(message, str) else None
        if match is not None and match[1].strip().lower() not in _LEVELS:
            return match[1].strip()
    return ""


def inference_s(status: Mapping[str, JsonValue]) -> float | None:
    """Read how long a run took from its last status, in seconds; None: it does not say."""
    seconds = as_object(status.get("metrics")).get("inference_time")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return float(seconds) if seconds > 0 else None
