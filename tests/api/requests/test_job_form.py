"""A whole job in one call: fields and files in any order, bad pictures, limits, repeats."""

import dataclasses
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from image2model.api.app import create_api
from tests.api.asking import ask, make_job, png_part, problem_of
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

JOBS = "/api/v1/jobs"


def form(*parts: tuple[str, str | None, bytes]) -> tuple[bytes, dict[str, str]]:
    """Write parts (field, file name or None, content) in exactly this order."""
    body = bytearray()
    for name, file_name, content in parts:
        disposition = f'form-data; name="{name}"'
        if file_name is not None:
            disposition += f'; filename="{file_name}"'
        body += f"--edge\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
        body += content + b"\r\n"
    return bytes(body) + b"--edge--\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}


def left_behind(rig: Rig) -> list[Path]:
    return list(rig.context.rules.incoming.iterdir())


async def kept(rig: Rig) -> int:
    return len([stored async for stored in rig.artifacts.all()])


async def test_one_call_makes_and_starts_a_job(client: httpx2.AsyncClient, rig: Rig) -> None:
    reply = await client.post(
        JOBS,
        data={"name": "Shelf", "options": '{"quality": "high"}', "budget_usd": "2.50"},
        files=[png_part("teapot"), png_part("cup")],
    )
    assert reply.status_code == 202
    job = reply.json()
    assert reply.headers["location"] == f"{JOBS}/{job['id']}"
    assert job["name"] == "Shelf"
    assert job["state"] == "running"
    assert job["options"] == {"quality": "high", "seed": 0}
    assert job["cost"] == {"estimated_usd": 0.6, "booked_usd": 0.0, "budget_usd": 2.5}
    assert [item["name"] for item in job["items"]] == ["teapot", "cup"]
    assert job["counts"]["queued"] == job["counts"]["total"] == 2
    assert len(rig.dispatcher.take()) == 2
    assert left_behind(rig) == []


async def test_fields_may_come_after_files(client: httpx2.AsyncClient) -> None:
    body, headers = form(
        ("files", "a.png", disc_png("a")),
        ("options", None, b'{"seed": 3}'),
        ("files[]", "b.png", disc_png("b")),
        ("generator", None, b"scripted/cube"),
    )
    reply = await client.post(JOBS, content=body, headers=headers)
    assert reply.status_code == 202, reply.text
    assert reply.json()["options"]["seed"] == 3
    assert [item["name"] for item in reply.json()["items"]] == ["a", "b"]


async def test_file_names_keep_their_script(client: httpx2.AsyncClient) -> None:
    body, headers = form(("files", "чайник 茶壺.png", disc_png("a")))
    reply = await client.post(JOBS, content=body, headers=headers)
    assert reply.json()["items"][0]["name"] == "чайник 茶壺"


async def test_bad_picture_fails_its_item_only(client: httpx2.AsyncClient, rig: Rig) -> None:
    body, headers = form(
        ("files", "good.png", disc_png("a")),
        ("files", "bad.png", b"<html>no picture</html>"),
        ("files", "cut.png", disc_png("b")[:120]),
        ("files", "fine.png", disc_png("c")),
    )
    reply = await client.post(JOBS, content=body, headers=headers)
    assert reply.status_code == 202
    items = reply.json()["items"]
    assert [item["state"] for item in items] == ["queued", "failed", "failed", "queued"]
    assert items[1]["error"]["code"] == "not_a_picture"
    assert items[2]["error"]["code"] == "picture_damaged"
    assert left_behind(rig) == []
    assert await kept(rig) == 2


async def test_too_large_picture_fails_its_item_only(rig: Rig) -> None:
    rules = dataclasses.replace(rig.context.rules, picture_bytes=2_000)
    context = dataclasses.replace(rig.context, rules=rules)
    body, headers = form(
        ("files", "huge.png", bytes(50_000)),
        ("files", "fine.png", disc_png("c", side_px=32)),
    )
    async with ask(create_api(context)) as client:
        reply = await client.post(JOBS, content=body, headers=headers)
    assert reply.status_code == 202, reply.text
    assert [item["state"] for item in reply.json()["items"]] == ["failed", "queued"]
    assert reply.json()["items"][0]["error"]["code"] == "upload_too_large"
    assert left_behind(rig) == []


