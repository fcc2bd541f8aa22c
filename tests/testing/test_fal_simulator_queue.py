"""The simulated queue behaves as the documentation of the real one says."""

import asyncio

import httpx2
import pytest

from image2model.testing.fal_simulator import Latency
from image2model.testing.fal_simulator.endpoints import ENDPOINTS
from tests.testing.fal_simulator_rig import (
    AT_ONCE,
    FOR_EVER,
    HELD,
    PICTURE,
    TRELLIS,
    TRIPO,
    running,
)

pytestmark = pytest.mark.anyio


async def test_submit_answers_with_urls_that_leave_the_sub_path_out() -> None:
    async with running(HELD) as rig:
        accepted = await rig.submit()
        base = f"{rig.fal.queue_url}/tripo3d/tripo/requests/{accepted['request_id']}"
        assert accepted["response_url"] == base
        assert accepted["status_url"] == f"{base}/status"
        assert accepted["cancel_url"] == f"{base}/cancel"
        assert accepted["queue_position"] == 0


async def test_status_goes_from_202_to_200() -> None:
    async with running(HELD) as rig:
        accepted = await rig.submit()
        waiting = await rig.http.get(accepted["status_url"])
        rig.fal.start(accepted["request_id"])
        working = await rig.http.get(accepted["status_url"])
        rig.fal.finish(accepted["request_id"])
        done = await rig.http.get(accepted["status_url"])
    assert [waiting.status_code, working.status_code, done.status_code] == [202, 202, 200]
    assert waiting.json()["status"] == "IN_QUEUE"
    assert waiting.json()["queue_position"] == 0
    assert working.json()["status"] == "IN_PROGRESS"
    assert working.json()["logs"] is None
    assert done.json()["status"] == "COMPLETED"
    assert "error" not in done.json()
    assert done.json()["metrics"]["inference_time"] >= 0


async def test_full_endpoint_id_works_for_polling_and_another_one_does_not() -> None:
    async with running(HELD) as rig:
        request_id = (await rig.submit())["request_id"]
        full = await rig.http.get(f"{rig.fal.queue_url}/{TRIPO}/requests/{request_id}/status")
        other = await rig.http.get(f"{rig.fal.queue_url}/{TRELLIS}/requests/{request_id}/status")
    assert full.status_code == 202
    assert other.status_code == 404
    assert other.json() == {"status": "NOT_FOUND"}


async def test_result_is_400_until_the_end_and_then_bare() -> None:
    async with running(HELD) as rig:
        accepted = await rig.submit()
        early = await rig.http.get(accepted["response_url"])
        rig.fal.finish(accepted["request_id"])
        result = await rig.http.get(accepted["response_url"])
    assert early.status_code == 400
    assert early.json() == {"detail": "Request is still in progress"}
    assert result.headers["x-fal-request-id"] == accepted["request_id"]
    assert result.headers["x-fal-billable-units"] == "3"
    assert result.json()["model_mesh"]["file_size"] == 100_000


async def test_only_as_many_run_as_the_account_may() -> None:
    async with running(FOR_EVER, concurrency=2) as rig:
        accepted = [await rig.submit() for _ in range(5)]
        before = [(await rig.http.get(one["status_url"])).json() for one in accepted]
        rig.fal.finish(accepted[0]["request_id"])
        after = [(await rig.http.get(one["status_url"])).json() for one in accepted]
    assert [one["status"] for one in before] == ["IN_PROGRESS"] * 2 + ["IN_QUEUE"] * 3
    assert [one["queue_position"] for one in before[2:]] == [0, 1, 2]
    assert [one["status"] for one in after] == ["COMPLETED"] + ["IN_PROGRESS"] * 2 + [
        "IN_QUEUE"
    ] * 2
    assert [one["queue_position"] for one in after[3:]] == [0, 1]


async def test_raising_the_limit_starts_what_waits() -> None:
    async with running(FOR_EVER, concurrency=1) as rig:
        accepted = [await rig.submit() for _ in range(3)]
        await rig.http.post(f"{rig.fal.control_url}/account", json={"concurrency": 3})
        states = [(await rig.http.get(one["status_url"])).json()["status"] for one in accepted]
    assert states == ["IN_PROGRESS"] * 3


