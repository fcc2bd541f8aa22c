"""Shared links: what they show, to whom, for how long, and what they never show."""

import io
import json
import zipfile
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.api.openapi import describe_api
from image2model.core.shares import current_share
from image2model.jobs.access import create_api_key
from image2model.jobs.lifecycle.owner_end import revoke_api_key
from image2model.ports.shares import SharedLink
from tests.api.asking import ask, make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio


@pytest.fixture
async def job(client: httpx2.AsyncClient, rig: Rig) -> str:
    """The address of a job with two models that cost something."""
    rig.provider.cost_usd = Decimal("0.3")
    made = await make_job(client, "teapot", "mug", name="Shelf", budget_usd="5")
    await rig.run_dispatched()
    return f"/api/v1/jobs/{made['id']}"


@pytest.fixture
async def stranger(rig: Rig) -> Any:
    """Somebody without a key, on a server that insists on one."""
    async with ask(create_api(rig.context, keys_only=True)) as stranger:
        yield stranger


async def share(client: httpx2.AsyncClient, job: str, **wanted: Any) -> dict[str, Any]:
    reply = await client.post(f"{job}/shares", json=wanted)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def test_a_link_shows_the_models_and_none_of_what_they_cost(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient, job: str
) -> None:
    link = await share(client, job, note="For the shop")
    reply = await stranger.get(link["url"])
    assert reply.status_code == 200
    shown = reply.json()
    assert (shown["name"], shown["state"]) == ("Shelf", "finished")
    assert [item["name"] for item in shown["items"]] == ["teapot", "mug"]
    assert all(item["views"] == [] for item in shown["items"])
    for secret in ("usd", "attempts", "request_id", "budget", "provider_url", "owner", "options"):
        assert secret not in reply.text
    mesh = shown["items"][0]["files"][0]
    mine = await client.get(f"{job}/items/0/files/{mesh['name']}")
    theirs = await stranger.get(mesh["url"])
    assert theirs.status_code == 200
    assert theirs.content == mine.content
    item = f"{link['url']}/items/1"
    for path in ("model.glb", "model.stl", "preview.webp", "sprite.webp"):
        assert (await stranger.get(f"{item}/{path}")).status_code == 200, path
        assert (await stranger.head(f"{item}/{path}")).status_code == 200, path


async def test_without_a_body_all_of_the_job_is_shared_for_thirty_days(
    client: httpx2.AsyncClient, job: str
) -> None:
    asked = await share(client, job)
    for headers in ({}, {"content-type": "application/json"}):
        reply = await client.post(f"{job}/shares", headers=headers)
        assert reply.status_code == 201, reply.text
        own = {"id", "token", "url"}
        made = reply.json()
        assert {k: v for k, v in made.items() if k not in own} == {
            k: v for k, v in asked.items() if k not in own
        }
    wrong = await client.post(f"{job}/shares", json={"items": 1})
    assert problem_of(wrong, 422)["code"] == "invalid_request"


def test_the_description_says_that_no_body_is_needed() -> None:
    described = describe_api()["paths"]["/api/v1/jobs/{job}/shares"]["post"]["requestBody"]
    assert not described.get("required", False)
    (media,) = described["content"].values()
    assert media["schema"] == {"$ref": "#/components/schemas/ShareIn"}


async def test_an_archive_tells_no_cost(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient, job: str
) -> None:
    url = (await share(client, job))["url"]
    archive = zipfile.ZipFile(io.BytesIO((await stranger.get(f"{url}/archive.zip")).content))
    assert archive.testzip() is None
    assert {"teapot.glb", "mug.glb"} <= {name.rpartition("/")[2] for name in archive.namelist()}
    manifests = {name: archive.read(name).decode() for name in ("manifest.json", "manifest.csv")}
    for text in manifests.values():
        assert "usd" not in text
        assert "request_id" not in text
    assert all(not item["pictures"] for item in json.loads(manifests["manifest.json"])["items"])
    own = await client.get(f"{job}/archive.zip")
    assert b"cost_usd" in zipfile.ZipFile(io.BytesIO(own.content)).read("manifest.csv")


async def test_pictures_are_shown_only_if_they_are_shared(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient, job: str
) -> None:
    without, with_them = [
        (await share(client, job, pictures=shown))["url"] for shown in (False, True)
    ]
    view = "items/0/views/front"
    assert problem_of(await stranger.get(f"{without}/{view}"), 404)["code"] == "view_not_found"
    (picture,) = (await stranger.get(with_them)).json()["items"][0]["views"]
    assert picture["url"] == f"{with_them}/{view}"
    assert (await stranger.get(picture["url"])).headers["content-type"] == "image/png"


async def test_a_link_to_one_model_shows_no_other(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient, job: str
) -> None:
    url = (await share(client, job, item=1))["url"]
    assert [item["index"] for item in (await stranger.get(url)).json()["items"]] == [1]
    assert (await stranger.get(f"{url}/items/1/model.glb")).status_code == 200
    for path in ("model.glb", "files/teapot.glb", "preview.webp", "sprite.webp", "views/front"):
        problem = problem_of(await stranger.get(f"{url}/items/0/{path}"), 404)
        assert problem["code"] == "item_not_found", path
    archive = zipfile.ZipFile(io.BytesIO((await stranger.get(f"{url}/archive.zip")).content))
    assert not [name for name in archive.namelist() if "teapot" in name]


