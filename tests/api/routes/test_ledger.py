"""What was sent and what it cost, over HTTP."""

import csv
from datetime import timedelta

import httpx2
import pytest

from image2model.api.app import create_api
from tests.api.asking import ask, make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio


async def test_every_try_is_listed_newest_first(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "cup", options='{"quality": "high"}')
    await rig.run_dispatched()
    await rig.clock.advance(60)
    await make_job(client, "jug")
    await rig.run_dispatched()
    reply = await client.get("/api/v1/ledger")
    newest, oldest = reply.json()["entries"]
    assert newest["item"] == "jug"
    assert oldest == {
        "time": "2026-01-01T00:00:00Z",
        "finished_at": "2026-01-01T00:00:00Z",
        "job": job["id"],
        "item": "cup",
        "generator": "scripted/cube",
        "endpoint": "scripted",
        "attempt": 1,
        "state": "succeeded",
        "request_id": "request-1",
        "estimated_usd": 0.3,
        "cost_usd": 0.3,
        "currency": "USD",
    }


async def test_pages_follow_each_other(client: httpx2.AsyncClient, rig: Rig) -> None:
    await make_job(client, "cup", "jug", "mug")
    await rig.run_dispatched()
    first = (await client.get("/api/v1/ledger?limit=2")).json()
    query = {"limit": "2", "cursor": first["next"]}
    rest = (await client.get("/api/v1/ledger", params=query)).json()
    names = [entry["item"] for entry in (*first["entries"], *rest["entries"])]
    assert (sorted(names), rest["next"]) == (["cup", "jug", "mug"], None)


async def test_deleted_jobs_stay_in_the_ledger(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "cup")
    await rig.run_dispatched()
    assert (await client.delete(f"/api/v1/jobs/{job['id']}")).status_code == 204
    (entry,) = (await client.get("/api/v1/ledger")).json()["entries"]
    assert (entry["job"], entry["cost_usd"]) == (job["id"], 0.2)


async def test_others_see_nothing_of_it(client: httpx2.AsyncClient, rig: Rig) -> None:
    await make_job(client, "cup")
    await rig.run_dispatched()
    async with ask(create_api(rig.context)) as stranger:
        assert (await stranger.get("/api/v1/ledger")).json() == {"entries": [], "next": None}
        assert (await stranger.get("/api/v1/ledger.csv")).text.count("\r\n") == 1


async def test_only_what_was_sent_in_a_time(client: httpx2.AsyncClient, rig: Rig) -> None:
    for name in ("cup", "jug", "mug"):
        await make_job(client, name)
        await rig.run_dispatched()
        await rig.clock.advance(60)
    begun = rig.clock.now() - timedelta(seconds=120)
    ended = begun + timedelta(seconds=60)
    query = {"from": begun.isoformat(), "to": ended.isoformat()}
    entries = (await client.get("/api/v1/ledger", params=query)).json()["entries"]
    assert [entry["item"] for entry in entries] == ["jug"]


@pytest.mark.parametrize(
    "query", ["from=yesterday", "from=2026-01-01T00:00:00", "cursor=1", "limit=0", "limit=501"]
)
async def test_what_makes_no_sense_is_refused(client: httpx2.AsyncClient, query: str) -> None:
    reply = await client.get(f"/api/v1/ledger?{query}")
    assert problem_of(reply, 422)["code"] == "invalid_request"


async def test_spreadsheets_get_every_line(client: httpx2.AsyncClient, rig: Rig) -> None:
    """Columns have names and a name that looks like a formula is none."""
    await make_job(client, "cup", "=1+1")
    await rig.run_dispatched()
    reply = await client.get("/api/v1/ledger.csv")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert "ledger.csv" in reply.headers["content-disposition"]
    rows = list(csv.DictReader(reply.text.splitlines()))
    assert list(rows[0]) == [
        *("time", "job", "item", "generator", "endpoint", "attempt", "state", "request_id"),
        *("estimated_usd", "cost_usd", "currency"),
    ]
    assert {row["item"] for row in rows} == {"cup", "'=1+1"}
    assert {(row["estimated_usd"], row["cost_usd"]) for row in rows} == {("0.2", "0.2")}
