"""One watched job: reads what is new once and gives it to everybody who listens."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from image2model.api.events import frames
from image2model.api.events.frames import Frame
from image2model.core.errors import JobNotFound, StorageError
from image2model.core.ids import JobId
from image2model.core.job import Item, Job
from image2model.core.states import JobState
from image2model.jobs.context import Context
from image2model.jobs.lifecycle.watch import LOOK_EVERY_S, catch_up

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """
    How often listeners hear something.

    Attributes:
        coalesce_s: The shortest time between two frames of a job; the first goes out at once.
        ping_s: How long a stream may be silent.
        look_s: How often the store is asked without any word from the feed, which may have lost
            one.
        waiting: Frames that may wait for one listener; of a slower one the stream is closed.
    """

    coalesce_s: float = 0.1
    ping_s: float = 15.0
    look_s: float = LOOK_EVERY_S
    waiting: int = 200


class Listener:
    """The frames on their way to one client; ends when its channel does, or when it lags."""

    def __init__(self, limit: int) -> None:
        self._frames: deque[Frame] = deque()
        self._limit = limit
        self._woken = asyncio.Event()
        self._ended = False

    def push(self, frame: Frame) -> None:
        """Give the client a frame; one that lags too far behind must come again instead."""
        if self._ended:
            return
        if len(self._frames) >= self._limit:
            self._frames.clear()
            self.end()
            return
        self._frames.append(frame)
        self._woken.set()

    def end(self) -> None:
        """Let nothing follow what waits already."""
        self._ended = True
        self._woken.set()

    async def take(self) -> Sequence[Frame]:
        """Wait for frames and take all there are; none: there will be no more."""
        await self._woken.wait()
        if not self._ended:
            self._woken.clear()
        taken = tuple(self._frames)
        self._frames.clear()
        return taken


class Channel:
    """
    Watches *job_id* from its making until it is closed or the job is over.

    Attributes:
        users: Streams that came through `Hub` and have not left.
        over: Nothing more will come of it.
    """

    def __init__(self, context: Context, job_id: JobId, pace: Pace) -> None:
        self._context = context
        self._job_id = job_id
        self._pace = pace
        self._job: Job | None = None
        self._snapshot: Frame | None = None
        self._last_sent_s = context.clock.monotonic_s()
        self._listeners: dict[Listener, None] = {}
        self._watching = asyncio.Event()
        self._looking = asyncio.Lock()
        self._task = asyncio.create_task(self._run(), name=f"watch job {job_id}")
        self.users = 0
        self.over = False

    async def join(self, listener: Listener, *, after: int | None) -> Frame:
        """
        Begin to give *listener* everything new, in one step with reading what it starts from.

        Returns:
            What a client must hear first that knows the version *after*; None: nothing yet.

        Raises:
            StorageError: The store cannot be read now.
        """
        await self._watching.wait()
        await self._look()
        if self._job is None:
            return Frame(frames.end("deleted", version=None), last=True)
        if self.over:
            listener.end()
        self._listeners[listener] = None
        if after is not None:
            return frames.resumption(self._context, self._job, after=after)
        if self._snapshot is None:
            self._snapshot = frames.snapshot(self._context, self._job)
        return self._snapshot

    def leave(self, listener: Listener) -> None:
        """Give *listener* nothing more."""
        self._listeners.pop(listener, None)

    async def aclose(self) -> None:
        """Stop watching and end all listeners."""
        self._end()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            async with self._context.feed.watch(self._job_id) as watch:
                self._watching.set()
                while not self.over:
                    await watch.changed(timeout_s=self._pace.look_s)
                    await self._look_and_rest()
        except Exception:  # noqa: BLE001  # whatever it was, the streams must not hang
            _log.exception("cannot watch job %s any more", self._job_id)
        finally:
            self._end()

    async def _look_and_rest(self) -> None:
        try:
            changed = await self._look()
        except StorageError as error:
            _log.warning("cannot look at job %s now: %s", self._job_id, error)
            changed = False
        if changed:
            await self._context.clock.sleep(self._pace.coalesce_s)
        elif self._context.clock.monotonic_s() - self._last_sent_s >= self._pace.ping_s:
            self._send(frames.PING)

    async def _look(self) -> bool:
        """Read what is new and send it. Returns whether there was anything."""
        async with self._looking:
            before = self._job
            try:
                found = await self._read()
            except JobNotFound:
                self._job = None
                self._send(Frame(frames.end("deleted", version=None), last=True))
                return True
            if found is None:
                return False
            self._job, changed = found
            self._snapshot = None
            if before is not None and self._listeners:
                self._send(self._news(self._job, changed))
            self.over = self._job.state is JobState.FINISHED
            return before is not None

    async def _read(self) -> tuple[Job, Sequence[Item] | None] | None:
        """Read the job and its changed items, or None for all; None: nothing is new."""
        known = self._job
        if known is None:
            return await self._context.store.get_job(self._job_id), None
        return await catch_up(self._context.store, known)

    def _news(self, job: Job, changed: Sequence[Item] | None) -> Frame:
        if changed is not None:
            return frames.delta(self._context, job, changed)
        self._snapshot = frames.snapshot(self._context, job)
        return self._snapshot

    def _send(self, frame: Frame) -> None:
        self._last_sent_s = self._context.clock.monotonic_s()
        self.over = self.over or frame.last
        for listener in self._listeners:
            listener.push(frame)

    def _end(self) -> None:
        self.over = True
        self._watching.set()
        for listener in self._listeners:
            listener.end()
