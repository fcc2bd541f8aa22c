"""Spreadsheets over HTTP: names, sizes and metadata of results; refusals before the work."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.geometry.gltf.container import parse_glb
from image2model.jobs.catalogue import Catalogue
from image2model.ports.provider import ProviderTools
from image2model.providers.local.provider import LocalProvider
from image2model.testing.scripted_provider import SCRIPTED
from tests.api.asking import ask, make_draft, make_job, png_part, problem_of
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

SHEET = (
    "picture;title;accession number;height_mm;face limit\n"
    "jug.png;Gänsekrug;1987.12;212,5;5000\n"
    "mug.png;;12;80;\n"
)


def sheet_part(text: str) -> tuple[str, tuple[str, bytes, str]]:
    return ("sheet", ("objects.csv", text.encode(), "text/csv"))


async def send(
    client: httpx2.AsyncClient, text: str, *names: str, **fields: str
) -> httpx2.Response:
    """Make a job of pictures and a spreadsheet in one call."""
    files = [*(png_part(name) for name in names), sheet_part(text)]
    return await client.post("/api/v1/jobs", data=fields, files=files)


async def test_results_have_their_names_sizes_and_metadata(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    reply = await send(client, SHEET, "mug", "jug", "cup")
    assert reply.status_code == 202, reply.text
    job = reply.json()
    assert [item["name"] for item in job["items"]] == ["mug", "Gänsekrug", "cup"]
    await rig.run_dispatched()
    job = (await client.get(f"/api/v1/jobs/{job['id']}")).json()
    mug, jug, cup = job["items"]
    assert jug["metadata"]["accession_number"] == "1987.12"
    assert cup["metadata"] == {}
    assert jug["result"]["facts"]["height_mm"] == pytest.approx(212.5)
    assert jug["result"]["facts"]["scaled_to"] == "height_mm"
    assert mug["result"]["facts"]["width_mm"] == pytest.approx(80)
    assert cup["result"]["facts"]["height_mm"] == pytest.approx(100)
    assert "scaled_to" not in cup["result"]["facts"]
    (file,) = [file for file in jug["result"]["files"] if file["role"] == "mesh"]
    assert file["name"] == "Gänsekrug.glb"
    document = parse_glb((await client.get(file["url"])).content).document
    assert document["scenes"][0]["extras"]["title"] == "Gänsekrug"


async def test_other_formats_tell_it_too(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = (await send(client, SHEET, "mug", "jug")).json()
    await rig.run_dispatched()
    glb = await client.get(f"/api/v1/jobs/{job['id']}/items/1/model.usdz")
    assert b"1987.12" in glb.content


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("picture,height_mm\nmug.png,tall\n", "height_mm", "is no number"),
        ("picture,height_mm\nmug.png,-3\n", "height_mm", "is not between 0.1 mm and 100 m: -3 mm"),
        ("picture\nmug.png\npot.png\n", "picture", "no picture 'pot.png'"),
        ("picture,generator\nmug.png,local/puff\n", "generator", "no generator 'local/puff'"),
        ("picture\nmugg.png\n", "picture", "did you mean 'mug.png'?"),
        ("picture,height_mm\nmug.png,5\nMUG.png,6\n", "picture", "picture of row 2 already"),
        ("title\nMug\n", "picture", "must name the pictures"),
    ],
)
async def test_what_is_wrong_is_told_before_anything_is_made(
    client: httpx2.AsyncClient, rig: Rig, text: str, column: str, reason: str
) -> None:
    reply = await send(client, text, "mug", generator="scripted/cube")
    problem = problem_of(reply, 422)
    assert problem["code"] == "invalid_sheet"
    (fault,) = problem["details"]["errors"]
    assert (fault["column"], reason in fault["reason"]) == (column, True)
    assert rig.dispatcher.take() == []
    assert [one async for one in rig.artifacts.all()] == []


async def test_two_pictures_of_one_name(client: httpx2.AsyncClient) -> None:
    reply = await send(client, "picture\nmug.png\n", "mug", "MUG")
    assert "several pictures" in problem_of(reply, 422)["detail"]


async def test_sheet_names_the_generator(client: httpx2.AsyncClient) -> None:
    reply = await send(client, "picture,generator\nmug.png,scripted/cube\n", "mug")
    assert reply.json()["generator"] == "scripted/cube"
    reply = await send(client, "picture,generator\nmug.png,no/such\n", "mug")
    (fault,) = problem_of(reply, 422)["details"]["errors"]
    assert (fault["row"], fault["column"]) == (2, "generator")


async def test_same_key_with_another_sheet_is_another_request(client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "one"}
    files = [png_part("mug"), sheet_part("picture,height_mm\nmug.png,10\n")]
    first = await client.post("/api/v1/jobs", files=files, headers=headers)
    again = await client.post("/api/v1/jobs", files=files, headers=headers)
    assert again.json()["id"] == first.json()["id"]
    files = [png_part("mug"), sheet_part("picture,height_mm\nmug.png,11\n")]
    reply = await client.post("/api/v1/jobs", files=files, headers=headers)
    assert problem_of(reply, 422)["code"] == "idempotency_key_reused"


async def test_sheet_that_is_too_large(client: httpx2.AsyncClient) -> None:
    assert problem_of(await send(client, "x" * 5_000_001, "mug"), 413)["code"] == "upload_too_large"


# --- drafts -----------------------------------------------------------------------------------


async def draft_of(client: httpx2.AsyncClient, *names: str) -> str:
    """Make a draft with a picture of each name; returns its address."""
    draft = await make_draft(client)
    url = f"/api/v1/jobs/{draft['id']}"
    for index, name in enumerate(names):
        await client.put(f"{url}/items/{index}/views/front?name={name}.png", content=disc_png(name))
    return url


async def named(client: httpx2.AsyncClient, url: str) -> list[tuple[str, Any]]:
    items = (await client.get(url)).json()["items"]
    return [(item["name"], item["metadata"].get("height_mm")) for item in items]


async def test_draft_is_described_and_described_anew(client: httpx2.AsyncClient, rig: Rig) -> None:
    url = await draft_of(client, "mug", "jug", "cup")
    reply = await client.put(f"{url}/sheet", content=SHEET.encode())
    assert reply.status_code == 200, reply.text
    assert await named(client, url) == [("mug", 80), ("Gänsekrug", 212.5), ("cup", None)]
    # Pictures are found by their files' names though their items are called otherwise by now.
    again = "picture,title,height_cm\ncup.png,Jug,3\njug.png,,7\n"
    await client.put(f"{url}/sheet", content=again.encode())
    assert await named(client, url) == [("mug", None), ("jug", 70), ("Jug-2", 30)]
    await client.post(f"{url}/start")
    await rig.run_dispatched()
    facts = [i["result"]["facts"] for i in (await client.get(url)).json()["items"]]
    assert [round(fact["height_mm"]) for fact in facts] == [100, 70, 30]


async def test_sheet_that_does_not_fit_changes_nothing(client: httpx2.AsyncClient) -> None:
    url = await draft_of(client, "mug")
    for text in ("picture\npot.png\n", "picture,height_mm\nmug,x\n", ""):
        reply = await client.put(f"{url}/sheet", content=text.encode())
        assert problem_of(reply, 422)["code"] == "invalid_sheet"
    assert await named(client, url) == [("mug", None)]


async def test_sheet_of_a_draft_names_its_generator(rig: Rig, tmp_path: Path) -> None:
    tools = ProviderTools(
        compute=rig.context.compute,
        clock=rig.clock,
        picture_limits=rig.context.rules.picture,
        fetcher=rig.web,
        incoming=tmp_path,
        result_bytes=rig.context.rules.result_bytes,
        compute_limit_s=rig.context.rules.compute_s,
        config={},
    )
    catalogue = Catalogue([rig.provider, LocalProvider(tools)], default=SCRIPTED)
    async with ask(create_api(replace(rig.context, catalogue=catalogue))) as client:
        url = await draft_of(client, "mug")
        reply = await client.put(f"{url}/sheet", content=b"picture,generator\nmug,local/puff\n")
        assert reply.json()["generator"] == "local/puff"
        assert reply.json()["options"]["depth"] == 1.0


async def test_views_of_a_draft_are_found_by_any_of_their_files(
    client: httpx2.AsyncClient,
) -> None:
    url = await draft_of(client, "mug")
    back = f"{url}/items/0/views/back?name=mug_back.png"
    await client.put(back, content=disc_png("back"))
    reply = await client.put(f"{url}/sheet", content=b"picture,height_mm\nmug_back.png,7\n")
    assert reply.status_code == 200, reply.text
    reply = await client.put(f"{url}/sheet", content=b"picture,height_mm\nmug.png,8\n")
    assert reply.json()["items"][0]["metadata"]["height_mm"] == 8


async def test_names_with_their_extension_tell_pictures_apart(client: httpx2.AsyncClient) -> None:
    photo = ("files", ("mug.photo.png", disc_png("photo"), "image/png"))
    sheet = sheet_part("picture,title\nmug.png,One\nmug.photo,Two\n")
    reply = await client.post("/api/v1/jobs", files=[png_part("mug"), photo, sheet])
    assert [item["name"] for item in reply.json()["items"]] == ["One", "Two"], reply.text


async def test_only_drafts_are_described(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "mug")
    reply = await client.put(f"/api/v1/jobs/{job['id']}/sheet", content=b"picture\nmug\n")
    assert problem_of(reply, 409)["code"] == "wrong_state"
    reply = await client.put(f"/api/v1/jobs/{'0' * 32}/sheet", content=b"picture\nmug\n")
    assert problem_of(reply, 404)["code"] == "job_not_found"


async def test_archive_tells_what_the_sheet_said(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = (await send(client, SHEET, "mug", "jug")).json()
    await rig.run_dispatched()
    reply = await client.get(f"/api/v1/jobs/{job['id']}/archive.zip")
    assert b"about_accession_number" in reply.content
    assert json.dumps("1987.12").encode() in reply.content
