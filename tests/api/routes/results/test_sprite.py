"""Models from all around over HTTP: drawn once, found again, never another's."""

import io

import httpx2
import PIL.Image
import pytest

from tests.api.asking import make_job, problem_of
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio


@pytest.fixture
async def item(client: httpx2.AsyncClient, rig: Rig) -> str:
    job = await make_job(client, "mug")
    await rig.run_dispatched()
    return f"/api/v1/jobs/{job['id']}/items/0"


async def test_sprite_is_laid_out_as_the_facts_say(client: httpx2.AsyncClient, item: str) -> None:
    reply = await client.get(f"{item}/sprite.webp")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/webp")
    job = (await client.get(item.rpartition("/items")[0])).json()
    layout = job["items"][0]["result"]["facts"]["sprite"]
    rows = -(-layout["views"] // layout["columns"])
    image = PIL.Image.open(io.BytesIO(reply.content))
    assert image.size == (layout["columns"] * layout["size_px"], rows * layout["size_px"])
    known = await client.get(
        f"{item}/sprite.webp", headers={"If-None-Match": reply.headers["etag"]}
    )
    assert known.status_code == 304


async def test_sprite_is_drawn_once(client: httpx2.AsyncClient, rig: Rig, item: str) -> None:
    before = {stored.artifact async for stored in rig.artifacts.all()}
    first = await client.get(f"{item}/sprite.webp")
    (drawn,) = {stored async for stored in rig.artifacts.all() if stored.artifact not in before}
    await rig.clock.advance(60)
    assert (await client.get(f"{item}/sprite.webp")).content == first.content
    again = [one async for one in rig.artifacts.all() if one.artifact == drawn.artifact]
    assert again == [drawn]
    await rig.artifacts.delete(drawn.artifact)
    assert (await client.get(f"{item}/sprite.webp")).content == first.content
    await client.delete(item.rpartition("/items")[0])
    assert [one async for one in rig.artifacts.all()] == []


async def test_item_without_a_model(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "mug")
    reply = await client.get(f"/api/v1/jobs/{job['id']}/items/0/sprite.webp")
    assert problem_of(reply, 404)["code"] == "file_not_found"
    other = await client.get(f"/api/v1/jobs/{'0' * 32}/items/0/sprite.webp")
    assert problem_of(other, 404)["code"] == "job_not_found"
