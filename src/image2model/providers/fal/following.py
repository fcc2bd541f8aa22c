"""Follow accepted requests to their end."""

import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from decimal import Decimal

import anyio

from image2model.core.errors import (
    ItemTimedOut,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
)
from image2model.core.generator import GeneratorId
from image2model.core.job import Handle, Progress
from image2model.providers.fal.admission.places import Places
from image2model.providers.fal.config import FalConfig, Pace
from image2model.providers.fal.progress import Meter, RunTimes, inference_s
from image2model.providers.fal.requests.errors import (
    INFRASTRUCTURE,
    charged,
    infrastructure_failure,
)
from image2model.providers.fal.requests.http import PROVIDER, Answer, AnswerLost, NotSent
from image2model.providers.fal.requests.queue import FalQueue

_LONGEST_BACKOFF_S = 20.0
_GRACE_S = 30.0
"""fal drops what does not start in time by itself; this much later we do."""

_USUAL = 1.01
"""How much of the usual time has passed when the end is looked for."""

_EARLY = 2.0
"""How much longer than by the pace it takes between two looks at what is not expected to end."""

_BURST_S = 0.05
"""How much of a second's requests may go out at once; the pace leaves as much below a limit."""


class Forgotten(Exception):
    """The queue does not know the request: it ended long ago, or never was."""


@dataclass(slots=True)
class _Waiter:
    event: anyio.Event = field(default_factory=anyio.Event)

    async def wait(self, delay_s: float) -> None:
        with anyio.move_on_after(delay_s):
            await self.event.wait()
        self.event = anyio.Event()


class _Turns:
    """Lets so many through in a second and no more, however many come at once."""

    def __init__(self, per_s: float) -> None:
        self._gap_s = 1.0 / per_s
        self._next_s = 0.0

    async def take(self) -> None:
        """Wait for a turn, which somebody who comes alone has at once."""
        now_s = anyio.current_time()
        turn_s = max(self._next_s, now_s - _BURST_S)
        self._next_s = turn_s + self._gap_s
        if turn_s > now_s:
            await anyio.sleep(turn_s - now_s)


