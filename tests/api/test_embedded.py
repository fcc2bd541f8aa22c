"""The whole embedded product behind a real server: pictures in, models out, and again later."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.bootstrap import open_app
from image2model.settings import Settings
from tests.api.asking import make_job
from tests.api.serving import EventReader, serving

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def product(data_dir: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Open the product on *data_dir* and look at it with a browser."""
    async with (
        open_app(Settings(data_dir=data_dir)) as app,
        serving(create_api(app.context)) as client,
    ):
        yield client


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


async def test_pictures_become_models_that_outlive_the_process(tmp_path: Path) -> None:
    async with product(tmp_path) as client:
        job = await make_job(client, "cup", "pot", generator="local/puff")
        path = f"/api/v1/jobs/{job['id']}"
        async with client.stream("GET", f"{path}/events") as reply:
            told = await EventReader(reply.aiter_bytes()).until("end")
        assert told[-1].data == {"reason": "finished"}
        finished = (await client.get(path)).json()
        assert finished["counts"]["succeeded"] == 2, finished
        ready = await client.get("/api/v1/health/ready")
        assert ready.json()["status"] == "ok"
        stl = await client.get(f"{path}/items/1/model.stl")
        assert stl.status_code == 200
        cookies = client.cookies
    async with product(tmp_path) as client:
        assert (await client.get(path)).status_code == 404, "a browser without the cookie"
        client.cookies = cookies
        assert (await client.get(path)).json() == finished
        for item in finished["items"]:
            mesh = item["result"]["files"][0]
            reply = await client.get(mesh["url"])
            assert reply.content.startswith(b"glTF")
            assert len(reply.content) == mesh["size_bytes"]
        assert (await client.get(f"{path}/items/1/model.stl")).content == stl.content
        assert (await client.get("/api/v1/jobs")).json()["jobs"][0]["id"] == job["id"]
        assert (await client.delete(path)).status_code == 204
    assert files_in(tmp_path) == {"image2model.db"}
