"""What every `Dispatcher` promises, and what the one in the process adds."""

import contextvars
import logging
from collections import Counter
from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import pytest

from image2model.backends.celery.broker import make_broker
from image2model.backends.celery.dispatcher import CeleryDispatcher, open_dispatcher
from image2model.backends.inprocess.dispatcher import InProcessDispatcher
from image2model.core.generator import RunsOn
from image2model.core.ids import JobId, OwnerId, new_hex_id
from image2model.ports.dispatcher import Dispatcher, ItemRef
from tests.backends.celery.worker_thread import working
from tests.harness.patience import PATIENCE_S, waiting_for
from tests.harness.rig import REAL_CHORES

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::celery.platforms.SecurityWarning"),
]

BIG = JobId(new_hex_id())
SMALL = JobId(new_hex_id())
OWNER = OwnerId("session:anna")


class Runs:
    """Items as they run: each is noted, and stays until it is let go."""

    def __init__(self) -> None:
        self.started: list[ItemRef] = []
        self.running: set[ItemRef] = set()
        self.most_at_once = 0
        self.held = anyio.Event()
        self._noted = anyio.Event()

    async def run(self, item: ItemRef) -> None:
        """Note *item* and stay until let go."""
        self.started.append(item)
        self.running.add(item)
        self.most_at_once = max(self.most_at_once, len(self.running))
        self._noted.set()
        try:
            await self.held.wait()
        finally:
            self.running.remove(item)
            self._noted.set()

    def let_go(self) -> None:
        """Let everything that runs, and all that comes later, end at once."""
        self.held.set()

    async def until_started(self, count: int) -> None:
        """Wait until *count* runs have begun."""
        with waiting_for(f"{count} items to be started"):
            while len(self.started) < count:
                self._noted = anyio.Event()
                await self._noted.wait()

    async def until_idle(self) -> None:
        """Wait until nothing runs."""
        with waiting_for("all items to end"):
            while self.running:
                self._noted = anyio.Event()
                await self._noted.wait()


def items(job: JobId, count: int) -> list[ItemRef]:
    return [ItemRef(job, index) for index in range(count)]


