"""What helps to prepare a job: limits, pictures by URL, spreadsheets."""

import io
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from image2model.api.app import create_api
from image2model.core.ids import JobId
from image2model.core.job import FileRole, ResultFile
from image2model.documents.spreadsheet import SHEET_BYTES
from image2model.ports.dispatcher import ItemRef
from tests.api.asking import ask, make_draft, make_job, problem_of
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

PICTURES, SHEET = "/api/v1/pictures", "/api/v1/sheet"
URL = "https://pictures.example/photos/My%20teapot.png?size=big"


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_limits_are_those_that_count(rig: Rig) -> None:
    rules = replace(rig.context.rules, items_per_job=3, picture_bytes=1_000)
    async with ask(create_api(replace(rig.context, rules=rules))) as client:
        limits = (await client.get("/api/v1/limits")).json()
        assert (limits["items_per_job"], limits["picture_bytes"]) == (3, 1_000)
        assert {"image/jpeg", "image/png", "image/webp", "image/avif"} <= {*limits["picture_types"]}
        draft = await make_draft(client)
        views = f"/api/v1/jobs/{draft['id']}/items"
        refused = await client.put(f"{views}/3/views/front", content=disc_png("cup"))
        assert problem_of(refused, 422)["code"] == "too_many_items"
        refused = await client.put(f"{views}/0/views/front", content=b"x" * 1_001)
        assert problem_of(refused, 413)["code"] == "upload_too_large"


async def test_picture_comes_from_a_url(client: httpx2.AsyncClient, rig: Rig) -> None:
    rig.web.files[URL] = disc_png("teapot")
    reply = await client.post(PICTURES, json={"url": f" {URL} "})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["content-disposition"] == 'attachment; filename="My teapot.png"'
    assert reply.headers["cache-control"] == "no-store"
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert Image.open(io.BytesIO(reply.content)).size == (64, 64)
    assert left_in(rig.context.rules.incoming) == []
    assert [one async for one in rig.artifacts.all()] == []


async def test_fetched_picture_has_lost_its_metadata(client: httpx2.AsyncClient, rig: Rig) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Secret camera"
    Image.effect_noise((64, 64), 90).convert("RGB").save(out, "JPEG", exif=exif)
    rig.web.files[URL] = out.getvalue()
    reply = await client.post(PICTURES, json={"url": URL})
    assert reply.headers["content-type"] == "image/jpeg"
    assert reply.headers["content-disposition"].endswith('"My teapot.jpeg"')
    assert b"Secret" not in reply.content


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (None, 422, "picture_not_fetched"),
        (b"<!doctype html><title>Not here</title>", 422, "not_a_picture"),
        (b"\x89PNG\r\n\x1a\n and no more", 422, "picture_damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "picture_type_unsupported"),
        (b"\xff\xd8\xff" + b"x" * 2_000, 413, "upload_too_large"),
    ],
)
async def test_what_is_no_picture_leaves_nothing_behind(
    rig: Rig, content: bytes | None, status: int, code: str
) -> None:
    if content is not None:
        rig.web.files[URL] = content
    rules = replace(rig.context.rules, picture_bytes=2_000)
    async with ask(create_api(replace(rig.context, rules=rules))) as client:
        reply = await client.post(PICTURES, json={"url": URL})
    assert problem_of(reply, status)["code"] == code
    assert left_in(rules.incoming) == []


@pytest.mark.parametrize("body", [{"url": ""}, {}, {"url": 3}, {"url": "x" * 8_001}])
async def test_url_must_be_one(client: httpx2.AsyncClient, body: dict[str, object]) -> None:
    assert problem_of(await client.post(PICTURES, json=body), 422)["code"] == "invalid_request"


async def test_sheet_is_read_without_a_job(client: httpx2.AsyncClient) -> None:
    text = "picture;title;height_cm\nphotos/Jug.PNG;Gänsekrug;21,25\nmug.png;;\n"
    rows = (await client.post(SHEET, content=text.encode())).json()["rows"]
    assert [(row["row"], row["key"], row["name"]) for row in rows] == [
        (2, "jug", "Gänsekrug"),
        (3, "mug", ""),
    ]
    assert rows[0]["metadata"]["height_mm"] == 212.5


