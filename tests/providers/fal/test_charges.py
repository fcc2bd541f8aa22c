"""What fal charges for requests that end without a model, and those it runs again by itself."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from image2model.core.job import Item
from image2model.core.states import AttemptState, ItemState
from image2model.testing.fal_simulator import FaultRule
from tests.providers.fal.rig import extras_of, running, work
from tests.providers.fal.test_items import FBX, product

pytestmark = pytest.mark.anyio

PRICE_USD = Decimal("0.30")
UNITS = 3
"""What an item costs at fal, in its units of $0.10."""


def on_run(action: str, *, nth: int | None = 1, **options: Any) -> FaultRule:
    return FaultRule(on="run", action=action, nth=nth, options=options)


def charges(item: Item) -> list[tuple[AttemptState, Decimal | None]]:
    return [(attempt.state, attempt.cost_usd) for attempt in item.attempts]


@pytest.mark.parametrize("action", ["model_refuses", "model_refuses_in_text"])
@pytest.mark.parametrize("units", [0, UNITS], ids=["free", "charged"])
async def test_a_refusal_is_booked_at_once(tmp_path: Path, action: str, units: int) -> None:
    """With what fal says that it cost, and it is not sent again."""
    async with product(tmp_path, faults=[on_run(action, units=units)]) as world:
        job = await world.submit("mug", options=FBX)
        [item] = (await world.run_to_the_end(job)).items
        cost_usd = Decimal(units) / 10
        assert item.state is ItemState.FAILED
        assert charges(item) == [(AttemptState.FAILED, cost_usd)]
        assert (await world.rig.store.usage(job.owner)).day_usd == cost_usd
        assert world.far.fal.account().billed_usd == pytest.approx(float(cost_usd))
        assert world.far.fal.ledger.calls["submit"] == 1


async def test_refusals_that_cost_nothing_use_up_no_budget(tmp_path: Path) -> None:
    """What budgets are compared with is as it was before."""
    fault = FaultRule(on="run", action="model_refuses", times=3)
    async with product(tmp_path, faults=[fault], concurrency=1) as world:
        for name in ("mug", "vase", "chair"):
            job = await world.submit(name, options=FBX)
            await world.run_to_the_end(job)
        assert (await world.rig.store.usage(job.owner)).day_usd == 0
        job = await world.submit("lamp", options=FBX)
        [item] = (await world.run_to_the_end(job)).items
        assert item.state is ItemState.SUCCEEDED


@pytest.mark.parametrize("units", [0, UNITS], ids=["free", "charged"])
async def test_what_fal_runs_again_by_itself_is_taken_up(tmp_path: Path, units: int) -> None:
    """It is found by the picture's own URL, not sent again, and every charge is booked."""
    async with product(tmp_path, faults=[on_run("retried_elsewhere", units=units)]) as world:
        job = await world.submit("mug", "vase", options=FBX)
        done = await world.run_to_the_end(job)
        assert [item.state for item in done.items] == [ItemState.SUCCEEDED] * 2
        assert world.far.fal.ledger.calls["submit"] == 2
        assert len(world.far.fal.requests) == 3
        total = sum((a.cost_usd or Decimal(0) for i in done.items for a in i.attempts), Decimal(0))
        assert total == 2 * Decimal("0.35") + Decimal(units) / 10
        assert world.far.fal.account().billed_usd == pytest.approx(float(total))


async def test_it_is_taken_up_after_a_restart(tmp_path: Path) -> None:
    """By a process that knows the handle alone, whether it follows or collects."""
    async with running(tmp_path, faults=[on_run("retried_elsewhere", units=1)]) as rig:
        task, handle = await rig.accepted()
        await rig.follow(task, handle)
        [first, second] = rig.fal.requests
        assert handle.request_id == first
        delivery = await rig.another().collect(task, handle)
        assert extras_of(delivery)["request_id"] == second
        assert delivery.cost_usd == PRICE_USD + Decimal("0.10")
        for path in [file.path for file in delivery.files if file.path]:
            path.unlink()


