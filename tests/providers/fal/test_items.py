"""Whole items through the runner: whatever goes wrong, each is paid for once and none is lost."""

import errno
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from image2model.backends.http.fetcher import HttpFetcher
from image2model.core.ids import OwnerId, WorkerId
from image2model.core.job import Item, Job
from image2model.core.rules import offered_usd
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.jobs.catalogue import Catalogue
from image2model.jobs.context import Context
from image2model.jobs.intake.submit import JobRequest
from image2model.jobs.lifecycle.control import cancel_items, resolve_item, retry_items
from image2model.jobs.runs.leases import LeaseKeeper
from image2model.jobs.runs.recover import Sweeper
from image2model.jobs.runs.run import ItemRunner
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import LedgerQuery, Resolution
from image2model.providers.fal.provider import FalProvider
from image2model.providers.fal.results.download import Spooler
from image2model.testing.fal_simulator import FaultRule, Latency
from tests.harness.rig import Rig
from tests.providers.fal.rig import TRIPO, FalRig, running

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")
QUICK = Latency(median_s=0.02)
FBX = {"quad": True}
"""Options of models that are delivered as they are; drawing GLBs is tested elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The use cases in memory, with fal simulated and reached over HTTP."""

    far: FalRig
    rig: Rig
    context: Context

    def runner(self, provider: FalProvider | None = None, *, name: str = "one") -> ItemRunner:
        """Make a worker, with a provider of its own if one is given."""
        return self.worker(name, provider)[1]

    def worker(
        self, name: str, provider: FalProvider | None = None
    ) -> tuple[LeaseKeeper, ItemRunner]:
        """Make a worker and the keeper of its leases."""
        catalogue = Catalogue([provider or self.far.provider], default=TRIPO)
        context = replace(self.context, catalogue=catalogue)
        lease_s = context.rules.lease_s
        keeper = LeaseKeeper(context.store, context.clock, worker=WorkerId(name), lease_s=lease_s)
        return keeper, ItemRunner(context, keeper)

    async def submit(self, *names: str, **request: Any) -> Job:
        """Submit a job."""
        near = self.rig
        near.context = self.context
        return await near.submit(ANNA, *names, request=JobRequest(**request))

    async def run(self, runner: ItemRunner | None = None, *, pass_time: bool = True) -> None:
        """Run everything that is dispatched, all at once, while the clock goes on if it shall."""
        runner, refs = runner or self.runner(), self.rig.dispatcher.take()
        try:
            with anyio.fail_after(60):
                async with anyio.create_task_group() as passing:
                    if pass_time:
                        passing.start_soon(self._pass_time)
                    async with anyio.create_task_group() as group:
                        for ref in refs:
                            group.start_soon(runner.run, ref)
                    passing.cancel_scope.cancel()
        except TimeoutError:
            items = [await self.rig.store.get_item(ref) for ref in refs]
            told = [f"{one.name}: {one.state}, '{one.progress.phase}'" for one in items]
            pytest.fail(f"some of these do not end: {'; '.join(told)}")

    async def _pass_time(self) -> None:
        # Whoever looks for a lost answer may have to wait until it would have ended.
        while True:
            await anyio.sleep(0.05)
            await self.rig.clock.advance(50.0)

    async def run_by_itself(self, job: Job) -> Job:
        """Run for minutes of the clock, without anybody asking for it, until it is finished."""
        for _ in range(60):
            await self.run(pass_time=False)
            found = await self.rig.store.get_job(job.id)
            if found.state is JobState.FINISHED:
                return found
            await self.rig.clock.advance(10.0)
            await Sweeper(self.context).sweep()
        return await self.rig.store.get_job(job.id)

    async def run_to_the_end(self, job: Job, *, rounds: int = 12) -> Job:
        """Run and sweep, with the clock moving on, until the job is finished."""
        for _ in range(rounds):
            await self.run()
            found = await self.rig.store.get_job(job.id)
            if found.state is JobState.FINISHED:
                return found
            await self.rig.clock.advance(400.0)
            await Sweeper(self.context).sweep()
        return await self.rig.store.get_job(job.id)


