"""The operator's view: everybody's jobs and spending, the stop, purging, and the audit log."""

import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from image2model.api.app import create_api
from image2model.core.ids import JobId
from image2model.core.money import Budget
from image2model.core.scopes import Scope
from image2model.jobs.access import create_api_key
from image2model.jobs.lifecycle.housekeeping import Housekeeper
from image2model.ports.dispatcher import ItemRef
from tests.api.asking import ask, make_draft, make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ADMIN, JOBS, KEYS = (f"/api/v1/{name}" for name in ("admin", "jobs", "keys"))
DAY_S = 86_400.0


@pytest.fixture
def api(rig: Rig) -> FastAPI:
    rules = replace(rig.context.rules, budget=Budget(day_usd=Decimal(5)))
    rig.context = replace(rig.context, rules=rules)
    rig.keeper, rig.runner = rig.worker("one")
    return create_api(rig.context)


@asynccontextmanager
async def holder(
    rig: Rig, api: FastAPI, name: str, scope: Scope
) -> AsyncIterator[httpx2.AsyncClient]:
    key = await create_api_key(rig.context, name=name, scopes={scope})
    async with ask(api, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


@pytest.fixture
async def admin(rig: Rig, api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with holder(rig, api, "boss", Scope.ADMIN) as client:
        yield client


@pytest.fixture
async def office(rig: Rig, api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with holder(rig, api, "office", Scope.GENERATE) as client:
        yield client


async def logged(admin: httpx2.AsyncClient, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await admin.get(f"{ADMIN}/audit", params=query)).json()[
        "entries"
    ]
    return found


async def test_overview_tells_who_has_and_spends_what(
    rig: Rig, api: FastAPI, admin: httpx2.AsyncClient, office: httpx2.AsyncClient
) -> None:
    await make_job(office, "cup", "mug")
    await rig.run_dispatched()
    async with ask(api) as stranger:
        await make_job(stranger, "jug")
    seen = (await admin.get(f"{ADMIN}/overview")).json()
    assert set(seen["health"].values()) == {"ok"}
    assert seen["stop"] is None
    assert (seen["queue"]["waiting"], len(seen["queue"]["items"])) == (1, 1)
    assert seen["budgets"] == [{"scope": "day", "limit_usd": 5.0, "spent_usd": 0.4}]
    (maker,) = seen["makers"]
    assert (maker["provider"], maker["attempts"], maker["month_usd"]) == ("scripted", 2, 0.4)
    owners = {owner["name"]: owner for owner in seen["owners"]}
    assert set(owners) == {"boss", "office"}
    told = owners["office"]
    assert (told["jobs"], told["unfinished_jobs"], told["day_usd"]) == (1, 0, 0.4)
    assert told["stored_bytes"] > 0
    assert (owners["boss"]["jobs"], owners["boss"]["day_usd"]) == (0, 0.0)
    assert (seen["anonymous"]["owners"], seen["anonymous"]["unfinished_jobs"]) == (1, 1)
    storage = seen["storage"]
    assert storage["picture_bytes"] > 0
    assert storage["result_bytes"] > 0


async def test_nothing_is_sent_from_the_stop_until_it_goes_on(
    rig: Rig,
    admin: httpx2.AsyncClient,
    office: httpx2.AsyncClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = {"reason": "the bill is too high"}
    stop = (await admin.post(f"{ADMIN}/stop", json=body)).json()
    assert (stop["reason"], stop["everything"]) == (body["reason"], False)
    job = await make_job(office, "cup")
    await rig.run_dispatched()
    waits = (await office.get(f"{JOBS}/{job['id']}")).json()["items"][0]
    assert (waits["state"], waits["error"]["code"]) == ("queued", "spending_stopped")
    assert rig.provider.accepted == {}
    assert (await admin.get(f"{ADMIN}/overview")).json()["stop"] == stop
    assert (await admin.post(f"{ADMIN}/go")).status_code == 204
    await rig.clock.advance(60)
    await rig.runner.run(ItemRef(JobId(job["id"]), 0))
    made = (await office.get(f"{JOBS}/{job['id']}")).json()["items"][0]
    assert (made["state"], rig.provider.submits_of("cup")) == ("succeeded", 1)
    assert [entry["action"] for entry in await logged(admin)][:2] == [
        "spending_allowed",
        "spending_stopped",
    ]
    assert f"spending is stopped: {stop['reason']} (" in caplog.text
    assert "spending goes on (" in caplog.text


async def test_operators_find_and_end_anybodys_jobs(
    rig: Rig, api: FastAPI, admin: httpx2.AsyncClient, office: httpx2.AsyncClient
) -> None:
    first = await make_job(office, "cup", name="cups")
    second = await make_job(office, "mug", name="mugs")
    draft = await make_draft(office)
    async with ask(api) as stranger:
        other = await make_job(stranger, "jug", name="jugs")
    found = (await admin.get(f"{ADMIN}/jobs", params={"q": "jug"})).json()["jobs"]
    assert [(job["id"], job["owner"].split(":")[0]) for job in found] == [(other["id"], "session")]
    page = (await admin.get(f"{ADMIN}/jobs", params={"limit": "3"})).json()
    rest = (await admin.get(f"{ADMIN}/jobs", params={"cursor": page["next"]})).json()
    assert len(page["jobs"]) == 3
    assert len(rest["jobs"]) == 1
    owner = next(job["owner"] for job in [*page["jobs"], *rest["jobs"]] if job["id"] == first["id"])
    assert (await admin.post(f"{ADMIN}/jobs/{other['id']}/cancel")).json()["state"] == "finished"
    cancelled = (await admin.post(f"{ADMIN}/owners/{owner}/cancel")).json()["jobs"]
    assert set(cancelled) == {first["id"], second["id"]}
    assert (await office.get(f"{JOBS}/{first['id']}")).json()["counts"]["cancelled"] == 1
    assert (await office.get(f"{JOBS}/{draft['id']}")).json()["state"] == "draft"
    assert (await admin.delete(f"{ADMIN}/jobs/{second['id']}")).status_code == 204
    assert (await office.get(f"{JOBS}/{second['id']}")).status_code == 404
    assert problem_of(await admin.delete(f"{ADMIN}/jobs/{second['id']}"), 404)
    await rig.run_dispatched()
    assert rig.provider.accepted == {}


async def test_purge_says_first_what_it_would_remove(
    rig: Rig, admin: httpx2.AsyncClient, office: httpx2.AsyncClient
) -> None:
    job = await make_job(office, "cup")
    await rig.run_dispatched()
    assert (await office.get(f"{JOBS}/{job['id']}/items/0/model.stl")).status_code == 200
    await make_draft(office)
    await rig.clock.advance(2 * DAY_S)
    would = (await admin.post(f"{ADMIN}/purge", json={"dry_run": True})).json()
    assert (would["dry_run"], would["jobs"]) == (True, 1)
    assert would["derived_bytes"] > 0
    assert (await admin.post(f"{ADMIN}/purge", json={"dry_run": True})).json() == would
    only_jobs = (await admin.post(f"{ADMIN}/purge", json={"what": ["jobs"]})).json()
    assert (only_jobs["jobs"], only_jobs["derived_bytes"]) == (1, 0)
    done = (await admin.post(f"{ADMIN}/purge", json={})).json()
    assert done == {**would, "dry_run": False, "jobs": 0}
    assert (await office.get(f"{JOBS}/{job['id']}")).status_code == 200
    assert (await office.get(f"{JOBS}/{job['id']}/items/0/model.stl")).status_code == 200
    assert len(await logged(admin, action="purged")) == 2


async def test_what_changes_money_or_access_is_in_the_log_without_secrets(
    rig: Rig, api: FastAPI, admin: httpx2.AsyncClient, office: httpx2.AsyncClient
) -> None:
    job = await make_job(office, "cup")
    share = (await office.post(f"{JOBS}/{job['id']}/shares", json={})).json()
    await office.delete(f"{JOBS}/{job['id']}/shares/{share['id']}")
    url = "https://hooks.example/in?token=hidden-in-the-url"
    hook = (await office.post("/api/v1/webhooks", json={"url": url})).json()
    await office.delete(f"/api/v1/webhooks/{hook['id']}")
    await office.patch(f"{JOBS}/{job['id']}", json={"budget_usd": 2.5})
    ends = (rig.clock.now() + timedelta(days=1)).isoformat()
    key = (await admin.post(KEYS, json={"name": "guest", "expires_at": ends})).json()
    await admin.patch(f"{KEYS}/{key['id']}", json={"limits": {"day_usd": 1.0}})
    async with ask(api) as browser:
        for _ in range(12):
            await browser.post("/api/v1/session", json={"key": "i2m_00000000_wrong"})
        await rig.clock.advance(60)
        assert (await browser.post("/api/v1/session", json={"key": key["key"]})).status_code == 204
    house = Housekeeper(rig.context)
    await house.tidy()
    await rig.clock.advance(DAY_S)
    await house.tidy()
    await house.tidy()
    other = (await admin.post(KEYS, json={"name": "other"})).json()
    await admin.delete(f"{KEYS}/{other['id']}")
    entries = await logged(admin)
    assert [entry["action"] for entry in entries] == [
        "key_revoked",
        "key_made",
        "key_expired",
        "signed_in",
        "sign_in_failed",
        "sign_in_failed",
        "key_changed",
        "key_made",
        "budget_changed",
        "webhook_removed",
        "webhook_added",
        "share_revoked",
        "share_made",
        "key_made",
        "key_made",
    ]
    by_action = {entry["action"]: entry for entry in entries}
    assert by_action["sign_in_failed"]["details"] == {"failures": 1}
    assert by_action["signed_in"]["actor"] == f"key:{key['id']}"
    assert by_action["key_expired"]["actor"] == "image2model"
    assert by_action["webhook_added"]["details"]["host"] == "hooks.example"
    assert by_action["budget_changed"]["details"] == {"job": job["id"], "budget_usd": 2.5}
    assert by_action["key_changed"]["details"]["day_usd"] == 1.0
    assert by_action["share_made"]["address"] == "127.0.0.1"
    told = json.dumps(entries)
    for secret in (key["key"].split("_")[2], share["token"], hook["secret"], "hidden-in-the-url"):
        assert secret not in told


async def test_the_log_is_exported_whole(admin: httpx2.AsyncClient) -> None:
    await admin.post(f"{ADMIN}/stop", json={"reason": "=cmd, and more"})
    entries = await logged(admin)
    table = list(csv.reader((await admin.get(f"{ADMIN}/audit.csv")).text.splitlines()))
    assert table[0] == ["at", "actor", "address", "action", "details"]
    assert [line[3] for line in table[1:]] == [entry["action"] for entry in entries]
    lines = (await admin.get(f"{ADMIN}/audit.jsonl")).text.splitlines()
    assert [json.loads(line) for line in lines] == entries
    for moment in ("0", "2026-11-01"):
        assert (await admin.get(f"{ADMIN}/audit", params={"from": moment})).status_code == 422
    page = (await admin.get(f"{ADMIN}/audit", params={"limit": "1"})).json()
    after = await logged(admin, cursor=page["next"])
    assert [*page["entries"], *after] == entries
    assert len(await logged(admin, actor="image2model")) == 1
    assert await logged(admin, to="2020-01-01T00:00:00Z") == []


async def test_old_entries_are_forgotten(rig: Rig, admin: httpx2.AsyncClient) -> None:
    assert len(await logged(admin)) == 1
    await rig.clock.advance(rig.context.rules.audit_s + 1)
    await Housekeeper(rig.context).tidy()
    assert await logged(admin) == []
