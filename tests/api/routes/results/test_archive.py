"""All of a job as one ZIP file over HTTP: parts, conditions, refusals."""

import io
import json
import zipfile

import httpx2
import numpy as np
import pytest

from image2model.geometry.formats.reading import read_model
from tests.api.asking import make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio


@pytest.fixture
async def url(client: httpx2.AsyncClient, rig: Rig) -> str:
    """The address of the archive of a finished job."""
    job = await make_job(client, "mug", "茶壶", name="Küche 1/2")
    await rig.run_dispatched()
    return f"/api/v1/jobs/{job['id']}/archive.zip"


def names_in(reply: httpx2.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


async def test_archive_is_an_attachment_named_after_the_job(
    client: httpx2.AsyncClient, url: str
) -> None:
    reply = await client.get(url)
    assert names_in(reply)[:3] == ["mug.glb", "mug.preview.webp", "茶壶.glb"]
    assert reply.headers["content-type"] == "application/zip"
    assert reply.headers["content-length"] == str(len(reply.content))
    assert reply.headers["accept-ranges"] == "bytes"
    assert reply.headers["content-disposition"].endswith("filename*=UTF-8''K%C3%BCche%201-2.zip")
    head = await client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == reply.headers


async def test_broken_download_goes_on(client: httpx2.AsyncClient, url: str) -> None:
    reply = await client.get(url)
    cut = len(reply.content) // 3
    headers = {"Range": f"bytes={cut}-", "If-Range": reply.headers["etag"]}
    rest = await client.get(url, headers=headers)
    assert (rest.status_code, rest.content) == (206, reply.content[cut:])
    known = await client.get(url, headers={"If-None-Match": reply.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    await client.patch(url.removesuffix("/archive.zip"), json={"name": "Other"})
    again = await client.get(url, headers=headers)
    assert (again.status_code, again.headers["etag"] != reply.headers["etag"]) == (200, True)


async def test_conversions_cannot_be_gone_on_with_before_they_were_made_and_say_so(
    client: httpx2.AsyncClient, url: str
) -> None:
    wanted = {"format": ["glb", "STL"]}
    for method in ("HEAD", "GET"):
        reply = await client.request(method, url, params=wanted, headers={"Range": "bytes=5-"})
        assert reply.status_code == 200
        assert reply.headers["accept-ranges"] == "none"
        assert "etag" not in reply.headers
    assert {"mug.stl", "mug.glb"} <= set(names_in(reply))
    known = await client.get(url, params=wanted)
    assert (known.status_code, known.headers["accept-ranges"]) == (200, "bytes")
    assert {"mug.stl", "mug.glb"} <= set(names_in(known))
    headers = {"Range": "bytes=5-", "If-Range": known.headers["etag"]}
    rest = await client.get(url, params=wanted, headers=headers)
    assert (rest.status_code, rest.content) == (206, known.content[5:])


async def test_all_models_are_adjusted_alike(client: httpx2.AsyncClient, url: str) -> None:
    reply = await client.get(url, params={"format": ["glb", "stl"], "height_mm": "250"})
    assert {"mug.glb", "mug.stl"} <= set(names_in(reply))
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        for name in ("mug.glb", "mug.stl"):
            (mesh,) = read_model(archive.read(name)).meshes
            assert np.ptp(mesh.positions[:, 1]) == pytest.approx(0.25)


async def test_formats_in_one_word(client: httpx2.AsyncClient, url: str) -> None:
    reply = await client.get(url, params={"formats": "glb, STL"})
    assert {"mug.glb", "mug.stl"} <= set(names_in(reply))


@pytest.mark.parametrize(
    "query", [{"faces": "3"}, {"height_mm": "1", "width_mm": "1"}, {"max_bytes": "x"}, {"no": "1"}]
)
async def test_adjustments_that_make_no_sense(
    client: httpx2.AsyncClient, url: str, query: dict[str, str]
) -> None:
    assert problem_of(await client.get(url, params=query), 422)["code"] == "invalid_request"


async def test_a_model_that_cannot_be_made_so_small_is_listed_as_missing(
    client: httpx2.AsyncClient, url: str
) -> None:
    reply = await client.get(url, params={"format": "usdz", "max_bytes": "1500"})
    assert "mug.usdz" not in names_in(reply)
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    (missing,) = manifest["items"][0]["missing"]
    assert "cannot be met" in missing["reason"]


async def test_what_else_can_be_chosen(client: httpx2.AsyncClient, url: str) -> None:
    wanted = {"template": "{name}/{index}.{ext}", "previews": "false", "pictures": "true"}
    names = names_in(await client.get(url, params=wanted))
    assert names[:2] == ["mug/0.glb", "mug/0.front.png"]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"format": "exe"}, "format_unsupported"),
        ({"template": "{name}"}, "invalid_request"),
        ({"template": "x" * 300 + ".{ext}"}, "invalid_request"),
        ({"previews": "perhaps"}, "invalid_request"),
        ({"format": ["glb"] * 11}, "invalid_request"),
        ({"height_mm": "5", "width_mm": "5"}, "invalid_request"),
        ({"colour": "red"}, "invalid_request"),
    ],
)
async def test_what_makes_no_archive(
    client: httpx2.AsyncClient, url: str, wanted: dict[str, str], code: str
) -> None:
    assert problem_of(await client.get(url, params=wanted), 422)["code"] == code


async def test_nobody_elses(client: httpx2.AsyncClient, url: str) -> None:
    client.cookies.clear()
    assert (await client.get(url)).status_code in {401, 404}
