"""A Celery worker in a thread of the test's process, whose items run on the test's own loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from celery import Celery
from celery.worker import state

from image2model.backends.celery.item_loop import RunItem
from image2model.backends.celery.worker import add_item_task
from image2model.core.generator import RunsOn
from image2model.ports.dispatcher import ItemRef
from tests.harness.patience import PATIENCE_S


@asynccontextmanager
async def working(
    broker: Celery,
    run: RunItem,
    *,
    queues: Sequence[RunsOn] = (RunsOn.NETWORK,),
    concurrency: int = 400,
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Take items while the block lasts; yields what ends the worker before, in good order."""
    home = asyncio.get_running_loop()
    is_ready = threading.Event()

    @asynccontextmanager
    async def open_runner() -> AsyncIterator[RunItem]:
        async def run_at_home(ref: ItemRef) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_as_task(ref), home))

        async def _as_task(ref: ItemRef) -> None:
            await run(ref)

        yield run_at_home

    add_item_task(broker, open_runner)
    worker = broker.Worker(
        queues=[queue.value for queue in queues],
        pool_cls="threads",
        concurrency=concurrency,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        ready_callback=lambda _consumer: is_ready.set(),
    )
    thread = threading.Thread(target=worker.start, name="celery", daemon=True)

    async def end() -> None:
        vars(state)["should_stop"] = 0  # what the handlers of signals do
        await anyio.to_thread.run_sync(thread.join, PATIENCE_S)
        assert not thread.is_alive(), "the worker does not end"

    thread.start()
    try:
        assert await anyio.to_thread.run_sync(is_ready.wait, PATIENCE_S), "it is not ready"
        yield end
    finally:
        with anyio.CancelScope(shield=True):
            await end()
        vars(state)["should_stop"] = None
