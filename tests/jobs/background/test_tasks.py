"""Background work goes on, whatever goes wrong in it."""

import errno
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import pytest

from image2model.jobs.background.tasks import Chores
from image2model.jobs.lifecycle.housekeeping import Housekeeper
from image2model.jobs.results.previews import PreviewDrawer
from image2model.jobs.runs.recover import Sweeper
from image2model.jobs.runs.uncertain import DoubtSettler
from image2model.testing.fake_clock import FakeClock
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio


def no_descriptors() -> OSError:
    return OSError(errno.EMFILE, "Too many open files")


@asynccontextmanager
async def kept(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Have *work* go on within the block."""
    async with anyio.create_task_group() as group:
        group.start_soon(work)
        yield
        group.cancel_scope.cancel()


async def test_an_error_ends_nothing_and_is_told_of_when_it_stays() -> None:
    clock, done = FakeClock(), 0
    errors: list[Exception] = [no_descriptors(), MemoryError(), RuntimeError("a bug")]

    async def work() -> None:
        nonlocal done
        if errors:
            raise errors.pop(0)
        done += 1

    chores = Chores(clock)
    async with kept(partial(chores.keep, "tidying", work, every_s=300.0)):
        await clock.advance(0.5)
        assert not chores.failing()
        await clock.advance(3.0)
        assert chores.failing() == {"tidying": "RuntimeError: a bug"}
        assert done == 0
        await clock.advance(4.0)
        assert (done, dict(chores.failing())) == (1, {})
        await clock.advance(300.0)
        assert done == 2


async def test_what_comes_often_goes_on_as_often_when_it_failed() -> None:
    clock, tries = FakeClock(), 0

    async def work() -> None:
        nonlocal tries
        tries += 1
        raise no_descriptors()

    async with kept(partial(Chores(clock).keep, "renewing", work, every_s=2.5)):
        await clock.advance(60.0)
    assert tries > 20


async def test_what_goes_on_for_long_after_failures_works_again() -> None:
    """It never says that it is done: it listens."""
    clock, tries = FakeClock(), 0

    async def listen() -> None:
        nonlocal tries
        tries += 1
        if tries > 5:
            await anyio.sleep_forever()
        raise no_descriptors()

    chores = Chores(clock)
    async with kept(partial(chores.keep, "listening", listen)):
        await clock.advance(60.0)
        assert tries == 6
        assert "Too many open files" in chores.failing()["listening"]
        await clock.advance(120.0)
        assert not chores.failing()


@pytest.mark.parametrize(
    "name", ["housekeeping", "space", "sweeping", "settling", "drawing", "leases"]
)
async def test_no_background_work_of_a_process_ends_by_an_error(
    rig: Rig, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fails as often as it is tried, is counted, and goes on when the fault is gone."""
    tries = 0
    is_broken = True

    async def fail() -> None:
        nonlocal tries
        tries += 1
        if is_broken:
            raise no_descriptors()
        await rig.clock.sleep(1.0)

    runs: dict[str, tuple[Any, str, str]] = {
        "housekeeping": (Housekeeper(rig.context), "tidy", "housekeeping"),
        "space": (Housekeeper(rig.context), "make_space", "making space"),
        "sweeping": (Sweeper(rig.context), "sweep", "the search for waiting items"),
        "settling": (DoubtSettler(rig.context), "settle", "the search for lost answers"),
        "drawing": (PreviewDrawer(rig.context), "_draw_next", "drawing previews"),
        "leases": (rig.keeper, "renew", "renewing leases"),
    }
    chore, method, told = runs[name]
    monkeypatch.setattr(chore, method, fail)
    async with kept(chore.run):
        await rig.clock.advance(700.0)
        assert "Too many open files" in rig.context.chores.failing()[told]
        is_broken, before = False, tries
        await rig.clock.advance(400.0)
        assert tries > before
        assert not rig.context.chores.failing()
    counted = rig.context.metrics.exposition().decode()
    assert f'background_failures_total{{task="{told}"}}' in counted
