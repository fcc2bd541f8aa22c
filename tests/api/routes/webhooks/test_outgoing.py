"""Webhooks that are sent, over HTTP."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import anyio.to_thread
import httpx2
import pytest

from image2model.api.app import create_api
from image2model.backends.http.fetcher import HttpFetcher
from image2model.client import verify_webhook
from image2model.core.errors import FetchRefused
from image2model.jobs.access import create_api_key
from image2model.jobs.webhooks.deliver import WebhookDeliverer
from tests.api.asking import ask, make_draft, make_job, png_part, problem_of
from tests.harness.rig import Rig, disc_png
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.anyio

HOOKS = "/api/v1/webhooks"
URL = "https://hooks.example/in"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
async def poster(receiver: Receiver) -> AsyncIterator[HttpFetcher]:
    poster = HttpFetcher(allowed_private_hosts=[receiver.host])
    yield poster
    await poster.aclose()


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[httpx2.AsyncClient]:
    """The browser of somebody who sits at the machine."""
    async with ask(create_api(rig.context, callers_are_operators=True)) as client:
        yield client


async def test_a_receiver_verifies_what_it_hears_of_a_job(
    rig: Rig, receiver: Receiver, poster: HttpFetcher
) -> None:
    context = replace(rig.context, poster=poster)
    deliverer = WebhookDeliverer(context)
    async with ask(create_api(context, callers_are_operators=True)) as client:
        added = (await client.post(HOOKS, json={"url": f"{receiver.url}/in"})).json()
        job = await make_job(client, "cup")
        await rig.run_dispatched()
        receiver.statuses = [500]
        await deliverer.deliver()
        await rig.clock.advance(6.0)
        await deliverer.deliver()
        came = await anyio.to_thread.run_sync(receiver.until, 4)
        # The fake clock of the server is not that of this machine.
        events = [
            verify_webhook(one.body, one.headers, added["secret"], tolerance_s=1e12) for one in came
        ]
        types = [event["type"] for event in events]
        assert types == ["job.started", "item.succeeded", "job.finished", "job.started"]
        assert came[0].headers["webhook-id"] == came[3].headers["webhook-id"]
        shown = (await client.get(f"/api/v1/jobs/{job['id']}")).json()
        told = events[2]["data"]["job"]
        assert told == _as_far_as(told, shown)
        item = events[1]["data"]["item"]
        assert item == _as_far_as(item, shown["items"][0])
        log = (await client.get(f"{HOOKS}/{added['id']}/deliveries")).json()["deliveries"]
        assert [(one["type"], one["tries"], one["status"]) for one in log] == [
            ("job.finished", 1, 204),
            ("item.succeeded", 1, 204),
            ("job.started", 2, 204),
        ]


def _as_far_as(told: object, known: object) -> object:
    """Take of *known* only what is *told*, to any depth."""
    if isinstance(told, dict) and isinstance(known, dict):
        return {name: _as_far_as(told[name], known[name]) for name in told}
    if isinstance(told, list) and isinstance(known, list):
        return [_as_far_as(one, other) for one, other in zip(told, known, strict=True)]
    return known


async def test_a_receiver_cannot_lead_us_elsewhere_or_hold_us(
    receiver: Receiver, poster: HttpFetcher
) -> None:
    receiver.statuses, receiver.answer = [302, 200], b"x" * 10_000_000
    body = b'{"a":1}'
    answer = await poster.post(f"{receiver.url}/in", headers={"x-a": "b"}, body=body, limit_s=5)
    assert answer.status == 302
    assert (await poster.post(receiver.url, headers={}, body=body, limit_s=5)).status == 200
    assert [(one.path, one.body) for one in receiver.received] == [("/in", body), ("/", body)]
    assert receiver.received[0].headers["x-a"] == "b"


async def test_a_webhook_is_added_changed_and_removed(client: httpx2.AsyncClient, rig: Rig) -> None:
    wanted = {"url": URL, "events": ["item.failed", "job.finished"], "named_only": True}
    reply = await client.post(HOOKS, json=wanted)
    assert reply.status_code == 201
    added = reply.json()
    place = f"{HOOKS}/{added['id']}"
    assert reply.headers["location"] == place
    secret = added.pop("secret")
    assert secret.startswith("whsec_")
    assert added == {
        **wanted,
        "id": added["id"],
        "enabled": True,
        "switched_off": None,
        "failing_since": None,
        "created_at": "2026-01-01T00:00:00Z",
    }
    assert (await client.get(HOOKS)).json() == {"webhooks": [added]}
    assert (await client.get(place)).json() == added
    changed = (await client.patch(place, json={"enabled": False, "events": []})).json()
    assert changed == {**added, "enabled": False, "switched_off": "by_owner", "events": []}
    assert problem_of(await client.post(f"{place}/test"), 409)["code"] == "wrong_state"
    assert (await client.patch(place, json={"enabled": True})).json()["switched_off"] is None
    rotated = (await client.post(f"{place}/rotate")).json()
    assert rotated["secret"] not in {secret, None}

    tested = await client.post(f"{place}/test")
    assert tested.status_code == 202
    await WebhookDeliverer(rig.context).deliver()
    (delivery,) = (await client.get(f"{place}/deliveries")).json()["deliveries"]
    assert (delivery["id"], delivery["type"]) == (tested.json()["id"], "webhook.test")
    assert (delivery["state"], delivery["status"]) == ("delivered", 204)
    again = await client.post(f"{place}/deliveries/{delivery['id']}/replay")
    assert (again.status_code, again.json()["state"]) == (202, "waiting")
    unknown = await client.post(f"{place}/deliveries/{added['id']}/replay")
    assert problem_of(unknown, 404)["code"] == "delivery_not_found"
    assert (await client.delete(place)).status_code == 204
    assert problem_of(await client.get(place), 404)["code"] == "webhook_not_found"


async def test_somebody_elses_webhook_is_not_there(client: httpx2.AsyncClient, rig: Rig) -> None:
    added = (await client.post(HOOKS, json={"url": URL})).json()
    tested = (await client.post(f"{HOOKS}/{added['id']}/test")).json()
    async with ask(create_api(rig.context, callers_are_operators=True)) as stranger:
        await make_job(stranger, "jug")
        for webhook in (added["id"], "0" * 32, "nonsense"):
            place = f"{HOOKS}/{webhook}"
            for method, path in (
                ("GET", place),
                ("PATCH", place),
                ("DELETE", place),
                ("POST", f"{place}/rotate"),
                ("POST", f"{place}/test"),
                ("GET", f"{place}/deliveries"),
                ("POST", f"{place}/deliveries/{tested['id']}/replay"),
            ):
                reply = await stranger.request(
                    method, path, json={"enabled": False} if method == "PATCH" else None
                )
                assert problem_of(reply, 404)["code"] == "webhook_not_found"
        assert (await stranger.get(HOOKS)).json() == {"webhooks": []}
    assert (await client.get(f"{HOOKS}/{added['id']}")).json()["enabled"]


async def test_strangers_cannot_have_us_call_anybody(rig: Rig) -> None:
    key = await create_api_key(rig.context, name="shop")
    async with ask(create_api(rig.context)) as stranger:
        await make_draft(stranger)
        for reply in (
            await stranger.post(HOOKS, json={"url": URL}),
            await stranger.get(HOOKS),
            await stranger.post("/api/v1/jobs?draft=true", json={"webhook_url": URL}),
            await stranger.post("/api/v1/jobs", data={"webhook_url": URL}, files=[png_part("cup")]),
        ):
            assert problem_of(reply, 401)["code"] == "not_authenticated"
        assert [one async for one in rig.artifacts.all()] == []
        stranger.headers["Authorization"] = f"Bearer {key}"
        assert (await stranger.post(HOOKS, json={"url": URL})).status_code == 201


@pytest.mark.parametrize("url", ["http://hooks.example/in", "nonsense", "", "https://", "\ud800"])
async def test_a_url_that_is_none_is_refused(rig: Rig, poster: HttpFetcher, url: str) -> None:
    async with ask(
        create_api(replace(rig.context, poster=poster), callers_are_operators=True)
    ) as client:
        content = json.dumps({"url": url}).encode()
        headers = {"content-type": "application/json"}
        reply = await client.post(HOOKS, content=content, headers=headers)
        assert problem_of(reply, 422)["code"] == "invalid_request"


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "127.1",
        "2130706433",
        "0x7f.1",
        "localhost",
        "LOCALHOST",
        "8.8.8.8:8443",
    ],
)
async def test_an_address_that_nothing_is_delivered_to_is_refused_at_once(
    rig: Rig, poster: HttpFetcher, host: str
) -> None:
    url = f"https://{host}/in"
    with pytest.raises(FetchRefused) as refused:
        await poster.post(url, headers={}, body=b"", limit_s=5)
    context = replace(rig.context, poster=poster)
    async with ask(create_api(context, callers_are_operators=True)) as client:
        problem = problem_of(await client.post(HOOKS, json={"url": url}), 422)
        assert problem["code"] == "invalid_request"
        assert problem["details"]["field"] == "url"
        assert refused.value.details["reason"] in problem["detail"]
        place = f"{HOOKS}/{(await client.post(HOOKS, json={'url': URL})).json()['id']}"
        assert problem_of(await client.patch(place, json={"url": url}), 422)
        draft = await client.post("/api/v1/jobs?draft=true", json={"webhook_url": url})
        assert problem_of(draft, 422)["details"]["field"] == "webhook_url"


@pytest.mark.parametrize("host", ["hooks.example:8443", "gateway.lan", "8.8.8.8", "[2606:4700::1]"])
async def test_names_and_public_addresses_are_taken(
    rig: Rig, poster: HttpFetcher, host: str
) -> None:
    context = replace(rig.context, poster=poster)
    async with ask(create_api(context, callers_are_operators=True)) as client:
        reply = await client.post(HOOKS, json={"url": f"https://{host}/in"})
        assert reply.status_code == 201, reply.text


async def test_webhooks_are_limited(client: httpx2.AsyncClient, rig: Rig) -> None:
    for _ in range(rig.context.rules.webhooks_per_owner):
        assert (await client.post(HOOKS, json={"url": URL})).status_code == 201
    problem = problem_of(await client.post(HOOKS, json={"url": URL}), 409)
    assert (problem["code"], problem["details"]) == ("too_many_webhooks", {"limit": 10})


async def test_jobs_and_drafts_name_a_url(client: httpx2.AsyncClient, rig: Rig) -> None:
    await make_job(client, "cup", webhook_url=f"{URL}/job")
    await make_draft(client, webhook_url=f"{URL}/draft")
    found = (await client.get(HOOKS)).json()["webhooks"]
    assert {one["url"] for one in found if one["named_only"]} == {f"{URL}/job", f"{URL}/draft"}
    await WebhookDeliverer(rig.context).deliver()
    assert [one.url for one in rig.receivers.posted] == [f"{URL}/job"]


async def test_twenty_equal_requests_at_once_make_one_job(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    await make_job(client, "first")
    found: list[str] = []
    picture = disc_png("cup")

    async def submit() -> None:
        reply = await client.post(
            "/api/v1/jobs",
            data={"name": "Cups"},
            files=[("files", ("cup.png", picture, "image/png"))],
            headers={"Idempotency-Key": "order-1"},
        )
        assert reply.status_code == 202, reply.text
        found.append(reply.json()["id"])

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(submit)
    assert len(found) == 20
    assert len(set(found)) == 1
    assert len((await client.get("/api/v1/jobs")).json()["jobs"]) == 2
    # The pictures of the others are gone: one for each job is kept.
    assert len([one async for one in rig.artifacts.all()]) == 2
