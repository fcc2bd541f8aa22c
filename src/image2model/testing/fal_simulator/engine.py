"""Move accepted requests through the queue: slots, waiting, running, ending."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from image2model.testing.fal_simulator.behaviour import Account
from image2model.testing.fal_simulator.faults.canned import INFRASTRUCTURE_ERRORS
from image2model.testing.fal_simulator.generation import Generation, Outcome

CancelAnswer = Literal["CANCELLATION_REQUESTED", "ALREADY_COMPLETED", "LEGACY"]


def infrastructure_outcome(error_type: str, error: str, **headers: str) -> Outcome:
    """Return the end of a request that the infrastructure, not the model, broke off."""
    return Outcome(
        status=INFRASTRUCTURE_ERRORS[error_type],
        body={"detail": error, "error_type": error_type},
        headers={"x-fal-error-type": error_type, **headers},
        error=error,
        error_type=error_type,
    )


class QueueEngine:
    """
    The queue of every account: as many run at once as the account may, the others wait in line.

    Works by timers on the running loop; nothing is computed for a request between its changes.
    """

    def __init__(
        self,
        *,
        account_of: Callable[[str], Account],
        conclude: Callable[[Generation], Outcome],
        completed: Callable[[Generation], None],
    ) -> None:
        """
        Start empty.

        Args:
            account_of: Finds the account of a key.
            conclude: Makes the outcome of a request that ran to its end.
            completed: Told of every request that has ended.
        """
        self._account_of = account_of
        self._conclude = conclude
        self._completed = completed
        self._lines: dict[str, deque[Generation]] = {}
        self._running: dict[str, set[Generation]] = {}
        self._arriving: dict[Generation, float] = {}

    def submit(self, generation: Generation) -> None:
        """Take *generation* in; it starts as soon as the queue and a slot allow."""
        self._watch_deadline(generation)
        if generation.queue_s > 0:
            self._arriving[generation] = asyncio.get_running_loop().time()
            self._later(generation, generation.queue_s, self._line_up)
        else:
            self._line_up(generation)

    def position(self, generation: Generation) -> int:
        """Return how many requests are ahead of a waiting one; 0: it does not wait."""
        line = self._line(generation)
        if generation in self._arriving:
            waited_s = asyncio.get_running_loop().time() - self._arriving[generation]
            left = 1.0 - waited_s / generation.queue_s
            return len(line) + max(0, round(generation.others_ahead * left))
        try:
            return line.index(generation)
        except ValueError:
            return 0

    def waiting(self, endpoint_id: str) -> int:
        """Return how many requests for an endpoint wait, of all accounts."""
        queued = [*self._arriving, *(one for line in self._lines.values() for one in line)]
        return sum(one.endpoint.id == endpoint_id for one in queued)

    def start(self, generation: Generation) -> None:
        """Run a waiting *generation* now, whatever the slots say; otherwise do nothing."""
        if generation.state != "IN_QUEUE":
            return
        self._leave_line(generation)
        self._running_of(generation).add(generation)
        generation.started_at = time.time()
        generation.runs += 1
        generation.move_to("IN_PROGRESS")
        script = generation.script
        if generation.held or script.stuck_in == "IN_PROGRESS":
            return
        if generation.runs <= script.requeues:
            self._later(generation, generation.run_s / 2, self.requeue)
        else:
            self._later(generation, generation.run_s, self.finish)

    def requeue(self, generation: Generation) -> None:
        """Let the runner of *generation* die: back into the queue, or the end if it asked so."""
        if generation.state != "IN_PROGRESS":
            return
        self._cancel_timers(generation)
        if generation.headers.get("x-fal-no-retry", "").lower() in ("1", "true", "yes"):
            error = "The runner was disconnected."
            self.finish(generation, infrastructure_outcome("runner_disconnected", error))
            return
        self._watch_deadline(generation)
        self._running_of(generation).discard(generation)
        generation.started_at = None
        generation.move_to("IN_QUEUE")
        if not generation.held:
            self._later(generation, generation.script.requeued_s, self._line_up)
        self._fill_slots(generation.key)

    def finish(self, generation: Generation, outcome: Outcome | None = None) -> None:
        """End *generation* now with *outcome*; None: with what its input leads to."""
        if generation.state == "COMPLETED":
            return
        self._cancel_timers(generation)
        self._leave_line(generation)
        self._running_of(generation).discard(generation)
        if outcome is None:
            generation.started_at = generation.started_at or time.time()
        generation.outcome = outcome or generation.script.outcome or self._conclude(generation)
        generation.ended_at = time.time()
        usd = generation.outcome.units * generation.endpoint.price.unit_price_usd
        self._account_of(generation.key).charge(usd)
        generation.move_to("COMPLETED")
        self._completed(generation)
        self._fill_slots(generation.key)

    def cancel(self, generation: Generation) -> CancelAnswer:
        """Cancel as documented: at once in the queue, by a signal when it runs."""
        wish = generation.script.on_cancel
        if wish == "too_late":
            self.finish(generation)
        if generation.state == "COMPLETED":
            return "ALREADY_COMPLETED"
        if wish != "ignore":
            generation.cancelled = True
            error = "The request was cancelled by the client."
            self.finish(generation, infrastructure_outcome("client_cancelled", error))
        return "LEGACY" if wish == "legacy" else "CANCELLATION_REQUESTED"

    def fill_slots(self) -> None:
        """Start what may start after a limit was raised."""
        for key in list(self._lines):
            self._fill_slots(key)

    def forget(self, generation: Generation) -> None:
        """Stop caring about *generation*: no timer of it fires any more."""
        self._cancel_timers(generation)
        self._leave_line(generation)
        self._running_of(generation).discard(generation)
        generation.move_to(generation.state)

    def _line(self, generation: Generation) -> deque[Generation]:
        return self._lines.setdefault(generation.key, deque())

    def _running_of(self, generation: Generation) -> set[Generation]:
        return self._running.setdefault(generation.key, set())

    def _line_up(self, generation: Generation) -> None:
        self._arriving.pop(generation, None)
        line = self._line(generation)
        if generation.runs:
            line.appendleft(generation)
        else:
            line.append(generation)
        self._fill_slots(generation.key)

    def _leave_line(self, generation: Generation) -> None:
        self._arriving.pop(generation, None)
        line = self._line(generation)
        if generation in line:
            line.remove(generation)

    def _fill_slots(self, key: str) -> None:
        line = self._lines.get(key, deque())
        free = self._account_of(key).concurrency - len(self._running.get(key, ()))
        movable = (one for one in line if not one.held and one.script.stuck_in != "IN_QUEUE")
        for generation in [one for one, _ in zip(movable, range(free), strict=False)]:
            self.start(generation)

    def _watch_deadline(self, generation: Generation) -> None:
        deadline_s = generation.headers.get("x-fal-request-timeout")
        if deadline_s:
            left_s = generation.submitted_at + float(deadline_s) - time.time()
            self._later(generation, max(0.0, left_s), self._expire_start)

    def _expire_start(self, generation: Generation) -> None:
        if generation.state == "IN_QUEUE":
            error = "The request did not start in time."
            headers = {"x-fal-request-timeout-type": "user"}
            outcome = infrastructure_outcome("request_timeout", error, **headers)
            self.finish(generation, outcome)

    def _later(
        self, generation: Generation, delay_s: float, act: Callable[[Generation], None]
    ) -> None:
        def fire() -> None:
            generation.timers.discard(timer)
            act(generation)

        timer = asyncio.get_running_loop().call_later(delay_s, fire)
        generation.timers.add(timer)

    def _cancel_timers(self, generation: Generation) -> None:
        for timer in generation.timers:
            timer.cancel()
        generation.timers.clear()
