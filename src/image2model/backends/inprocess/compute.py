"""Computing in processes beside the event loop's."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import TypeVar

import anyio
import anyio.to_thread

from image2model.backends.inprocess.worker_process import WorkerDied, WorkerProcess
from image2model.core.errors import ComputeCrashed, ComputeTimedOut
from image2model.jobs.limits.fair import FairLimiter

T = TypeVar("T")

_LITTLE_BYTES = 100_000_000
"""Every process takes about as much by itself."""

_UNLIMITED_BYTES = 2**62


class ProcessCompute:
    """
    A `Compute` over at most *workers* processes, each started when it is first needed.

    A process answers call after call and is replaced once it died or was killed, so a crash, a
    timeout or a cancellation costs the next call about 30 ms plus its imports. Calls wait their
    turn for a free process, which goes to the owner who has fewest. Every process computes with
    one thread, cannot be interrupted from the keyboard, and ends with this process, even when
    that is killed.

    Why not a library: `anyio.to_process`, `multiprocessing` and `pebble` on top of it import the
    caller's main module again in every process, which runs a script without a main guard a second
    time; `ProcessPoolExecutor` and `loky` fail all calls when one process dies, and cannot stop
    one call.

    For one event loop. Make it in the process that uses it, after any fork.

    Args:
        workers: How many calls run at once.
        memory_limit_bytes: The most data memory each process may have, libraries included
            (numpy and OpenCV take some 100 MB); None: no limit. Enforced on Linux.
        room_bytes: How much memory the calls that take much may take together; None: any.
        niceness: How much every process steps back for others, 0-19 as for `nice`.
        environment: The environment of the processes, which decode what strangers sent: nothing
            secret belongs there.
    """

    def __init__(
        self,
        *,
        workers: int,
        memory_limit_bytes: int | None = None,
        room_bytes: int | None = None,
        niceness: int = 0,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._environment = environment
        self._memory_limit_bytes = memory_limit_bytes
        self._niceness = niceness
        self._workers = {self._new_worker() for _ in range(workers)}
        self._idle = deque(self._workers)
        self._places = FairLimiter(workers)
        self._room = FairLimiter(_UNLIMITED_BYTES if room_bytes is None else room_bytes)
        # One process is left to what takes little, which is what people wait for.
        self._large = FairLimiter(max(1, workers - 1))
        self._warming = anyio.Lock()
        self._probe = self._new_worker()
        self._probing = anyio.Lock()
        self._threads = anyio.CapacityLimiter(workers + 1)
        self._closed = False

    async def run(self, limit_s: float, function: Callable[..., T], /, *args: object) -> T:
        """
        Call *function* with *args* in a process and return what it returns; see `Compute`.

        What *function* prints goes to the standard error. Any other exception it raises comes
        out as itself where it is Python's own, else as a `RuntimeError`, with the traceback over
        there as a note. What *function* returns is data, see `core.values.plain_values`.

        Raises:
            Image2ModelError: Whatever *function* raised.
            ComputeTimedOut: It ran longer than *limit_s*; its process was killed.
            ComputeCrashed: Its process died or ran out of memory.
            ValueError: *function* is defined in the main module, which processes do not import.
        """
        async with self._worker() as worker:
            return await self._call(worker, limit_s, function, args)

    @asynccontextmanager
    async def room(self, needs_bytes: int) -> AsyncIterator[None]:
        """Wait until there is memory for calls that take much; see `Compute`."""
        if needs_bytes <= _LITTLE_BYTES:
            yield
            return
        async with self._large.hold(), self._room.hold(needs_bytes):
            yield

    async def check(self, *, limit_s: float) -> None:
        """Call a function in a process of its own, as the others are; see `Compute`."""
        async with self._probing:
            if not self._probe.usable:
                self._probe.kill()
                self._probe.wait()
                self._probe = self._new_worker()
            await self._call(self._probe, limit_s, answer, ())

    async def warm(self, limit_s: float, function: Callable[..., object], /, *args: object) -> None:
        """
        Start all processes and call *function* once in each, such as to import what calls need.

        Waits for calls that run. What was warmed is lost with a process that dies.

        Raises:
            ExceptionGroup: Of what `run` raises.
        """
        async with self._warming, AsyncExitStack() as taken:
            workers = [
                await taken.enter_async_context(self._worker()) for _ in range(len(self._workers))
            ]
            async with anyio.create_task_group() as tasks:
                for worker in workers:
                    tasks.start_soon(self._call, worker, limit_s, function, args)

    async def aclose(self) -> None:
        """Stop everything; calls that run fail as crashed. May be called twice."""
        self._closed = True
        workers = [*self._workers, self._probe]
        for worker in workers:
            worker.kill()
        for worker in workers:
            await _wait(worker)

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[WorkerProcess]:
        async with self._places.hold():
            worker = self._idle.pop()
            if not worker.usable:
                worker = self._replace(worker)
            try:
                yield worker
            finally:
                # Processes that run lie on the right and are taken first.
                if worker.usable:
                    self._idle.append(worker)
                else:
                    self._idle.appendleft(worker)

    async def _call(
        self,
        worker: WorkerProcess,
        limit_s: float,
        function: Callable[..., T],
        args: tuple[object, ...],
    ) -> T:
        name = function.__name__
        if function.__module__ == "__main__":
            raise ValueError(f"'{name}' must be defined in a module, not in the main script")
        if self._closed:
            raise RuntimeError("this ProcessCompute is closed")
        with anyio.move_on_after(limit_s):
            try:
                return await anyio.to_thread.run_sync(
                    worker.call, function, args, abandon_on_cancel=True, limiter=self._threads
                )
            except WorkerDied as error:
                raise ComputeCrashed(function=name) from error
            except anyio.get_cancelled_exc_class():
                # Its end makes the thread come back too.
                worker.kill()
                await _wait(worker)
                raise
        raise ComputeTimedOut(function=name, limit_s=limit_s)

    def _replace(self, worker: WorkerProcess) -> WorkerProcess:
        # Dead already, so this does not wait.
        worker.kill()
        worker.wait()
        fresh = self._new_worker()
        self._workers.remove(worker)
        self._workers.add(fresh)
        return fresh

    def _new_worker(self) -> WorkerProcess:
        return WorkerProcess(
            memory_limit_bytes=self._memory_limit_bytes,
            niceness=self._niceness,
            environment=self._environment,
        )


def answer() -> bool:
    """Answer, to show that a process does."""
    return True


async def _wait(worker: WorkerProcess) -> None:
    # Shielded and in no one's limit: nobody may be left behind half stopped.
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(worker.wait)