async def test_faults_of_a_sheet_are_told_by_cell(client: httpx2.AsyncClient) -> None:
    text = "picture,height_mm\na.png,tall\n,3\n"
    problem = problem_of(await client.post(SHEET, content=text.encode()), 422)
    assert [(one["row"], one["column"]) for one in problem["details"]["errors"]] == [
        (2, "height_mm"),
        (3, "picture"),
    ]


async def test_sheets_may_be_as_large_as_they_say(client: httpx2.AsyncClient) -> None:
    """More than other bodies, which end at one megabyte."""
    rows = "".join(f"p{n}.png,{'x' * 4_000}\n" for n in range(1_000))
    content = f"picture,notes\n{rows}".encode()
    assert len(content) < SHEET_BYTES
    assert len((await client.post(SHEET, content=content)).json()["rows"]) == 1_000
    draft = await make_draft(client)
    reply = await client.put(f"/api/v1/jobs/{draft['id']}/sheet", content=content)
    assert problem_of(reply, 422)["code"] == "invalid_sheet"
    too_large = b"x" * (SHEET_BYTES + 1)
    assert problem_of(await client.post(SHEET, content=too_large), 413)["status"] == 413


async def test_preview_and_model_come_through_us(client: httpx2.AsyncClient, rig: Rig) -> None:
    """A page may load nothing from a provider, so what it shows comes from here."""
    job = await make_job(client, "cup", keep="links")
    await rig.run_dispatched()
    (item,) = (await client.get(f"/api/v1/jobs/{job['id']}")).json()["items"]
    url = f"/api/v1/jobs/{job['id']}/items/0"
    mesh = item["result"]["files"][0]
    away = await client.get(f"{url}/model.glb")
    assert (away.status_code, away.headers["location"]) == (307, mesh["provider_url"])
    here = await client.get(f"{url}/model.glb?through=true")
    assert (here.status_code, here.content) == (200, rig.web.files[mesh["provider_url"]])
    known = {"If-None-Match": here.headers["etag"]}
    assert (await client.get(f"{url}/model.glb?through=true", headers=known)).status_code == 304
    head = await client.head(f"{url}/model.glb?through=true")
    assert (head.status_code, head.content) == (200, b"")


async def test_preview_of_a_provider_is_shown_as_ours(client: httpx2.AsyncClient, rig: Rig) -> None:
    url = f"/api/v1/jobs/{await job_with_preview(client, rig)}/items/0/preview.webp"
    reply = await client.get(url)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
    assert reply.content == disc_png("preview")
    assert reply.headers["content-disposition"].startswith("inline")
    known = {"If-None-Match": reply.headers["etag"]}
    assert (await client.get(url, headers=known)).status_code == 304


async def test_what_is_no_picture_is_not_shown(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await job_with_preview(client, rig, content=b"<script>alert(1)</script>")
    reply = await client.get(f"/api/v1/jobs/{job}/items/0/preview.webp")
    assert problem_of(reply, 502)["code"] == "provider_result_invalid"


async def job_with_preview(
    client: httpx2.AsyncClient, rig: Rig, content: bytes | None = None
) -> str:
    """Make a job of the policy `links` whose result has a preview at its provider; its id."""
    address = "https://scripted.invalid/preview.png"
    rig.web.files[address] = content or disc_png("preview")
    job = await make_job(client, "cup", keep="links")
    await rig.run_dispatched()
    ref = ItemRef(JobId(job["id"]), 0)
    result = (await rig.store.get_item(ref)).result
    assert result is not None
    preview = ResultFile(
        name="preview.png", role=FileRole.PREVIEW, format="png", provider_url=address
    )
    await rig.store.replace_result(ref, replace(result, files=(*result.files, preview)))
    return str(job["id"])