async def test_what_the_queue_forgot_is_found_under_its_new_id(tmp_path: Path) -> None:
    faults = [on_run("result_gone"), on_run("unlisted"), on_run("retried_elsewhere", status=502)]
    async with running(tmp_path, faults=faults) as rig:
        delivery = await rig.run(work())
        assert len(rig.paid) == 1
        [_, second] = rig.fal.requests
        assert extras_of(delivery)["request_id"] == second


async def test_a_server_error_that_was_charged_is_not_sent_again_by_itself(tmp_path: Path) -> None:
    """It stands in the ledger; a person may have it made again, and then both stand there."""
    fault = on_run("model_refuses_in_text", status=500, units=UNITS, detail="Out of memory")
    async with product(tmp_path, faults=[fault]) as world:
        job = await world.submit("mug", options=FBX)
        [item] = (await world.run_to_the_end(job)).items
        assert item.state is ItemState.FAILED
        assert charges(item) == [(AttemptState.FAILED, PRICE_USD)]
        assert world.far.fal.ledger.calls["submit"] == 1
        assert world.far.fal.ledger.calls["requests"] >= 1


@pytest.mark.parametrize(
    "fault",
    [
        on_run("infrastructure_error"),
        on_run("model_refuses_in_text", status=500, detail="Out of memory"),
    ],
    ids=["infrastructure", "model"],
)
async def test_the_list_is_looked_at_before_anything_is_sent_again(
    tmp_path: Path, fault: FaultRule
) -> None:
    """Where it shows nothing, the item is sent again, and both attempts stand in the ledger."""
    async with product(tmp_path, faults=[fault]) as world:
        job = await world.submit("mug", options=FBX)
        [item] = (await world.run_to_the_end(job)).items
        assert item.state is ItemState.SUCCEEDED
        assert charges(item) == [
            (AttemptState.FAILED, Decimal(0)),
            (AttemptState.SUCCEEDED, Decimal("0.35")),
        ]
        assert world.far.fal.ledger.calls["requests"] >= 1


async def test_an_outage_that_never_ends_costs_nothing(tmp_path: Path) -> None:
    """The last attempt too is booked as unpaid, and no budget is used up."""
    fault = on_run("infrastructure_error", nth=None)
    async with product(tmp_path, faults=[fault]) as world:
        job = await world.submit("mug", options=FBX)
        [item] = (await world.run_to_the_end(job)).items
        assert item.state is ItemState.FAILED
        assert charges(item) == [(AttemptState.FAILED, Decimal(0))] * 3
        assert (await world.rig.store.usage(job.owner)).day_usd == 0


SERVER_ERROR = {
    "status": 500,
    "json": {"detail": "Internal Server Error"},
    "headers": {"x-fal-request-id": "abc"},
}


async def test_a_server_error_on_the_way_to_a_result_is_not_paid_again(tmp_path: Path) -> None:
    """The list has the result of that very request: it is taken, and nothing is sent."""
    fault = FaultRule(on="result", action="reply", times=4, options=SERVER_ERROR)
    async with product(tmp_path, faults=[fault]) as world:
        job = await world.submit("mug", options=FBX)
        [item] = (await world.run_to_the_end(job)).items
        assert item.state is ItemState.SUCCEEDED
        assert world.far.fal.ledger.calls["submit"] == 1
        [(state, cost_usd)] = charges(item)
        assert state is AttemptState.SUCCEEDED
        assert cost_usd == pytest.approx(Decimal(str(world.far.fal.account().billed_usd)))


async def test_nothing_is_sent_again_while_the_list_cannot_be_read(tmp_path: Path) -> None:
    """It is not known then whether fal runs the request again by itself; it is looked at later."""
    faults = [
        on_run("retried_elsewhere", units=0),
        FaultRule(on="requests", action="unavailable", times=40),
    ]
    async with product(tmp_path, faults=faults) as world:
        job = await world.submit("mug", options=FBX)
        [item] = (await world.run_by_itself(job)).items
        assert world.far.fal.ledger.calls["submit"] == 1
        assert item.state is ItemState.SUCCEEDED
