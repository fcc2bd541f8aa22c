"""Small renditions of pictures: light, kept for ever under their address, gone with the picture."""

import io

import httpx2
import pytest
from PIL import Image, ImageDraw

from tests.api.asking import make_draft, make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

FOR_EVER = "private, max-age=31536000, immutable"


def photo(width_px: int = 1600, height_px: int = 900, *, seed: int = 90) -> bytes:
    """A picture that compresses as badly as a photo."""
    out = io.BytesIO()
    Image.effect_noise((width_px, height_px), seed).convert("RGB").save(out, "JPEG", quality=92)
    return out.getvalue()


def cut_out() -> bytes:
    """A red disc on transparent white, whose edge shows what resizing does to colours."""
    image = Image.new("RGBA", (800, 800), (255, 255, 255, 0))
    ImageDraw.Draw(image).ellipse((100, 100, 700, 700), fill=(200, 0, 0, 255))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


async def draft_with(client: httpx2.AsyncClient, *pictures: bytes) -> dict[str, object]:
    """Make a draft with an item for each picture; returns its last answer."""
    draft = await make_draft(client)
    for place, picture in enumerate(pictures):
        address = f"/api/v1/jobs/{draft['id']}/items/{place}/views/front"
        reply = await client.put(address, content=picture)
        assert reply.status_code == 200, reply.text
        draft = reply.json()
    return draft


def thumb_of(job: dict[str, object], index: int = 0) -> str:
    address: str = job["items"][index]["views"][0]["thumb_url"]  # type: ignore[index]
    return address


async def test_small_and_kept_for_ever(client: httpx2.AsyncClient) -> None:
    original = photo()
    address = thumb_of(await draft_with(client, original))
    for suffix, size in (("", (480, 270)), ("&size_px=160", (160, 90))):
        reply = await client.get(address + suffix)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "image/webp"
        assert reply.headers["cache-control"] == FOR_EVER
        assert reply.headers["content-disposition"].startswith("inline")
        assert Image.open(io.BytesIO(reply.content)).size == size
        assert len(reply.content) < len(original) / 8
        known = {"If-None-Match": reply.headers["etag"]}
        assert (await client.get(address + suffix, headers=known)).status_code == 304
        head = await client.head(address + suffix)
        assert (head.status_code, head.headers) == (200, reply.headers)


async def test_another_picture_has_another_address(client: httpx2.AsyncClient) -> None:
    """What is kept for ever must never be shown in place of what came later."""
    job = await draft_with(client, photo())
    before = thumb_of(job)
    first = await client.get(before)
    place = f"/api/v1/jobs/{job['id']}/items/0/views/front"
    after = thumb_of((await client.put(place, content=photo(900, 1600))).json())
    assert after != before
    old = await client.get(before)
    assert old.headers["cache-control"] == "private, no-cache"
    assert Image.open(io.BytesIO(old.content)).size == (270, 480)
    assert old.headers["etag"] != first.headers["etag"]
    plain = await client.get(before.partition("?")[0])
    assert plain.headers["cache-control"] == "private, no-cache"


async def test_small_pictures_are_not_enlarged(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "mug")
    reply = await client.get(thumb_of(job))
    assert Image.open(io.BytesIO(reply.content)).size == (64, 64)


async def test_what_is_transparent_stays_so(client: httpx2.AsyncClient) -> None:
    """No light rim: transparent pixels lend the edge no colour."""
    reply = await client.get(thumb_of(await draft_with(client, cut_out())))
    image = Image.open(io.BytesIO(reply.content)).convert("RGBA")
    assert image.getpixel((2, 2))[3] == 0  # type: ignore[index]
    red, green, blue, alpha = image.getpixel((240, 240))  # type: ignore[misc]
    assert (alpha, red > 180, green < 30, blue < 30) == (255, True, True, True)
    onto_black = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    greens = onto_black.getchannel("G").histogram()
    assert sum(greens[60:]) == 0


async def test_drawn_once_and_gone_with_the_picture(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await draft_with(client, photo(), photo(seed=50))
    before = {stored.artifact async for stored in rig.artifacts.all()}
    await client.get(thumb_of(job))
    (drawn,) = {one async for one in rig.artifacts.all() if one.artifact not in before}
    await rig.clock.advance(60)
    await client.get(thumb_of(job))
    assert [one async for one in rig.artifacts.all() if one.artifact == drawn.artifact] == [drawn]
    assert await rig.store.unreferenced([drawn.artifact]) == set()
    await client.delete(f"/api/v1/jobs/{job['id']}/items/0")
    assert drawn.artifact not in {one.artifact async for one in rig.artifacts.all()}
    await client.get(thumb_of((await client.get(f"/api/v1/jobs/{job['id']}")).json()))
    await client.delete(f"/api/v1/jobs/{job['id']}")
    assert [one async for one in rig.artifacts.all()] == []


async def test_thumbnails_count_apart(client: httpx2.AsyncClient, rig: Rig) -> None:
    """What is made for looking at a job is no part of it, but takes the account's room."""
    job = await draft_with(client, photo())
    account = (await client.get("/api/v1/account")).json()
    assert job["stored_bytes"] == account["stored_bytes"] > 100_000
    await client.get(thumb_of(job))
    (drawn,) = [one.size_bytes async for one in rig.artifacts.all() if one.size_bytes < 50_000]
    larger = account | {
        "stored_bytes": account["stored_bytes"] + drawn,
        "derived_bytes": drawn,
    }
    assert (await client.get("/api/v1/account")).json() == larger
    assert (await client.get(f"/api/v1/jobs/{job['id']}")).json() == job


async def test_a_list_names_the_pictures_of_its_jobs(client: httpx2.AsyncClient, rig: Rig) -> None:
    """A page of the history needs one small file for each picture that it shows, and no more."""
    job = await make_job(client, "mug", "cup", "jug", "pot", "pan")
    await rig.run_dispatched()
    listed = (await client.get("/api/v1/jobs")).json()["jobs"][0]
    whole = (await client.get(f"/api/v1/jobs/{job['id']}")).json()
    assert listed["covers"] == [thumb_of(whole, index) for index in range(4)]
    kept = [file["size_bytes"] for item in whole["items"] for file in item["result"]["files"]]
    assert listed["stored_bytes"] > sum(kept)


async def test_nobody_else_sees_them(client: httpx2.AsyncClient) -> None:
    address = thumb_of(await make_job(client, "mug"))
    client.cookies.clear()
    assert problem_of(await client.get(address), 404)["code"] == "job_not_found"


@pytest.mark.parametrize("query", ["size_px=1", "size_px=5000", "size_px=x", f"v={'a' * 65}"])
async def test_sizes_are_few(client: httpx2.AsyncClient, query: str) -> None:
    """Nobody fills the disk by asking for every size."""
    address = thumb_of(await make_job(client, "mug")).partition("?")[0]
    assert problem_of(await client.get(f"{address}?{query}"), 422)["code"] == "invalid_request"


async def test_a_view_that_is_not_there(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "mug")
    address = f"/api/v1/jobs/{job['id']}/items/0/views/back/thumb.webp"
    assert problem_of(await client.get(address), 404)["code"] == "view_not_found"