async def settle() -> None:
    """Give whatever could happen now the time to happen."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
async def in_process(runs: Runs) -> AsyncIterator[InProcessDispatcher]:
    concurrency = {RunsOn.NETWORK: 1000, RunsOn.CPU: 1}
    async with InProcessDispatcher(runs.run, concurrency=concurrency) as dispatcher:
        yield dispatcher


@pytest.fixture
async def over_celery(runs: Runs, redis_url: str) -> AsyncIterator[CeleryDispatcher]:
    """Over a real broker, to a real worker."""
    broker = make_broker(redis_url, longest_run_s=60.0)
    async with open_dispatcher(broker, chores=REAL_CHORES) as dispatcher, working(broker, runs.run):
        yield dispatcher


@pytest.fixture(params=["in_process", "over_celery"])
def dispatcher(request: pytest.FixtureRequest) -> Dispatcher:
    found: Dispatcher = request.getfixturevalue(request.param)
    return found


async def test_runs_every_item(dispatcher: Dispatcher, runs: Runs) -> None:
    runs.let_go()
    await dispatcher.dispatch(items(BIG, 25), owner=OWNER, runs_on=RunsOn.NETWORK)
    await dispatcher.dispatch([], owner=OWNER, runs_on=RunsOn.NETWORK)
    await runs.until_started(25)
    assert sorted(runs.started) == sorted(items(BIG, 25))


async def test_nothing_waits_where_nothing_was_sent(dispatcher: Dispatcher) -> None:
    assert [await dispatcher.waiting(kind) for kind in RunsOn] == [0, 0, 0]


async def test_in_process_keeps_the_order(in_process: InProcessDispatcher, runs: Runs) -> None:
    runs.let_go()
    await in_process.dispatch(items(BIG, 10), owner=OWNER, runs_on=RunsOn.CPU)
    await runs.until_started(10)
    assert runs.started == items(BIG, 10)


async def test_in_process_runs_as_many_at_once_as_allowed(
    in_process: InProcessDispatcher, runs: Runs
) -> None:
    """Everything for the network runs at once; of what computes, one."""
    await in_process.dispatch(items(BIG, 500), owner=OWNER, runs_on=RunsOn.NETWORK)
    await in_process.dispatch(items(SMALL, 5), owner=OWNER, runs_on=RunsOn.CPU)
    await runs.until_started(501)
    await settle()
    assert Counter(item.job for item in runs.started) == {BIG: 500, SMALL: 1}
    runs.let_go()
    await runs.until_started(505)
    assert runs.most_at_once == 501


async def test_in_process_waiting_item_is_queued_once(
    in_process: InProcessDispatcher, runs: Runs
) -> None:
    for _ in range(3):
        await in_process.dispatch(items(BIG, 3), owner=OWNER, runs_on=RunsOn.CPU)
    runs.let_go()
    await runs.until_started(3)
    await settle()
    assert runs.started == items(BIG, 3)


async def test_in_process_running_item_runs_once_more_and_never_twice_at_once(
    in_process: InProcessDispatcher, runs: Runs
) -> None:
    item = ItemRef(SMALL, 0)
    await in_process.dispatch([item], owner=OWNER, runs_on=RunsOn.NETWORK)
    await runs.until_started(1)
    for _ in range(3):
        await in_process.dispatch([item], owner=OWNER, runs_on=RunsOn.NETWORK)
    await settle()
    assert runs.started == [item]
    runs.let_go()
    await runs.until_started(2)
    await settle()
    assert runs.started == [item, item]


async def test_in_process_jobs_take_turns(in_process: InProcessDispatcher, runs: Runs) -> None:
    """A job of one picture does not wait for a job of five hundred."""
    await in_process.dispatch(items(BIG, 500), owner=OWNER, runs_on=RunsOn.CPU)
    await runs.until_started(1)
    await in_process.dispatch(items(SMALL, 2), owner=OWNER, runs_on=RunsOn.CPU)
    runs.let_go()
    await runs.until_started(502)
    assert [runs.started.index(item) for item in items(SMALL, 2)] == [2, 4]


async def test_in_process_failing_run_is_logged_and_stops_no_other(
    caplog: pytest.LogCaptureFixture, runs: Runs
) -> None:
    async def run(item: ItemRef) -> None:
        await runs.run(item)
        if item.index == 1:
            raise RuntimeError("a bug")

    runs.let_go()
    caplog.set_level(logging.ERROR)
    async with InProcessDispatcher(run, concurrency={RunsOn.NETWORK: 1}) as dispatcher:
        await dispatcher.dispatch(items(BIG, 4), owner=OWNER, runs_on=RunsOn.NETWORK)
        await runs.until_started(4)
    (record,) = caplog.records
    assert record.getMessage() == f"The run of item 1 of job {BIG} failed"
    assert (vars(record)["job"], vars(record)["index"]) == (BIG, 1)
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)


async def test_in_process_leaving_cancels_and_waits(runs: Runs) -> None:
    """What runs comes to its orderly end, what waits is forgotten, and nothing starts later."""
    cleaned: list[int] = []

    async def run(item: ItemRef) -> None:
        try:
            await runs.run(item)
        finally:
            with anyio.CancelScope(shield=True):
                await settle()
            cleaned.append(item.index)

    async with InProcessDispatcher(run, concurrency={RunsOn.NETWORK: 2}) as dispatcher:
        await dispatcher.dispatch(items(BIG, 5), owner=OWNER, runs_on=RunsOn.NETWORK)
        await runs.until_started(2)
    assert sorted(cleaned) == [0, 1]
    await dispatcher.dispatch(items(SMALL, 1), owner=OWNER, runs_on=RunsOn.NETWORK)
    await settle()
    assert runs.started == items(BIG, 2)


async def test_in_process_items_wait_for_the_start(runs: Runs) -> None:
    runs.let_go()
    dispatcher = InProcessDispatcher(runs.run, concurrency={RunsOn.GPU: 1})
    await dispatcher.dispatch(items(BIG, 2), owner=OWNER, runs_on=RunsOn.GPU)
    await settle()
    assert runs.started == []
    async with dispatcher:
        await runs.until_started(2)
        await runs.until_idle()


async def test_in_process_error_of_the_block_is_its_own(runs: Runs) -> None:
    with pytest.raises(LookupError, match="of the block"):
        async with InProcessDispatcher(runs.run, concurrency={RunsOn.NETWORK: 1}):
            raise LookupError("of the block")


async def test_in_process_runs_do_not_inherit_the_callers_context() -> None:
    """A run must not log under the request that dispatched it."""
    request_id = contextvars.ContextVar("request_id", default="none")
    seen: list[str] = []
    over = anyio.Event()

    async def run(item: ItemRef) -> None:
        seen.append(request_id.get())
        over.set()

    async with InProcessDispatcher(run, concurrency={RunsOn.NETWORK: 1}) as dispatcher:
        request_id.set("of the caller")
        await dispatcher.dispatch(items(BIG, 1), owner=OWNER, runs_on=RunsOn.NETWORK)
        with anyio.fail_after(PATIENCE_S):
            await over.wait()
    assert seen == ["none"]
