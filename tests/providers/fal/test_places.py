"""How many are in progress at once."""

from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from image2model.core.errors import ProviderAccountBlocked
from image2model.core.shares import Share, working_for
from image2model.providers.fal.admission.places import Places
from image2model.testing.fal_simulator import FaultRule, Latency
from tests.harness.patience import waiting_for
from tests.providers.fal.rig import FalRig, new_key, running, work

pytestmark = pytest.mark.anyio


async def settle() -> None:
    for _ in range(5):
        await checkpoint()


async def test_first_come_first_served() -> None:
    places = Places(1, reserved_s=60.0)
    served: list[str] = []

    async def take(name: str) -> None:
        await places.take(name)
        served.append(name)

    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(take, name)
            await settle()
        assert served == ["a"]
        for name in "ab":
            places.reserve(name, name=f"{name} accepted")
            places.hold(f"{name} accepted")
            await settle()
            places.free(f"{name} accepted")
            await settle()
        assert served == ["a", "b", "c"]


async def test_who_stops_waiting_holds_nobody_up() -> None:
    places = Places(1, reserved_s=60.0)
    await places.take("first")
    got = anyio.Event()

    async def take(name: str) -> None:
        await places.take(name)
        got.set()

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(0.01):
            await places.take("impatient")
        group.start_soon(take, "patient")
        await settle()
        places.free("first")
        with anyio.fail_after(1):
            await got.wait()


async def test_reservations_lapse() -> None:
    """Whoever had the place may have died on the way."""
    places = Places(1, reserved_s=0.02)
    await places.take("dead")
    places.reserve("dead")
    with anyio.fail_after(1):
        await places.take("next")


async def test_held_places_do_not_lapse() -> None:
    places = Places(1, reserved_s=0.01)
    places.hold("long")
    with anyio.move_on_after(0.1) as waiting:
        await places.take("next")
    assert waiting.cancelled_caught


async def test_the_limit_is_found_out() -> None:
    """A few more than have been seen to run; so it grows as long as the account lets it."""
    places = Places(None, reserved_s=60.0)
    assert places.limit == 4
    for number in range(20):
        places.mark_running(number)
    assert places.limit == 30
    for number in range(20):
        places.free(number)
    assert places.limit == 30


@pytest.mark.parametrize(("limit", "most"), [(2, 2), (5, 5)])
async def test_no_more_are_submitted_than_there_are_places(
    tmp_path: Path, limit: int, most: int
) -> None:
    async with running(tmp_path, Latency(median_s=0.05), concurrency=limit) as rig:
        running_at_once: list[int] = []

        async def run(number: int) -> None:
            task = work(str(number))
            submission = await rig.provider.prepare(task)
            handle = await rig.provider.submit(submission, submit_key=new_key())
            running_at_once.append(_unfinished(rig))
            await rig.follow(task, handle)

        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(run, number)
        assert max(running_at_once) == most
        assert len(rig.fal.requests) == 12


async def test_a_refused_submission_gives_its_place_back(tmp_path: Path) -> None:
    faults = [FaultRule(on="submit", action="exhausted_balance", times=3)]
    async with running(tmp_path, faults=faults, concurrency=1) as rig:
        with anyio.fail_after(3):
            for _ in range(3):
                submission = await rig.provider.prepare(work())
                with pytest.raises(ProviderAccountBlocked):
                    await rig.provider.submit(submission, submit_key=new_key())


def _unfinished(rig: FalRig) -> int:
    return sum(request.state != "COMPLETED" for request in rig.fal.requests.values())


async def test_one_item_is_not_kept_waiting_by_another_owners_jobs(tmp_path: Path) -> None:
    """Forty jobs of one owner wait; the other one's only item is the next to be sent."""
    async with running(tmp_path, Latency(held=True), concurrency=2) as rig:
        prepared: list[str] = []

        async def send(share: Share) -> None:
            with working_for(share):
                task = work(f"{share.owner} {share.job}")
                submission = await rig.provider.prepare(task)
                prepared.append(share.owner)
                handle = await rig.provider.submit(submission, submit_key=new_key())
                await rig.follow(task, handle)

        async with anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(send, Share("anna", f"job-{number}"))
            with waiting_for("two items to be sent"):
                while len(rig.fal.requests) < 2:  # noqa: ASYNC110 - it knows
                    await anyio.sleep(0.01)
            group.start_soon(send, Share("ben", "job"))
            await settle()
            rig.fal.finish(next(iter(rig.fal.requests)))
            with waiting_for("a third item to be sent"):
                while len(prepared) < 3:  # noqa: ASYNC110 - as above
                    await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        assert prepared[:3] == ["anna", "anna", "ben"]
