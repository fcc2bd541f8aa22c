"""Every route, by every kind of caller, with real objects behind every id."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from image2model.api.access.callers import COOKIE, SECURE_COOKIE
from image2model.api.app import create_api
from image2model.api.openapi import OPENAPI_PATH, describe_api
from image2model.api.pages.routes import router as pages
from image2model.api.responses.problems import DOCS_PATH
from image2model.api.routes import ROUTERS
from image2model.core.ids import JobId
from image2model.core.scopes import Scope
from image2model.jobs.access import change_api_key, create_api_key, find_api_key
from image2model.jobs.lifecycle.owner_end import revoke_api_key
from image2model.wire.paths import API_PREFIX
from tests.api.asking import ask, make_draft, make_job, problem_of
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

READ, GENERATE, ADMIN = Scope.READ, Scope.GENERATE, Scope.ADMIN
JOBS, HOOKS = f"{API_PREFIX}/jobs", f"{API_PREFIX}/webhooks"
URL, PNG = "https://pictures.example/jug.png", disc_png("jug")
SECRET_NAME = "annas-secret-teapot"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """
    What a route asks of callers, and how it is called.

    Attributes:
        needs: The scope; None: it is public.
        json: A body.
        content: A raw body.
        of_draft: Whether it is about drafts.
    """

    needs: Scope | None
    json: Any = None
    content: bytes | None = None
    of_draft: bool = False


EXPECTED = {
    "createJob": Expected(needs=GENERATE, json={}),
    "listJobs": Expected(needs=READ),
    "getJob": Expected(needs=READ),
    "updateJob": Expected(needs=GENERATE, json={"name": "renamed"}),
    "deleteJob": Expected(needs=GENERATE),
    "watchJob": Expected(needs=READ),
    "cancelJob": Expected(needs=GENERATE),
    "pauseJob": Expected(needs=GENERATE),
    "resumeJob": Expected(needs=GENERATE),
    "retryJob": Expected(needs=GENERATE),
    "uploadView": Expected(needs=GENERATE, content=PNG, of_draft=True),
    "removeItem": Expected(needs=GENERATE, of_draft=True),
    "moveItem": Expected(needs=GENERATE, json={"to": 0}, of_draft=True),
    "uploadSheet": Expected(needs=GENERATE, content=b"file,name\n", of_draft=True),
    "startJob": Expected(needs=GENERATE, of_draft=True),
    "getLimits": Expected(needs=READ),
    "fetchPicture": Expected(needs=GENERATE, json={"url": URL}),
    "readSheet": Expected(needs=GENERATE, content=b"file,name\n"),
    "cancelItem": Expected(needs=GENERATE),
    "retryItem": Expected(needs=GENERATE),
    "resolveItem": Expected(needs=GENERATE, json={"resolution": "give_up"}),
    "getView": Expected(needs=READ),
    "getThumbnail": Expected(needs=READ),
    "getFile": Expected(needs=READ),
    "getModel": Expected(needs=READ),
    "getPreview": Expected(needs=READ),
    "getSprite": Expected(needs=READ),
    "getFidelity": Expected(needs=READ),
    "inspectModel": Expected(needs=READ),
    "getArchive": Expected(needs=READ),
    "shareJob": Expected(needs=GENERATE, json={}),
    "listShares": Expected(needs=READ),
    "revokeShare": Expected(needs=GENERATE),
    "openShare": Expected(needs=None),
    "getSharedView": Expected(needs=None),
    "getSharedFile": Expected(needs=None),
    "getSharedModel": Expected(needs=None),
    "getSharedPreview": Expected(needs=None),
    "getSharedSprite": Expected(needs=None),
    "getSharedArchive": Expected(needs=None),
    "listGenerators": Expected(needs=READ),
    "getGenerator": Expected(needs=READ),
    "estimateJob": Expected(needs=READ, json={}),
    "listLedger": Expected(needs=READ),
    "exportLedger": Expected(needs=READ),
    "getAccount": Expected(needs=READ),
    "forgetMe": Expected(needs=GENERATE),
    "getSession": Expected(needs=None),
    "signIn": Expected(needs=None, json={"key": "i2m_00000000_00"}),
    "signOut": Expected(needs=None),
    "beginSignIn": Expected(needs=None),
    "endSignIn": Expected(needs=None),
    "listKeys": Expected(needs=ADMIN),
    "createKey": Expected(needs=ADMIN, json={"name": "another"}),
    "getKey": Expected(needs=ADMIN),
    "changeKey": Expected(needs=ADMIN, json={"name": "renamed"}),
    "revokeKey": Expected(needs=ADMIN),
    "getOverview": Expected(needs=ADMIN),
    "stopSpending": Expected(needs=ADMIN, json={"reason": "too much"}),
    "allowSpending": Expected(needs=ADMIN),
    "listAllJobs": Expected(needs=ADMIN),
    "cancelAnyJob": Expected(needs=ADMIN),
    "deleteAnyJob": Expected(needs=ADMIN),
    "cancelOwner": Expected(needs=ADMIN),
    "purgeStorage": Expected(needs=ADMIN, json={"dry_run": True}),
    "listAudit": Expected(needs=ADMIN),
    "exportAudit": Expected(needs=ADMIN),
    "exportAuditLines": Expected(needs=ADMIN),
    "listWebhooks": Expected(needs=READ),
    "addWebhook": Expected(needs=GENERATE, json={"url": f"{URL}/another"}),
    "getWebhook": Expected(needs=READ),
    "changeWebhook": Expected(needs=GENERATE, json={"enabled": False}),
    "removeWebhook": Expected(needs=GENERATE),
    "rotateWebhook": Expected(needs=GENERATE),
    "testWebhook": Expected(needs=GENERATE),
    "listDeliveries": Expected(needs=READ),
    "replayDelivery": Expected(needs=GENERATE),
    "receiveWebhook": Expected(needs=None),
    "checkLive": Expected(needs=None),
    "checkReady": Expected(needs=None),
    "readMetrics": Expected(needs=ADMIN),
}
"""By the operation's id. A new route is added here by whoever adds it."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of an address, as the OpenAPI document has it."""

    id: str
    method: str
    path: str

    @property
    def expected(self) -> Expected:
        """What it asks of callers."""
        return EXPECTED[self.id]

    async def call(
        self, http: httpx2.AsyncClient, values: dict[str, str], **asked: Any
    ) -> httpx2.Response:
        """Call it, with *values* in its path."""
        expected = self.expected
        job = values["draft"] if expected.of_draft else values["job"]
        if self.id == "createJob":
            asked["params"] = {"draft": "true"}
        if expected.json is not None:
            asked["json"] = expected.json
        url = self.path.format(**{**values, "job": job})
        return await http.request(self.method, url, content=expected.content, **asked)