async def test_a_link_can_be_taken_back(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient, job: str
) -> None:
    link, other = await share(client, job), await share(client, job, item=0, note="One")
    listed = (await client.get(f"{job}/shares")).json()["shares"]
    assert {one["id"] for one in listed} == {link["id"], other["id"]}
    assert link["token"] not in json.dumps(listed)
    assert (await client.delete(f"{job}/shares/{link['id']}")).status_code == 204
    again = await client.delete(f"{job}/shares/{link['id']}")
    assert problem_of(again, 404)["code"] == "shared_link_not_found"
    for path in ("", "/items/0/model.glb", "/archive.zip"):
        problem = problem_of(await stranger.get(link["url"] + path), 404)
        assert problem["code"] == "shared_link_not_found"
    assert (await stranger.get(other["url"])).status_code == 200


async def test_a_link_ends_by_itself_and_with_its_job(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient, rig: Rig, job: str
) -> None:
    short = await share(client, job, expires_in_s=60)
    long = await share(client, job, expires_in_s=3_600)
    await rig.clock.advance(61)
    problem_of(await stranger.get(short["url"]), 404)
    assert (await stranger.get(long["url"])).status_code == 200
    assert (await client.delete(job)).status_code == 204
    assert problem_of(await stranger.get(long["url"]), 404)["code"] == "shared_link_not_found"


async def test_a_link_ends_with_the_key_it_was_made_with(
    stranger: httpx2.AsyncClient, rig: Rig
) -> None:
    """Else whoever had a key that leaked could go on looking, and nobody could stop it."""
    key = await create_api_key(rig.context, name="leaked")
    async with ask(create_api(rig.context), headers={"Authorization": f"Bearer {key}"}) as owner:
        made = await make_job(owner, "cup")
        await rig.run_dispatched()
        link = await share(owner, f"/api/v1/jobs/{made['id']}")
    assert (await stranger.get(link["url"])).status_code == 200
    await revoke_api_key(rig.context, key.split("_")[1])
    for path in ("", "/items/0/model.glb", "/archive.zip"):
        reply = await stranger.get(link["url"] + path)
        assert problem_of(reply, 404)["code"] == "shared_link_not_found"


async def test_only_the_owner_shares(client: httpx2.AsyncClient, rig: Rig, job: str) -> None:
    link = await share(client, job)
    key = await create_api_key(rig.context, name="other")
    other = {"Authorization": f"Bearer {key}"}
    for reply in (
        await client.post(f"{job}/shares", json={}, headers=other),
        await client.get(f"{job}/shares", headers=other),
        await client.delete(f"{job}/shares/{link['id']}", headers=other),
    ):
        assert problem_of(reply, 404)["code"] == "job_not_found"
    assert (await client.get(link["url"])).status_code == 200


async def test_a_token_opens_nothing_else(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient, job: str
) -> None:
    token = (await share(client, job))["token"]
    stranger.headers["Authorization"] = f"Bearer {token}"
    for path in ("/api/v1/jobs", job, f"{job}/items/0/model.glb", f"{job}/shares"):
        assert (await stranger.get(path)).status_code == 401, path
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        reply = await stranger.request(method, f"/api/v1/shared/{token}")
        assert reply.status_code == 405, method
    for wrong in (token[:-1], f"{token}x", token.upper(), "i2s_"):
        assert (await stranger.get(f"/api/v1/shared/{wrong}")).status_code == 404, wrong


@pytest.mark.parametrize(
    "wanted", [{"expires_in_s": 59}, {"expires_in_s": 366 * 86_400 + 1}, {"item": -1}, {"for": 1}]
)
async def test_what_makes_no_link(
    client: httpx2.AsyncClient, job: str, wanted: dict[str, Any]
) -> None:
    problem_of(await client.post(f"{job}/shares", json=wanted), 422)


async def test_a_job_has_so_many_links(client: httpx2.AsyncClient, job: str) -> None:
    for _ in range(100):
        await share(client, job)
    problem = problem_of(await client.post(f"{job}/shares", json={}), 422)
    assert "revoke one" in problem["detail"]


async def test_who_opens_links_takes_turns_by_where_they_are(
    client: httpx2.AsyncClient, rig: Rig, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They must not count as the product itself, whose own work would wait behind theirs."""
    url, shares = (await share(client, job))["url"], set()
    find_link = rig.context.shares.find_link

    async def watched(token_sha256: str) -> SharedLink | None:
        shares.add(current_share().owner)
        return await find_link(token_sha256)

    monkeypatch.setattr(rig.context.shares, "find_link", watched)
    api = create_api(rig.context, keys_only=True)
    for host in ("203.0.113.5", "203.0.113.9"):
        transport = httpx2.ASGITransport(app=api, client=(host, 4711))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as visitor:
            assert (await visitor.get(url)).status_code == 200
    assert shares == {"203.0.113.5", "203.0.113.9"}
