"""Signing in with an API key, and what a caller has and may spend."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.core.money import Budget, SpendingLimits
from image2model.jobs.access import create_api_key
from tests.api.asking import ask, make_draft, make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ACCOUNT, SESSION, JOBS = "/api/v1/account", "/api/v1/session", "/api/v1/jobs"


@pytest.fixture
async def closed(rig: Rig) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser at a server that lets in nobody without a key."""
    async with ask(create_api(rig.context, keys_only=True)) as client:
        yield client


async def test_key_opens_a_server_to_a_browser(closed: httpx2.AsyncClient, rig: Rig) -> None:
    key = await create_api_key(rig.context, name="one")
    assert problem_of(await closed.get(ACCOUNT), 401)["code"] == "not_authenticated"
    reply = await closed.post(SESSION, json={"key": f" {key}\n"})
    assert (reply.status_code, reply.content) == (204, b"")
    cookie = reply.headers["set-cookie"]
    assert {"httponly", "samesite=lax"} <= {part.lower() for part in cookie.split("; ")}
    assert key not in cookie
    account = (await closed.get(ACCOUNT)).json()
    assert (account["access"], account["signed_in"]) == ("keys", True)
    job = await make_job(closed, "cup")
    async with ask(create_api(rig.context), headers={"Authorization": f"Bearer {key}"}) as tool:
        assert [one["id"] for one in (await tool.get(JOBS)).json()["jobs"]] == [job["id"]]


async def test_signing_out_ends_the_session_for_good(closed: httpx2.AsyncClient, rig: Rig) -> None:
    key = await create_api_key(rig.context, name="one")
    await closed.post(SESSION, json={"key": key})
    stolen = dict(closed.cookies)
    assert (await closed.delete(SESSION)).status_code == 204
    assert dict(closed.cookies) == {}
    closed.cookies.update(stolen)
    assert (await closed.get(ACCOUNT)).status_code == 401
    assert (await closed.delete(SESSION)).status_code == 204


async def test_session_ends_with_its_key(closed: httpx2.AsyncClient, rig: Rig) -> None:
    key = await create_api_key(rig.context, name="one")
    await closed.post(SESSION, json={"key": key})
    await rig.context.sessions.revoke_key(key.split("_")[1])
    assert (await closed.get(ACCOUNT)).status_code == 401


async def test_session_ends_after_a_month(closed: httpx2.AsyncClient, rig: Rig) -> None:
    key = await create_api_key(rig.context, name="one")
    await closed.post(SESSION, json={"key": key})
    await rig.clock.advance(30 * 86_400)
    assert (await closed.get(ACCOUNT)).status_code == 401


async def test_session_without_a_key_opens_nothing(closed: httpx2.AsyncClient, rig: Rig) -> None:
    """What a browser got while everybody was let in is worth nothing once keys are asked for."""
    async with ask(create_api(rig.context)) as guest:
        await make_draft(guest)
        closed.cookies.update(dict(guest.cookies))
    assert (await closed.get(ACCOUNT)).status_code == 401


@pytest.mark.parametrize("key", ["", "x", "i2m_00000000_00", "i2m_é"])
async def test_wrong_key_signs_nobody_in(closed: httpx2.AsyncClient, key: str) -> None:
    reply = await closed.post(SESSION, json={"key": key})
    assert problem_of(reply, 401)["code"] == "not_authenticated"
    assert "set-cookie" not in reply.headers


async def test_other_sites_sign_nobody_in(closed: httpx2.AsyncClient, rig: Rig) -> None:
    """Or else they could have a visitor work in an account of theirs."""
    key = await create_api_key(rig.context, name="theirs")
    headers = {"Sec-Fetch-Site": "cross-site"}
    reply = await closed.post(SESSION, json={"key": key}, headers=headers)
    assert problem_of(reply, 403)["code"] == "cross_site_request"


async def test_account_tells_what_is_used(client: httpx2.AsyncClient, rig: Rig) -> None:
    assert (await client.get(ACCOUNT)).json() == {
        "access": "sessions",
        "signed_in": False,
        "scopes": ["read", "generate"],
        "jobs": 0,
        "drafts": 0,
        "unfinished_items": 0,
        "stored_bytes": 0,
        "derived_bytes": 0,
        "stored_bytes_limit": None,
        "day_budget_usd": None,
        "day_spent_usd": 0.0,
        "budgets": [],
        "spending_stop": None,
    }
    async with ask(create_api(rig.context)) as owner:
        await make_job(owner, "cup")
        await rig.run_dispatched()
        found = (await owner.get(ACCOUNT)).json()
    assert found["jobs"] == 1
    kept = [stored.size_bytes async for stored in rig.artifacts.all()]
    assert found["stored_bytes"] == sum(kept)
    assert (await client.get(ACCOUNT)).json()["stored_bytes"] == 0


async def test_what_all_spend_is_told_to_the_operator_alone(rig: Rig) -> None:
    budget = Budget(day_usd=Decimal(20), owner=SpendingLimits(day_usd=Decimal(5)))
    rig.context = replace(rig.context, rules=replace(rig.context.rules, budget=budget))
    async with ask(create_api(rig.context)) as other:
        await make_job(other, "jug", "mug")
        await rig.run_dispatched()
    told = []
    for is_operator in (False, True):
        api = create_api(rig.context, callers_are_operators=is_operator)
        async with ask(api) as owner:
            await make_job(owner, f"cup-{is_operator}")
            await rig.run_dispatched()
            told.append((await owner.get(ACCOUNT)).json())
    guest, operator = told
    of_owner = {"scope": "owner_day", "limit_usd": 5.0, "spent_usd": 0.2}
    assert guest["budgets"] == [of_owner]
    assert (guest["day_budget_usd"], guest["day_spent_usd"]) == (5.0, 0.2)
    assert operator["budgets"] == [of_owner, {"scope": "day", "limit_usd": 20.0, "spent_usd": 0.8}]
    assert (operator["day_budget_usd"], operator["day_spent_usd"]) == (20.0, 0.8)