async def test_requests_of_others_are_ahead() -> None:
    async with running(Latency(queue_s=3600, others_ahead=900)) as rig:
        accepted = await rig.submit()
        assert accepted["queue_position"] == 900


async def test_position_moves_while_others_are_served() -> None:
    async with running(Latency(queue_s=0.6, others_ahead=1000)) as rig:
        url = (await rig.submit())["status_url"]
        positions = []
        while (status := (await rig.http.get(url)).json())["status"] == "IN_QUEUE":
            positions.append(status["queue_position"])
            await asyncio.sleep(0.02)
    assert positions == sorted(positions, reverse=True)
    assert positions[0] > positions[-1] >= 0


async def test_stream_ends_after_completed() -> None:
    async with running(HELD) as rig:
        accepted = await rig.submit()
        rig.fal.start(accepted["request_id"])
        async with rig.http.stream("GET", f"{accepted['status_url']}/stream") as events:
            lines = events.aiter_lines()
            first = await anext(lines)
            rig.fal.finish(accepted["request_id"])
            *_, last = [line async for line in lines if line]
    assert '"status": "IN_PROGRESS"' in first
    assert '"status": "COMPLETED"' in last


async def test_log_is_a_moving_window_in_which_each_phase_reaches_100_percent() -> None:
    async with running(log_lines=12) as rig:
        last = (await rig.follow(await rig.submit()))[-1]["logs"]
    assert len(last) == 12
    assert last[0]["message"].startswith("Decoding: 100%")
    assert last[-1]["message"].startswith("Texturing: 100%")
    assert last[0].keys() == {"message", "timestamp", "level", "source"}


async def test_log_keeps_its_timestamps_while_it_moves() -> None:
    async with running(HELD, log_lines=100) as rig:
        accepted = await rig.submit()
        rig.fal.start(accepted["request_id"])
        url = f"{accepted['status_url']}?logs=true"
        half = (await rig.http.get(url)).json()["logs"]
        rig.fal.finish(accepted["request_id"])
        whole = (await rig.http.get(url)).json()["logs"]
    assert 0 < len(half) < len(whole)
    assert whole[: len(half)] == half


