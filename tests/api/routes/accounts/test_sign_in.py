"""Sign-in through an organisation's service, against a provider over real HTTP."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.api.middleware.forwarded import Proxies
from image2model.backends.http.openid import OpenIdSignIn
from image2model.backends.inprocess.clock import SystemClock
from image2model.core.ids import OwnerId
from image2model.jobs.access import create_api_key
from tests.api.asking import ask, make_draft, problem_of
from tests.api.routes.accounts.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Provider,
    openid_provider,
)
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

BEGIN = "/api/v1/session/openid"
SITE = "https://localhost"


@pytest.fixture
def anyio_backend() -> str:
    """Beside a real server time passes as it does."""
    return "asyncio"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with openid_provider() as provider:
        yield provider


@pytest.fixture
async def site(rig: Rig, provider: Provider) -> AsyncIterator[Any]:
    """A server that takes keys and people in, and nobody else."""
    sign_in = service_at(provider)
    yield create_api(
        rig.context, keys_only=True, admins=["boss@example.org"], public_url=SITE, sign_in=sign_in
    )
    await sign_in.aclose()


@pytest.fixture
async def browser(site: Any) -> AsyncIterator[httpx2.AsyncClient]:
    async with ask(site, base_url=SITE) as browser:
        yield browser


def service_at(provider: Provider, **changed: Any) -> OpenIdSignIn:
    given = {
        "issuer": provider.url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "claim": "email",
        "clock": SystemClock(),
    }
    return OpenIdSignIn(**{**given, **changed})


async def sign_in(
    browser: httpx2.AsyncClient, provider: Provider, *, to: str = "/"
) -> httpx2.Response:
    begun = await browser.get(BEGIN, params={"to": to})
    assert begun.status_code == 303, begun.text
    return await browser.get(provider.sign_in(begun.headers["location"]))


async def test_a_person_is_let_in_and_sent_to_their_page(
    browser: httpx2.AsyncClient, provider: Provider
) -> None:
    assert (await browser.get("/api/v1/jobs")).status_code == 401
    back = await sign_in(browser, provider, to="/history?q=mug")
    assert (back.status_code, back.headers["location"]) == (303, "/history?q=mug")
    session = next(one for one in back.headers.get_list("set-cookie") if "_session" in one)
    assert session.startswith("__Host-")
    assert "HttpOnly" in session
    assert (await browser.get("/api/v1/jobs")).status_code == 200


async def test_a_page_learns_who_signed_in_and_how_one_can(
    browser: httpx2.AsyncClient, provider: Provider, rig: Rig
) -> None:
    nobody = {"signed_in": False, "person": None, "openid": True}
    assert (await browser.get("/api/v1/session")).json() == nobody
    await sign_in(browser, provider)
    known = (await browser.get("/api/v1/session")).json()
    assert known == {"signed_in": True, "person": "ann@example.org", "openid": True}
    async with ask(create_api(rig.context)) as other:
        assert (await other.get("/api/v1/session")).json()["openid"] is False


async def test_jobs_follow_a_person_over_devices(
    browser: httpx2.AsyncClient, site: Any, provider: Provider
) -> None:
    provider.claims["email"] = "Kim@example.org"
    await sign_in(browser, provider)
    draft = await make_draft(browser)
    provider.claims["email"] = "kim@example.ORG"
    async with ask(site, base_url=SITE) as phone:
        await sign_in(phone, provider)
        assert (await phone.get(f"/api/v1/jobs/{draft['id']}")).status_code == 200
    for another in ("bob@example.org", "\u212aim@example.org"):
        provider.claims["email"] = another
        async with ask(site, base_url=SITE) as other:
            await sign_in(other, provider)
            assert (await other.get(f"/api/v1/jobs/{draft['id']}")).status_code == 404


async def test_signing_in_ends_the_session_before_it(
    browser: httpx2.AsyncClient, rig: Rig, site: Any, provider: Provider
) -> None:
    key = await create_api_key(rig.context, name="screen")
    await browser.post("/api/v1/session", json={"key": key})
    before = dict(browser.cookies)
    await sign_in(browser, provider)
    async with ask(site, base_url=SITE, cookies=before) as thief:
        assert (await thief.get("/api/v1/jobs")).status_code == 401


async def test_below_a_path_a_person_comes_back_there(rig: Rig, provider: Provider) -> None:
    service = service_at(provider)
    api = create_api(rig.context, base_path="/3d", public_url=f"{SITE}/3d", sign_in=service)
    async with ask(api, base_url=SITE) as browser:
        begun = await browser.get(f"/3d{BEGIN}", params={"to": "/history"})
        back = await browser.get(provider.sign_in(begun.headers["location"]))
    assert back.headers["location"] == "/3d/history"
    assert all("Path=/3d" in cookie for cookie in back.headers.get_list("set-cookie"))
    await service.aclose()


@pytest.mark.parametrize(("email", "status"), [("ann@example.org", 403), ("boss@example.org", 200)])
async def test_only_named_people_are_operators(
    browser: httpx2.AsyncClient, provider: Provider, email: str, status: int
) -> None:
    provider.claims["email"] = email
    await sign_in(browser, provider)
    assert (await browser.get("/api/v1/metrics")).status_code == status


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"email_verified": False}, "not verified"),
        ({"email_verified": "false"}, "not verified"),
        ({"email_verified": None}, "not verified"),
        ({"email": None}, "did not say the person's 'email'"),
        ({"email": " "}, "did not say the person's 'email'"),
        ({"email": "ann\u202egro.elpmaxe"}, "cannot be a name"),
        ({"nonce": "of-another"}, "another sign-in"),
        ({"aud": "another"}, "not valid"),
        ({"aud": [CLIENT_ID, "another"], "azp": "another"}, "another client"),
        ({"iss": "https://evil.example"}, "not valid"),
        ({"exp": 1}, "not valid"),
    ],
)
async def test_what_the_service_says_is_checked(
    browser: httpx2.AsyncClient, provider: Provider, claims: dict[str, Any], reason: str
) -> None:
    provider.claims |= claims
    problem = problem_of(await sign_in(browser, provider), 401)
    assert problem["code"] == "sign_in_refused"
    assert reason in problem["detail"]
    assert (await browser.get("/api/v1/jobs")).status_code == 401


async def test_a_forged_token_lets_nobody_in(
    browser: httpx2.AsyncClient, provider: Provider
) -> None:
    provider.forged = True
    assert problem_of(await sign_in(browser, provider), 401)["code"] == "sign_in_refused"


async def test_who_did_not_begin_a_sign_in_cannot_end_it(
    browser: httpx2.AsyncClient, site: Any, provider: Provider
) -> None:
    begun = await browser.get(BEGIN)
    back = provider.sign_in(begun.headers["location"])
    async with ask(site, base_url=SITE) as victim:
        # Neither a browser that began none, nor one that began its own.
        assert problem_of(await victim.get(back), 401)["code"] == "sign_in_refused"
        await victim.get(BEGIN)
        assert problem_of(await victim.get(back), 401)["code"] == "sign_in_refused"
    assert (await browser.get(back)).status_code == 303
    again = problem_of(await browser.get(back), 401)
    assert again["code"] == "sign_in_refused"


async def test_a_code_of_another_attempt_is_refused_by_the_service(
    browser: httpx2.AsyncClient, site: Any, provider: Provider
) -> None:
    async with ask(site, base_url=SITE) as thief:
        stolen = provider.sign_in((await browser.get(BEGIN)).headers["location"])
        own = provider.sign_in((await thief.get(BEGIN)).headers["location"])
        code, state = (
            parse_qs(urlsplit(url).query)[name][0]
            for url, name in ((stolen, "code"), (own, "state"))
        )
        reply = await thief.get(f"{BEGIN}/callback", params={"code": code, "state": state})
    assert "refused the code (invalid_grant)" in problem_of(reply, 401)["detail"]
    assert provider.refused == 1


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\tb", "/ä"]
)
async def test_nobody_is_sent_to_another_site(
    browser: httpx2.AsyncClient, provider: Provider, to: str
) -> None:
    assert (await sign_in(browser, provider, to=to)).headers["location"] == "/"


async def test_a_person_who_does_not_want_is_told_so(
    browser: httpx2.AsyncClient, provider: Provider
) -> None:
    begun = await browser.get(BEGIN)
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    asked = {"error": "access_denied", "state": state}
    reply = await browser.get(f"{BEGIN}/callback", params=asked)
    assert problem_of(reply, 401)["code"] == "sign_in_refused"


async def test_a_service_that_is_away_is_said(rig: Rig, provider: Provider) -> None:
    for issuer in ("http://127.0.0.1:9", f"{provider.url}/elsewhere"):
        service = service_at(provider, issuer=issuer)
        api = create_api(rig.context, public_url=SITE, sign_in=service)
        async with ask(api, base_url=SITE) as browser:
            problem = problem_of(await browser.get(BEGIN), 503)
        assert problem["code"] == "sign_in_unavailable"
        await service.aclose()


async def test_without_a_service_nothing_is_offered(rig: Rig) -> None:
    async with ask(create_api(rig.context)) as browser:
        assert problem_of(await browser.get(BEGIN), 404)["code"] == "sign_in_not_offered"


@pytest.fixture
def behind_proxy(rig: Rig) -> Any:
    """A server behind a proxy that knows people."""
    return create_api(
        rig.context,
        keys_only=True,
        proxies=Proxies(["10.0.0.7"]),
        user_header="X-Auth-Request-Email",
    )


async def ask_as(api: Any, host: str, *names: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=api, client=(host, 4711))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        headers = [("x-auth-request-email", name) for name in names]
        return await client.get("/api/v1/account", headers=headers)


async def test_a_named_proxy_says_who_somebody_is(rig: Rig, behind_proxy: Any) -> None:
    reply = await ask_as(behind_proxy, "10.0.0.7", "Ann@Example.org")
    assert reply.status_code == 200
    assert reply.json()["signed_in"] is True
    await rig.submit(OwnerId("user:ann@example.org"), "mug")
    for name, jobs in (("ann@example.org", 1), ("bob@example.org", 0)):
        assert (await ask_as(behind_proxy, "10.0.0.7", name)).json()["jobs"] == jobs


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("203.0.113.9", ["ann@example.org"]),
        ("10.0.0.8", ["ann@example.org"]),
        ("127.0.0.1", ["ann@example.org"]),
        ("10.0.0.7", []),
        ("10.0.0.7", [""]),
        ("10.0.0.7", ["eve@example.org", "ann@example.org"]),
        ("10.0.0.7", ["a" * 201]),
    ],
)
async def test_nobody_else_says_who_somebody_is(
    behind_proxy: Any, host: str, names: list[str]
) -> None:
    assert (await ask_as(behind_proxy, host, *names)).status_code == 401


async def test_a_proxy_that_nobody_named_vouches_for_nobody(rig: Rig) -> None:
    """Where any proxy nearby tells addresses, so may any neighbour."""
    api = create_api(
        rig.context,
        keys_only=True,
        proxies=Proxies(any_nearby=True),
        user_header="X-Auth-Request-Email",
    )
    assert (await ask_as(api, "10.0.0.7", "ann@example.org")).status_code == 401
