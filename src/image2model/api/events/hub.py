"""Where streams of events come from: one channel for each job that is watched in this process."""

import asyncio
from collections.abc import AsyncGenerator

import anyio

from image2model.api.events import sse
from image2model.api.events.channel import Channel, Listener, Pace
from image2model.core.errors import StorageError
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Job
from image2model.jobs.access import owned_job
from image2model.jobs.context import Context
from image2model.jobs.lifecycle.watch import RecentJobs, wait_for_change


class Hub:
    """
    Lets any number of clients watch jobs; whoever may see a job is checked before.

    Belongs to one event loop. Close it before the server waits for open connections to end.
    """

    def __init__(self, context: Context, pace: Pace | None = None) -> None:
        self._context = context
        self._pace = pace or Pace()
        self._channels: dict[JobId, Channel] = {}
        self._waits: set[anyio.CancelScope] = set()
        self._recent = RecentJobs(context.store)
        self._closed = False

    @property
    def channels(self) -> int:
        """How many jobs are being watched."""
        return len(self._channels)

    async def stream(self, job_id: JobId, *, after: int | None) -> AsyncGenerator[bytes]:
        """
        Yield what happens to a job as server-sent events, until it is over.

        Args:
            job_id: The job.
            after: The version that the client knows (`Last-Event-ID`); None: nothing yet.
        """
        yield sse.RETRY
        if self._closed:
            return
        channel = self._open(job_id)
        listener = Listener(self._pace.waiting)
        try:
            first = await channel.join(listener, after=after)
            if first.data:
                yield first.data
            ended = first.last
            while not ended and (frames := await listener.take()):
                yield b"".join(frame.data for frame in frames)
                ended = frames[-1].last
        except StorageError:
            return  # The client comes again by itself.
        finally:
            channel.leave(listener)
            await self._release(job_id, channel)

    async def wait(self, owner: OwnerId, job_id: JobId, *, after: int, wait_s: float) -> Job:
        """
        Read a job when it is beyond the version *after*, or the time is over, or the hub closes.

        Raises:
            JobNotFound: The owner has no such job.
        """
        with anyio.CancelScope() as scope:
            self._waits.add(scope)
            try:
                wait_s = 0.0 if self._closed else wait_s
                return await wait_for_change(
                    self._context,
                    owner,
                    job_id,
                    after=after,
                    wait_s=wait_s,
                    recent=self._recent,
                )
            finally:
                self._waits.discard(scope)
        return await owned_job(self._context, owner, job_id)

    async def aclose(self) -> None:
        """End all streams and waits, and let none begin. May be called twice."""
        self._closed = True
        for scope in self._waits:
            scope.cancel()
        channels = list(self._channels.values())
        self._channels.clear()
        await asyncio.gather(*(channel.aclose() for channel in channels))

    def _open(self, job_id: JobId) -> Channel:
        channel = self._channels.get(job_id)
        if channel is None or channel.over:
            channel = self._channels[job_id] = Channel(self._context, job_id, self._pace)
        channel.users += 1
        return channel

    async def _release(self, job_id: JobId, channel: Channel) -> None:
        channel.users -= 1
        if channel.users > 0:
            return
        if self._channels.get(job_id) is channel:
            del self._channels[job_id]
        with anyio.CancelScope(shield=True):
            await channel.aclose()