@asynccontextmanager
async def product(tmp_path: Path, latency: Latency = QUICK, **more: Any) -> AsyncIterator[Product]:
    near = Rig(tmp_path)
    async with running(tmp_path, latency, clock=near.clock, **more) as far:
        catalogue = Catalogue([far.provider], default=TRIPO)
        context = replace(near.context, catalogue=catalogue)
        yield Product(far=far, rig=near, context=context)


def _left_over(folder: Path) -> Sequence[Path]:
    return list(folder.glob("*.part"))


def models_of(items: Sequence[Item]) -> Sequence[str]:
    """Name the request that each item's paid attempt belongs to."""
    return [
        attempt.handle.request_id
        for item in items
        for attempt in item.attempts
        if attempt.state is AttemptState.SUCCEEDED and attempt.handle is not None
    ]


async def test_a_job_at_fal(tmp_path: Path) -> None:
    """Results are kept and drawn, costs booked, places limited."""
    async with product(tmp_path, concurrency=3) as world:
        job = await world.submit("mug", "vase", "chair", "lamp", "boot")
        done = await world.run_to_the_end(job)
        assert [item.state for item in done.items] == [ItemState.SUCCEEDED] * 5
        assert world.far.paid == [1] * 5
        assert len(set(models_of(done.items))) == 5
        for item in done.items:
            assert item.mesh is not None
            assert item.mesh.artifact is not None
            assert item.mesh.format == "glb"
            assert item.mesh.provider_url is not None
            assert item.result is not None
            assert [file.role for file in item.result.files][:2] == ["mesh", "preview"]
            assert item.attempts[0].cost_usd == Decimal("0.30")
    assert _left_over(tmp_path) == []


ONCE: Mapping[str, FaultRule] = {
    f"{on} {action}": FaultRule(on=on, action=action, **more)
    for on, action, more in (
        ("submit", "reset_before", {"nth": 2}),
        ("submit", "reset_after", {"nth": 2}),
        ("submit", "reset_midway", {"nth": 2}),
        ("submit", "hang_before", {"nth": 2}),
        ("submit", "hang_after", {"nth": 2}),
        ("submit", "bad_json", {"nth": 2}),
        ("submit", "server_error", {"nth": 2, "options": {"processed": True}}),
        ("submit", "nginx_502", {"nth": 2, "options": {"processed": True}}),
        ("submit", "unavailable", {"nth": 2}),
        ("submit", "rate_limited", {"nth": 2}),
        ("upload", "reset_before", {"times": 3}),
        ("status", "unavailable", {"times": 5}),
        ("result", "nginx_502", {"times": 3}),
        ("download", "cut_short", {"times": 3}),
        ("connect", "reset_on_connect", {"times": 3}),
        ("pricing", "server_error", {}),
    )
}


@pytest.mark.parametrize("case", ONCE)
async def test_every_item_succeeds_and_is_paid_once(tmp_path: Path, case: str) -> None:
    async with product(tmp_path, faults=[ONCE[case]]) as world:
        job = await world.submit("mug", "vase", "chair", options=FBX)
        done = await world.run_to_the_end(job)
        assert [item.state for item in done.items] == [ItemState.SUCCEEDED] * 3
        assert len(world.far.fal.requests) == 3
        assert world.far.paid == [1] * 3
        assert len(set(models_of(done.items))) == 3


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("unauthorized", "provider_account_blocked"),
        ("exhausted_balance", "provider_account_blocked"),
        ("retired", "generator_retired"),
    ],
)
async def test_the_job_stops_at_once(tmp_path: Path, action: str, code: str) -> None:
    """With one message, after one submission; nothing is paid."""
    faults = [FaultRule(on="submit", action=action)]
    async with product(tmp_path, faults=faults, concurrency=1) as world:
        job = await world.submit("mug", "vase", "chair", "lamp")
        await world.run()
        stopped = await world.rig.store.get_job(job.id)
        assert stopped.state is JobState.FINISHED
        assert {item.problem.code for item in stopped.items if item.problem} == {code}
        assert world.far.fal.ledger.calls["submit"] == 1
        assert all(attempt.cost_usd == 0 for item in stopped.items for attempt in item.attempts)


