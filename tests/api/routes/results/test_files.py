"""Downloads: names, parts, what a browser may do with them, and other formats."""

import struct
from hashlib import sha256
from typing import Any

import httpx2
import pytest

from image2model.api.responses.files import content_disposition
from image2model.testing.tiny_model import tiny_glb
from tests.api.asking import make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio


@pytest.fixture
async def item(client: httpx2.AsyncClient, rig: Rig) -> str:
    """The address of an item that was made."""
    job = await make_job(client, "茶壶")
    await rig.run_dispatched()
    return f"/api/v1/jobs/{job['id']}/items/0"


async def files_of(client: httpx2.AsyncClient, item: str) -> list[dict[str, Any]]:
    job = (await client.get(item.rpartition("/items")[0])).json()
    files: list[dict[str, Any]] = job["items"][0]["result"]["files"]
    return files


async def test_a_result_is_an_attachment_with_its_name(
    client: httpx2.AsyncClient, item: str
) -> None:
    mesh = (await files_of(client, item))[0]
    reply = await client.get(mesh["url"])
    assert reply.status_code == 200
    assert reply.content == tiny_glb("茶壶")
    assert sha256(reply.content).hexdigest() == mesh["sha256"]
    headers = reply.headers
    assert headers["content-type"] == "model/gltf-binary"
    assert headers["content-length"] == str(mesh["size_bytes"])
    assert headers["etag"] == f'"{mesh["sha256"]}"'
    assert headers["accept-ranges"] == "bytes"
    assert headers["cache-control"].startswith("private")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox")
    assert headers["content-disposition"] == (
        "attachment; filename=\"__.glb\"; filename*=UTF-8''%E8%8C%B6%E5%A3%B6.glb"
    )


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, None),
        ("bytes=-20", -20, None),
        ("bytes=5-999999", 5, None),
        ("bytes=-999999", 0, None),
    ],
)
async def test_a_part_of_a_file(
    client: httpx2.AsyncClient, item: str, wanted: str, start: int, end: int | None
) -> None:
    whole = tiny_glb("茶壶")
    reply = await client.get(f"{item}/model.glb", headers={"Range": wanted})
    assert reply.status_code == 206
    assert reply.content == whole[start:end]
    first = start if start >= 0 else len(whole) + start
    last = first + len(reply.content) - 1
    assert reply.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"
    assert reply.headers["content-length"] == str(len(reply.content))


@pytest.mark.parametrize("wanted", ["bytes=9-2", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "x"])
async def test_a_range_that_is_none_gets_the_whole(
    client: httpx2.AsyncClient, item: str, wanted: str
) -> None:
    reply = await client.get(f"{item}/model.glb", headers={"Range": wanted})
    assert (reply.status_code, len(reply.content)) == (200, len(tiny_glb("茶壶")))


@pytest.mark.parametrize("wanted", ["bytes=9999999-", "bytes=-0"])
async def test_a_range_outside_is_refused(
    client: httpx2.AsyncClient, item: str, wanted: str
) -> None:
    reply = await client.get(f"{item}/model.glb", headers={"Range": wanted})
    assert problem_of(reply, 416)["code"] == "range_not_satisfiable"
    assert reply.headers["content-range"] == f"bytes */{len(tiny_glb('茶壶'))}"


async def test_a_part_of_what_is_another_file_by_now(client: httpx2.AsyncClient, item: str) -> None:
    etag = (await client.get(f"{item}/model.glb")).headers["etag"]
    for condition, status in ((etag, 206), ('"older"', 200)):
        headers = {"Range": "bytes=0-3", "If-Range": condition}
        assert (await client.get(f"{item}/model.glb", headers=headers)).status_code == status


@pytest.mark.parametrize("path", ["model.glb", "model.stl", "preview.webp", "views/front"])
async def test_what_is_known_is_not_sent_again(
    client: httpx2.AsyncClient, item: str, path: str
) -> None:
    etag = (await client.get(f"{item}/{path}")).headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        reply = await client.get(f"{item}/{path}", headers={"If-None-Match": known})
        assert (reply.status_code, reply.content) == (304, b"")
        assert reply.headers["etag"] == etag
    reply = await client.get(f"{item}/{path}", headers={"If-None-Match": '"other"'})
    assert reply.status_code == 200


