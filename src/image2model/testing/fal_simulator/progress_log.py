"""The log of a run: one progress bar per phase, seen through a moving window."""

from collections.abc import Iterator, Sequence
from typing import Any

from image2model.testing.fal_simulator.generation import Generation, iso

_STEPS = 10


def log_window(generation: Generation, *, lines: int) -> Sequence[dict[str, Any]]:
    """
    Return the last *lines* lines that the run has written so far.

    Each phase counts to 100 % on its own, and earlier lines fall out of the window, as with
    the real service: the log is no growing prefix.
    """
    return list(_written(generation))[-lines:]


def _written(generation: Generation) -> Iterator[dict[str, Any]]:
    phases = generation.endpoint.phases
    begin_s = generation.started_at
    if begin_s is None:
        return
    total = len(phases) * (_STEPS + 1)
    for line in range(1 + int(generation.fraction * (total - 1))):
        phase, step = divmod(line, _STEPS + 1)
        moment_s = begin_s + generation.run_s * line / total
        bar = "█" * step + " " * (_STEPS - step)
        yield {
            "message": f"{phases[phase]}: {step * 10:3d}%|{bar}| {step}/{_STEPS}",
            "timestamp": iso(moment_s),
            "level": "STDERR",
            "source": "USER",
        }