async def test_a_form_without_end_is_cut_off(rig: Rig) -> None:
    rules = dataclasses.replace(rig.context.rules, picture_bytes=1_000, items_per_job=1)
    context = dataclasses.replace(rig.context, rules=rules)
    head, headers = form(("files", "huge.png", b""))
    pieces = itertools.chain(
        [head[: head.rindex(b"\r\n--edge--")]], itertools.repeat(bytes(90_000))
    )

    async def endless() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async with ask(create_api(context)) as client:
        reply = await client.post(JOBS, content=endless(), headers=headers)
    assert problem_of(reply, 413)["code"] == "upload_too_large"
    assert left_behind(rig) == []


async def test_whoever_has_too_many_jobs_is_refused_before_sending(rig: Rig) -> None:
    rules = dataclasses.replace(rig.context.rules, unfinished_jobs_per_owner=1)
    context = dataclasses.replace(rig.context, rules=rules)
    async with ask(create_api(context)) as client:
        await make_job(client, "cup")
        sent = False

        async def body() -> AsyncIterator[bytes]:
            nonlocal sent
            sent = True
            yield b""

        headers = form()[1]
        reply = await client.post(JOBS, content=body(), headers=headers)
    assert problem_of(reply, 429)["code"] == "too_many_jobs"
    assert not sent


async def test_views_make_one_item_of_several_files(client: httpx2.AsyncClient) -> None:
    views = [{"name": "teapot", "views": {"back": 0, "front": 2}}, {"views": {"front": 1}}]
    reply = await client.post(
        JOBS,
        data={"views": json.dumps(views)},
        files=[png_part("pot back"), png_part("cup"), png_part("pot front")],
    )
    assert reply.status_code == 202, reply.text
    teapot, cup = reply.json()["items"]
    assert teapot["name"] == "teapot"
    assert [view["view"] for view in teapot["views"]] == ["front", "back"]
    assert cup["name"] == "cup"


@pytest.mark.parametrize(
    ("views", "words"),
    [
        ([{"views": {"front": 0}}], "leaves out the files [1]"),
        ([{"views": {"front": 0}}, {"views": {"front": 7}}], "names the files [7]"),
        ([{"views": {"front": 0, "back": 0}}, {"views": {"front": 1}}], "more than one view"),
        ([{"views": {"front": -1}}], "greater than or equal to 0"),
        ([{"views": {}}], "at least 1 item"),
        ([{"views": {"inside": 0}}], "front"),
    ],
)
async def test_views_that_do_not_fit_leave_nothing(
    client: httpx2.AsyncClient, rig: Rig, views: object, words: str
) -> None:
    reply = await client.post(
        JOBS, data={"views": json.dumps(views)}, files=[png_part("a"), png_part("b")]
    )
    problem = problem_of(reply, 422)
    assert problem["code"] == "invalid_request"
    assert words in problem["detail"]
    assert await kept(rig) == 0
    assert left_behind(rig) == []


async def test_too_many_files_leave_nothing(client: httpx2.AsyncClient, rig: Rig) -> None:
    limit = rig.context.rules.items_per_job
    reply = await client.post(JOBS, files=[png_part(f"p{n}") for n in range(limit + 1)])
    assert problem_of(reply, 422)["code"] == "too_many_items"
    assert await kept(rig) == 0
    assert left_behind(rig) == []


async def test_more_files_than_items_where_views_come_first(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    limit = rig.context.rules.items_per_job
    views = [{"views": {"front": 2 * n, "back": 2 * n + 1}} for n in range(limit)]
    parts = [("files", f"p{n}.png", disc_png(f"p{n}")) for n in range(2 * limit)]
    body, headers = form(("views", None, json.dumps(views).encode()), *parts)
    reply = await client.post(JOBS, content=body, headers=headers)
    assert reply.status_code == 202, reply.text
    assert reply.json()["counts"]["total"] == limit


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"generator": "nobody/nothing"}, "generator_not_found"),
        ({"options": '{"quality": "best"}'}, "invalid_options"),
        ({"options": '{"seed": NaN}'}, "invalid_request"),
        ({"options": "{"}, "invalid_request"),
        ({"budget_usd": "-1"}, "invalid_request"),
        ({"budget_usd": "inf"}, "invalid_request"),
        ({"colour": "red"}, "invalid_request"),
    ],
)
async def test_refused_fields_leave_nothing(
    client: httpx2.AsyncClient, rig: Rig, fields: dict[str, str], code: str
) -> None:
    reply = await client.post(JOBS, data=fields, files=[png_part("a")])
    problem = reply.json()
    assert problem["code"] == code, problem
    if code == "invalid_request":
        assert problem["details"]["field"] == next(iter(fields))
    assert await kept(rig) == 0
    assert left_behind(rig) == []


