"""Routes about jobs and items: what they answer and what they set going."""

from typing import Any

import httpx2
import pytest

from image2model.core.errors import ProviderRejected, SubmissionUncertain
from tests.api.asking import make_draft, make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

JOBS = "/api/v1/jobs"


async def read(client: httpx2.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    reply = await client.get(f"{JOBS}/{job['id']}")
    assert reply.status_code == 200
    found: dict[str, Any] = reply.json()
    return found


async def test_a_finished_job_has_results_and_a_ledger(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    job = await make_job(client, "cup")
    await rig.run_dispatched()
    found = await read(client, job)
    assert found["state"] == "finished"
    assert found["progress"] == {"fraction": 1.0, "eta_s": 0.0}
    assert found["cost"]["booked_usd"] == 0.2
    item = found["items"][0]
    assert [(file["name"], file["role"]) for file in item["result"]["files"]] == [
        ("cup.glb", "mesh"),
        ("preview.webp", "preview"),
    ]
    assert item["result"]["facts"]["faces"] == 12
    assert item["result"]["files"][0]["provider_url"] == "https://scripted.invalid/request-1.glb"
    attempt = item["attempts"][0]
    assert (attempt["number"], attempt["state"], attempt["request_id"], attempt["cost_usd"]) == (
        1,
        "succeeded",
        "request-1",
        0.2,
    )


async def test_the_json_has_the_names_of_the_design(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "cup")
    await rig.run_dispatched()
    found = await read(client, job)
    assert set(found) == {
        *("id", "name", "state", "generator", "options", "formats", "adjust"),
        *("created_at", "started_at"),
        *("finished_at", "version", "counts", "progress", "cost", "expires_at", "keep", "starred"),
        *("stored_bytes", "items"),
    }
    item = found["items"][0]
    assert set(item) == {
        *("index", "name", "state", "views", "progress", "error", "result", "attempts"),
        "metadata",
    }
    assert set(item["views"][0]) == {
        *("view", "url", "thumb_url", "file_name", "width_px", "height_px"),
        *("notes", "credentials", "source_type"),
    }
    assert set(item["progress"]) == {"fraction", "phase", "queue_position", "eta_s"}
    assert set(item["result"]["files"][0]) == {
        *("name", "role", "format", "size_bytes", "sha256", "url", "provider_url", "expires_at"),
        "notes",
    }
    assert found["created_at"] == "2026-01-01T00:00:00Z"


async def test_jobs_are_listed_newest_first_page_by_page(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    for name in ("red cup", "Blue pot", "green cup"):
        await make_job(client, "a", name=name)
        await rig.clock.advance(1.0)
    first = (await client.get(JOBS, params={"limit": 2})).json()
    assert [job["name"] for job in first["jobs"]] == ["green cup", "Blue pot"]
    assert "items" not in first["jobs"][0]
    rest = (await client.get(JOBS, params={"limit": 2, "cursor": first["next"]})).json()
    assert [job["name"] for job in rest["jobs"]] == ["red cup"]
    assert rest["next"] is None


async def test_a_listed_job_says_how_far_it_is_and_what_it_cost(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    job = await make_job(client, "cup", "pot")
    await rig.run_dispatched()
    listed = (await client.get(JOBS)).json()["jobs"][0]
    assert listed["progress"]["fraction"] == 1.0
    assert listed["cost"]["booked_usd"] == 0.4
    whole = await read(client, job)
    covers = [item["views"][0]["thumb_url"] for item in whole.pop("items")]
    assert listed == {**whole, "covers": covers}


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"q": "CUP"}, ["cup"]),
        ({"state": "draft"}, ["sketch"]),
        ({"state": "running"}, ["pot", "cup"]),
        ({"starred": "true"}, ["pot"]),
        ({"starred": "false", "state": "running"}, ["cup"]),
        ({"q": "nothing of that name"}, []),
    ],
)
async def test_jobs_are_found(
    client: httpx2.AsyncClient, rig: Rig, params: dict[str, str], names: list[str]
) -> None:
    await make_job(client, "a", name="cup")
    await rig.clock.advance(1.0)
    pot = await make_job(client, "a", name="pot")
    await client.patch(f"{JOBS}/{pot['id']}", json={"starred": True})
    await rig.clock.advance(1.0)
    await make_draft(client, name="sketch")
    found = (await client.get(JOBS, params=params)).json()["jobs"]
    assert [job["name"] for job in found] == names


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"state": "lost"}, "state"),
        ({"cursor": "somewhere"}, "cursor"),
        ({"q": "\0"}, "q"),
        ({"starred": "maybe"}, "starred"),
    ],
)
async def test_a_wrong_listing_names_the_parameter(
    client: httpx2.AsyncClient, params: dict[str, str], field: str
) -> None:
    problem = problem_of(await client.get(JOBS, params=params), 422)
    assert problem["code"] == "invalid_request"
    assert problem["details"]["field"] == field
    assert problem["details"]["errors"][0]["field"] == field


async def test_a_job_is_renamed_and_starred(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "cup")
    reply = await client.patch(f"{JOBS}/{job['id']}", json={"name": " My\ncup ", "starred": True})
    assert (reply.json()["name"], reply.json()["starred"]) == ("My-cup", True)
    assert reply.json()["version"] > job["version"]
    reply = await client.patch(f"{JOBS}/{job['id']}", json={"starred": False})
    assert (reply.json()["name"], reply.json()["starred"]) == ("My-cup", False)