async def test_a_refused_picture_fails_one_item(tmp_path: Path) -> None:
    fault = FaultRule(on="run", action="model_refuses", nth=2)
    async with product(tmp_path, faults=[fault]) as world:
        job = await world.submit("mug", "vase", "chair")
        done = await world.run_to_the_end(job)
        states = sorted(item.state for item in done.items)
        assert states == [ItemState.FAILED, ItemState.SUCCEEDED, ItemState.SUCCEEDED]
        assert len(world.far.fal.requests) == 3


async def test_a_runner_that_dies_unpaid_is_replaced(tmp_path: Path) -> None:
    fault = FaultRule(on="run", action="infrastructure_error", nth=1)
    async with product(tmp_path, faults=[fault]) as world:
        done = await world.run_to_the_end(await world.submit("mug"))
        [item] = done.items
        assert item.state is ItemState.SUCCEEDED
        assert [attempt.cost_usd for attempt in item.attempts] == [0, Decimal("0.30")]
        assert world.far.fal.account().billed_usd == pytest.approx(0.30)


async def test_a_lost_answer_that_cannot_be_looked_up_waits_for_a_person(tmp_path: Path) -> None:
    faults = [
        FaultRule(on="submit", action="reset_after"),
        FaultRule(on="requests", action="unavailable"),
    ]
    async with product(tmp_path, faults=faults) as world:
        job = await world.submit("mug")
        found = await world.run_to_the_end(job, rounds=3)
        assert found.items[0].state is ItemState.UNCERTAIN
        assert world.far.fal.ledger.calls["submit"] == 1


COMES_LATE: Mapping[str, FaultRule] = {
    # Each collection downloads up to three times.
    "resets": FaultRule(on="download", action="reset_before", times=12),
    "a page": FaultRule(
        on="download",
        action="reply",
        times=9,
        options={"status": 200, "text": "<html>Please wait</html>"},
    ),
    "nothing": FaultRule(
        on="download", action="reply", times=9, options={"status": 200, "text": ""}
    ),
    "not there": FaultRule(on="download", action="missing", times=4),
    "not for us": FaultRule(
        on="download", action="reply", times=4, options={"status": 403, "text": "no"}
    ),
    "cut": FaultRule(on="download", action="cut_short", times=30),
    "no result": FaultRule(on="result", action="missing", times=4),
    "no status": FaultRule(on="status", action="missing", times=30),
}


@pytest.mark.parametrize("case", COMES_LATE)
async def test_a_result_that_comes_late_is_not_paid_again(tmp_path: Path, case: str) -> None:
    """The item is fetched again by itself; what it cost is booked all the while."""
    faults = [COMES_LATE[case]]
    if case in {"no result", "no status"}:
        faults.append(FaultRule(on="requests", action="reply", times=6, options=NO_LIST))
    async with product(tmp_path, faults=faults) as world:
        job = await world.submit("mug")
        await world.run(pass_time=False)
        (item,) = (await world.rig.store.get_job(job.id)).items
        assert item.state in {ItemState.FINISHING, ItemState.GENERATING}
        if case not in {"no result", "no status"}:
            assert item.attempts[0].cost_usd == Decimal("0.30")
        done = await world.run_by_itself(job)
        assert done.items[0].state is ItemState.SUCCEEDED
        insist_paid_once(world, done, AttemptState.SUCCEEDED)


NO_LIST = {"status": 200, "json": {"items": [], "next_cursor": None}}


def insist_paid_once(world: Product, job: Job, state: AttemptState) -> None:
    assert world.far.paid == [1]
    (attempt,) = job.items[0].attempts
    assert (attempt.state, attempt.cost_usd) == (state, Decimal("0.30"))


STAYS_USELESS: Mapping[str, Sequence[FaultRule]] = {
    "a page": [FaultRule(on="run", action="mesh_html", times=1)],
    "nothing": [FaultRule(on="run", action="mesh_empty", times=1)],
    "cut there": [FaultRule(on="run", action="mesh_truncated", times=1)],
    "no mesh": [FaultRule(on="run", action="mesh_null", times=1)],
    "gone": [FaultRule(on="run", action="files_expire", options={"after_s": 0.0}, times=1)],
}


