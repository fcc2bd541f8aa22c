"""What is wished of a job over HTTP: in one call, in a draft, and in what can be downloaded."""

import io
import json
import zipfile
from typing import Any

import httpx2
import pytest

from tests.api.asking import make_draft, make_job, png_part, problem_of
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

WISHES = {"formats": "stl,USDZ", "adjust": json.dumps({"height_mm": 80, "max_bytes": 4_000_000})}


async def read(client: httpx2.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/api/v1/jobs/{job['id']}")).json()
    return found


def meshes_of(job: dict[str, Any]) -> list[str]:
    files = job["items"][0]["result"]["files"]
    return [file["name"] for file in files if file["role"] == "mesh"]


async def test_job_of_one_call(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "mug", **WISHES)
    assert job["formats"] == ["stl", "usdz"]
    assert job["adjust"] == {"height_mm": 80, "max_bytes": 4_000_000}
    await rig.run_dispatched()
    done = await read(client, job)
    assert meshes_of(done) == ["mug.glb", "mug.stl", "mug.usdz"]
    assert done["items"][0]["result"]["facts"]["height_mm"] == pytest.approx(80)
    for file in done["items"][0]["result"]["files"]:
        reply = await client.get(file["url"])
        assert len(reply.content) == file["size_bytes"]
    stl = await client.get(f"/api/v1/jobs/{job['id']}/items/0/model.stl")
    assert stl.headers["etag"].strip('"') == done["items"][0]["result"]["files"][1]["sha256"]


async def test_archive_holds_it_and_can_be_resumed(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "mug", "jug", **WISHES)
    await rig.run_dispatched()
    url = f"/api/v1/jobs/{job['id']}/archive.zip"
    whole = await client.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    with zipfile.ZipFile(io.BytesIO(whole.content)) as files:
        assert {"mug.stl", "mug.usdz", "jug.stl", "jug.usdz"} <= set(files.namelist())
        manifest = json.loads(files.read("manifest.json"))
    assert manifest["job"]["adjust"] == {"height_mm": 80, "max_bytes": 4_000_000}
    assert manifest["items"][0]["pictures"][0]["file_name"] == "mug.png"
    headers = {"Range": "bytes=1000-", "If-Range": whole.headers["etag"]}
    rest = await client.get(url, headers=headers)
    assert (rest.status_code, rest.content) == (206, whole.content[1000:])
    other = await client.get(url, headers={**headers, "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, whole.content)


async def test_formats_may_come_as_json(client: httpx2.AsyncClient) -> None:
    assert (await make_job(client, "mug", formats='["ply","ply"]'))["formats"] == ["ply"]


async def test_draft_is_changed_until_it_starts(client: httpx2.AsyncClient, rig: Rig) -> None:
    draft = await make_draft(client, formats=["stl"], adjust={"faces": 500})
    url = f"/api/v1/jobs/{draft['id']}"
    assert (draft["formats"], draft["adjust"]) == (["stl"], {"faces": 500})
    await client.patch(url, json={"adjust": {"height_mm": 40}})
    await client.patch(url, json={"name": "Mugs"})
    changed = await read(client, draft)
    assert (changed["formats"], changed["adjust"]) == (["stl"], {"height_mm": 40})
    await client.put(f"{url}/items/0/views/front?name=mug.png", content=disc_png("mug"))
    await client.post(f"{url}/start")
    reply = await client.patch(url, json={"formats": ["ply"]})
    assert problem_of(reply, 409)["code"] == "wrong_state"
    await rig.run_dispatched()
    done = await read(client, draft)
    assert meshes_of(done) == ["mug.glb", "mug.stl"]
    assert done["items"][0]["result"]["facts"]["height_mm"] == pytest.approx(40)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"formats": "dwg"}, "format_unsupported"),
        ({"adjust": '{"faces": 1}'}, "invalid_request"),
        ({"adjust": '{"height_mm": 1, "width_mm": 1}'}, "invalid_request"),
        ({"adjust": '{"size": 1}'}, "invalid_request"),
        ({"adjust": '{"height_mm": NaN}'}, "invalid_request"),
        ({"adjust": "80 mm"}, "invalid_request"),
        ({"formats": "{}"}, "format_unsupported"),
    ],
)
async def test_wrong_wishes_are_refused_before_the_work(
    client: httpx2.AsyncClient, rig: Rig, fields: dict[str, str], code: str
) -> None:
    reply = await client.post("/api/v1/jobs", data=fields, files=[png_part("mug")])
    assert reply.json()["code"] == code
    assert reply.status_code in {415, 422}
    assert rig.dispatcher.take() == []
