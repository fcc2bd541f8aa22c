"""Callers that ask for expensive things too often are told when they may again."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest
from fastapi import FastAPI

from image2model.api.app import create_api
from image2model.jobs.access import create_api_key
from tests.api.asking import BASE_URL, ask, make_draft, png_part, problem_of
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

JOBS, PICTURES = "/api/v1/jobs", "/api/v1/pictures"
URL = "https://pictures.example/teapot.png"


@pytest.fixture
def api(rig: Rig) -> FastAPI:
    """The API, where two jobs and two fetched pictures a minute are enough for anybody."""
    rules = replace(rig.context.rules, jobs_per_minute=2, fetches_per_minute=2)
    rig.web.files[URL] = disc_png("teapot")
    return create_api(replace(rig.context, rules=rules))


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with come_from(api, "198.51.100.1") as client:
        yield client


def come_from(api: FastAPI, host: str) -> httpx2.AsyncClient:
    """Make a client at another address."""
    transport = httpx2.ASGITransport(app=api, client=(host, 50_000))
    return httpx2.AsyncClient(transport=transport, base_url=BASE_URL)


async def test_jobs_and_drafts_count_together(client: httpx2.AsyncClient, rig: Rig) -> None:
    await make_draft(client)
    await client.post(JOBS, files=[png_part("cup")])
    reply = await client.post(JOBS, files=[png_part("jug")])
    problem = problem_of(reply, 429)
    assert problem["code"] == "too_many_requests"
    assert problem["details"]["retry_after_s"] == pytest.approx(30.0)
    assert reply.headers["retry-after"] == "30"
    assert len((await client.get(JOBS)).json()["jobs"]) == 2
    await rig.clock.advance(30.0)
    await make_draft(client)


async def test_fetched_pictures_count_by_themselves(client: httpx2.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.post(PICTURES, json={"url": URL})).status_code == 200
    refused = await client.post(PICTURES, json={"url": URL})
    assert problem_of(refused, 429)["code"] == "too_many_requests"
    await make_draft(client)


async def test_a_new_session_is_no_new_caller(api: FastAPI) -> None:
    """Whoever throws the cookie away is counted on; somebody elsewhere is not held up."""
    for _ in range(2):
        async with come_from(api, "198.51.100.1") as stranger:
            await make_draft(stranger)
    async with come_from(api, "198.51.100.1") as stranger:
        problem_of(await stranger.post(f"{JOBS}?draft=true", json={}), 429)
    async with come_from(api, "203.0.113.9") as other:
        await make_draft(other)


@pytest.mark.parametrize(
    ("hosts", "count_together"),
    [
        (("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2:3::"), True),
        (("2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:1:4::1"), False),
        (("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"), True),
        (("192.0.2.1", "192.0.2.2", "192.0.2.3"), False),
        (("proxy", "proxy", "proxy"), True),
    ],
)
async def test_addresses_of_one_network_are_one_caller(
    api: FastAPI, hosts: tuple[str, ...], count_together: bool
) -> None:
    answers = []
    for host in hosts:
        async with come_from(api, host) as caller:
            answers.append((await caller.post(f"{JOBS}?draft=true", json={})).status_code)
    assert answers == [201, 201, 429 if count_together else 201]


async def test_each_key_is_a_caller_wherever_it_comes_from(api: FastAPI, rig: Rig) -> None:
    keys = [await create_api_key(rig.context, name=name) for name in ("one", "two")]
    one, two = ({"Authorization": f"Bearer {key}"} for key in keys)
    for host in ("192.0.2.1", "192.0.2.2"):
        async with come_from(api, host) as caller:
            await caller.post(f"{JOBS}?draft=true", json={}, headers=one)
    async with come_from(api, "192.0.2.3") as caller:
        refused = await caller.post(f"{JOBS}?draft=true", json={}, headers=one)
        problem_of(refused, 429)
        assert (await caller.post(f"{JOBS}?draft=true", json={}, headers=two)).status_code == 201
        await make_draft(caller)


async def test_reading_is_not_counted(client: httpx2.AsyncClient) -> None:
    for _ in range(10):
        assert (await client.get(JOBS)).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
async def test_the_operator_is_not_counted(rig: Rig, host: str) -> None:
    rules = replace(rig.context.rules, jobs_per_minute=2)
    api = create_api(replace(rig.context, rules=rules), callers_are_operators=True)
    key = await create_api_key(rig.context, name="mine")
    async with come_from(api, host) as caller:
        for headers in ({}, {"Authorization": f"Bearer {key}"}):
            for _ in range(3):
                reply = await caller.post(f"{JOBS}?draft=true", json={}, headers=headers)
                assert reply.status_code == 201


async def test_requests_of_any_kind_count(rig: Rig) -> None:
    """Reading and visiting, too; a caller who is known is counted wherever they come from."""
    rules = replace(rig.context.rules, requests_per_minute=3)
    api = create_api(replace(rig.context, rules=rules))
    async with come_from(api, "198.51.100.1") as visitor:
        for path in (JOBS, "/api/v1/shared/nothing", "/api/v1/session"):
            assert (await visitor.get(path)).status_code in {200, 404}
        for path in (JOBS, "/api/v1/shared/nothing"):
            problem = problem_of(await visitor.get(path), 429)
            assert problem["details"]["limit"] == "requests_per_minute"
        assert (await visitor.get("/api/v1/health/live")).status_code == 200
        key = await create_api_key(rig.context, name="other")
        known = {"Authorization": f"Bearer {key}"}
        assert (await visitor.get(JOBS, headers=known)).status_code == 200
    async with come_from(api, "203.0.113.9") as elsewhere:
        for status in (200, 200, 429):
            assert (await elsewhere.get(JOBS, headers=known)).status_code == status
    async with ask(create_api(replace(rig.context, rules=rules), callers_are_operators=True)) as me:
        for _ in range(5):
            assert (await me.get(JOBS)).status_code == 200


async def test_too_many_unfinished_jobs_say_when_to_come_again(rig: Rig) -> None:
    rules = replace(rig.context.rules, unfinished_jobs_per_owner=1)
    async with ask(create_api(replace(rig.context, rules=rules))) as client:
        await make_draft(client)
        reply = await client.post(f"{JOBS}?draft=true", json={})
    assert problem_of(reply, 429)["code"] == "too_many_jobs"
    assert reply.headers["retry-after"] == "60"