@pytest.mark.parametrize("case", STAYS_USELESS)
async def test_what_stays_useless_is_offered_for_a_new_payment(tmp_path: Path, case: str) -> None:
    """It is never made by a retry."""
    async with product(tmp_path, faults=STAYS_USELESS[case]) as world:
        job = await world.submit("mug")
        for _ in range(2):
            failed = await world.run_by_itself(job)
            (item,) = failed.items
            assert item.state is ItemState.FAILED
            assert item.problem is not None
            assert item.problem.code == "provider_result_invalid"
            assert "Making it again costs about $0.30 more" in item.problem.message
            assert offered_usd(item) == 0.3
            insist_paid_once(world, failed, AttemptState.ACCEPTED)
            await retry_items(world.context, ANNA, job.id)
        await world.run_by_itself(job)
        await resolve_item(world.context, ANNA, ItemRef(job.id, 0), Resolution.RESUBMIT)
        done = await world.run_by_itself(job)
        assert done.items[0].state is ItemState.SUCCEEDED
        assert len(world.far.fal.requests) == 2
        assert [one.cost_usd for one in done.items[0].attempts] == [Decimal("0.30")] * 2


async def test_a_setting_of_ours_costs_nothing_but_a_retry(tmp_path: Path) -> None:
    """Our own fetcher refuses the host; once it is allowed, what is paid for is fetched."""
    async with product(tmp_path) as world:
        job = await world.submit("mug")
        guarded = FalProvider(replace(world.far.tools, fetcher=HttpFetcher()), world.far.config)
        await world.run(world.runner(guarded))
        await guarded.aclose()
        failed = await world.rig.store.get_job(job.id)
        (item,) = failed.items
        assert item.state is ItemState.FAILED
        assert item.problem is not None
        assert "IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS" in item.problem.message
        assert offered_usd(item) is None
        insist_paid_once(world, failed, AttemptState.ACCEPTED)
        await retry_items(world.context, ANNA, job.id)
        insist_paid_once(world, await world.run_by_itself(job), AttemptState.SUCCEEDED)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EMFILE, "Too many")]
)
async def test_faults_of_this_machine_while_it_downloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """Every item keeps its request, whatever the disk says, and a retry fetches it."""

    async def fail(*_: Any, **__: Any) -> None:
        raise error

    async with product(tmp_path) as world:
        job = await world.submit("mug", "vase", "chair")
        with monkeypatch.context() as patch:
            patch.setattr(Spooler, "_append", fail)
            await world.run()
        for item in (await world.rig.store.get_job(job.id)).items:
            assert item.problem is not None
            assert item.problem.code in {"storage_full", "storage_unavailable"}
            assert item.attempts[0].state is AttemptState.ACCEPTED
        await retry_items(world.context, ANNA, job.id)
        done = await world.run_by_itself(job)
        assert [item.state for item in done.items] == [ItemState.SUCCEEDED] * 3
        assert world.far.paid == [1] * 3


async def test_a_run_that_goes_on_in_spite_of_cancelling_is_delivered(tmp_path: Path) -> None:
    """Fal was asked to stop it, made it all the same, and charges for it."""
    faults = [FaultRule(on="run", action="cancel_ignored")]
    async with product(tmp_path, Latency(median_s=1.5), faults=faults) as world:
        job = await world.submit("mug")
        keeper, runner = world.worker("one")
        [ref] = world.rig.dispatcher.take()
        async with anyio.create_task_group() as group:
            group.start_soon(runner.run, ref)
            with anyio.fail_after(60):
                while not world.far.fal.ledger.calls["status"]:  # noqa: ASYNC110 - it runs there
                    await anyio.sleep(0.01)
            await cancel_items(world.context, ANNA, job.id)
            await keeper.renew()
        done = await world.rig.store.get_job(job.id)
        assert done.items[0].state is ItemState.SUCCEEDED
        insist_paid_once(world, done, AttemptState.SUCCEEDED)