OPERATIONS = [
    Operation(id=operation["operationId"], method=method.upper(), path=path)
    for path, methods in describe_api()["paths"].items()
    for method, operation in methods.items()
]
GUARDED = [one for one in OPERATIONS if one.expected.needs is not None]


def test_every_route_is_known(rig: Rig) -> None:
    assert {operation.id for operation in OPERATIONS} == set(EXPECTED)
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            assert route.operation_id in EXPECTED
    beside = {route.path for route in pages.routes if isinstance(route, APIRoute)}
    assert beside == {OPENAPI_PATH, DOCS_PATH}
    assert len(create_api(rig.context).routes) == len([*ROUTERS, "pages", "/"])


@dataclass(frozen=True, kw_only=True)
class Someone:
    """Who holds a key, with a finished job, a draft, and values for paths that lead to them."""

    rig: Rig
    http: httpx2.AsyncClient
    key_id: str
    values: dict[str, str]
    shared: str
    """The token of a link to the job."""

    async def may(self, scope: Scope) -> None:
        """Give the key this scope alone."""
        key = await find_api_key(self.rig.context, self.key_id)
        await change_api_key(self.rig.context, replace(key, scopes=frozenset({scope})))


@pytest.fixture
def api(rig: Rig) -> FastAPI:
    rig.web.files[URL] = PNG
    return create_api(rig.context, keys_only=True)