async def test_a_form_without_files_has_no_pictures(client: httpx2.AsyncClient) -> None:
    body, headers = form(("name", None, b"Empty"), ("files", "", b""))
    reply = await client.post(JOBS, content=body, headers=headers)
    assert problem_of(reply, 422)["code"] == "no_pictures"


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded"])
async def test_a_request_that_is_no_file_form_has_no_pictures(
    client: httpx2.AsyncClient, content_type: str | None
) -> None:
    """What HTTP clients send when a list of files turns out to be empty."""
    headers = {"Content-Type": content_type} if content_type else {}
    reply = await client.post(JOBS, content=b"generator=local%2Fpuff", headers=headers)
    assert problem_of(reply, 422)["code"] == "no_pictures"


@pytest.mark.parametrize("file_name", [None, ""])
async def test_a_picture_without_a_name_gets_one(
    client: httpx2.AsyncClient, file_name: str | None
) -> None:
    body, headers = form(("files", "a.png", disc_png("a")), ("files", file_name, disc_png("b")))
    reply = await client.post(JOBS, content=body, headers=headers)
    assert reply.status_code == 202, reply.text
    assert [item["name"] for item in reply.json()["items"]] == ["a", "item-2"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=edge"),
        (b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n--edge--", None),
        (b"--edge\r\nContent-Disposition: form-data; name=a; filename=a\r\n\r\nstops", None),
        (b"no boundary at all", None),
        (b"{}", "application/json"),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=" + "x" * 300),
    ],
)
async def test_malformed_forms_leave_nothing(
    client: httpx2.AsyncClient, rig: Rig, body: bytes, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type or "multipart/form-data; boundary=edge"}
    reply = await client.post(JOBS, content=body, headers=headers)
    assert problem_of(reply, 422)["code"] == "invalid_request"
    assert left_behind(rig) == []


async def test_idempotency_key_returns_the_same_job(client: httpx2.AsyncClient, rig: Rig) -> None:
    await make_job(client, "first")
    headers = {"Idempotency-Key": "order-1042"}
    replies = [await client.post(JOBS, files=[png_part("a")], headers=headers) for _ in range(2)]
    assert replies[0].json()["id"] == replies[1].json()["id"]
    assert await kept(rig) == 2
    other = await client.post(JOBS, files=[png_part("b")], headers=headers)
    assert problem_of(other, 422)["code"] == "idempotency_key_reused"
    assert await kept(rig) == 2


async def test_a_first_call_may_be_repeated_without_the_lost_cookie(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    """With a key that nobody guesses, and the same request; with another key it is another job."""
    made = []
    for key in ("0" * 32, "0" * 32, "1" * 32, "0" * 31, "0" * 31):
        client.cookies.clear()
        headers = {"Idempotency-Key": key}
        made.append((await client.post(JOBS, files=[png_part("a")], headers=headers)).json()["id"])
        assert [job["id"] for job in (await client.get(JOBS)).json()["jobs"]] == made[-1:]
    assert made[0] == made[1]
    assert len(set(made)) == 4
    client.cookies.clear()
    headers = {"Idempotency-Key": "0" * 32}
    other = await client.post(JOBS, files=[png_part("b")], headers=headers)
    assert problem_of(other, 422)["code"] == "idempotency_key_reused"
    assert not client.cookies, "only the same request is told what became of the first"


async def test_one_who_left_may_come_back_with_the_same_request(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    """The same guest is meant, whose end is over then."""
    headers = {"Idempotency-Key": "0" * 32}
    for _ in range(2):
        job = (await client.post(JOBS, files=[png_part("a")], headers=headers)).json()
        await rig.run_dispatched()
        assert (await client.get(f"{JOBS}/{job['id']}")).json()["counts"]["succeeded"] == 1
        assert (await client.delete("/api/v1/account")).status_code == 200
        client.cookies.clear()


async def test_idempotency_key_must_be_short_and_plain(client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "x" * 201}
    reply = await client.post(JOBS, files=[png_part("a")], headers=headers)
    assert problem_of(reply, 422)["details"]["field"] == "Idempotency-Key"


async def test_reuse_takes_over_a_result(client: httpx2.AsyncClient, rig: Rig) -> None:
    await make_job(client, "a")
    await rig.run_dispatched()
    again = await make_job(client, "a", reuse="true")
    assert again["state"] == "finished"
    assert again["items"][0]["result"]["files"][0]["name"] == "a.glb"
    assert again["cost"]["booked_usd"] == 0.0