@pytest.mark.parametrize("path", ["model.glb", "model.stl", "preview.webp", "views/front"])
async def test_head_tells_without_sending(client: httpx2.AsyncClient, item: str, path: str) -> None:
    whole, head = await client.get(f"{item}/{path}"), await client.head(f"{item}/{path}")
    assert head.status_code == 200
    assert head.headers == whole.headers


async def test_the_model_as_stl(client: httpx2.AsyncClient, item: str) -> None:
    reply = await client.get(f"{item}/model.stl")
    assert reply.headers["content-type"] == "model/stl"
    assert reply.headers["content-disposition"].endswith("filename*=UTF-8''%E8%8C%B6%E5%A3%B6.stl")
    faces = struct.unpack_from("<I", reply.content, 80)[0]
    assert faces == 12
    assert len(reply.content) == 84 + 50 * faces


@pytest.mark.parametrize("format_name", ["fbx", "exe", "GLB", "glb%2F..%2Fx"])
async def test_other_formats_cannot_be_made(
    client: httpx2.AsyncClient, item: str, format_name: str
) -> None:
    reply = await client.get(f"{item}/model.{format_name}")
    assert reply.status_code in {404, 422}
    assert reply.json()["code"] in {"format_unsupported", "route_not_found"}


async def test_pictures_are_shown_inline_and_asked_for_anew(
    client: httpx2.AsyncClient, item: str
) -> None:
    picture = await client.get(f"{item}/views/front")
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["content-disposition"].startswith("inline")
    assert picture.headers["cache-control"] == "private, no-cache"
    preview = await client.get(f"{item}/preview.webp")
    assert preview.headers["content-type"] == "image/webp"
    assert preview.headers["content-disposition"].startswith("inline")
    assert preview.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("views/back", "view_not_found"),
        ("files/other.glb", "file_not_found"),
        ("files/..%2F..%2Fetc%2Fpasswd", "route_not_found"),
    ],
)
async def test_what_is_not_there(
    client: httpx2.AsyncClient, item: str, path: str, code: str
) -> None:
    assert problem_of(await client.get(f"{item}/{path}"), 404)["code"] == code


@pytest.mark.parametrize("path", ["files/cup.glb", "model.glb", "model.stl", "preview.webp"])
async def test_an_item_that_is_not_made_yet_has_no_files(
    client: httpx2.AsyncClient, path: str
) -> None:
    job = await make_job(client, "cup")
    reply = await client.get(f"/api/v1/jobs/{job['id']}/items/0/{path}")
    assert problem_of(reply, 404)["code"] == "file_not_found"
    reply = await client.get(f"/api/v1/jobs/{job['id']}/items/7/{path}")
    assert problem_of(reply, 404)["code"] == "item_not_found"


async def test_a_file_that_vanished_is_a_problem_not_a_broken_answer(
    client: httpx2.AsyncClient, rig: Rig, item: str
) -> None:
    for stored in [stored async for stored in rig.artifacts.all()]:
        await rig.artifacts.delete(stored.artifact)
    for path in ("model.glb", "model.stl", "preview.webp", "views/front"):
        assert problem_of(await client.get(f"{item}/{path}"), 404)["code"] == "artifact_not_found"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("cup.glb", 'attachment; filename="cup.glb"'),
        ('a"b\\c.glb', "attachment; filename=\"a_b_c.glb\"; filename*=UTF-8''a%22b%5Cc.glb"),
        ("100%.glb", "attachment; filename=\"100_.glb\"; filename*=UTF-8''100%25.glb"),
        ("é\r\n.glb", "attachment; filename=\"_  .glb\"; filename*=UTF-8''%C3%A9%20%20.glb"),
    ],
)
def test_names_cannot_break_out_of_their_header(name: str, header: str) -> None:
    assert content_disposition(name, inline=False) == header


@pytest.mark.parametrize("path", ["model.glb", "model.stl", "preview.webp", "sprite.webp"])
async def test_only_what_names_its_version_is_kept(
    client: httpx2.AsyncClient, item: str, path: str
) -> None:
    """An item can be made again: nobody is to see the earlier model under the same address."""
    plain = await client.get(f"{item}/{path}")
    assert plain.headers["cache-control"] == "private, no-cache"
    versioned = await client.get(f"{item}/{path}?v=1-abc")
    assert versioned.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert versioned.content == plain.content
    refused = await client.get(f"{item}/{path}?v={'x' * 65}")
    assert problem_of(refused, 422)["code"] == "invalid_request"
