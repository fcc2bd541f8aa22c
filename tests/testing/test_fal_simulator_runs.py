"""Every fault of the work behind an accepted submit, and of what it delivers."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from image2model.testing.fal_simulator import FaultRule, Latency
from tests.testing.fal_simulator_rig import AT_ONCE, FOR_EVER, HELD, TRIPO, Rig, running

pytestmark = pytest.mark.anyio

NO_KEY = {"authorization": ""}


def faulty(
    action: str, latency: Latency = AT_ONCE, **options: Any
) -> AbstractAsyncContextManager[Rig]:
    """Run a simulator whose first request goes wrong."""
    return running(latency, faults=[FaultRule(on="run", action=action, times=1, options=options)])


async def states(rig: Rig, accepted: dict[str, Any], *, polls: int) -> list[str]:
    return [(await rig.http.get(accepted["status_url"])).json()["status"] for _ in range(polls)]


@pytest.mark.parametrize("where", ["IN_QUEUE", "IN_PROGRESS"])
async def test_stuck(where: str) -> None:
    async with faulty("stuck", where=where) as rig:
        accepted = await rig.submit()
        await rig.follow(await rig.submit())
        assert await states(rig, accepted, polls=2) == [where, where]
        await rig.http.put(accepted["cancel_url"])
        assert await states(rig, accepted, polls=1) == ["COMPLETED"]


async def test_requeue_runs_it_again() -> None:
    async with faulty("requeue", times=2, for_s=0.0) as rig:
        accepted = await rig.submit()
        assert (await rig.follow(accepted))[-1]["status"] == "COMPLETED"
        assert rig.fal.requests[accepted["request_id"]].runs == 3


async def test_requeued_request_waits_in_the_queue() -> None:
    async with faulty("requeue", Latency(median_s=0.05), for_s=3600.0) as rig:
        accepted = await rig.submit()
        url = f"{accepted['status_url']}/stream"
        async with rig.http.stream("GET", url) as events:
            async for line in events.aiter_lines():
                if "IN_QUEUE" in line:
                    break
        assert rig.fal.requests[accepted["request_id"]].runs == 1


async def test_status_lag() -> None:
    async with faulty("status_lag", polls=2) as rig:
        accepted = await rig.submit()
        answers = [(await rig.http.get(accepted["status_url"])).status_code for _ in range(3)]
    assert answers == [404, 404, 200]


async def test_unknown_status() -> None:
    async with faulty("unknown_status", FOR_EVER, word="NAPPING", polls=2) as rig:
        assert await states(rig, await rig.submit(), polls=3) == ["NAPPING"] * 2 + ["IN_PROGRESS"]


@pytest.mark.parametrize(
    ("error_type", "status"), [("runner_scheduling_failure", 503), ("startup_timeout", 504)]
)
async def test_infrastructure_error(error_type: str, status: int) -> None:
    async with faulty("infrastructure_error", error_type=error_type) as rig:
        accepted = await rig.submit()
        last = (await rig.follow(accepted))[-1]
        result = await rig.http.get(accepted["response_url"])
    assert (last["status"], last["error_type"]) == ("COMPLETED", error_type)
    assert last["error"]
    assert result.status_code == status
    assert result.headers["x-fal-error-type"] == result.json()["error_type"] == error_type


async def test_model_refuses_only_at_the_result() -> None:
    options: dict[str, Any] = {"type": "image_too_small", "ctx": {"min_width": 128}, "units": 1.0}
    async with faulty("model_refuses", **options) as rig:
        accepted = await rig.submit()
        last = (await rig.follow(accepted))[-1]
        result = await rig.http.get(accepted["response_url"])
    assert last["status"] == "COMPLETED"
    assert "error" not in last
    assert result.status_code == 422
    assert result.headers["x-fal-retryable"] == "false"
    assert result.headers["x-fal-billable-units"] == "1"
    assert result.json()["detail"][0]["ctx"] == {"min_width": 128}
    assert result.json()["detail"][0]["type"] == "image_too_small"


async def test_model_refuses_in_plain_text() -> None:
    async with faulty("model_refuses_in_text", status=500, detail="CUDA out of memory") as rig:
        result = await rig.result()
    assert (result.status_code, result.json()) == (500, {"detail": "CUDA out of memory"})


async def test_result_still_in_progress_after_the_end() -> None:
    async with faulty("result_still_in_progress", times=2) as rig:
        accepted = await rig.submit()
        await rig.follow(accepted)
        answers = [(await rig.http.get(accepted["response_url"])).status_code for _ in range(3)]
    assert answers == [400, 400, 200]


async def test_result_gone() -> None:
    async with faulty("result_gone") as rig:
        assert (await rig.result()).status_code == 404
        assert (await rig.result()).status_code == 200


async def test_result_that_was_there_can_be_made_to_go() -> None:
    async with running() as rig:
        accepted = await rig.submit()
        await rig.follow(accepted)
        assert (await rig.http.get(accepted["response_url"])).status_code == 200
        rig.fal.expire_result(accepted["request_id"])
        assert (await rig.http.get(accepted["response_url"])).status_code == 404


async def test_cancel_ignored_goes_on_and_is_billed() -> None:
    async with faulty("cancel_ignored", HELD) as rig:
        accepted = await rig.submit()
        rig.fal.start(accepted["request_id"])
        answer = await rig.http.put(accepted["cancel_url"])
        assert answer.status_code == 202
        assert await states(rig, accepted, polls=1) == ["IN_PROGRESS"]
        rig.fal.finish(accepted["request_id"])
        assert (await rig.http.get(accepted["response_url"])).status_code == 200
        assert rig.fal.account().billed_usd == pytest.approx(0.3)


async def test_cancel_too_late() -> None:
    async with faulty("cancel_too_late", HELD) as rig:
        accepted = await rig.submit()
        answer = await rig.http.put(accepted["cancel_url"])
        assert (answer.status_code, answer.json()) == (400, {"status": "ALREADY_COMPLETED"})
        assert (await rig.http.get(accepted["response_url"])).status_code == 200


async def test_cancel_in_the_older_form() -> None:
    async with faulty("cancel_legacy", HELD) as rig:
        answer = await rig.http.put((await rig.submit())["cancel_url"])
        assert (answer.status_code, answer.json()) == (200, {"success": True})


async def test_unlisted() -> None:
    async with faulty("unlisted") as rig:
        await rig.submit()
        listed = (await rig.submit())["request_id"]
        url = f"{rig.fal.api_url}/models/requests/by-endpoint?endpoint_id={TRIPO}"
        items = (await rig.http.get(url)).json()["items"]
    assert [one["request_id"] for one in items] == [listed]


async def test_units_unknown() -> None:
    async with faulty("units_unknown") as rig:
        assert "x-fal-billable-units" not in (await rig.result()).headers
        assert "x-fal-billable-units" in (await rig.result()).headers


@pytest.mark.parametrize(("after_s", "status"), [(0.0, 404), (3600.0, 200)])
async def test_files_expire(after_s: float, status: int) -> None:
    async with faulty("files_expire", after_s=after_s) as rig:
        assert (await rig.http.get(await rig.mesh_url(), headers=NO_KEY)).status_code == status


async def test_bare_files_and_missing_keys() -> None:
    async with faulty("bare_files") as rig:
        assert (await rig.result()).json()["model_mesh"].keys() == {"url"}
    async with faulty("missing_keys", keys=["rendered_image"]) as rig:
        assert "rendered_image" not in (await rig.result()).json()
        assert "rendered_image" in (await rig.result()).json()


async def test_mesh_null_and_mesh_under_another_key() -> None:
    async with faulty("mesh_null") as rig:
        assert (await rig.result()).json()["model_mesh"] is None
    async with faulty("mesh_other_key", key="model_v9") as rig:
        result = (await rig.result()).json()
        assert "model_mesh" not in result
        assert result["model_v9"]["url"]


@pytest.mark.parametrize(
    ("action", "start"),
    [
        ("mesh_html", b"<!doctype html>"),
        ("mesh_zip", b"PK\x03\x04"),
        ("mesh_obj", b"mtllib"),
        ("mesh_fbx", b"Kaydara FBX Binary"),
        ("mesh_empty", b""),
    ],
)
async def test_mesh_is_something_else_under_the_name_of_a_glb(action: str, start: bytes) -> None:
    async with faulty(action) as rig:
        mesh = (await rig.result()).json()["model_mesh"]
        content = (await rig.http.get(mesh["url"], headers=NO_KEY)).content
    assert mesh["file_name"] == "model.glb"
    assert content.startswith(start)
    assert not content.startswith(b"glTF")
    assert len(content) == mesh["file_size"]


async def test_mesh_truncated_at_its_source() -> None:
    async with faulty("mesh_truncated", fraction=0.1) as rig:
        answer = await rig.http.get(await rig.mesh_url(), headers=NO_KEY)
    assert len(answer.content) == int(answer.headers["content-length"]) == 10_000
    assert int.from_bytes(answer.content[8:12], "little") == 100_000


async def test_huge_mesh_costs_the_simulator_nothing() -> None:
    async with faulty("mesh_huge", size_bytes=10_000_000_000) as rig:
        mesh = (await rig.result()).json()["model_mesh"]
        assert mesh["file_size"] == 10_000_000_000
        async with rig.http.stream("GET", mesh["url"], headers=NO_KEY) as answer:
            assert answer.headers["content-length"] == "10000000000"
            async for piece in answer.aiter_raw():
                assert piece.startswith(b"glTF")
                break


async def test_mesh_under_a_wrong_type() -> None:
    async with faulty("mesh_wrong_type", content_type="text/plain") as rig:
        mesh = (await rig.result()).json()["model_mesh"]
        answer = await rig.http.get(mesh["url"], headers=NO_KEY)
    assert mesh["content_type"] == answer.headers["content-type"] == "text/plain"
    assert answer.content.startswith(b"glTF")


async def test_rules_of_one_request_add_up() -> None:
    faults = [
        FaultRule(on="run", action="status_lag", options={"polls": 1}),
        FaultRule(on="run", action="mesh_null"),
    ]
    async with running(faults=faults) as rig:
        accepted = await rig.submit()
        assert (await rig.http.get(accepted["status_url"])).status_code == 404
        assert (await rig.http.get(accepted["response_url"])).json()["model_mesh"] is None
