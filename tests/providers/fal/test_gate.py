"""One submission goes ahead of those that would be refused like it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from image2model.core.errors import GeneratorRetired, Image2ModelError, ProviderAccountBlocked
from image2model.core.generator import GeneratorId
from image2model.testing.fal_simulator import FaultRule
from tests.providers.fal.rig import HELD, IMPATIENT, TRIPO, FalRig, running, work

pytestmark = pytest.mark.anyio

TRELLIS = GeneratorId("fal/trellis")
RETIRED = GeneratorId("fal:fal-ai/hunyuan3d-v21")
WAITING = replace(IMPATIENT, ahead_s=5.0, submit_s=5.0, answer_s=5.0)


async def all_at_once(
    rig: FalRig, generators: Sequence[GeneratorId]
) -> Counter[type[Image2ModelError] | None]:
    """Prepare and submit an item for each of *generators*; counts what became of them."""
    fared: Counter[type[Image2ModelError] | None] = Counter()
    messages: set[str] = set()

    async def go(number: int, generator: GeneratorId) -> None:
        try:
            await rig.accepted(work(f"item-{number}", generator=generator))
            fared[None] += 1
        except Image2ModelError as error:
            fared[type(error)] += 1
            messages.add(error.message)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for number, generator in enumerate(generators):
                group.start_soon(go, number, generator)
    assert len(messages) == len(fared.keys() - {None})
    return fared


async def test_an_empty_account_is_asked_once(tmp_path: Path) -> None:
    """By however many items and jobs; those that wait for a place hear of it without one."""
    behaviour = {"balance_usd": 0.0}
    async with running(tmp_path, HELD, pace=WAITING, behaviour=behaviour, concurrency=25) as rig:
        assert await all_at_once(rig, [TRIPO] * 60) == {ProviderAccountBlocked: 60}
        assert rig.fal.ledger.calls["submit"] == 1
        rig.fal.account().balance_usd = 100.0
        assert await all_at_once(rig, [TRIPO] * 20) == {None: 20}
        assert rig.paid == [1] * 20


async def test_other_generators_hear_of_it(tmp_path: Path) -> None:
    behaviour = {"balance_usd": 0.0}
    async with running(tmp_path, pace=WAITING, behaviour=behaviour, concurrency=4) as rig:
        fared = await all_at_once(rig, [TRIPO, TRELLIS] * 20)
        assert fared == {ProviderAccountBlocked: 40}
        assert rig.fal.ledger.calls["submit"] <= 2


async def test_a_retired_endpoint_stops_its_own_items_alone(tmp_path: Path) -> None:
    async with running(tmp_path, pace=WAITING) as rig:
        fared = await all_at_once(rig, [RETIRED, TRIPO] * 8)
        assert fared == {GeneratorRetired: 8, None: 8}
        assert rig.fal.ledger.calls["submit"] == 1 + 8


async def test_a_wrong_key_is_submitted_with_never(tmp_path: Path) -> None:
    async with running(tmp_path, pace=WAITING, key="wrong", concurrency=4) as rig:
        assert await all_at_once(rig, [TRIPO] * 40) == {ProviderAccountBlocked: 40}
        assert rig.fal.ledger.calls["submit"] == 0
        assert rig.fal.ledger.calls["upload_token"] <= 4


async def test_an_account_that_runs_dry_is_noticed_once(tmp_path: Path) -> None:
    """Where submissions were taken until now, those on their way are all that is refused."""
    fault = FaultRule(on="submit", action="exhausted_balance", skip=1)
    async with running(tmp_path, HELD, pace=WAITING, faults=[fault], concurrency=2) as rig:
        await rig.accepted(work("first"))
        fared = await all_at_once(rig, [TRIPO] * 30)
        assert fared == {ProviderAccountBlocked: 30}
        assert rig.fal.ledger.calls["submit"] <= 1 + 2


async def test_one_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """Neither does one that was prepared and never sent."""
    fault = FaultRule(on="submit", action="hang_after", nth=1)
    async with running(tmp_path, HELD, faults=[fault]) as rig:
        await rig.provider.prepare(work("never sent"))
        fared = await all_at_once(rig, [TRIPO] * 10)
        assert fared[None] == 9
        assert sorted(rig.paid) == [1] * 10
