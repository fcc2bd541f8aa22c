"""The page's way: a draft, its pictures one by one, then the start."""

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.core.errors import JobNotFound, TooManyItems, WrongState
from image2model.core.generator import View
from image2model.core.ids import JobId, OwnerId
from image2model.jobs.intake.receive import upload_picture
from image2model.jobs.intake.submit import JobRequest, create_draft
from image2model.ports.dispatcher import ItemRef
from tests.api.asking import ask, make_draft, make_job, problem_of
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio


def place(draft: dict[str, Any], index: int, view: str = "front") -> str:
    return f"/api/v1/jobs/{draft['id']}/items/{index}/views/{view}"


async def test_a_draft_is_filled_and_started(client: httpx2.AsyncClient, rig: Rig) -> None:
    reply = await client.post("/api/v1/jobs?draft=true", json={"options": {"seed": 4}})
    assert reply.status_code == 201
    draft = reply.json()
    assert reply.headers["location"] == f"/api/v1/jobs/{draft['id']}"
    assert (draft["state"], draft["items"], draft["options"]["seed"]) == ("draft", [], 4)
    await client.put(place(draft, 1), params={"name": "pot.png"}, content=disc_png("pot"))
    await client.put(place(draft, 0), params={"name": "cup.png"}, content=disc_png("cup"))
    filled = (await client.put(place(draft, 0, "back"), content=disc_png("cup back"))).json()
    assert [item["name"] for item in filled["items"]] == ["cup", "pot"]
    assert [view["view"] for view in filled["items"][0]["views"]] == ["front", "back"]
    cup = filled["items"][0]["views"][0]
    assert cup.pop("thumb_url").startswith(f"{place(draft, 0)}/thumb.webp?v=")
    assert cup == {
        "view": "front",
        "url": place(draft, 0),
        "file_name": "cup.png",
        "width_px": 64,
        "height_px": 64,
        "notes": [],
        "credentials": [],
        "source_type": "",
    }
    started = await client.post(f"/api/v1/jobs/{draft['id']}/start")
    assert started.status_code == 202
    assert started.json()["state"] == "running"
    assert started.json()["name"] == "cup and 1 more"
    assert len(rig.dispatcher.take()) == 2
    again = await client.post(f"/api/v1/jobs/{draft['id']}/start")
    assert again.json()["version"] == started.json()["version"]


async def test_a_draft_needs_no_body(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/api/v1/jobs?draft=true")).status_code == 201


@pytest.mark.parametrize(
    ("content_type", "body", "field"),
    [
        ("application/json", b"{", "body"),
        ("application/json", b'{"name": 7}', "name"),
        ("application/json", b'{"colour": "red"}', "colour"),
        ("application/json", b'{"options": {"seed": NaN}}', "options"),
        ("application/json", b'{"options": {"seed\\u0000": 1}}', "options"),
        ("application/json", b'{"options": {"quality": ["a\\u0000"]}}', "options"),
        ("application/json", b'{"budget_usd": 0}', "budget_usd"),
        ("application/json", b'{"budget_usd": 1e300}', "budget_usd"),
        ("application/json", b"[" * 100_000, "body"),
        ("application/json", b'{"name": "%s"}' % (b"x" * 1_100_000), "body"),
        ("text/plain", b"{}", "Content-Type"),
    ],
)
async def test_a_wrong_draft_names_the_field(
    client: httpx2.AsyncClient, content_type: str, body: bytes, field: str
) -> None:
    headers = {"Content-Type": content_type}
    reply = await client.post("/api/v1/jobs?draft=true", content=body, headers=headers)
    problem = problem_of(reply, 422)
    assert problem["code"] == "invalid_request"
    assert problem["details"]["field"] == field


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Content-Disposition": 'attachment; filename="old pot.png"'}, "old pot"),
        ({"Content-Disposition": "attachment; filename*=UTF-8''%E8%8C%B6%E5%A3%B6.png"}, "茶壶"),
        ({"Content-Disposition": "inline"}, "item-1"),
        ({}, "item-1"),
    ],
)
async def test_a_header_can_name_the_file(
    client: httpx2.AsyncClient, headers: dict[str, str], name: str
) -> None:
    draft = await make_draft(client)
    reply = await client.put(place(draft, 0), content=disc_png("cup"), headers=headers)
    assert reply.json()["items"][0]["name"] == name


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<html>", "not_a_picture"),
        (disc_png("cup")[:100], "picture_damaged"),
        (b"", "not_a_picture"),
        (b"GIF89a" + bytes(100), "picture_type_unsupported"),
    ],
)
async def test_a_bad_picture_is_refused_and_changes_nothing(
    client: httpx2.AsyncClient, rig: Rig, content: bytes, code: str
) -> None:
    draft = await make_draft(client)
    good = (await client.put(place(draft, 0), content=disc_png("cup"))).json()
    assert problem_of(await client.put(place(draft, 0), content=content), 422)["code"] == code
    assert (await client.get(f"/api/v1/jobs/{draft['id']}")).json() == good
    assert list(rig.context.rules.incoming.iterdir()) == []
    assert len([stored async for stored in rig.artifacts.all()]) == 1


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_too_large_picture_is_refused(rig: Rig, says_so: bool) -> None:
    rules = dataclasses.replace(rig.context.rules, picture_bytes=1_000)
    context = dataclasses.replace(rig.context, rules=rules)

    async def chunks() -> Any:
        for _ in range(5):
            yield bytes(300)

    async with ask(create_api(context)) as client:
        draft = await make_draft(client)
        content = bytes(1_001) if says_so else chunks()
        problem = problem_of(await client.put(place(draft, 0), content=content), 413)
    assert problem["code"] == "upload_too_large"
    assert problem["details"]["limit_bytes"] == 1_000
    assert list(context.rules.incoming.iterdir()) == []