async def test_cancel_in_queue_while_running_and_afterwards() -> None:
    async with running(HELD) as rig:
        accepted = await rig.submit()
        first = await rig.http.put(accepted["cancel_url"])
        status = await rig.http.get(accepted["status_url"])
        result = await rig.http.get(accepted["response_url"])
        again = await rig.http.put(accepted["cancel_url"])
        unknown = await rig.http.put(accepted["cancel_url"].replace(accepted["request_id"], "x"))
    assert (first.status_code, first.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    assert status.json()["error_type"] == "client_cancelled"
    assert result.status_code == 499
    assert (again.status_code, again.json()) == (400, {"status": "ALREADY_COMPLETED"})
    assert (unknown.status_code, unknown.json()) == (404, {"status": "NOT_FOUND"})


async def test_cancelled_request_can_be_unknown_afterwards() -> None:
    async with running(HELD, cancelled_answer="not_found") as rig:
        accepted = await rig.submit()
        await rig.http.put(accepted["cancel_url"])
        assert (await rig.http.get(accepted["status_url"])).status_code == 404


async def test_cancelled_request_is_not_charged() -> None:
    async with running(HELD) as rig:
        await rig.http.put((await rig.submit())["cancel_url"])
        assert rig.fal.account().billed_usd == 0


async def test_start_deadline_drops_a_queued_request() -> None:
    async with running(FOR_EVER, concurrency=1) as rig:
        await rig.submit()
        accepted = await rig.submit(x_fal_request_timeout="0.2")
        status = (await rig.follow(accepted))[-1]
        result = await rig.http.get(accepted["response_url"])
    assert status["error_type"] == "request_timeout"
    assert result.status_code == 504
    assert result.headers["x-fal-request-timeout-type"] == "user"


async def test_start_deadline_leaves_a_running_request_alone() -> None:
    async with running(Latency(median_s=0.3)) as rig:
        result = await rig.result(x_fal_request_timeout="0.15")
    assert result.status_code == 200


async def test_bad_start_deadline_is_refused() -> None:
    async with running() as rig:
        answer = await rig.post(x_fal_request_timeout="soon")
    assert answer.status_code == 400
    assert answer.headers["x-fal-error-type"] == "bad_request"


async def test_dead_runner_requeues_unless_told_not_to() -> None:
    async with running(HELD) as rig:
        patient, hasty = await rig.submit(), await rig.submit(x_fal_no_retry="1")
        for one in (patient, hasty):
            rig.fal.start(one["request_id"])
            rig.fal.requeue(one["request_id"])
        assert (await rig.http.get(patient["status_url"])).json()["status"] == "IN_QUEUE"
        ended = (await rig.http.get(hasty["status_url"])).json()
        assert ended["error_type"] == "runner_disconnected"


async def test_long_queue_is_refused_when_asked() -> None:
    async with running(FOR_EVER, concurrency=1) as rig:
        for _ in range(4):
            await rig.submit()
        refused = await rig.post(query="?fal_max_queue_length=2")
        await rig.submit(query="?fal_max_queue_length=3")
    assert refused.status_code == 429


@pytest.mark.parametrize("authorization", ["", "Key wrong", "Bearer simulated-key-id"])
async def test_bad_key_is_401(authorization: str) -> None:
    async with running() as rig:
        answer = await rig.post(authorization=authorization)
        assert answer.status_code == 401
        assert rig.fal.ledger.submits[0].outcome == "refused"


async def test_requests_of_another_account_are_unknown() -> None:
    async with running() as rig:
        accepted = await rig.submit()
        rig.fal.account("somebody:else")
        headers = {"authorization": "Key somebody:else"}
        assert (await rig.http.get(accepted["status_url"], headers=headers)).status_code == 404


async def test_revoked_key_and_exhausted_balance() -> None:
    async with running(balance_usd=0.5) as rig:
        assert (await rig.result()).status_code == 200
        assert (await rig.result()).status_code == 200
        broke = await rig.post()
        rig.fal.account().revoked = True
        revoked = await rig.post()
    assert rig.fal.account().billed_usd == pytest.approx(0.6)
    assert broke.status_code == 403
    assert "Exhausted balance" in broke.json()["detail"]
    assert revoked.status_code == 401


@pytest.mark.parametrize("endpoint", ["fal-ai/omnipart", "nobody/nothing"])
async def test_retired_and_unknown_endpoints_are_404_at_submit(endpoint: str) -> None:
    async with running() as rig:
        assert (await rig.post(endpoint)).status_code == 404


@pytest.mark.parametrize(
    ("arguments", "error_type", "field"),
    [
        ({"picture": PICTURE}, "missing", "image_url"),
        ({"image_url": PICTURE, "texture": "shiny"}, "one_of", "texture"),
        ({"image_url": "cat.png"}, "file_download_error", "image_url"),
        ({"image_url": 7}, "string_type", "image_url"),
    ],
)
async def test_bad_input_is_accepted_and_fails_late(
    arguments: dict[str, object], error_type: str, field: str
) -> None:
    async with running() as rig:
        accepted = (await rig.http.post(f"{rig.fal.queue_url}/{TRIPO}", json=arguments)).json()
        status = (await rig.follow(accepted))[-1]
        result = await rig.http.get(accepted["response_url"])
    assert status["status"] == "COMPLETED"
    assert "error" not in status
    assert result.status_code == 422
    assert result.headers["x-fal-billable-units"] == "0"
    detail = result.json()["detail"][0]
    assert (detail["type"], detail["loc"]) == (error_type, ["body", field])


async def test_picture_that_is_none_or_gone_fails_late() -> None:
    async with running() as rig:
        token = (await rig.http.post(f"{rig.fal.rest_url}/storage/auth/token", json={})).json()
        url = f"{token['base_url']}/files/upload"
        headers = {"authorization": f"Bearer {token['token']}"}
        uploaded = (await rig.http.post(url, content=b"words", headers=headers)).json()
        words = await rig.result(picture=uploaded["access_url"])
        rig.fal.expire_file(uploaded["access_url"])
        gone = await rig.result(picture=uploaded["access_url"])
    assert words.json()["detail"][0]["type"] == "image_load_error"
    assert gone.json()["detail"][0]["type"] == "file_download_error"


@pytest.mark.parametrize("content", [b"{", b"[1]", b""])
async def test_body_that_is_no_object_is_refused_at_once(content: bytes) -> None:
    async with running() as rig:
        answer = await rig.http.post(f"{rig.fal.queue_url}/{TRIPO}", content=content)
    assert answer.status_code == 422


async def test_results_live_shortly_and_large_ones_shorter() -> None:
    async with running(AT_ONCE, result_life_s=0.0) as rig:
        assert (await rig.result()).status_code == 404
    async with running(AT_ONCE, large_result_life_s=0.0) as rig:
        assert (await rig.result()).status_code == 200


@pytest.mark.parametrize("endpoint", [row.id for row in ENDPOINTS.values() if not row.retired])
async def test_every_endpoint_delivers_what_its_row_says(endpoint: str) -> None:
    row = ENDPOINTS[endpoint]
    value: object = [PICTURE] if row.images.fields[0].endswith("_urls") else PICTURE
    arguments = dict.fromkeys(row.images.fields, value)
    async with running() as rig:
        accepted = (await rig.http.post(f"{rig.fal.queue_url}/{endpoint}", json=arguments)).json()
        await rig.follow(accepted)
        result = await rig.http.get(accepted["response_url"])
        assert result.status_code == 200, result.text
        assert float(result.headers["x-fal-billable-units"]) > 0
        keys = [key for key, output in row.outputs.items() if output.kind == "mesh"]
        mesh = next(result.json()[key] for key in keys if result.json().get(key))
        content = await rig.http.get(mesh["url"], headers={"authorization": ""})
        assert len(content.content) == mesh["file_size"]
        is_glb = content.content.startswith(b"glTF")
        assert is_glb == (row.mesh_format(arguments) == "glb")


@pytest.mark.parametrize(
    ("endpoint", "options", "usd"),
    [
        (TRIPO, {}, 0.30),
        (TRIPO, {"texture": "no"}, 0.20),
        (TRIPO, {"texture": "HD", "quad": True}, 0.45),
        (TRELLIS, {"resolution": 1536}, 0.35),
        (TRELLIS, {"resolution": "512"}, 0.25),
        ("tripo3d/p2/image-to-3d", {"texture_quality": "extreme"}, 1.30),
        (
            "fal-ai/hunyuan-3d/v3.1/pro/image-to-3d",
            {"face_count": 50_000, "enable_pbr": True},
            0.675,
        ),
        ("fal-ai/hyper3d/rodin", {"addons": "HighPack"}, 1.20),
        ("hitem3d/hi3d/v3.0/image-to-3d", {"resolution": "2048master"}, 9.10),
        ("meshy/v7.1/image-to-3d", {"should_texture": False}, 0.80),
    ],
)
async def test_options_change_the_price(
    endpoint: str, options: dict[str, object], usd: float
) -> None:
    row = ENDPOINTS[endpoint]
    assert row.billable_units(options) * row.price.unit_price_usd == pytest.approx(usd)


async def test_textured_mesh_moves_to_another_key_with_pbr() -> None:
    async with running() as rig:
        body = {"image_url": PICTURE, "pbr": True, "quad": True}
        accepted = (await rig.http.post(f"{rig.fal.queue_url}/{TRIPO}", json=body)).json()
        await rig.follow(accepted)
        result = (await rig.http.get(accepted["response_url"])).json()
    assert result["model_mesh"] is None
    assert result["pbr_model"]["file_name"] == "model.fbx"


async def test_a_thousand_requests_are_in_flight_at_once() -> None:
    async with running(Latency(median_s=0.2), concurrency=1000) as rig:
        accepted = await asyncio.gather(*(rig.submit() for _ in range(1000)))
        ended = await asyncio.gather(*(rig.follow(one) for one in accepted[-20:]))
    assert {seen[-1]["status"] for seen in ended} == {"COMPLETED"}
    assert rig.fal.ledger.accepted_per_picture()[PICTURE] == 1000


async def test_two_simulators_side_by_side_do_not_mix() -> None:
    async with running() as one, running() as other:
        accepted = await one.submit()
        url = httpx2.URL(accepted["status_url"]).copy_with(port=other.fal.port)
        assert (await one.http.get(url)).status_code == 404
