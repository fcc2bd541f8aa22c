"""The product with its files in a bucket."""

from pathlib import Path

import httpx2
import pytest

from image2model.api.app import create_api
from image2model.bootstrap import open_app, open_artifacts
from image2model.core.errors import InvalidSetting, StorageUnavailable
from image2model.settings import Settings, load_settings
from tests.api.asking import make_job
from tests.api.serving import EventReader, serving
from tests.servers.s3 import BUCKET, S3Server

pytestmark = pytest.mark.anyio


async def test_models_are_kept_in_a_bucket(
    tmp_path: Path, s3_url: str, s3_server: S3Server
) -> None:
    """Downloads come through us, or from the bucket itself for who asks for that."""
    settings = Settings(
        data_dir=tmp_path, storage_url=s3_url, storage_endpoint_url=s3_server.endpoint_url
    )
    async with open_app(settings) as app, serving(create_api(app.context)) as client:
        job = await make_job(client, "cup", generator="local/puff")
        path = f"/api/v1/jobs/{job['id']}"
        async with client.stream("GET", f"{path}/events") as reply:
            await EventReader(reply.aiter_bytes()).until("end")
        mesh = (await client.get(path)).json()["items"][0]["result"]["files"][0]
        through_us = await client.get(mesh["url"])
        assert through_us.content.startswith(b"glTF")
        part = await client.get(mesh["url"], headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, through_us.content[4:8])
        redirect = await client.get(mesh["url"], params={"direct": "true"})
        assert redirect.status_code == 307
        assert redirect.headers["location"].startswith(f"{s3_server.endpoint_url}/{BUCKET}/here/")
        async with httpx2.AsyncClient() as stranger:
            direct = await stranger.get(redirect.headers["location"])
        assert direct.content == through_us.content
        assert (await client.get("/api/v1/health/ready")).json()["status"] == "ok"
        assert "<Key>here/" in s3_server.ask("GET", f"/{BUCKET}")[1]
        assert (await client.delete(path)).status_code == 204
    assert "<Key>" not in s3_server.ask("GET", f"/{BUCKET}")[1]


async def test_folders_send_files_themselves(tmp_path: Path) -> None:
    async with (
        open_app(Settings(data_dir=tmp_path)) as app,
        serving(create_api(app.context)) as client,
    ):
        job = await make_job(client, "cup", generator="local/puff")
        path = f"/api/v1/jobs/{job['id']}"
        async with client.stream("GET", f"{path}/events") as reply:
            await EventReader(reply.aiter_bytes()).until("end")
        mesh = (await client.get(path)).json()["items"][0]["result"]["files"][0]
        reply = await client.get(mesh["url"], params={"direct": "true"})
        assert reply.status_code == 200
        assert reply.content.startswith(b"glTF")


def test_unknown_storage_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE2MODEL_STORAGE_URL", "ftp://host/models")
    with pytest.raises(InvalidSetting, match="s3://BUCKET/PREFIX"):
        load_settings()


@pytest.mark.parametrize("url", ["file:///proc/self/models", "s3://no-such-bucket/models"])
async def test_storage_that_cannot_be_used_names_its_setting(
    s3_server: S3Server, s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("IMAGE2MODEL_STORAGE_URL", url)
    monkeypatch.setenv("IMAGE2MODEL_STORAGE_ENDPOINT_URL", s3_server.endpoint_url)
    with pytest.raises(StorageUnavailable) as caught:
        await open_artifacts(load_settings()).check()
    assert "IMAGE2MODEL_STORAGE_URL" in caught.value.message
    assert ".." not in caught.value.message


async def test_folder_of_the_data_that_breaks_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_DATA_DIR", str(tmp_path))
    store = open_artifacts(load_settings())
    (tmp_path / "artifacts").rmdir()
    (tmp_path / "artifacts").write_text("in the way")
    with pytest.raises(StorageUnavailable, match=r"\(IMAGE2MODEL_DATA_DIR\)"):
        await store.check()