async def test_an_item_beyond_the_limit_is_refused(client: httpx2.AsyncClient, rig: Rig) -> None:
    draft = await make_draft(client)
    path = place(draft, rig.context.rules.items_per_job)
    problem = problem_of(await client.put(path, content=disc_png("cup")), 422)
    assert problem["code"] == "too_many_items"


class Unread(AsyncIterator[bytes]):
    """A file that must not be read."""

    async def __anext__(self) -> bytes:
        """Say that it was."""
        raise AssertionError("was read")


async def test_nothing_is_read_where_there_is_no_place(rig: Rig) -> None:
    owner = OwnerId("ann")
    draft = await create_draft(rig.context, owner, JobRequest())
    running = await rig.submit(owner, "cup")

    for ref, error in (
        (ItemRef(draft.id, rig.context.rules.items_per_job), TooManyItems),
        (ItemRef(running.id, 0), WrongState),
        (ItemRef(JobId("0" * 32), 0), JobNotFound),
    ):
        with pytest.raises(error):
            await upload_picture(rig.context, owner, ref, Unread(), view=View.FRONT, file_name=None)


async def test_items_are_moved_and_removed(client: httpx2.AsyncClient, rig: Rig) -> None:
    draft = await make_draft(client)
    for index, name in enumerate("abc"):
        await client.put(place(draft, index), params={"name": name}, content=disc_png(name))
    moved = await client.post(f"/api/v1/jobs/{draft['id']}/items/2/move", json={"to": 0})
    assert [item["name"] for item in moved.json()["items"]] == ["c", "a", "b"]
    removed = await client.delete(f"/api/v1/jobs/{draft['id']}/items/1")
    assert [item["name"] for item in removed.json()["items"]] == ["c", "b"]
    assert len([stored async for stored in rig.artifacts.all()]) == 2
    gone = await client.delete(f"/api/v1/jobs/{draft['id']}/items/2")
    assert problem_of(gone, 404)["code"] == "item_not_found"


async def test_a_draft_changes_its_options(client: httpx2.AsyncClient) -> None:
    draft = await make_draft(client, options={"seed": 3})
    path = f"/api/v1/jobs/{draft['id']}"
    changed = (await client.patch(path, json={"options": {"quality": "high"}})).json()
    assert changed["options"] == {"quality": "high", "seed": 0}
    terms = {"keep": "links", "budget_usd": 1.5, "name": "Shelf"}
    changed = (await client.patch(path, json=terms)).json()
    assert (changed["keep"], changed["cost"]["budget_usd"]) == ("links", 1.5)
    assert (changed["name"], changed["options"]["quality"]) == ("Shelf", "high")
    changed = (await client.patch(path, json={"budget_usd": 0})).json()
    assert (changed["keep"], changed["cost"]["budget_usd"]) == ("links", None)
    wrong = await client.patch(path, json={"generator": "nobody/nothing"})
    assert problem_of(wrong, 404)["code"] == "generator_not_found"


async def test_an_empty_draft_does_not_start(client: httpx2.AsyncClient) -> None:
    draft = await make_draft(client)
    reply = await client.post(f"/api/v1/jobs/{draft['id']}/start")
    assert problem_of(reply, 422)["code"] == "no_pictures"


async def test_a_started_job_takes_no_more_pictures(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "cup")
    reply = await client.put(place(job, 1), content=disc_png("pot"))
    assert problem_of(reply, 409)["code"] == "wrong_state"
    assert len([stored async for stored in rig.artifacts.all()]) == 1


async def test_news_of_a_draft_have_all_items(client: httpx2.AsyncClient) -> None:
    """What was removed from a draft can only be seen in what is left."""
    draft = await make_draft(client)
    for index in range(2):
        filled = (await client.put(place(draft, index), content=disc_png(str(index)))).json()
    path = f"/api/v1/jobs/{draft['id']}"
    await client.delete(f"{path}/items/1")
    news = (await client.get(path, params={"after_version": filled["version"]})).json()
    assert [item["index"] for item in news["items"]] == [0]
