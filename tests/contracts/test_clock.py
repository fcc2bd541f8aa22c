"""What every `Clock` promises, and what the fake one adds."""

from collections.abc import Awaitable, Callable
from datetime import UTC, timedelta

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from image2model.backends.inprocess.clock import SystemClock
from image2model.ports.clock import Clock
from image2model.testing.fake_clock import FakeClock
from tests.harness.patience import PATIENCE_S

pytestmark = pytest.mark.anyio

Pass = Callable[[float], Awaitable[None]]
"""Lets at least that many seconds of the clock go by."""


@pytest.fixture
def system() -> tuple[Clock, Pass]:
    return SystemClock(), anyio.sleep


@pytest.fixture
def fake() -> tuple[Clock, Pass]:
    clock = FakeClock()
    return clock, clock.advance


@pytest.fixture(params=["system", "fake"])
def clock_and_pass(request: pytest.FixtureRequest) -> tuple[Clock, Pass]:
    found: tuple[Clock, Pass] = request.getfixturevalue(request.param)
    return found


async def test_now_is_aware_utc(clock_and_pass: tuple[Clock, Pass]) -> None:
    clock, _ = clock_and_pass
    assert clock.now().tzinfo is UTC


async def test_sleep_lasts_its_time(clock_and_pass: tuple[Clock, Pass]) -> None:
    """After a sleep, both ways to tell the time have moved by at least the delay."""
    clock, let_pass = clock_and_pass
    start, start_s = clock.now(), clock.monotonic_s()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 0.02)
        await let_pass(0.03)
    assert clock.monotonic_s() - start_s >= 0.02
    assert clock.now() - start >= timedelta(seconds=0.019)


@pytest.mark.parametrize("delay_s", [0.0, -1.0])
async def test_no_delay_returns(clock_and_pass: tuple[Clock, Pass], delay_s: float) -> None:
    clock, _ = clock_and_pass
    with anyio.fail_after(PATIENCE_S):
        await clock.sleep(delay_s)


async def test_cancel_ends_a_sleep(clock_and_pass: tuple[Clock, Pass]) -> None:
    clock, _ = clock_and_pass
    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.sleep, 3600)
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()


async def test_fake_wakes_in_order() -> None:
    """The earliest wakes first, whoever fell asleep first among equals."""
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, delay_s: float) -> None:
        await clock.sleep(delay_s)
        woken.append((name, clock.monotonic_s()))

    async with anyio.create_task_group() as tasks:
        for name, delay_s in [("late", 3), ("first", 1), ("second", 1), ("middle", 2)]:
            tasks.start_soon(sleeper, name, delay_s)
        await clock.advance(10)
    assert woken == [("first", 1), ("second", 1), ("middle", 2), ("late", 3)]
    assert clock.monotonic_s() == 10


async def test_fake_wakes_a_loop_at_every_turn() -> None:
    """One advance over ten periods makes a periodic task run ten times, each at its time."""
    clock = FakeClock()
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await clock.sleep(1)
            ticks.append(clock.monotonic_s())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        await clock.advance(10)
        tasks.cancel_scope.cancel()
    assert ticks == [float(second) for second in range(1, 11)]


async def test_fake_leaves_later_sleepers_and_forgets_cancelled_ones() -> None:
    clock = FakeClock()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 5)
        await clock.advance(4.5)
        assert clock.sleeping == 1
        tasks.cancel_scope.cancel()
    assert clock.sleeping == 0


async def test_fake_waits_for_sleepers() -> None:
    """A test can wait until the code under test has come to its sleep."""
    clock = FakeClock()

    async def slow_start() -> None:
        await anyio.to_thread.run_sync(lambda: None)
        await clock.sleep(1)

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(slow_start)
            await clock.until_sleeping(1)
            await clock.advance(1)
