"""Whatever fails at whichever step: nothing is paid twice, and nothing that is paid is lost."""

import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import get_args

import anyio
import anyio.lowlevel
import pytest

from image2model.core.errors import (
    ComputeCrashed,
    DatabaseUnavailable,
)
from image2model.core.generator import View
from image2model.core.ids import ArtifactId, OwnerId, new_hex_id
from image2model.core.job import Item, KeepPolicy, Picture
from image2model.core.states import AttemptState, ItemState
from image2model.jobs.intake.submit import JobRequest, NewItem, submit_job
from image2model.jobs.lifecycle.control import retry_items
from image2model.jobs.runs.recover import Sweeper
from image2model.jobs.runs.uncertain import DoubtSettler
from image2model.ports.jobstore import LedgerQuery
from tests.harness.rig import Rig, once
from tests.jobs.fault_injection import Injector, When, with_faults

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")
COST = Decimal("0.23")
NAMES = ("mug", "vase")
LEAST_CALLS = 80
"""An item asks its ports some fifty times; with far fewer, nothing would be tried."""

FAULTS: dict[str, Callable[[], Exception]] = {
    "a full disk": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "no descriptors": lambda: OSError(errno.EMFILE, "Too many open files"),
    "no memory": MemoryError,
    "a bug": lambda: RuntimeError("a bug"),
    "a killed child": lambda: ComputeCrashed(function="inspect_model"),
    "the database is away": lambda: DatabaseUnavailable(reason="down"),
}


async def run_with_fault(
    tmp_path: Path, injector: Injector, *, keep: KeepPolicy = KeepPolicy.KEEP
) -> Sequence[Item]:
    """Run a small batch with one fault in it, then without, as a server would go on."""
    rig = Rig(tmp_path)
    rig.provider.cost_usd = COST
    sound = rig.context
    wanted = [NewItem(name=name, pictures=[await a_picture(rig)]) for name in NAMES]
    job = await submit_job(sound, ANNA, JobRequest(keep=keep), wanted)
    with_faults(rig, injector)
    injector.is_armed = True
    await run_as_lanes_do(rig)
    injector.is_armed = False
    rig.context = sound
    rig.keeper, rig.runner = rig.worker("two")
    for _ in range(20):
        await rig.clock.advance(30.0)
        await DoubtSettler(sound).settle()
        await Sweeper(sound).sweep()
        await run_as_lanes_do(rig)
        items = (await rig.store.get_job(job.id)).items
        if all(item.state is ItemState.SUCCEEDED for item in items):
            break
        if any(item.state is ItemState.FAILED for item in items):
            await retry_items(sound, ANNA, job.id)
    assert [rig.provider.submits_of(name) for name in NAMES] == [1] * len(NAMES), "paid again"
    ledger = await rig.store.list_ledger(LedgerQuery(owner=ANNA))
    costs = [entry.attempt.cost_usd for entry in ledger.entries if entry.attempt.cost_usd]
    assert costs == [COST] * len(NAMES), "not booked"
    return items


async def a_picture(rig: Rig) -> Picture:
    """Keep a picture as if it had been checked, which takes longer than all the rest."""
    content, artifact = b"a picture", ArtifactId(new_hex_id())
    await rig.artifacts.put(artifact, once(content), limit_bytes=100)
    return Picture(
        view=View.FRONT,
        artifact=artifact,
        media_type="image/png",
        size_bytes=len(content),
        sha256=sha256(content).hexdigest(),
        width_px=64,
        height_px=64,
    )


async def run_as_lanes_do(rig: Rig) -> None:
    """Run what is dispatched; what a run raises is only logged, and time goes on meanwhile."""

    async def let_time_pass() -> None:
        while True:
            await anyio.lowlevel.checkpoint()
            if rig.clock.sleeping:
                await rig.clock.advance(0.1)

    async with anyio.create_task_group() as group:
        group.start_soon(let_time_pass)
        for ref in rig.dispatcher.take():
            with suppress(Exception):
                await rig.runner.run(ref)
        group.cancel_scope.cancel()


async def try_every_call(
    tmp_path: Path, make: Callable[[], Exception], when: When, *, keep: KeepPolicy
) -> None:
    counting = Injector(0, make, when)
    await run_with_fault(tmp_path, counting, keep=keep)
    assert len(counting.calls) >= LEAST_CALLS
    assert {"provider.submit", "provider.collect", "store.step"} <= set(counting.calls)
    # Both items take the same way, so a fault on the way of the first one tells all.
    for number in range(1, len(counting.calls) // len(NAMES) + 1):
        injector = Injector(number, make, when)
        try:
            items = await run_with_fault(tmp_path, injector, keep=keep)
            assert [item.state for item in items] == [ItemState.SUCCEEDED] * len(NAMES)
            assert {item.attempts[-1].state for item in items} == {AttemptState.SUCCEEDED}
        except Exception as error:
            error.add_note(f"call {number}: {when} {injector.calls[number - 1 : number]}")
            raise
        assert injector.has_failed


@pytest.mark.parametrize("when", get_args(When))
@pytest.mark.parametrize("fault", FAULTS)
async def test_any_call_may_fail(tmp_path: Path, fault: str, when: When) -> None:
    """Before it is sent, while it is sent, and when it is paid for."""
    await try_every_call(tmp_path, FAULTS[fault], when, keep=KeepPolicy.KEEP)


@pytest.mark.parametrize("when", get_args(When))
async def test_any_call_may_fail_where_only_links_are_kept(tmp_path: Path, when: When) -> None:
    await try_every_call(tmp_path, FAULTS["a bug"], when, keep=KeepPolicy.LINKS)
