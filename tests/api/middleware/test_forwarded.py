"""Who calls through proxies: found from the trusted end, whatever callers write themselves."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest
from fastapi import FastAPI

from image2model.api.app import create_api
from image2model.api.middleware.forwarded import Proxies
from tests.api.asking import BASE_URL, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

DRAFTS = "/api/v1/jobs?draft=true"
STRANGER = "203.0.113.9"


@pytest.mark.parametrize(
    ("trusted", "proxy", "forwarded_for", "caller"),
    [
        pytest.param(["10.0.0.7"], "10.0.0.7", ["203.0.113.9"], STRANGER, id="one proxy"),
        pytest.param(
            ["10.0.0.7"], "10.0.0.7", ["127.0.0.1", "203.0.113.9"], STRANGER, id="left of it"
        ),
        pytest.param(
            ["10.0.0.0/8"],
            "10.0.0.7",
            ["127.0.0.1", "203.0.113.9", "10.1.1.1"],
            STRANGER,
            id="proxies in a row",
        ),
        pytest.param(["10.0.0.7"], "10.0.0.7", ["203.0.113.9:4711"], STRANGER, id="with a port"),
        pytest.param(["::1"], "::1", ["[2001:db8::5]:4711"], "2001:db8::5", id="IPv6 with a port"),
        pytest.param(["::1"], "::1", ["::ffff:203.0.113.9"], STRANGER, id="IPv4 in IPv6"),
        pytest.param(["10.0.0.7"], "::ffff:10.0.0.7", [STRANGER], STRANGER, id="such a proxy"),
        pytest.param(["10.0.0.7"], "10.0.0.7", [], "10.0.0.7", id="nothing told"),
        pytest.param(["10.0.0.7"], "10.0.0.7", [STRANGER, ""], "10.0.0.7", id="an empty word"),
        pytest.param(["10.0.0.7"], "10.0.0.7", [STRANGER, "unknown"], "10.0.0.7", id="a word"),
        pytest.param(
            ["10.0.0.0/8"], "10.0.0.7", [STRANGER, "?", "10.1.1.1"], "10.1.1.1", id="a gap"
        ),
        pytest.param(["10.0.0.0/8"], "10.0.0.7", ["10.1.1.1"], "10.1.1.1", id="a proxy itself"),
    ],
)
def test_the_caller_is_the_last_address_that_is_no_proxys(
    trusted: list[str], proxy: str, forwarded_for: list[str], caller: str
) -> None:
    proxies = Proxies(trusted)
    assert proxies.believes(proxy)
    assert proxies.caller(proxy, forwarded_for) == caller


@pytest.mark.parametrize("host", ["203.0.113.9", "10.0.0.8", "2001:db8::1", "", "unix socket"])
def test_nobody_else_is_believed(host: str) -> None:
    assert not Proxies(["10.0.0.7"]).believes(host)
    assert not Proxies().believes("127.0.0.1")


@pytest.mark.parametrize(
    ("host", "believed"),
    [("127.0.0.1", True), ("172.17.0.3", True), ("fd00::1", True), ("203.0.113.9", False)],
)
def test_without_names_a_proxy_is_nearby(host: str, believed: bool) -> None:
    proxies = Proxies(any_nearby=True)
    assert proxies.believes(host) is believed
    # Callers may be in the same network: what stands before them is theirs.
    assert proxies.caller("172.17.0.3", ["127.0.0.1", "172.17.0.9"]) == "172.17.0.9"


@pytest.fixture
def api(rig: Rig) -> FastAPI:
    rules = replace(rig.context.rules, jobs_per_minute=2)
    return create_api(replace(rig.context, rules=rules), proxies=Proxies(["127.0.0.1"]))


def come_from(api: FastAPI, host: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=api, client=(host, 50_000))
    return httpx2.AsyncClient(transport=transport, base_url=BASE_URL)


@pytest.fixture
async def proxy(api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with come_from(api, "127.0.0.1") as client:
        yield client


async def spend(client: httpx2.AsyncClient, **headers: str) -> None:
    """Make as many drafts as one caller may, and see that the next is refused."""
    for _ in range(2):
        assert (await client.post(DRAFTS, headers=headers)).status_code == 201
    refused = problem_of(await client.post(DRAFTS, headers=headers), 429)
    assert refused["details"]["limit"] == "jobs_per_minute"


async def test_other_words_of_a_caller_change_nothing(proxy: httpx2.AsyncClient) -> None:
    await spend(proxy, **{"X-Forwarded-For": f"127.0.0.1, {STRANGER}"})
    for claimed in ("127.0.0.1", "198.51.100.1", "::1", "", "x" * 500):
        headers = {"X-Forwarded-For": f"{claimed}, {STRANGER}", "X-Real-IP": "198.51.100.7"}
        headers["Forwarded"] = "for=198.51.100.8"
        problem_of(await proxy.post(DRAFTS, headers=headers), 429)
    assert (
        await proxy.post(DRAFTS, headers={"X-Forwarded-For": "203.0.113.10"})
    ).status_code == 201


async def test_a_proxy_that_tells_nothing_is_one_caller(proxy: httpx2.AsyncClient) -> None:
    await spend(proxy)


async def test_a_stranger_is_no_proxy(api: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    async with come_from(api, STRANGER) as client:
        with caplog.at_level(logging.WARNING):
            await spend(client, **{"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https"})
        problem_of(await client.post(DRAFTS, headers={"X-Forwarded-For": "198.51.100.2"}), 429)
    told = [record.getMessage() for record in caplog.records if "X-Forwarded" in record.msg]
    assert len(told) == 1
    assert STRANGER in told[0]
    assert "IMAGE2MODEL_SERVE__TRUSTED_PROXIES" in told[0]


@pytest.mark.parametrize(
    ("proto", "secure"), [("https", True), ("HTTPS", True), ("http", False), ("gopher", False)]
)
async def test_the_scheme_is_the_proxys(
    proxy: httpx2.AsyncClient, proto: str, secure: bool
) -> None:
    reply = await proxy.post(DRAFTS, headers={"X-Forwarded-Proto": proto})
    assert ("; Secure" in reply.headers["set-cookie"]) is secure


async def test_the_host_is_not_taken_from_a_header(proxy: httpx2.AsyncClient) -> None:
    """Or else a page of another name could be answered to."""
    headers = {"Host": "evil.example", "X-Forwarded-Host": "localhost"}
    assert (await proxy.get("/api/v1/jobs", headers=headers)).status_code == 421
