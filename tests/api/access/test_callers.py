"""Who may do what: sessions, keys, other owners, other sites, other names of the server."""

import re
from collections.abc import Iterator

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.api.openapi import describe_api
from image2model.jobs.access import create_api_key
from tests.api.asking import ask, make_draft, make_job, png_part, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

JOBS = "/api/v1/jobs"


async def test_a_session_begins_with_the_first_job(client: httpx2.AsyncClient) -> None:
    assert (await client.get(JOBS)).json() == {"jobs": [], "next": None}
    assert "set-cookie" not in (await client.get(JOBS)).headers
    reply = await client.post(JOBS, files=[png_part("cup")])
    cookie = reply.headers["set-cookie"]
    assert re.match(r"image2model_session=[\w-]{43}; ", cookie)
    assert {part.lower() for part in cookie.split("; ")[1:]} == {
        "httponly",
        "max-age=31536000",
        "path=/",
        "samesite=lax",
    }
    again = await client.post(JOBS, files=[png_part("pot")])
    assert "set-cookie" not in again.headers
    assert len((await client.get(JOBS)).json()["jobs"]) == 2


async def test_over_https_the_cookie_is_bound_to_the_host(rig: Rig) -> None:
    async with ask(create_api(rig.context), base_url="https://localhost") as client:
        reply = await client.post(JOBS, files=[png_part("cup")])
        cookie = reply.headers["set-cookie"]
        assert cookie.startswith("__Host-image2model_session=")
        assert "; Secure" in cookie
        assert "domain" not in cookie.lower()
        assert len((await client.get(JOBS)).json()["jobs"]) == 1


async def test_over_https_the_plain_cookie_counts_for_nothing(rig: Rig) -> None:
    """Or else another host of the same domain could plant a session of its choice."""
    api = create_api(rig.context)
    async with ask(api) as plain:
        await make_job(plain, "cup")
        cookies = dict(plain.cookies)
    async with ask(api, base_url="https://localhost", cookies=cookies) as client:
        assert (await client.get(JOBS)).json()["jobs"] == []


async def test_a_refused_job_begins_no_session(client: httpx2.AsyncClient) -> None:
    reply = await client.post(JOBS, data={"colour": "red"}, files=[png_part("cup")])
    assert reply.status_code == 422
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("token", ["", "x", "é", "a" * 5_000])
async def test_a_made_up_session_is_nobodys(client: httpx2.AsyncClient, token: str) -> None:
    await make_job(client, "cup")
    headers = {b"Cookie": f"image2model_session={token}".encode()}
    client.cookies.clear()
    assert (await client.get(JOBS, headers=headers)).json()["jobs"] == []


async def test_an_api_key_has_jobs_of_its_own(client: httpx2.AsyncClient, rig: Rig) -> None:
    keys = [await create_api_key(rig.context, name=name) for name in ("one", "two")]
    one, two = ({"Authorization": f"Bearer {key}"} for key in keys)
    reply = await client.post(JOBS, files=[png_part("cup")], headers=one)
    assert "set-cookie" not in reply.headers
    assert len((await client.get(JOBS, headers=one)).json()["jobs"]) == 1
    assert (await client.get(JOBS, headers=two)).json()["jobs"] == []
    assert (await client.get(JOBS)).json()["jobs"] == []


@pytest.mark.parametrize("key", ["", "x", "i2m_", "i2m_00000000_00", "i2m_é"])
async def test_a_wrong_key_is_refused(client: httpx2.AsyncClient, key: str) -> None:
    headers = {b"Authorization": f"Bearer {key}".encode()}
    for path in (JOBS, "/api/v1/generators"):
        reply = await client.get(path, headers=headers)
        assert problem_of(reply, 401)["code"] == "not_authenticated"
        assert reply.headers["www-authenticate"] == "Bearer"


async def test_a_revoked_key_is_refused(client: httpx2.AsyncClient, rig: Rig) -> None:
    key = await create_api_key(rig.context, name="one")
    await rig.context.sessions.revoke_key(key.split("_")[1])
    reply = await client.get(JOBS, headers={"Authorization": f"Bearer {key}"})
    assert reply.status_code == 401


async def test_a_proxys_password_is_none_of_our_business(client: httpx2.AsyncClient) -> None:
    headers = {"Authorization": "Basic YTpi"}
    assert (await client.get(JOBS, headers=headers)).status_code == 200


async def test_keys_only(rig: Rig) -> None:
    key = await create_api_key(rig.context, name="one")
    async with ask(create_api(rig.context, keys_only=True)) as client:
        for reply in (await client.get(JOBS), await client.post(JOBS, files=[png_part("cup")])):
            assert problem_of(reply, 401)["code"] == "not_authenticated"
        client.headers["Authorization"] = f"Bearer {key}"
        await make_job(client, "cup")
        assert (await client.get("/api/v1/health/live")).status_code == 200


def job_routes() -> Iterator[tuple[str, str]]:
    for path, operations in describe_api()["paths"].items():
        for method in operations:
            if "{job}" in path and "/admin/" not in path:
                yield method.upper(), path


