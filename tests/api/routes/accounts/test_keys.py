"""API keys by the API: made, changed, listed, revoked; and sessions that change and end."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.core.scopes import Scope
from image2model.jobs.access import create_api_key
from tests.api.asking import BASE_URL, ask, make_draft, make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

KEYS, ACCOUNT, SESSION, JOBS = (
    f"/api/v1/{name}" for name in ("keys", "account", "session", "jobs")
)
HOUR_S, DAY_S = 3_600.0, 86_400.0


@pytest.fixture
async def admin(rig: Rig) -> AsyncIterator[httpx2.AsyncClient]:
    """Whoever holds a key with the scope `admin`."""
    key = await create_api_key(rig.context, name="admin", scopes={Scope.ADMIN})
    headers = {"Authorization": f"Bearer {key}"}
    async with ask(create_api(rig.context, keys_only=True), headers=headers) as admin:
        yield admin


async def make_key(admin: httpx2.AsyncClient, **wanted: Any) -> dict[str, Any]:
    reply = await admin.post(KEYS, json={"name": "office", **wanted})
    assert reply.status_code == 201, reply.text
    assert reply.headers["cache-control"] == "no-store"
    made: dict[str, Any] = reply.json()
    return made


async def test_key_is_shown_once(
    admin: httpx2.AsyncClient, rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ends = (rig.clock.now() + timedelta(days=30)).isoformat().replace("+00:00", "Z")
    limits = {"job_usd": 0.5, "day_usd": None, "month_usd": 50.0}
    made = await make_key(
        admin, scopes=["read"], expires_at=ends, limits=limits, generators=["local/*"]
    )
    key = made.pop("key")
    assert made == {
        "id": key.split("_")[1],
        "name": "office",
        "state": "works",
        "scopes": ["read"],
        "created_at": made["created_at"],
        "expires_at": ends,
        "last_used_at": None,
        "revoked_at": None,
        "limits": limits,
        "generators": ["local/*"],
    }
    assert (await admin.get(f"{KEYS}/{made['id']}")).json() == made
    listed = await admin.get(KEYS)
    assert {one["name"] for one in listed.json()["keys"]} == {"office", "admin"}
    secret = key.split("_")[2]
    assert secret not in listed.text
    assert (await admin.get(JOBS, headers={"Authorization": f"Bearer {key}"})).status_code == 200
    wrong = {"Authorization": f"Bearer {key}0"}
    assert (await admin.get(JOBS, headers=wrong)).status_code == 401
    assert secret not in caplog.text


async def test_key_is_changed(admin: httpx2.AsyncClient, rig: Rig) -> None:
    made = await make_key(admin, limits={"job_usd": 1.0, "day_usd": 5.0}, generators=["local/*"])
    place, tool = f"{KEYS}/{made['id']}", {"Authorization": f"Bearer {made['key']}"}
    patch = {"scopes": ["read"], "limits": {"day_usd": None}, "generators": None}
    changed = (await admin.patch(place, json=patch)).json()
    assert changed["limits"] == {"job_usd": 1.0, "day_usd": None, "month_usd": None}
    assert (changed["generators"], changed["scopes"], changed["name"]) == (None, ["read"], "office")
    reply = await admin.post(f"{JOBS}?draft=true", headers=tool)
    assert problem_of(reply, 403)["code"] == "scope_missing"
    ends = (rig.clock.now() + timedelta(hours=1)).isoformat()
    assert (await admin.patch(place, json={"expires_at": ends})).json()["state"] == "works"
    await rig.clock.advance(HOUR_S)
    assert (await admin.get(place)).json()["state"] == "expired"
    assert (await admin.get(JOBS, headers=tool)).status_code == 401
    assert (await admin.patch(place, json={"expires_at": None})).json()["state"] == "works"
    assert (await admin.get(JOBS, headers=tool)).status_code == 200


async def test_revoked_key_stays_listed(admin: httpx2.AsyncClient) -> None:
    made = await make_key(admin)
    place = f"{KEYS}/{made['id']}"
    assert (await admin.delete(place)).status_code == 204
    assert (await admin.get(place)).json()["state"] == "revoked"
    for reply in (await admin.delete(place), await admin.patch(place, json={"name": "x"})):
        assert problem_of(reply, 404)["code"] == "api_key_not_found"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "\x1b[2J"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes.0"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2101-01-01T00:00:00"}, "expires_at"),
        ({"limits": {"day_usd": -1}}, "limits.day_usd"),
        ({"generators": ["a b"]}, "generators.0"),
        ({"secret": "x"}, "secret"),
    ],
)
async def test_key_that_makes_no_sense_is_refused(
    admin: httpx2.AsyncClient, wanted: dict[str, Any], field: str
) -> None:
    reply = await admin.post(KEYS, json={"name": "office", **wanted})
    assert problem_of(reply, 422)["details"]["field"] == field
    assert len((await admin.get(KEYS)).json()["keys"]) == 1


async def test_last_use_is_noted_now_and_then(admin: httpx2.AsyncClient, rig: Rig) -> None:
    made = await make_key(admin)
    tool = {"Authorization": f"Bearer {made['key']}"}
    noted = []
    for _ in range(4):
        await admin.get(JOBS, headers=tool)
        noted.append((await admin.get(f"{KEYS}/{made['id']}")).json()["last_used_at"])
        await rig.clock.advance(20)
    assert noted[0] is not None
    assert noted[:3] == [noted[0]] * 3
    assert noted[3] > noted[0]


# --- sessions ---------------------------------------------------------------------------------


async def test_browser_gets_another_token_from_time_to_time(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    await make_draft(client)
    first = dict(client.cookies)
    assert "set-cookie" not in (await client.get(ACCOUNT)).headers
    await rig.clock.advance(DAY_S)
    api = create_api(rig.context)
    assert "set-cookie" in (await client.get(ACCOUNT)).headers
    assert dict(client.cookies) != first
    async with ask(api, cookies=first) as parallel:
        # A request that was under way; and one whose answer was lost goes on, too.
        assert "set-cookie" not in (await parallel.get(ACCOUNT)).headers
        assert len((await parallel.get(JOBS)).json()["jobs"]) == 1
        assert len((await client.get(JOBS)).json()["jobs"]) == 1
        await rig.clock.advance(60)
        assert len((await client.get(JOBS)).json()["jobs"]) == 1
        assert (await parallel.get(JOBS)).json()["jobs"] == [], "the old one is of no use"


async def test_token_that_never_arrives_costs_nobody_their_jobs(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    await make_draft(client)
    first = dict(client.cookies)
    for _ in range(3):
        await rig.clock.advance(DAY_S)
        async with ask(create_api(rig.context), cookies=first) as unlucky:
            assert "set-cookie" in (await unlucky.get(ACCOUNT)).headers
    assert len((await client.get(JOBS)).json()["jobs"]) == 1


async def test_signing_in_ends_the_session_before(client: httpx2.AsyncClient, rig: Rig) -> None:
    await make_draft(client)
    before = dict(client.cookies)
    key = await create_api_key(rig.context, name="one")
    await client.post(SESSION, json={"key": key})
    async with ask(create_api(rig.context), cookies=before) as old:
        assert (await old.get(JOBS)).json()["jobs"] == []


async def test_session_with_a_key_ends_without_use(client: httpx2.AsyncClient, rig: Rig) -> None:
    key = await create_api_key(rig.context, name="one")
    await client.post(SESSION, json={"key": key})
    for _ in range(2):
        await rig.clock.advance(6 * DAY_S)
        assert (await client.get(ACCOUNT)).json()["signed_in"]
    await rig.clock.advance(7 * DAY_S)
    assert not (await client.get(ACCOUNT)).json()["signed_in"]


async def test_forgotten_browser_leaves_nothing(client: httpx2.AsyncClient, rig: Rig) -> None:
    await make_job(client, "cup")
    await rig.run_dispatched()
    await make_job(client, "jug")
    cookies = dict(client.cookies)
    assert (await client.delete(ACCOUNT)).json() == {"jobs": 2, "paid_jobs": []}
    assert dict(client.cookies) == {}
    assert [one async for one in rig.artifacts.all()] == []
    async with ask(create_api(rig.context), cookies=cookies) as again:
        assert (await again.get(JOBS)).json()["jobs"] == []
        assert (await again.delete(ACCOUNT)).json() == {"jobs": 0, "paid_jobs": []}


async def test_guessing_keys_is_slow(rig: Rig) -> None:
    key = await create_api_key(rig.context, name="one")
    transport = httpx2.ASGITransport(app=create_api(rig.context), client=("198.51.100.1", 50_000))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE_URL) as guesser:
        for number in range(20):
            wrong = f"{key[:-2]}{number:02d}x"
            if number % 2:
                reply = await guesser.post(SESSION, json={"key": wrong})
            else:
                reply = await guesser.get(JOBS, headers={"Authorization": f"Bearer {wrong}"})
            assert reply.status_code == 401
        for reply in (
            await guesser.post(SESSION, json={"key": key}),
            await guesser.get(JOBS, headers={"Authorization": f"Bearer {key}x"}),
        ):
            problem = problem_of(reply, 429)
            assert problem["details"]["limit"] == "wrong_keys_per_minute"
            assert reply.headers["retry-after"] == "3"
        reply = await guesser.get(JOBS, headers={"Authorization": f"Bearer {key}"})
        assert reply.status_code == 200, "others behind the same address are not locked out"
        await rig.clock.advance(3)
        assert (await guesser.post(SESSION, json={"key": key})).status_code == 204
    elsewhere = httpx2.ASGITransport(app=create_api(rig.context), client=("198.51.100.2", 50_000))
    async with httpx2.AsyncClient(transport=elsewhere, base_url=BASE_URL) as other:
        assert (await other.post(SESSION, json={"key": key})).status_code == 204
