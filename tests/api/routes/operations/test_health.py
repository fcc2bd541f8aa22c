"""Health: says what works by calling it, and which part does not."""

from dataclasses import replace
from typing import cast

import anyio
import httpx2
import pytest

from image2model.api.app import create_api
from image2model.core.errors import ComputeCrashed, DatabaseUnavailable
from image2model.core.generator import RunsOn
from image2model.core.scopes import Scope
from image2model.jobs.access import create_api_key
from image2model.jobs.health import check_parts, count_waiting
from image2model.ports.jobstore import JobStore
from image2model.testing.inline_compute import InlineCompute
from image2model.testing.recording_dispatcher import RecordingDispatcher
from tests.api.asking import ask, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

READY, METRICS = "/api/v1/health/ready", "/api/v1/metrics"


async def test_live_and_ready(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/v1/health/live")).json() == {"status": "ok", "checks": {}}
    reply = await client.get(READY)
    assert reply.status_code == 200
    assert reply.json() == {
        "status": "ok",
        "checks": {
            "database": "ok",
            "storage": "ok",
            "compute": "ok",
            "space": "ok",
            "background": "ok",
            "queue": "ok",
        },
    }


class BrokenStore:
    """A job store that cannot be reached."""

    async def check(self) -> None:
        """Fail."""
        raise DatabaseUnavailable(reason="connection refused")


async def test_the_part_that_fails_is_named(rig: Rig) -> None:
    context = replace(rig.context, store=cast("JobStore", BrokenStore()))
    async with ask(create_api(context)) as client:
        reply = await client.get(READY)
        assert (await client.get("/api/v1/health/live")).status_code == 200
    assert reply.status_code == 503
    health = reply.json()
    assert health["status"] == "failing"
    assert "connection refused" in health["checks"]["database"]
    assert health["checks"]["storage"] == health["checks"]["compute"] == "ok"


async def test_computing_is_really_tried(rig: Rig) -> None:
    compute = InlineCompute(failures={"answer": ComputeCrashed(function="answer")})
    async with ask(create_api(replace(rig.context, compute=compute))) as client:
        reply = await client.get(READY)
    assert reply.status_code == 503
    assert "broke off" in reply.json()["checks"]["compute"]


class SilentStore:
    """A job store that never answers."""

    async def check(self) -> None:
        """Wait for ever."""
        await anyio.sleep_forever()


async def test_a_silent_part_holds_up_nobody(rig: Rig) -> None:
    context = replace(rig.context, store=cast("JobStore", SilentStore()))
    found = await check_parts(context, limit_s=0.05)
    assert found["database"] == "did not answer within 0.05 s"
    assert found["storage"] == "ok"


class LostQueue(RecordingDispatcher):
    """A queue that cannot be reached."""

    async def waiting(self, runs_on: RunsOn) -> int | None:  # noqa: ARG002
        """Tell that it cannot be asked."""
        return None


async def test_without_a_queue_jobs_are_taken_in_all_the_same(rig: Rig) -> None:
    async with ask(create_api(replace(rig.context, dispatcher=LostQueue()))) as client:
        reply = await client.get(READY)
    assert reply.status_code == 200
    assert reply.json()["status"] == "ok"
    assert "cannot be reached" in reply.json()["checks"]["queue"]


class SilentQueue(RecordingDispatcher):
    """A queue of which one kind never tells how many messages wait."""

    async def waiting(self, runs_on: RunsOn) -> int | None:
        """Wait for ever, or tell seven."""
        if runs_on is RunsOn.CPU:
            await anyio.sleep_forever()
        return 7


async def test_metrics_tell_what_waits_in_every_queue(rig: Rig) -> None:
    rig.dispatcher.backlog = 3
    async with ask(create_api(rig.context, callers_are_operators=True)) as operator:
        told = (await operator.get(METRICS)).text
    for queue in RunsOn:
        assert f'image2model_queue_messages{{queue="{queue}"}} 3.0' in told


async def test_metrics_are_the_operators(rig: Rig, client: httpx2.AsyncClient) -> None:
    assert problem_of(await client.get(METRICS), 403)["code"] == "scope_missing"
    for scope, status in ((Scope.GENERATE, 403), (Scope.ADMIN, 200)):
        key = await create_api_key(rig.context, name=scope, scopes=[scope])
        headers = {"Authorization": f"Bearer {key}"}
        assert (await client.get(METRICS, headers=headers)).status_code == status
    async with ask(create_api(rig.context, keys_only=True)) as stranger:
        problem_of(await stranger.get(METRICS), 401)


async def test_a_silent_queue_is_left_out(rig: Rig) -> None:
    context = replace(rig.context, dispatcher=SilentQueue())
    found = await count_waiting(context, limit_s=0.05)
    assert found == {RunsOn.NETWORK: 7, RunsOn.GPU: 7}


async def test_background_work_that_fails_again_and_again_is_told_of(rig: Rig) -> None:
    async def fail() -> None:
        raise OSError(24, "Too many open files")

    async with anyio.create_task_group() as group, ask(create_api(rig.context)) as client:
        group.start_soon(rig.context.chores.keep, "housekeeping", fail)
        await rig.clock.advance(10.0)
        reply = await client.get(READY)
        assert reply.status_code == 503
        assert "housekeeping fails again and again" in reply.json()["checks"]["background"]
        group.cancel_scope.cancel()