async def test_a_running_job_keeps_its_generator(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "cup")
    reply = await client.patch(f"{JOBS}/{job['id']}", json={"options": {"seed": 1}})
    assert problem_of(reply, 409)["code"] == "wrong_state"


async def test_a_raised_budget_pays_for_the_rest(client: httpx2.AsyncClient, rig: Rig) -> None:
    """What is made is not paid for again."""
    job = await make_job(client, "cup", "mug", "jug", budget_usd="0.45")
    await rig.run_dispatched()
    found = await read(client, job)
    assert (found["counts"]["succeeded"], found["counts"]["failed"]) == (2, 1)
    reply = await client.patch(f"{JOBS}/{job['id']}", json={"budget_usd": 0.6, "name": "All"})
    assert (reply.json()["cost"]["budget_usd"], reply.json()["name"]) == (0.6, "All")
    await client.post(f"{JOBS}/{job['id']}/retry")
    await rig.run_dispatched()
    assert (await read(client, job))["counts"]["succeeded"] == 3
    assert [rig.provider.submits_of(name) for name in ("cup", "mug", "jug")] == [1, 1, 1]
    reply = await client.patch(f"{JOBS}/{job['id']}", json={"budget_usd": 0})
    assert reply.json()["cost"]["budget_usd"] is None


async def test_a_deleted_job_is_gone_with_its_files(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "cup")
    await rig.run_dispatched()
    reply = await client.delete(f"{JOBS}/{job['id']}")
    assert (reply.status_code, reply.content) == (204, b"")
    assert problem_of(await client.get(f"{JOBS}/{job['id']}"), 404)["code"] == "job_not_found"
    assert [stored async for stored in rig.artifacts.all()] == []


async def test_pause_and_resume(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "cup")
    rig.dispatcher.take()
    assert (await client.post(f"{JOBS}/{job['id']}/pause")).json()["state"] == "paused"
    assert (await client.post(f"{JOBS}/{job['id']}/resume")).json()["state"] == "running"
    assert len(rig.dispatcher.take()) == 1


async def test_cancel_all_or_one(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "cup", "pot")
    one = (await client.post(f"{JOBS}/{job['id']}/items/1/cancel")).json()
    assert [item["state"] for item in one["items"]] == ["queued", "cancelled"]
    everything = (await client.post(f"{JOBS}/{job['id']}/cancel")).json()
    assert everything["state"] == "finished"
    assert everything["counts"]["cancelled"] == 2


async def test_retry_all_failed_or_one(client: httpx2.AsyncClient, rig: Rig) -> None:
    for name in ("cup", "pot"):
        error = ProviderRejected(provider="scripted", reason="ugly")
        rig.provider.fail("submit", name, [error])
    job = await make_job(client, "cup", "pot", "jug")
    await rig.run_dispatched()
    failed = await read(client, job)
    assert failed["items"][0]["error"]["code"] == "provider_rejected"
    one = (await client.post(f"{JOBS}/{job['id']}/items/1/retry")).json()
    assert [item["state"] for item in one["items"]] == ["failed", "queued", "succeeded"]
    again = (await client.post(f"{JOBS}/{job['id']}/retry")).json()
    assert again["counts"]["queued"] == 2
    refused = await client.post(f"{JOBS}/{job['id']}/items/2/retry")
    assert problem_of(refused, 409)["details"]["state"] == "succeeded"


async def test_an_uncertain_item_is_decided(client: httpx2.AsyncClient, rig: Rig) -> None:
    error = SubmissionUncertain(provider="scripted", reason="no answer")
    rig.provider.fail("submit", "cup", [error])
    rig.provider.fail("reconcile", "cup", [error])
    job = await make_job(client, "cup")
    await rig.run_dispatched()
    path = f"{JOBS}/{job['id']}/items/0/resolve"
    assert (await read(client, job))["items"][0]["state"] == "uncertain"
    wrong = await client.post(path, json={"resolution": "shrug"})
    assert problem_of(wrong, 422)["details"]["field"] == "resolution"
    given_up = (await client.post(path, json={"resolution": "give_up"})).json()
    assert given_up["items"][0]["error"]["code"] == "given_up"
    assert given_up["state"] == "finished"


async def test_news_are_only_what_is_new(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "cup", "pot")
    await client.post(f"{JOBS}/{job['id']}/items/1/cancel")
    path = f"{JOBS}/{job['id']}"
    news = (await client.get(path, params={"after_version": job["version"]})).json()
    assert [item["index"] for item in news["items"]] == [1]
    assert news["counts"]["cancelled"] == 1
    none = (await client.get(path, params={"after_version": news["version"]})).json()
    assert none == {**news, "items": []}


async def test_generators_and_their_prices(client: httpx2.AsyncClient) -> None:
    found = (await client.get("/api/v1/generators")).json()["generators"]
    assert [(card["id"], card["default"]) for card in found] == [("scripted/cube", True)]
    assert (await client.get("/api/v1/generators/scripted/cube")).json() == found[0]
    unknown = await client.get("/api/v1/generators/scripted/sphere")
    assert problem_of(unknown, 404)["details"]["known"] == ["scripted/cube"]
    wanted = {"options": {"quality": "high"}, "items": 4}
    estimate = (await client.post("/api/v1/estimate", json=wanted)).json()
    assert (estimate["item_usd"], estimate["total_usd"]) == (0.3, 1.2)
    assert estimate["options"] == {"quality": "high", "seed": 0}
    wrong = await client.post("/api/v1/estimate", json={"options": {"size": 1}})
    assert problem_of(wrong, 422)["code"] == "invalid_options"