@pytest.mark.parametrize("step", ["outcome", "booking", "collecting"])
async def test_a_worker_killed_after_the_end(tmp_path: Path, step: str) -> None:
    """Between the outcome and the kept file: paid once, booked once, and there."""
    async with product(tmp_path) as world:
        job = await world.submit("mug")
        dying = _DyingLater(world.far.tools, world.far.config, at=step)
        [ref] = world.rig.dispatcher.take()
        async with anyio.create_task_group() as group:
            group.start_soon(world.runner(dying, name="dying").run, ref)
            with anyio.fail_after(60):
                await dying.reached.wait()
            await world.rig.clock.advance(world.context.rules.lease_s + 1)
            await Sweeper(world.context).sweep()
            insist_paid_once(world, await world.run_by_itself(job), AttemptState.SUCCEEDED)
            group.cancel_scope.cancel()
        await dying.aclose()
        done = await world.rig.store.get_job(job.id)
        assert done.items[0].state is ItemState.SUCCEEDED
        insist_paid_once(world, done, AttemptState.SUCCEEDED)
        ledger = await world.rig.store.list_ledger(LedgerQuery(owner=ANNA))
        assert [entry.attempt.cost_usd for entry in ledger.entries] == [Decimal("0.30")]


class _DyingLater(FalProvider):
    """Stops for good when its work is done: its outcome read, its bill read, or its files."""

    def __init__(self, tools: Any, config: Any, *, at: str) -> None:
        super().__init__(tools, config)
        self.reached = anyio.Event()
        self._at = at

    async def follow(self, work: Any, handle: Any) -> Any:
        async for progress in super().follow(work, handle):
            yield progress
        await self._die("outcome")

    async def read_bill(self, handle: Any) -> Any:
        cost = await super().read_bill(handle)
        await self._die("booking")
        return cost

    async def collect(self, work: Any, handle: Any) -> Any:
        delivery = await super().collect(work, handle)
        await self._die("collecting")
        return delivery

    async def _die(self, step: str) -> None:
        if step == self._at:
            self.reached.set()
            await anyio.sleep_forever()


@pytest.mark.parametrize("seed", range(4))
async def test_workers_that_die_anywhere_lose_and_repeat_nothing(tmp_path: Path, seed: int) -> None:
    """
    Workers with providers of their own are cut off at moments drawn by chance.

    A cancelled run gives its lease back, but nothing that its provider held in memory is left.
    """
    chance = random.Random(seed)
    async with product(tmp_path, Latency(median_s=0.05), concurrency=4) as world:
        job = await world.submit(*(f"item {number}" for number in range(10)), options=FBX)
        for number in range(8):
            runner = world.runner(world.far.another(), name=f"worker {number}")
            with anyio.move_on_after(chance.uniform(0.0, 0.15)):
                await world.run(runner)
            await world.rig.clock.advance(20.0)
            await Sweeper(world.context).sweep()
        done = await world.run_to_the_end(job)
        assert [item.state for item in done.items] == [ItemState.SUCCEEDED] * 10
        assert len(world.far.fal.requests) == 10
        assert world.far.paid == [1] * 10
        assert len(set(models_of(done.items))) == 10


@pytest.mark.parametrize("answered", [False, True], ids=["before the POST", "after it"])
async def test_a_worker_killed_at_the_submission(tmp_path: Path, *, answered: bool) -> None:
    """Neither its intent nor its answer is guessed at: the list of requests decides."""
    async with product(tmp_path) as world:
        job = await world.submit("mug", "vase")
        dying = _Dying(world.far.tools, world.far.config, answered=answered)
        refs = world.rig.dispatcher.take()
        async with anyio.create_task_group() as group:
            group.start_soon(world.runner(dying, name="dying").run, refs[0])
            with anyio.fail_after(60):
                await dying.reached.wait()
            await world.rig.clock.advance(world.context.rules.lease_s + 1)
            await Sweeper(world.context).sweep()
            done = await world.run_to_the_end(job)
            # A killed process says nothing any more.
            dying.released.set()
        await dying.aclose()
        assert [item.state for item in done.items] == [ItemState.SUCCEEDED] * 2
        assert len(world.far.fal.requests) == 2


class _Dying(FalProvider):
    """Stops for good at its submission, before or after fal has heard of it."""

    def __init__(self, tools: Any, config: Any, *, answered: bool) -> None:
        super().__init__(tools, config)
        self.reached = anyio.Event()
        self.released = anyio.Event()
        self._answered = answered

    async def submit(self, submission: Any, *, submit_key: Any) -> Any:
        handle = None
        if self._answered:
            handle = await super().submit(submission, submit_key=submit_key)
        self.reached.set()
        await self.released.wait()
        return handle or await self._never()

    async def _never(self) -> Any:
        raise ConnectionError("the process is gone")
