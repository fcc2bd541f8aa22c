"""Lost answers: found by the picture's URL, or certainly not there, or unknown."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from image2model.core.errors import ProviderAccountBlocked, SubmissionUncertain
from image2model.core.job import Submission
from image2model.testing.fake_clock import FakeClock
from image2model.testing.fal_simulator import FaultRule, Latency
from tests.providers.fal.rig import AT_ONCE, HELD, IMPATIENT, FalRig, new_key, running, work

pytestmark = pytest.mark.anyio

LOST = FaultRule(on="submit", action="reset_after", nth=1)
NEVER_SENT = FaultRule(on="submit", action="reset_before", nth=1)


async def lose(rig: FalRig) -> Submission:
    """Submit with an answer that is lost."""
    submission = await rig.provider.prepare(work())
    with pytest.raises(SubmissionUncertain):
        await rig.provider.submit(submission, submit_key=new_key())
    return submission


@pytest.mark.parametrize("latency", [AT_ONCE, HELD], ids=["done", "waiting"])
async def test_an_accepted_request_is_found(tmp_path: Path, latency: Latency) -> None:
    async with running(tmp_path, latency, faults=[LOST]) as rig:
        submission = await lose(rig)
        await rig.accepted(work("another of the same"))
        found = await rig.another().reconcile(submission, submit_key=new_key())
        assert found is not None
        [lost, _] = rig.fal.requests
        assert found.request_id == lost


async def test_what_was_found_goes_the_whole_way(tmp_path: Path) -> None:
    async with running(tmp_path, faults=[LOST]) as rig:
        submission = await lose(rig)
        found = await rig.provider.reconcile(submission, submit_key=new_key())
        assert found is not None
        await rig.follow(work(), found)
        delivery = await rig.provider.collect(work(), found)
        assert delivery.files[0].name == "model.glb"
        assert delivery.files[0].expires_at is not None


async def test_it_is_found_among_many(tmp_path: Path) -> None:
    """On whatever page of the list it is."""
    async with running(tmp_path, HELD, faults=[LOST]) as rig:
        submission = await lose(rig)
        for number in range(120):
            await rig.provider.submit(
                replace(submission, data={**submission.data, "input": {"image_url": f"{number}"}}),
                submit_key=new_key(),
            )
        found = await rig.provider.reconcile(submission, submit_key=new_key())
        assert found is not None
        assert found.request_id == next(iter(rig.fal.requests))


async def test_what_was_not_accepted_is_certain_if_the_list_shows_the_unfinished(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, HELD, faults=[NEVER_SENT]) as rig:
        submission = await lose(rig)
        await rig.accepted(work("one that waits"))
        assert await rig.another().reconcile(submission, submit_key=new_key()) is None


async def test_what_the_list_shows_is_learnt_while_all_is_well(tmp_path: Path) -> None:
    """So that the answer is there when no other request is under way."""
    async with running(tmp_path, HELD, faults=[NEVER_SENT]) as rig:
        submission = await lose(rig)
        task, handle = await rig.accepted()
        async with anyio.create_task_group() as group:
            group.start_soon(rig.follow, task, handle)
            assert await rig.fal.ledger.reached("requests", 1, timeout_s=5)
            rig.fal.finish(handle.request_id)
        assert await rig.provider.reconcile(submission, submit_key=new_key()) is None


async def test_what_was_learnt_outlives_the_process(tmp_path: Path) -> None:
    """Nothing of this process is under way when another one, started later, asks."""
    async with running(tmp_path, HELD, faults=[replace(NEVER_SENT, nth=2)]) as rig:
        task, handle = await rig.accepted()
        async with anyio.create_task_group() as group:
            group.start_soon(rig.follow, task, handle)
            assert await rig.fal.ledger.reached("requests", 1, timeout_s=5)
            rig.fal.finish(handle.request_id)
        later = rig.another()
        submission = await later.prepare(work("later"))
        with pytest.raises(SubmissionUncertain):
            await later.submit(submission, submit_key=new_key())
        assert await later.search_limit_s(submission) == IMPATIENT.list_lag_s
        with anyio.fail_after(5):
            assert await later.reconcile(submission, submit_key=new_key()) is None


async def test_it_is_asked_once(tmp_path: Path) -> None:
    """However many requests are followed, in this process and in those to come."""
    async with running(tmp_path, Latency(median_s=0.2)) as rig:
        accepted = [await rig.accepted(work(f"item {number}")) for number in range(5)]
        async with anyio.create_task_group() as group:
            for task, handle in accepted:
                group.start_soon(rig.follow, task, handle)
        later = rig.another()
        task, handle = await rig.accepted(work("later"))
        assert [progress async for progress in later.follow(task, handle)]
        assert rig.fal.ledger.calls["requests"] == 1


async def test_a_list_of_ended_requests_alone_is_known_too(tmp_path: Path) -> None:
    """Then the search takes as long as the request might run, and says so."""
    faults = [FaultRule(on="run", action="unlisted")]
    async with running(tmp_path, HELD, faults=faults) as rig:
        task, handle = await rig.accepted()
        async with anyio.create_task_group() as group:
            group.start_soon(rig.follow, task, handle)
            # At once, and again when the list cannot be behind any more; then it is known.
            assert await rig.fal.ledger.reached("requests", 2, timeout_s=5)
            assert not await rig.fal.ledger.reached("requests", 3, timeout_s=0.5)
            rig.fal.finish(handle.request_id)
        submission = await rig.provider.prepare(work("another"))
        # 300 s at most until it starts, and four times what it takes.
        assert await rig.another().search_limit_s(submission) == 400.0


async def test_a_list_that_cannot_be_read_is_asked_later(tmp_path: Path) -> None:
    """What is followed does not suffer from it."""
    faults = [FaultRule(on="requests", action="unavailable")]
    async with running(tmp_path, Latency(median_s=0.2), faults=faults) as rig:
        for number in range(3):
            task, handle = await rig.accepted(work(f"item {number}"))
            assert await rig.follow(task, handle)
        assert rig.fal.ledger.calls["requests"] == 1


async def test_otherwise_it_takes_until_it_would_have_ended(tmp_path: Path) -> None:
    """A list that shows ended requests only says nothing about one that might be running."""
    clock = FakeClock()
    async with running(tmp_path, faults=[NEVER_SENT], clock=clock) as rig:
        submission = await lose(rig)
        with anyio.move_on_after(0.3) as search:
            await rig.provider.reconcile(submission, submit_key=new_key())
        assert search.cancelled_caught
        # 300 s at most until it starts, and four times the usual 25 s; and clocks differ.
        await clock.advance(401 + 600)
        assert await rig.provider.reconcile(submission, submit_key=new_key()) is None


async def test_a_clock_that_is_ahead_makes_nothing_certain(tmp_path: Path) -> None:
    """What another process has prepared just now may run, however late it seems to be here."""
    clock = FakeClock()
    async with running(tmp_path, faults=[NEVER_SENT], clock=clock) as rig:
        submission = await lose(rig)
        await clock.advance(401)
        with anyio.move_on_after(0.3) as search:
            await rig.provider.reconcile(submission, submit_key=new_key())
        assert search.cancelled_caught


async def test_a_search_that_took_as_long_as_any_request_is_over(tmp_path: Path) -> None:
    """Whatever clocks say."""
    async with running(tmp_path, faults=[NEVER_SENT], clock=FakeClock(), limit_s=0.5) as rig:
        submission = await lose(rig)
        began_s = anyio.current_time()
        assert await rig.provider.reconcile(submission, submit_key=new_key()) is None
        assert anyio.current_time() - began_s >= 0.5


async def test_a_list_that_cannot_be_read_leaves_it_open(tmp_path: Path) -> None:
    faults = [LOST, FaultRule(on="requests", action="unavailable")]
    async with running(tmp_path, faults=faults) as rig:
        submission = await lose(rig)
        with pytest.raises(SubmissionUncertain, match="answers 503"):
            await rig.provider.reconcile(submission, submit_key=new_key())


async def test_a_list_that_is_behind_is_asked_again(tmp_path: Path) -> None:
    empty = {"status": 200, "json": {"items": [], "next_cursor": None}}
    faults = [LOST, FaultRule(on="requests", action="reply", times=2, options=empty)]
    async with running(tmp_path, faults=faults) as rig:
        submission = await lose(rig)
        assert await rig.provider.reconcile(submission, submit_key=new_key()) is not None


async def test_with_a_bad_key_nothing_can_be_found_out(tmp_path: Path) -> None:
    faults = [LOST, FaultRule(on="requests", action="unauthorized")]
    async with running(tmp_path, faults=faults) as rig:
        submission = await lose(rig)
        with pytest.raises(ProviderAccountBlocked):
            await rig.provider.reconcile(submission, submit_key=new_key())