@asynccontextmanager
async def someone(rig: Rig, api: FastAPI, job_name: str) -> AsyncIterator[Someone]:
    text = await create_api_key(rig.context, name=job_name, scopes={GENERATE})
    another_key = await create_api_key(rig.context, name="another")
    async with ask(api, headers={"Authorization": f"Bearer {text}"}) as http:
        job, draft = await make_job(http, job_name), await make_draft(http, name=job_name)
        put = f"{JOBS}/{draft['id']}/items/0/views/front"
        assert (await http.put(put, content=PNG)).status_code == 200
        await rig.run_dispatched()
        webhook = (await http.post(HOOKS, json={"url": f"{URL}/{job_name}"})).json()
        delivery = (await http.post(f"{HOOKS}/{webhook['id']}/test")).json()
        share = (await http.post(f"{JOBS}/{job['id']}/shares", json={})).json()
        made = (await http.get(f"{JOBS}/{job['id']}")).json()
        assert made["state"] == "finished"
        values = {
            "job": job["id"],
            "draft": draft["id"],
            "n": "0",
            "view": "front",
            "name": made["items"][0]["result"]["files"][0]["name"],
            "format": "glb",
            "generator": made["generator"],
            "share": share["id"],
            "webhook": webhook["id"],
            "delivery": delivery["id"],
            "id": another_key.split("_")[1],
            "provider": "scripted",
            "owner": f"key:{text.split('_')[1]}",
            "token": "0" * 32,
        }
        yield Someone(
            rig=rig, http=http, key_id=text.split("_")[1], values=values, shared=share["token"]
        )


@pytest.fixture
async def anna(rig: Rig, api: FastAPI) -> AsyncIterator[Someone]:
    async with someone(rig, api, SECRET_NAME) as anna:
        yield anna


async def test_whoever_has_no_working_key_is_refused(rig: Rig, api: FastAPI, anna: Someone) -> None:
    soon = rig.clock.now() + timedelta(seconds=1)
    expired = await create_api_key(rig.context, name="expired", expires_at=soon)
    revoked = await create_api_key(rig.context, name="revoked")
    await revoke_api_key(rig.context, revoked.split("_")[1])
    await rig.clock.advance(1)
    wrong = f"i2m_{anna.key_id}_{'0' * 64}"
    async with ask(api) as stranger:
        for operation in GUARDED:
            await rig.clock.advance(60)  # Wrong keys are counted.
            for key in (None, expired, revoked, wrong):
                headers = {} if key is None else {"Authorization": f"Bearer {key}"}
                reply = await operation.call(stranger, anna.values, headers=headers)
                problem = problem_of(reply, 401)
                assert problem["code"] == "not_authenticated", operation
                assert ("expired" in problem["detail"]) == (key == expired), operation


async def test_a_shared_link_opens_nothing_else(api: FastAPI, anna: Someone) -> None:
    """Its token is neither a key nor a session, and what it opens changes nothing."""
    async with ask(api) as guest:
        opened = await guest.get(f"{API_PREFIX}/shared/{anna.shared}")
        assert SECRET_NAME in opened.text, "the link works"
        cookies = f"{COOKIE}={anna.shared}; {SECURE_COOKIE}={anna.shared}"
        for operation in GUARDED:
            for headers in ({"Authorization": f"Bearer {anna.shared}"}, {"Cookie": cookies}):
                await anna.rig.clock.advance(60)  # Wrong keys are counted.
                reply = await operation.call(guest, anna.values, headers=headers)
                assert problem_of(reply, 401)["code"] == "not_authenticated", operation


