"""What a caller may do, by the scopes of a key and by where a server can be reached from."""

from datetime import timedelta

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.core.scopes import USER_SCOPES, Scope
from image2model.jobs.access import create_api_key
from tests.api.asking import ask, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

JOBS, ESTIMATE, SESSION = "/api/v1/jobs", "/api/v1/estimate", "/api/v1/session"


async def test_a_key_that_may_only_read_changes_nothing(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    key = await create_api_key(rig.context, name="screen", scopes={Scope.READ})
    client.headers["Authorization"] = f"Bearer {key}"
    assert (await client.get(JOBS)).status_code == 200
    assert (await client.post(ESTIMATE, json={})).status_code == 200
    problem = problem_of(await client.post(f"{JOBS}?draft=true"), 403)
    assert (problem["code"], problem["details"]) == ("scope_missing", {"scope": "generate"})
    assert (await client.get(JOBS)).json()["jobs"] == []


async def test_a_session_may_do_what_its_key_may(client: httpx2.AsyncClient, rig: Rig) -> None:
    key = await create_api_key(rig.context, name="screen", scopes={Scope.READ})
    await client.post(SESSION, json={"key": key})
    assert problem_of(await client.post(f"{JOBS}?draft=true"), 403)["code"] == "scope_missing"


@pytest.mark.parametrize("scopes", [{Scope.GENERATE}, {Scope.ADMIN}, USER_SCOPES])
async def test_a_scope_includes_the_lesser_ones(
    client: httpx2.AsyncClient, rig: Rig, scopes: set[Scope]
) -> None:
    key = await create_api_key(rig.context, name="one", scopes=scopes)
    client.headers["Authorization"] = f"Bearer {key}"
    assert (await client.get(JOBS)).status_code == 200
    assert (await client.post(f"{JOBS}?draft=true")).status_code == 201


async def test_an_expired_key_is_refused_with_its_date(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    ends = rig.clock.now() + timedelta(hours=1)
    key = await create_api_key(rig.context, name="short", expires_at=ends)
    await client.post(SESSION, json={"key": key})
    tool = {"Authorization": f"Bearer {key}"}
    async with ask(create_api(rig.context, keys_only=True), cookies=dict(client.cookies)) as page:
        assert (await page.get(JOBS)).status_code == 200
        assert (await client.get(JOBS, headers=tool)).status_code == 200
        await rig.clock.advance(3_600)
        assert (await page.get(JOBS)).status_code == 401
    for reply in (
        await client.get(JOBS, headers=tool),
        await client.post(SESSION, json={"key": key}),
    ):
        problem = problem_of(reply, 401)
        assert problem["code"] == "not_authenticated"
        assert f"expired on {ends:%Y-%m-%d at %H:%M} UTC" in problem["detail"]
    wrong = {"Authorization": f"Bearer {key[:-1]}x"}
    assert "expired" not in problem_of(await client.get(JOBS, headers=wrong), 401)["detail"]
