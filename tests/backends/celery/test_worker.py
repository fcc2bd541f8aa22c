"""What a worker does with the messages it takes."""

import logging
from collections.abc import Iterator

import anyio
import pytest
from celery import Celery

from image2model.backends.celery.broker import make_broker
from image2model.backends.celery.dispatcher import CeleryDispatcher, open_dispatcher
from image2model.core.errors import DatabaseUnavailable
from image2model.core.generator import RunsOn
from image2model.core.ids import JobId, OwnerId, new_hex_id
from image2model.ports.dispatcher import ItemRef
from tests.backends.celery.worker_thread import working
from tests.contracts.test_dispatcher import Runs
from tests.harness.patience import waiting_for
from tests.harness.rig import REAL_CHORES

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::celery.platforms.SecurityWarning"),
]

JOB = JobId(new_hex_id())
OWNER = OwnerId("session:anna")


@pytest.fixture
def broker(redis_url: str) -> Iterator[Celery]:
    app = make_broker(redis_url, longest_run_s=60.0)
    yield app
    app.close()


def items(count: int) -> list[ItemRef]:
    return [ItemRef(JOB, index) for index in range(count)]


async def until_waiting(dispatcher: CeleryDispatcher, count: int) -> None:
    """Wait until *count* messages wait in the queue."""
    with waiting_for(f"{count} messages to wait"):
        while await dispatcher.waiting(RunsOn.NETWORK) != count:  # noqa: ASYNC110 - Redis knows
            await anyio.sleep(0.02)


async def test_hundreds_are_under_way_at_once(broker: Celery) -> None:
    runs = Runs()
    async with open_dispatcher(broker, chores=REAL_CHORES) as dispatcher, working(broker, runs.run):
        await dispatcher.dispatch(items(300), owner=OWNER, runs_on=RunsOn.NETWORK)
        await runs.until_started(300)
        assert runs.most_at_once == 300
        runs.let_go()
        await runs.until_idle()


async def test_takes_no_more_than_it_may_run(broker: Celery) -> None:
    """What waits, waits in the queue, where another worker finds it."""
    runs = Runs()
    async with (
        open_dispatcher(broker, chores=REAL_CHORES) as dispatcher,
        working(broker, runs.run, concurrency=3),
    ):
        await dispatcher.dispatch(items(10), owner=OWNER, runs_on=RunsOn.NETWORK)
        await runs.until_started(3)
        await until_waiting(dispatcher, 7)
        assert len(runs.started) == 3
        runs.let_go()
        await runs.until_started(10)
    assert runs.most_at_once == 3


async def test_takes_from_its_own_queue_only(broker: Celery) -> None:
    runs = Runs()
    runs.let_go()
    async with open_dispatcher(broker, chores=REAL_CHORES) as dispatcher:
        await dispatcher.dispatch(items(2), owner=OWNER, runs_on=RunsOn.NETWORK)
        await dispatcher.dispatch([ItemRef(JOB, 7)], owner=OWNER, runs_on=RunsOn.CPU)
        async with working(broker, runs.run, queues=[RunsOn.CPU]):
            await runs.until_started(1)
        assert runs.started == [ItemRef(JOB, 7)]
        assert await dispatcher.waiting(RunsOn.NETWORK) == 2


async def test_told_to_end_it_puts_back_what_is_under_way(broker: Celery) -> None:
    """Runs are cut short in good order, and another worker has the messages at once."""
    runs = Runs()
    async with open_dispatcher(broker, chores=REAL_CHORES) as dispatcher:
        async with working(broker, runs.run) as end:
            await dispatcher.dispatch(items(20), owner=OWNER, runs_on=RunsOn.NETWORK)
            await runs.until_started(20)
            await end()
            await runs.until_idle()
        await until_waiting(dispatcher, 20)


async def test_failing_runs_stop_no_other(broker: Celery, caplog: pytest.LogCaptureFixture) -> None:
    """What is expected to happen is told in a line, a bug with its traceback."""
    runs = Runs()
    runs.let_go()

    async def run(item: ItemRef) -> None:
        await runs.run(item)
        if item.index == 0:
            raise DatabaseUnavailable(reason="restarting")
        if item.index == 1:
            raise LookupError("a bug")

    caplog.set_level(logging.WARNING)
    async with (
        open_dispatcher(broker, chores=REAL_CHORES) as dispatcher,
        working(broker, run, concurrency=1),
    ):
        await dispatcher.dispatch(items(3), owner=OWNER, runs_on=RunsOn.NETWORK)
        await runs.until_started(3)
        await until_waiting(dispatcher, 0)
    told = {record.levelname: record.exc_info for record in caplog.records}
    assert told["WARNING"] is None
    assert told["ERROR"] is not None