class Follower:
    """Polls every request it follows, as often as is worth while and no more."""

    def __init__(self, queue: FalQueue, places: Places, times: RunTimes, config: FalConfig) -> None:
        self._queue = queue
        self._places = places
        self._times = times
        self._config = config
        self._waiters: dict[str, _Waiter] = {}
        self._turns = _Turns(config.pace.requests_per_s)

    def wake(self, request_id: str) -> bool:
        """Have the status of a request looked at now; False: it is not followed here."""
        waiter = self._waiters.get(request_id)
        if waiter is not None:
            waiter.event.set()
        return waiter is not None

    async def follow(
        self, handle: Handle, *, generator: GeneratorId, typical_s: float
    ) -> AsyncGenerator[Progress, None]:
        """
        Report progress until the request has ended well.

        Raises:
            ProviderRejected: It failed for good, or took too long and was stopped.
            ItemTimedOut: It took too long and cannot be stopped.
            ProviderUnavailable: It did not start, was withdrawn, and nothing was charged.
            BrokeDown: It was lost at fal and nothing was charged.
            Forgotten: The queue does not know it.
        """
        request_id = handle.request_id
        waiter = self._waiters[request_id] = _Waiter()
        self._places.hold(request_id)
        watch = _Watch(
            meter=Meter(typical_s=self._times.typical_s(generator, otherwise_s=typical_s)),
            began_s=(now_s := anyio.current_time()),
            waited_s=now_s,
        )
        try:
            while not watch.ended:
                await waiter.wait(self._delay_s(generator, watch))
                # A large job ends all at once, and everybody looks when its end is expected.
                await self._turns.take()
                await self._check_limits(handle, watch)
                progress = await self._look(handle, watch)
                if progress is not None:
                    yield progress
            self._times.note(generator, watch.run_s)
        finally:
            self._places.free(request_id)
            if self._waiters.get(request_id) is waiter:
                del self._waiters[request_id]

    async def _look(self, handle: Handle, watch: "_Watch") -> Progress | None:
        try:
            answer = await self._queue.status(handle)
        except (NotSent, AnswerLost):
            watch.faults += 1
            return None
        if answer.status == 404:
            self._check_known(watch)
            return None
        if not answer.ok:
            # Even 401: a key that was changed does not undo what is paid for and nearly done.
            watch.faults += 1
            return None
        watch.faults = 0
        watch.known = True
        return self._read(handle, watch, answer)

    def _read(self, handle: Handle, watch: "_Watch", answer: Answer) -> Progress | None:
        status, now_s = answer.fields, anyio.current_time()
        match status.get("status"):
            case "COMPLETED":
                _check_end(answer)
                watch.end(inference_s(status), now_s=now_s)
                return None
            case "IN_QUEUE":
                watch.waited_s = now_s
                position = status.get("queue_position")
                return watch.meter.queued(
                    position if isinstance(position, int) else None, now_s=now_s
                )
            case "IN_PROGRESS":
                self._places.mark_running(handle.request_id)
                return watch.meter.running(status.get("logs"), now_s=now_s)
        # A word of some later version: it has not ended, so it goes on.
        return None

    def _check_known(self, watch: "_Watch") -> None:
        age_s = anyio.current_time() - watch.began_s
        watch.faults += 1
        # Just after the submission the status may lag behind; and once known, it may flicker.
        if age_s > self._config.pace.lag_s and watch.faults > 2:
            raise Forgotten

    async def _check_limits(self, handle: Handle, watch: "_Watch") -> None:
        age_s = anyio.current_time() - watch.began_s
        limit_s, start_limit_s = self._config.limit_s, self._config.start_limit_s
        if watch.waits and age_s > start_limit_s + _GRACE_S:
            if await self._withdraw(handle):
                reason = f"the request did not start within {start_limit_s:g} s and was withdrawn"
                unpaid = ProviderUnavailable(provider=PROVIDER, reason=reason)
                raise charged(unpaid, Decimal(0))
        elif age_s > limit_s:
            if await self._withdraw(handle):
                reason = f"it took longer than {limit_s:g} s and was cancelled"
                raise ProviderRejected(provider=PROVIDER, reason=reason, kind="time_limit")
            if age_s > limit_s + _GRACE_S:
                # It may end, and be charged, all the same.
                raise ItemTimedOut(limit_s=limit_s)

    async def _withdraw(self, handle: Handle) -> bool:
        """Cancel *handle*; False: it is done, goes on, or that could not be asked for."""
        try:
            return await self._queue.cancel(handle)
        except ProviderError:
            return False

    def _delay_s(self, generator: GeneratorId, watch: "_Watch") -> float:
        pace, now_s = self._config.pace, anyio.current_time()
        left_s = self._left_s(generator, watch, now_s=now_s)
        runs_on = left_s is not None and left_s > 0.0
        delay_s = max(
            min((now_s - watch.began_s) * pace.share, pace.longest_s),
            # Those about to be submitted count: a large job begins all at once. Where the end
            # is known to be some way off, looks are for the bar, and leave room for others' ends.
            self._places.taken / pace.requests_per_s * (_EARLY if runs_on else 1.0),
        )
        if watch.faults:
            delay_s = max(delay_s, _backoff_s(pace, watch.faults))
        delay_s *= random.uniform(0.85, 1.15)  # noqa: S311 - spreads requests
        # Where the end is expected before the next look, it is better to look just then.
        if left_s is not None and 0.0 < left_s < delay_s:
            delay_s = left_s
        return max(delay_s, pace.shortest_s)

    def _left_s(self, generator: GeneratorId, watch: "_Watch", *, now_s: float) -> float | None:
        """Tell how long it takes yet if it began when it was last known to wait, or not at all."""
        usual_s = self._times.learnt_s(generator)
        # It began later than that, between two looks; where it began much later, the look comes
        # too early and another one follows.
        return None if usual_s is None else watch.waited_s + _USUAL * usual_s - now_s


def _backoff_s(pace: Pace, faults: int) -> float:
    return min(pace.first_retry_s * 2.0 ** min(faults - 1, 10), _LONGEST_BACKOFF_S)


@dataclass(slots=True, kw_only=True)
class _Watch:
    """
    What is known of a request that is followed.

    Attributes:
        meter: Its progress.
        began_s: When it began to be followed.
        waited_s: When it was last known not to run yet.
        known: Whether the queue has been seen to know it.
        faults: Looks without an answer since the last one with.
        ended: Whether it has.
        run_s: How long it ran; 0.0 until it has ended.
    """

    meter: Meter
    began_s: float
    waited_s: float
    known: bool = False
    faults: int = 0
    ended: bool = False
    run_s: float = 0.0

    @property
    def waits(self) -> bool:
        """Whether it has been seen to wait and never to run."""
        return self.known and not self.meter.has_run

    def end(self, inference: float | None, *, now_s: float) -> None:
        """Note that it has ended."""
        self.ended = True
        began_s = self.meter.began_running_s or self.began_s
        self.run_s = inference if inference is not None else now_s - began_s


def _check_end(answer: Answer) -> None:
    """Raise what broke off the request; failures of the model show when the result is read."""
    kind = str(answer.fields.get("error_type"))
    if kind in INFRASTRUCTURE:
        raise infrastructure_failure(kind, str(answer.fields.get("error") or ""))
