"""Uncertain items are asked about again, and never submitted blindly."""

from decimal import Decimal

import anyio
import pytest

from image2model.core.errors import SubmissionUncertain
from image2model.core.ids import OwnerId
from image2model.core.job import Handle, Item, Job, Problem
from image2model.core.states import AttemptState, ItemState
from image2model.jobs.runs.uncertain import GIVE_UP_AFTER, DoubtSettler
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, Resolution
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("key:anna")


def lost() -> SubmissionUncertain:
    return SubmissionUncertain(provider="scripted", reason="the line broke")


async def in_doubt(rig: Rig) -> Job:
    """Make a job whose one item is uncertain, although the provider has accepted it."""
    rig.provider.fail("submit", "mug", [lost()])
    rig.provider.fail("reconcile", "mug", [lost()])
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    assert (await item_of(rig, job)).state is ItemState.UNCERTAIN
    return job


async def item_of(rig: Rig, job: Job) -> Item:
    return await rig.store.get_item(ItemRef(job.id, 0))


async def settle(rig: Rig) -> None:
    await DoubtSettler(rig.context).settle()
    await rig.run_dispatched()


async def test_accepted_item_goes_on(rig: Rig) -> None:
    job = await in_doubt(rig)
    await settle(rig)
    item = await item_of(rig, job)
    assert (item.state, item.problem) == (ItemState.SUCCEEDED, None)
    assert len(item.attempts) == rig.provider.submits_of("mug") == 1


async def test_item_that_was_never_accepted_is_sent_again(rig: Rig) -> None:
    job = await in_doubt(rig)
    rig.provider.accepted.clear()
    await settle(rig)
    item = await item_of(rig, job)
    assert item.state is ItemState.SUCCEEDED
    first, second = item.attempts
    assert (first.state, first.cost_usd) == (AttemptState.FAILED, Decimal(0))
    assert second.state is AttemptState.SUCCEEDED
    assert rig.provider.submits_of("mug") == 1


async def test_item_stays_uncertain_as_long_as_nobody_knows(rig: Rig) -> None:
    job = await in_doubt(rig)
    rig.provider.fail("reconcile", "mug", [lost(), lost()])
    await settle(rig)
    await settle(rig)
    assert (await item_of(rig, job)).state is ItemState.UNCERTAIN
    await settle(rig)
    assert (await item_of(rig, job)).state is ItemState.SUCCEEDED
    assert rig.provider.submits_of("mug") == 1


async def test_provider_is_not_asked_for_ever(rig: Rig) -> None:
    job = await in_doubt(rig)
    await rig.clock.advance(GIVE_UP_AFTER.total_seconds() + 1)
    asked = rig.provider.calls.count(("reconcile", "mug"))
    await settle(rig)
    assert (await item_of(rig, job)).state is ItemState.UNCERTAIN
    assert rig.provider.calls.count(("reconcile", "mug")) == asked


async def test_decision_made_meanwhile_counts(rig: Rig) -> None:
    """What was given up while the provider was asked is not brought back."""
    job = await in_doubt(rig)
    rig.provider.accepted.clear()
    asking = rig.provider.hang("reconcile", "mug")

    async with anyio.create_task_group() as group:
        group.start_soon(DoubtSettler(rig.context).settle)
        await asking.reached.wait()
        problem = Problem(code="given_up", message="No.")
        await rig.store.resolve_item(ItemRef(job.id, 0), Resolution.GIVE_UP, problem=problem)
        asking.released.set()
    await rig.run_dispatched()
    assert (await item_of(rig, job)).state is ItemState.FAILED
    assert rig.provider.submits_of("mug") == 0


async def test_webhook_that_was_heard_while_the_answer_was_looked_for_counts(rig: Rig) -> None:
    """The ledger knows the request, so the item goes on whatever its own search says."""
    looking = rig.provider.hang("reconcile", "mug")
    rig.provider.fail("submit", "mug", [lost()])
    job = await rig.submit(ANNA, "mug")
    async with anyio.create_task_group() as group:
        group.start_soon(rig.run_dispatched)
        await looking.reached.wait()
        attempt = (await item_of(rig, job)).attempts[-1]
        change = AttemptChange(state=AttemptState.ACCEPTED, handle=Handle(request_id="request-1"))
        await rig.store.book_late_answer(attempt.submit_key, change)
        request = rig.provider.accepted.pop("request-1")
        looking.released.set()
    assert (await item_of(rig, job)).state is ItemState.SUCCEEDED
    assert request.submit_key == attempt.submit_key
    assert rig.provider.submits_of("mug") == 0
