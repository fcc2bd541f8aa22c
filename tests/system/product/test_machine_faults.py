"""The machine fails under a running batch: clear errors, nothing lost, nothing paid twice."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
import pytest

from image2model.testing.fal_simulator import Behaviour, FalSimulator, Latency
from tests.api.asking import png_part
from tests.harness.patience import PATIENCE_S, waiting_for
from tests.servers.process import free_port
from tests.servers.small_disk import SmallDiskServer, skip_without_small_disks
from tests.system.product.fal_product import TRIPO

pytestmark = pytest.mark.anyio

NAMES = ("mug", "vase", "lamp")
READY = "/api/v1/health/ready"
_MEGABYTE = 10**6


@dataclass(frozen=True, slots=True)
class Struck:
    """
    A server that is struck, and the simulator it pays.

    Attributes:
        server: The server.
        http: A browser with a session of its own, whose connection stays open.
        fal: The simulator.
    """

    server: SmallDiskServer
    http: httpx2.AsyncClient
    fal: FalSimulator

    async def submit(self, *names: str, generator: str = TRIPO) -> httpx2.Response:
        """Send a job with an item for each name."""
        data = {"generator": generator}
        return await self.http.post(
            "/api/v1/jobs", data=data, files=[png_part(name) for name in names]
        )

    async def job(self, job_id: str) -> dict[str, Any]:
        """Read a job."""
        reply = await self.http.get(f"/api/v1/jobs/{job_id}")
        assert reply.status_code == 200, reply.text
        job: dict[str, Any] = reply.json()
        return job

    async def checks(self) -> tuple[int, dict[str, str]]:
        """Ask whether it is ready: the status, and what is said of each part."""
        reply = await self.http.get(READY)
        return reply.status_code, reply.json()["checks"]

    async def until_ready(self) -> None:
        """Wait until it is ready."""
        with waiting_for("the server to be ready again"):
            while (await self.checks())[0] != 200:  # noqa: ASYNC110 - another process's
                await anyio.sleep(0.2)

    async def until_made(self, job_id: str) -> None:
        """Wait for all models, and retry what has failed, as a person would."""
        with waiting_for("all models"):
            while True:
                items = (await self.job(job_id))["items"]
                if all(item["state"] == "succeeded" for item in items):
                    return
                if any(item["state"] == "failed" for item in items):
                    await self.http.post(f"/api/v1/jobs/{job_id}/retry", json={})
                await anyio.sleep(0.2)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for all tests of this file: its server takes seconds to start."""
    return "asyncio"


@pytest.fixture(scope="module")
async def struck(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Struck]:
    skip_without_small_disks()
    folder = tmp_path_factory.mktemp("small disk")
    behaviour = Behaviour(latency=Latency(median_s=0.5), mesh_bytes=50_000)
    data = folder / "data"
    data.mkdir()
    async with FalSimulator(behaviour) as fal:
        port = free_port()
        environment = {
            **fal.environment,
            "IMAGE2MODEL_COMPUTE__WORKERS": "1",
            "IMAGE2MODEL_LEASE_S": "2",
        }
        server = SmallDiskServer(data, port=port, environment=environment, log=folder / "log")
        url = f"http://127.0.0.1:{port}"
        with server:
            async with httpx2.AsyncClient(
                base_url=url, timeout=PATIENCE_S, trust_env=False
            ) as http:
                with waiting_for("the server"):
                    while True:
                        assert server.runs, server.said
                        try:
                            await http.get("/api/v1/health/live")
                            break
                        except httpx2.TransportError:
                            await anyio.sleep(0.1)
                yield Struck(server, http, fal)


@contextmanager
def killed_children(server: SmallDiskServer) -> Iterator[None]:
    server.kill_children()
    yield
    server.kill_children()


STRIKES: dict[str, Callable[[SmallDiskServer], AbstractContextManager[None]]] = {
    "full disk": lambda server: server.full(),
    "no descriptors": lambda server: server.without_descriptors(),
    "killed children": killed_children,
    "read-only folders": lambda server: server.read_only("artifacts", "incoming"),
    "clock jumps ahead": lambda server: server.clock_ahead(3_600.0),
    "clock jumps back": lambda server: server.clock_ahead(-3_600.0),
}


@pytest.mark.parametrize("strike", STRIKES)
async def test_what_is_paid_for_survives(struck: Struck, strike: str) -> None:
    """It strikes when everything is accepted, and stays until all is done there."""
    names = [f"{name} {strike}" for name in NAMES]
    known = len(struck.fal.ledger.accepted_per_picture())
    reply = await struck.submit(*names)
    assert reply.status_code == 202, reply.text
    job_id = reply.json()["id"]
    with waiting_for("all to be accepted"):
        while len(struck.fal.ledger.accepted_per_picture()) < known + len(NAMES):  # noqa: ASYNC110
            await anyio.sleep(0.05)
    with STRIKES[strike](struck.server):
        await anyio.sleep(1.2)
    await struck.until_ready()
    await struck.until_made(job_id)
    assert struck.server.runs
    assert len((await struck.job(job_id))["items"]) == len(NAMES)
    accepted = struck.fal.ledger.accepted_per_picture()
    assert len(accepted) == known + len(NAMES)
    assert set(accepted.values()) == {1}


async def test_a_full_disk_is_told_of_and_refuses_what_is_new(struck: Struck) -> None:
    await struck.until_ready()
    job_id = (await struck.submit("cup", generator="local/puff")).json()["id"]
    await struck.until_made(job_id)
    before = set(struck.server.folder.rglob("*.part"))
    for but_bytes, failing in ((0, {"space", "storage"}), (_MEGABYTE, {"space"})):
        await anyio.sleep(1.1)
        with struck.server.full(but_bytes=but_bytes):
            await anyio.sleep(1.1)
            if not but_bytes:
                struck.server.fill()  # What ended meanwhile may have freed some.
            status, checks = await struck.checks()
            assert status == 503
            assert {part for part in ("space", "storage") if checks[part] != "ok"} == failing
            refused = await struck.submit("pot")
            assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
            files = (await struck.job(job_id))["items"][0]["result"]["files"]
            assert files
            for file in files:
                assert (await struck.http.get(file["url"])).status_code == 200
            # What would have to be made is not.
            converted = await struck.http.get(f"/api/v1/jobs/{job_id}/items/0/model.stl")
            assert (converted.status_code, converted.json()["code"]) == (507, "storage_full")
    await struck.until_ready()
    assert set(struck.server.folder.rglob("*.part")) <= before


async def test_read_only_folders_are_told_of(struck: Struck) -> None:
    await struck.until_ready()
    with struck.server.read_only("artifacts", "incoming"):
        status, checks = await struck.checks()
        assert status == 503
        assert "Read-only file system" in checks["storage"]
        refused = await struck.submit("jug")
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        assert "Read-only file system" in refused.json()["detail"]
    await struck.until_ready()


async def test_without_descriptors_the_server_goes_on(struck: Struck) -> None:
    """Open connections are served, or told what is wrong; others are taken when it is over."""
    await struck.until_ready()
    with struck.server.without_descriptors():
        status, checks = await struck.checks()
        assert status == 503
        assert "Too many open files" in checks["storage"]
        refused = await struck.submit("can")
        assert refused.status_code >= 500
        assert refused.json()["code"] in {"storage_unavailable", "database_unavailable"}
        await anyio.sleep(1.0)
    await struck.until_ready()
    assert struck.server.runs