@pytest.mark.parametrize(("method", "path"), list(job_routes()))
@pytest.mark.parametrize("state", ["draft", "finished"])
async def test_somebody_elses_job_is_not_there(
    client: httpx2.AsyncClient, rig: Rig, method: str, path: str, state: str
) -> None:
    """Whatever is asked of it, it looks exactly like one that does not exist."""
    job = await make_draft(client) if state == "draft" else await make_job(client, "cup")
    await rig.run_dispatched()
    before = (await client.get(f"{JOBS}/{job['id']}")).json()
    values = {"n": "0", "view": "front", "name": "cup.glb", "format": "glb", "share": "0" * 16}
    body = {"PATCH": {"name": "mine"}, "POST": {"to": 0}}.get(method)
    body = {"resolution": "give_up"} if path.endswith("resolve") else body
    body = {} if path.endswith("shares") else body
    answers = []
    async with ask(create_api(rig.context)) as stranger:
        await make_job(stranger, "cup")
        for job_id in (job["id"], "0" * 32):
            reply = await stranger.request(
                method, path.format(job=job_id, **values), json=body if method != "PUT" else None
            )
            problem = problem_of(reply, 404)
            assert problem["code"] == "job_not_found"
            answers.append(str(problem).replace(job_id, "ID"))
    assert answers[0] == answers[1]
    assert (await client.get(f"{JOBS}/{job['id']}")).json() == before


@pytest.mark.parametrize("job_id", ["x", "0" * 31, "0" * 31 + "G", "%00", "..", "é", "0" * 5_000])
async def test_what_is_no_id_is_no_job(client: httpx2.AsyncClient, job_id: str) -> None:
    reply = await client.get(f"{JOBS}/{job_id}/events")
    assert problem_of(reply, 404)["code"] in {"job_not_found", "route_not_found"}


OWN = "http://localhost"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Sec-Fetch-Site": "same-origin", "Origin": OWN}, 201),
        ({"Origin": OWN}, 201),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost:8080"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example", "Authorization": "Basic YTpi"}, 403),
    ],
)
async def test_other_sites_cannot_change_anything(
    client: httpx2.AsyncClient, headers: dict[str, str], status: int
) -> None:
    reply = await client.post(f"{JOBS}?draft=true", headers=headers)
    assert reply.status_code == status
    if status == 403:
        assert problem_of(reply, 403)["code"] == "cross_site_request"
    assert "access-control-allow-origin" not in reply.headers


async def test_an_api_key_may_come_from_anywhere(client: httpx2.AsyncClient, rig: Rig) -> None:
    key = await create_api_key(rig.context, name="one")
    headers = {"Authorization": f"Bearer {key}", "Origin": "https://tool.example"}
    assert (await client.post(f"{JOBS}?draft=true", headers=headers)).status_code == 201


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_that_changes_is_guarded(
    client: httpx2.AsyncClient, method: str
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    reply = await client.request(method, f"{JOBS}/{'0' * 32}", headers=headers)
    assert problem_of(reply, 403)["code"] == "cross_site_request"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("models.example", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("localhost:80@evil.example", 421),
        ("", 421),
    ],
)
async def test_only_its_own_names_are_answered(rig: Rig, host: str, status: int) -> None:
    async with ask(create_api(rig.context, allowed_hosts=["models.example"])) as client:
        reply = await client.get(JOBS, headers={"Host": host})
        assert reply.status_code == status
        if status == 421:
            assert problem_of(reply, 421)["code"] == "host_not_allowed"
        health = await client.get("/api/v1/health/live", headers={"Host": host})
        assert health.status_code == 200, "probes ask by address"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:5173"}, 200),
        ({"X-Forwarded-For": "203.0.113.9"}, 403),
        ({"X-Forwarded-Host": "models.example"}, 403),
        ({"X-Real-IP": "127.0.0.1"}, 403),
        ({"Forwarded": "for=203.0.113.9"}, 403),
        ({"Via": "1.1 tunnel"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://models.example"}, 403),
    ],
)
async def test_where_callers_are_operators_none_comes_through_a_proxy(
    rig: Rig, headers: dict[str, str], status: int
) -> None:
    """One that calls the server by its local name brings the whole internet."""
    async with ask(create_api(rig.context, callers_are_operators=True)) as client:
        reply = await client.get("/api/v1/keys", headers=headers)
        assert reply.status_code == status
        if status == 403:
            assert problem_of(reply, 403)["code"] == "proxy_not_announced"
    async with ask(create_api(rig.context)) as client:
        assert (await client.get(JOBS, headers=headers)).status_code == 200


async def test_any_name_can_be_allowed(rig: Rig) -> None:
    async with ask(create_api(rig.context, allowed_hosts=["*"])) as client:
        assert (await client.get(JOBS, headers={"Host": "anything"})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", JOBS, {}),
        ("GET", "/", {}),
        ("GET", "/nowhere", {}),
        ("DELETE", JOBS, {}),
        ("GET", JOBS, {"Authorization": "Bearer x"}),
        ("POST", JOBS, {"Origin": "null"}),
        ("GET", JOBS, {"Host": "evil.example"}),
        ("POST", "/api/v1/estimate", {"Content-Length": "9000000"}),
    ],
)
async def test_every_answer_has_the_security_headers(
    client: httpx2.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    reply = await client.request(method, path, headers=headers)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "same-origin"
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
