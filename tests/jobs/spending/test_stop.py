"""Spending that is stopped, and what stops it."""

import logging
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Item
from image2model.core.money import Budget
from image2model.core.states import ItemState
from image2model.jobs.lifecycle.control import cancel_items
from image2model.jobs.spending.stop import LOOK_EVERY_S, allow_spending, stop_spending
from image2model.ports.dispatcher import ItemRef
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """The use cases over fakes."""
    return Rig(tmp_path)


async def item_of(rig: Rig, job: JobId) -> Item:
    return (await rig.store.get_job(job)).items[0]


async def test_what_waits_goes_on_and_has_lost_nothing(rig: Rig) -> None:
    """It says why it waits, takes no try, holds no place, and is sent once."""
    job = await rig.submit(ANNA, "mug")
    await stop_spending(rig.context, reason="too much")
    await rig.run_dispatched()
    waits = await item_of(rig, job.id)
    assert waits.problem is not None
    assert (waits.state, waits.attempts) == (ItemState.QUEUED, ())
    assert (waits.problem.code, waits.problem.details) == (
        "spending_stopped",
        {"reason": "too much", "everything": False},
    )
    assert "spending is stopped" in waits.progress.phase
    await rig.clock.advance(LOOK_EVERY_S)
    async with anyio.create_task_group() as group:
        group.start_soon(rig.runner.run, ItemRef(job.id, 0))
        for _ in range(50):
            await rig.clock.advance(LOOK_EVERY_S)
        assert (await item_of(rig, job.id)).state is ItemState.QUEUED
        assert rig.provider.calls == []
        await allow_spending(rig.context)
        for _ in range(3):
            await rig.clock.advance(LOOK_EVERY_S)
    done = await item_of(rig, job.id)
    assert (done.state, done.problem) == (ItemState.SUCCEEDED, None)
    assert rig.provider.submits_of("mug") == 1


async def test_stop_at_the_last_moment_holds(rig: Rig) -> None:
    """It was prepared before, and nothing of it leaves."""
    fault = rig.provider.hang("prepare", "mug")
    job = await rig.submit(ANNA, "mug")
    async with anyio.create_task_group() as group:
        group.start_soon(rig.runner.run, ItemRef(job.id, 0))
        await fault.reached.wait()
        await stop_spending(rig.context, reason="too much")
        fault.released.set()
    waits = await item_of(rig, job.id)
    assert waits.problem is not None
    assert (waits.state, waits.problem.code) == (ItemState.QUEUED, "spending_stopped")
    assert (waits.attempts, rig.provider.accepted, rig.provider.reserved) == ((), {}, set())


async def test_what_waits_can_be_cancelled(rig: Rig) -> None:
    job = await rig.submit(ANNA, "mug")
    await stop_spending(rig.context, reason="too much")
    await rig.run_dispatched()
    await cancel_items(rig.context, ANNA, job.id)
    assert (await item_of(rig, job.id)).state is ItemState.CANCELLED


@pytest.mark.parametrize(
    ("budget", "stops"),
    [
        (Budget(day_usd=Decimal(2)), "of a day"),
        (Budget(month_usd=Decimal(2)), "of 30 days"),
        (Budget(day_usd=Decimal(9)), None),
        (Budget(), None),
    ],
)
async def test_bill_beyond_what_was_expected(
    rig: Rig, caplog: pytest.LogCaptureFixture, budget: Budget, stops: str | None
) -> None:
    """It is logged and counted once; where it breaks a budget of all it stops spending."""
    rig.context = replace(rig.context, rules=replace(rig.context.rules, budget=budget))
    rig.keeper, rig.runner = rig.worker("two")
    rig.provider.cost_usd = Decimal(7)
    job = await rig.submit(ANNA, "mug")
    with caplog.at_level(logging.ERROR):
        await rig.run_dispatched()
    assert (await item_of(rig, job.id)).state is ItemState.SUCCEEDED
    assert caplog.text.count("was billed $7.00, but at most $0.20") == 1
    told = rig.context.metrics.exposition().decode()
    assert 'image2model_overcharged_usd_total{provider="scripted"} 6.8' in told
    stop = await rig.store.spending_stop()
    assert (stop.reason if stop else None) == (
        stops and f"more was billed than expected, and the budget {stops} is overdrawn"
    )
    assert ("spending is stopped: more was billed" in caplog.text) is bool(stops)
    later = await rig.submit(ANNA, "cup")
    await rig.run_dispatched()
    assert rig.provider.submits_of("cup") == (0 if stops else 1)
    assert (await item_of(rig, later.id)).state is (
        ItemState.QUEUED if stops else ItemState.SUCCEEDED
    )
