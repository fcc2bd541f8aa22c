"""Following requests: whatever the queue says or does, each ends in one way."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from image2model.core.errors import (
    Image2ModelError,
    PictureDamaged,
    ProviderRejected,
    ProviderUnavailable,
)
from image2model.core.job import Handle, Progress
from image2model.testing.fal_simulator import FaultRule, Latency
from tests.providers.fal.rig import HELD, FalRig, mesh_of, running, work

pytestmark = pytest.mark.anyio

QUICK = Latency(median_s=0.05)


def run_fault(action: str, **options: Any) -> FaultRule:
    return FaultRule(on="run", action=action, options=options)


GOES_ON: Mapping[str, FaultRule] = {
    "falls back to the queue": run_fault("requeue", for_s=0.05),
    "unknown just after the submission": run_fault("status_lag", polls=3),
    "a word nobody knows": run_fault("unknown_status", polls=3),
    "result still in progress": run_fault("result_still_in_progress", times=3),
    "result gone": run_fault("result_gone"),
    "status resets": FaultRule(on="status", action="reset_after", times=2),
    "status breaks down": FaultRule(on="status", action="server_error", times=2),
    "status behind a broken proxy": FaultRule(on="status", action="nginx_502", times=2),
    "status hangs": FaultRule(on="status", action="hang_before", times=1),
    "status limited": FaultRule(on="status", action="rate_limited", times=1),
    "status unreadable": FaultRule(on="status", action="bad_json", times=2),
    "status redirects": FaultRule(on="status", action="redirect", times=1),
    "key refused for a moment": FaultRule(on="status", action="unauthorized", times=2),
    "result resets": FaultRule(on="result", action="reset_after", times=2),
    "result breaks down": FaultRule(on="result", action="unavailable", times=2),
    "result behind a broken proxy": FaultRule(on="result", action="nginx_502", times=2),
    "result hangs": FaultRule(on="result", action="hang_before", times=1),
    "result unreadable": FaultRule(on="result", action="bad_json", times=1),
    "result with unknown fields": FaultRule(on="result", action="unknown_fields"),
    "result redirects": FaultRule(on="result", action="redirect", times=1),
}


@pytest.mark.parametrize("case", GOES_ON)
async def test_faults_on_the_way_do_not_matter(tmp_path: Path, case: str) -> None:
    async with running(tmp_path, QUICK, faults=[GOES_ON[case]]) as rig:
        delivery = await rig.run()
        assert mesh_of(delivery).name == "model.glb"
        assert rig.paid == [1]
        assert rig.fal.ledger.violations == []


ENDS: Mapping[str, tuple[FaultRule, type[Image2ModelError]]] = {
    # The first group was not charged and may be sent again by itself.
    "runner gone": (run_fault("infrastructure_error"), ProviderUnavailable),
    "startup": (
        run_fault("infrastructure_error", error_type="startup_timeout"),
        ProviderUnavailable,
    ),
    "model broke down": (
        run_fault("model_refuses", type="internal_server_error", status=500, retryable=True),
        ProviderUnavailable,
    ),
    "cancelled there": (
        run_fault("infrastructure_error", error_type="client_cancelled"),
        ProviderRejected,
    ),
    "model says never again": (
        run_fault("model_refuses", type="internal_server_error", status=500, retryable=False),
        ProviderRejected,
    ),
    "model broke down and was paid": (
        run_fault("model_refuses", type="x", status=500, retryable=True, units=1.0),
        ProviderRejected,
    ),
    "content filter": (run_fault("model_refuses"), ProviderRejected),
    "content filter, charged": (run_fault("model_refuses", units=1.0), ProviderRejected),
    "unknown type": (run_fault("model_refuses", type="brand_new"), ProviderRejected),
    "in plain words": (run_fault("model_refuses_in_text"), ProviderRejected),
    "cannot be loaded": (run_fault("model_refuses", type="image_load_error"), PictureDamaged),
}


@pytest.mark.parametrize("case", ENDS)
async def test_failures_are_told_apart(tmp_path: Path, case: str) -> None:
    fault, kind = ENDS[case]
    async with running(tmp_path, faults=[fault]) as rig:
        task, handle = await rig.accepted()
        with pytest.raises(kind):
            await rig.follow(task, handle)


async def test_progress_never_falls_and_never_ends_early(tmp_path: Path) -> None:
    """The log counts every phase to 100 %, and a runner dies half-way."""
    latency = Latency(median_s=0.4, queue_s=0.2, others_ahead=5)
    async with running(tmp_path, latency, faults=[run_fault("requeue")]) as rig:
        task, handle = await rig.accepted()
        seen = await rig.follow(task, handle)
        fractions = [progress.fraction for progress in seen]
        assert fractions == sorted(fractions)
        assert max(fractions) < 0.95
        places = [p.queue_position for p in seen if p.queue_position is not None]
        assert places[0] > places[-1]
        assert {"Sampling", "Queued at fal.ai"} <= {progress.phase for progress in seen}


async def test_the_time_left_is_learnt(tmp_path: Path) -> None:
    async with running(tmp_path, Latency(median_s=0.2)) as rig:
        first = await rig.follow(*await rig.accepted(work("one")))
        second = await rig.follow(*await rig.accepted(work("two")))
        assert _time_left(first) == pytest.approx(25.0, abs=1.0)
        # A real clock measured the first run, so a stalled machine may have made it longer.
        assert _time_left(second) < 12.0


def _time_left(seen: list[Progress] | Any) -> float:
    return float(next(p.eta_s for p in seen if p.queue_position is None and p.eta_s is not None))


async def test_a_wake_up_is_heard_at_once(tmp_path: Path) -> None:
    """With a poll only every hour, the end is seen because somebody said so."""
    pace = {"shortest_s": 3600.0, "longest_s": 3600.0}
    async with running(tmp_path, HELD) as rig:
        slow = rig.another(pace=_pace(rig, **pace))
        task, handle = await rig.accepted()

        async def finish() -> None:
            rig.fal.finish(handle.request_id)
            while not slow.wake(handle.request_id):
                await checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(finish)
            with anyio.fail_after(5):
                _ = [progress async for progress in slow.follow(task, handle)]
        assert rig.fal.ledger.calls["status"] == 1
        assert not slow.wake(handle.request_id)


def _pace(rig: FalRig, **changes: float) -> Any:
    return replace(rig.config.pace, **changes)


async def test_what_never_ends_is_cancelled(tmp_path: Path) -> None:
    faults = [run_fault("stuck")]
    async with running(tmp_path, faults=faults, limit_s=0.3) as rig:
        task, handle = await rig.accepted()
        with pytest.raises(ProviderRejected, match="longer than") as caught:
            await rig.follow(task, handle)
        assert caught.value.details["kind"] == "time_limit"
        assert rig.fal.ledger.calls["cancel"] == 1


async def test_what_never_starts_is_dropped_unpaid(tmp_path: Path) -> None:
    """It is dropped there, for every submission says how long it may wait."""
    async with running(tmp_path, HELD, start_limit_s=1.1) as rig:
        task, handle = await rig.accepted()
        with pytest.raises(ProviderUnavailable, match="request_timeout"):
            await rig.follow(task, handle)
        assert rig.fal.account().billed_usd == 0


async def test_a_request_nobody_knows_is_given_up(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        task, handle = await rig.accepted()
        lost = Handle(
            request_id="0", data={"endpoint": handle.data["endpoint"], "prepared_at": "2026-01-01"}
        )
        with pytest.raises(ProviderRejected, match="knows nothing of this request"):
            await rig.follow(task, lost)


async def test_a_request_the_queue_forgot_is_read_from_the_list(tmp_path: Path) -> None:
    """As after a downtime longer than the queue remembers."""
    async with running(tmp_path) as rig:
        task, handle = await rig.accepted()
        rig.fal.add_fault("status", "missing")
        rig.fal.add_fault("result", "missing")
        await rig.follow(task, handle)
        assert mesh_of(await rig.provider.collect(task, handle)).name == "model.glb"
        assert rig.paid == [1]


async def test_a_refusal_the_queue_forgot_is_one(tmp_path: Path) -> None:
    async with running(tmp_path, faults=[run_fault("model_refuses")]) as rig:
        task, handle = await rig.accepted()
        rig.fal.add_fault("status", "missing")
        with pytest.raises(ProviderRejected, match="content filter"):
            await rig.follow(task, handle)


async def test_any_process_goes_on_with_a_handle(tmp_path: Path) -> None:
    """A handle without its URLs, or with URLs elsewhere, still leads to fal and nowhere else."""
    async with running(tmp_path, QUICK) as rig:
        task, handle = await rig.accepted()
        bent = {**handle.data, "status_url": "http://127.0.0.1:9/steal", "response_url": None}
        other = rig.another()
        moved = Handle(request_id=handle.request_id, data=bent)
        _ = [progress async for progress in other.follow(task, moved)]
        delivery = await other.collect(task, moved)
        assert mesh_of(delivery).name == "model.glb"


@pytest.mark.parametrize(
    ("faults", "stopped"),
    [
        ([], True),
        ([run_fault("cancel_legacy")], True),
        ([run_fault("cancel_too_late")], False),
        ([FaultRule(on="cancel", action="missing", times=1)], True),
        ([FaultRule(on="cancel", action="reset_before", times=1)], True),
    ],
    ids=["queued", "older form", "too late", "unknown there", "asked twice"],
)
async def test_cancelling(tmp_path: Path, faults: list[FaultRule], *, stopped: bool) -> None:
    async with running(tmp_path, HELD, faults=faults) as rig:
        _, handle = await rig.accepted()
        assert await rig.provider.cancel(handle) is stopped


async def test_cancelling_what_is_done(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        task, handle = await rig.accepted()
        await rig.follow(task, handle)
        assert not await rig.provider.cancel(handle)


async def test_many_are_not_asked_for_more_often_than_allowed(tmp_path: Path) -> None:
    """A hundred requests in flight share one rate of status requests."""
    async with running(tmp_path, HELD) as rig:
        calm = rig.another(pace=_pace(rig, requests_per_s=50.0, longest_s=100.0))
        accepted = [await rig.accepted(work(str(n))) for n in range(100)]
        with anyio.move_on_after(1.0):
            async with anyio.create_task_group() as group:
                for task, handle in accepted:
                    group.start_soon(_drain, calm, task, handle)
        # As many as two seconds' worth; each for itself would ask twenty times a second or more.
        assert rig.fal.ledger.calls["status"] <= 100


async def test_a_crowd_is_looked_at_half_as_often_before_it_may_have_ended(tmp_path: Path) -> None:
    """Where it is known how long a run takes; each look of a large job costs all the others."""
    async with running(tmp_path, Latency(median_s=0.4)) as rig:
        pace = _pace(rig, requests_per_s=250.0, longest_s=100.0, reserved_s=60.0)
        calm = replace(rig, provider=rig.another(pace=pace))
        await calm.follow(*await calm.accepted())
        rig.fal.set_latency(HELD)
        accepted = [await calm.accepted(work(str(n))) for n in range(50)]
        before = rig.fal.ledger.calls["status"]
        with anyio.move_on_after(0.3):
            async with anyio.create_task_group() as group:
                for task, handle in accepted:
                    group.start_soon(calm.follow, task, handle)
        # Fifty share a rate of 250 a second, so the first looks would be due after 0.2 s.
        assert rig.fal.ledger.calls["status"] == before


async def _drain(provider: Any, task: Any, handle: Handle) -> None:
    _ = [progress async for progress in provider.follow(task, handle)]