async def test_public_routes_tell_nothing_of_anybody(api: FastAPI, anna: Someone) -> None:
    async with ask(api) as stranger:
        for operation in OPERATIONS:
            if operation.expected.needs is None:
                reply = await operation.call(stranger, anna.values)
                assert SECRET_NAME not in reply.text, operation
                assert anna.values["job"] not in reply.text, operation


async def test_whoever_lacks_the_scope_is_refused(rig: Rig, anna: Someone) -> None:
    before = await rig.store.get_job(JobId(anna.values["job"]))
    for place, scope in enumerate(Scope):
        await anna.may(scope)
        for operation in GUARDED:
            if operation.expected.needs in [*Scope][place + 1 :]:
                problem = problem_of(await operation.call(anna.http, anna.values), 403)
                assert problem["code"] == "scope_missing", operation
                assert problem["details"] == {"scope": operation.expected.needs}, operation
    assert await rig.store.get_job(before.id) == before


async def test_nobody_reaches_what_is_somebody_elses(rig: Rig, api: FastAPI, anna: Someone) -> None:
    """Not even with the scope `admin`, but by the routes that are for just that."""
    before = await rig.store.get_job(JobId(anna.values["job"]))
    async with someone(rig, api, "berts-jug") as bert:
        await bert.may(ADMIN)
        of_anna = {name: anna.values[name] for name in ("job", "draft", "webhook", "delivery")}
        through_own = {**bert.values, "delivery": anna.values["delivery"]}
        for operation in GUARDED:
            if "{delivery}" in operation.path:
                reply = await operation.call(bert.http, through_own)
                assert problem_of(reply, 404)["code"] == "delivery_not_found", operation
        for operation in GUARDED:
            if operation.path.startswith(f"{API_PREFIX}/admin/"):
                continue
            reply = await operation.call(bert.http, {**bert.values, **of_anna})
            if "{job}" in operation.path:
                assert problem_of(reply, 404)["code"] == "job_not_found", operation
            elif "{webhook}" in operation.path:
                assert problem_of(reply, 404)["code"] == "webhook_not_found", operation
            elif operation.expected.needs is not ADMIN:
                for secret in (SECRET_NAME, *of_anna.values()):
                    assert secret not in reply.text, operation
    assert await rig.store.get_job(before.id) == before


async def test_whoever_owns_it_may_read_it(anna: Someone) -> None:
    """The ids before were real, then."""
    await anna.may(READ)
    for operation in GUARDED:
        if operation.expected.needs is READ:
            reply = await operation.call(anna.http, anna.values)
            assert reply.status_code == 200, (operation, reply.text)


@pytest.mark.parametrize(
    "operation", [one for one in GUARDED if one.expected.needs is not READ], ids=lambda one: one.id
)
async def test_whoever_owns_it_may_change_it(anna: Someone, operation: Operation) -> None:
    assert operation.expected.needs is not None
    await anna.may(operation.expected.needs)
    reply = await operation.call(anna.http, anna.values)
    assert reply.status_code in {200, 201, 202, 204, 409, 422}, reply.text


@pytest.mark.parametrize("callers_are_operators", [True, False])
async def test_who_sits_at_the_machine_may_do_everything(
    rig: Rig, *, callers_are_operators: bool
) -> None:
    """Others without a key may only have jobs of their own."""
    api = create_api(rig.context, callers_are_operators=callers_are_operators)
    async with ask(api) as browser:
        account = (await browser.get("/api/v1/account")).json()
        assert account["scopes"] == [*Scope][: 3 if callers_are_operators else 2]
        reply = await browser.get("/api/v1/keys")
        if callers_are_operators:
            assert reply.json() == {"keys": []}
        else:
            assert problem_of(reply, 403)["code"] == "scope_missing"
