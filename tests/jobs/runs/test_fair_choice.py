"""Which item a worker runs when a message comes."""

from collections.abc import Sequence

import anyio
import pytest
from anyio.lowlevel import checkpoint

from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Job
from image2model.jobs.runs.fair_choice import FairChoice
from image2model.ports.dispatcher import ItemRef
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA, BEN = OwnerId("session:anna"), OwnerId("session:ben")


class Worker:
    """Takes messages as Celery hands them out; what it runs stays until it is let go."""

    def __init__(self, rig: Rig) -> None:
        self.ran: list[ItemRef] = []
        self.taken: set[ItemRef] = set()
        self.held = anyio.Event()
        self.choice = FairChoice(rig.context, self.run)

    async def run(self, ref: ItemRef) -> bool:
        """Claim *ref* once."""
        if ref in self.taken:
            return False
        self.taken.add(ref)
        self.ran.append(ref)
        await self.held.wait()
        return True


async def settle() -> None:
    for _ in range(20):
        await checkpoint()


def refs(job: Job) -> Sequence[ItemRef]:
    return [ItemRef(job.id, index) for index in range(job.total)]


async def submit(rig: Rig, owner: OwnerId, count: int) -> Job:
    return await rig.submit(owner, *(f"{owner[8:]}-{number}" for number in range(count)))


async def test_a_message_runs_the_item_of_who_has_less_under_way(rig: Rig) -> None:
    many, one = await submit(rig, ANNA, 20), await submit(rig, BEN, 1)
    worker = Worker(rig)
    async with anyio.create_task_group() as group:
        for ref in refs(many)[:2]:
            group.start_soon(worker.choice.run, ref)
            await settle()
        assert worker.ran == [refs(many)[0], refs(one)[0]]
        worker.held.set()


async def test_the_message_of_an_item_that_ran_early_runs_another_one(rig: Rig) -> None:
    """So as many run as there are messages, and none waits for the sweeper."""
    many, one = await submit(rig, ANNA, 3), await submit(rig, BEN, 1)
    worker = Worker(rig)
    worker.held.set()
    async with anyio.create_task_group() as group:
        worker.held = anyio.Event()
        for ref in [*refs(many), *refs(one)]:
            group.start_soon(worker.choice.run, ref)
            await settle()
            for taken in list(worker.taken):
                await rig.keeper.claim(taken)
            await rig.clock.advance(1)
        assert sorted(worker.ran) == sorted([*refs(many), *refs(one)])
        assert len(worker.ran) == 4
        worker.held.set()


async def test_what_others_have_claimed_is_passed_over(rig: Rig) -> None:
    many, one = await submit(rig, ANNA, 2), await submit(rig, BEN, 1)
    worker = Worker(rig)
    worker.taken.add(refs(one)[0])
    async with anyio.create_task_group() as group:
        for ref in refs(many):
            group.start_soon(worker.choice.run, ref)
            await settle()
        assert worker.ran == list(refs(many))
        worker.held.set()


async def test_a_message_of_a_job_that_is_gone_harms_nobody(rig: Rig) -> None:
    worker = Worker(rig)
    worker.held.set()
    await worker.choice.run(ItemRef(JobId("0" * 32), 0))
    assert len(worker.ran) == 1
