"""The official Python client works against the simulator without knowing it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import fal_client
import fal_client.client
import pytest

from image2model.testing.fal_simulator import Latency
from image2model.testing.fal_simulator.glb import build_png
from tests.testing.fal_simulator_rig import HELD, TRIPO, Rig, running

pytestmark = pytest.mark.anyio

PNG = build_png(size_px=8)


@asynccontextmanager
async def connected(rig: Rig, patch: pytest.MonkeyPatch) -> AsyncIterator[fal_client.AsyncClient]:
    """Point the official client here: its environment variables change hosts, never https."""
    patch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{rig.fal.queue_url}/")
    patch.setattr(fal_client.client, "REST_URL", rig.fal.rest_url)
    patch.setattr(fal_client.client, "CDN_URL", rig.fal.cdn_url)
    client = fal_client.AsyncClient(key=rig.fal.key)
    yield client
    # It has no way to be closed, and leaves its connections to the garbage collector.
    await (await client._client).aclose()


async def test_upload_and_subscribe(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(Latency(median_s=0.2)) as rig, connected(rig, monkeypatch) as client:
        url = await client.upload(PNG, "image/png", file_name="cat.png")
        seen: list[fal_client.Status] = []
        result = await client.subscribe(
            TRIPO, {"image_url": url}, with_logs=True, on_queue_update=seen.append
        )
        mesh = await rig.http.get(result["model_mesh"]["url"], headers={"authorization": ""})
    assert mesh.content.startswith(b"glTF")
    assert isinstance(seen[-1], fal_client.Completed)
    assert seen[-1].logs
    assert any(isinstance(one, fal_client.InProgress) for one in seen)
    assert rig.fal.ledger.accepted_per_picture() == {url: 1}
    assert rig.fal.ledger.violations == []


async def test_upload_falls_back_to_an_upload_url(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as rig, connected(rig, monkeypatch) as client:
        rig.fal.add_fault("upload_token", "reply", options={"status": 418})
        url = await client.upload(PNG, "image/png", file_name="cat.png")
        assert (await rig.http.get(url, headers={"authorization": ""})).content == PNG


async def test_multipart_upload_of_a_large_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as rig, connected(rig, monkeypatch) as client:
        monkeypatch.setattr(fal_client.client, "MULTIPART_THRESHOLD", 1000)
        monkeypatch.setattr(fal_client.client, "MULTIPART_CHUNK_SIZE", 1024)
        content = bytes(range(256)) * 20
        url = await client.upload(content, "image/png", file_name="big.png")
        assert (await rig.http.get(url, headers={"authorization": ""})).content == content
        assert rig.fal.ledger.calls["upload_part"] == 5


async def test_lifecycle_of_an_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as rig, connected(rig, monkeypatch) as client:
        hidden = fal_client.StorageSettings(
            initial_acl=fal_client.StorageACL(default="hide"), expires_in="1h"
        )
        url = await client.upload(PNG, "image/png", lifecycle=hidden)
        assert (await rig.http.get(url, headers={"authorization": ""})).status_code == 404


async def test_submit_status_result_and_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(HELD) as rig, connected(rig, monkeypatch) as client:
        arguments = {"image_url": "https://pictures.example/cat.png"}
        handle = await client.submit(TRIPO, arguments, start_timeout=60, priority="low")
        assert await handle.status() == fal_client.Queued(position=0)
        rig.fal.start(handle.request_id)
        assert isinstance(await handle.status(with_logs=True), fal_client.InProgress)
        rig.fal.finish(handle.request_id)
        assert (await client.result(TRIPO, handle.request_id))["task_id"] == handle.request_id
        other = await client.submit(TRIPO, arguments)
        await other.cancel()
        with pytest.raises(fal_client.FalClientHTTPError):
            await other.get()
    headers = rig.fal.ledger.submits[0].headers
    assert headers["x-fal-request-timeout"] == "60.0"
    assert headers["x-fal-queue-priority"] == "low"


async def test_client_pays_twice_when_an_answer_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trap that products must not copy: the official client posts a lost submit again."""
    async with running() as rig, connected(rig, monkeypatch) as client:
        rig.fal.add_fault("submit", "reset_after", times=1)
        url = "https://pictures.example/cat.png"
        await client.subscribe(TRIPO, {"image_url": url})
    assert rig.fal.ledger.accepted_per_picture() == {url: 2}
    assert rig.fal.account().billed_usd == pytest.approx(0.6)
