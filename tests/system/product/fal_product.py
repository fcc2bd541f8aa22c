"""The product as it is put together, behind its own web server, in front of fal's simulator."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from image2model.api.app import create_api
from image2model.api.server.serve import serve_api
from image2model.bootstrap import open_app
from image2model.jobs.context import Context
from image2model.settings import load_settings
from image2model.testing.fal_simulator import Behaviour, FalSimulator, FaultRule, Latency
from tests.api.asking import png_part
from tests.harness.patience import PATIENCE_S, waiting_for
from tests.servers.process import free_port

TRIPO = "fal/tripo-v2.5"
QUICK = Latency(median_s=0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """
    A running product and the simulator it pays.

    Attributes:
        fal: The simulator.
        http: A browser with a session of its own.
        context: What the use cases take.
        url: Where it listens.
    """

    fal: FalSimulator
    http: httpx2.AsyncClient
    context: Context
    url: str

    async def submit(self, *names: str, **fields: str) -> dict[str, Any]:
        """Make a job with an item for each name."""
        data = {"generator": TRIPO, **fields}
        reply = await self.http.post(
            "/api/v1/jobs", data=data, files=[png_part(name) for name in names]
        )
        assert reply.status_code == 202, reply.text
        job: dict[str, Any] = reply.json()
        return job

    async def job(self, job_id: str) -> dict[str, Any]:
        """Read a job."""
        reply = await self.http.get(f"/api/v1/jobs/{job_id}")
        assert reply.status_code == 200, reply.text
        job: dict[str, Any] = reply.json()
        return job

    async def until(self, job_id: str, state: str, *, index: int = 0) -> dict[str, Any]:
        """Wait until an item is in *state*; returns the job."""
        with waiting_for(f"item {index} to be {state}"):
            job = await self.job(job_id)
            while job["items"][index]["state"] != state:
                query: dict[str, Any] = {"after_version": job["version"], "wait_s": 5}
                await self.http.get(f"/api/v1/jobs/{job_id}", params=query)
                job = await self.job(job_id)
        return job

    async def until_told(self, job_id: str, code: str, *, index: int = 0) -> dict[str, Any]:
        """Wait until an item has the problem *code*; returns the job."""
        with waiting_for(f"item {index} to tell {code}"):
            job = await self.job(job_id)
            while (job["items"][index]["error"] or {}).get("code") != code:
                query: dict[str, Any] = {"after_version": job["version"], "wait_s": 5}
                await self.http.get(f"/api/v1/jobs/{job_id}", params=query)
                job = await self.job(job_id)
        return job

    async def finished(self, job_id: str) -> dict[str, Any]:
        """Wait until a job is finished; returns it."""
        with waiting_for("the job to be finished"):
            job = await self.job(job_id)
            while job["state"] != "finished":
                query: dict[str, Any] = {"after_version": job["version"], "wait_s": 5}
                await self.http.get(f"/api/v1/jobs/{job_id}", params=query)
                job = await self.job(job_id)
        return job

    async def made(self, *names: str, **fields: str) -> dict[str, Any]:
        """Make a job to its end."""
        job = await self.submit(*names, **fields)
        return await self.finished(job["id"])

    @property
    def paid(self) -> list[int]:
        """How often each picture was accepted, and so paid for."""
        return list(self.fal.ledger.accepted_per_picture().values())


@asynccontextmanager
async def running(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    latency: Latency = QUICK,
    *,
    faults: list[FaultRule] | None = None,
    behaviour: Mapping[str, Any] | None = None,
    webhooks: bool = False,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Product]:
    """Run a simulator and the product that it is set for."""
    settings = Behaviour(latency=latency, mesh_bytes=20_000, **(behaviour or {}))
    async with FalSimulator(settings, faults=faults or ()) as fal:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        given = {
            **fal.environment,
            "IMAGE2MODEL_DATA_DIR": str(folder),
            "IMAGE2MODEL_COMPUTE__WORKERS": "1",
            "IMAGE2MODEL_FAL__CONCURRENCY": "40",
            **({"IMAGE2MODEL_PUBLIC_URL": url} if webhooks else {}),
            **(environment or {}),
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        async with open_app(load_settings()) as app, serving(app.context, port) as http:
            yield Product(fal=fal, http=http, context=app.context, url=url)


@asynccontextmanager
async def serving(context: Context, port: int) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the API over *context* and yield a browser that looks at it."""
    async with anyio.create_task_group() as group:
        ready = anyio.Event()

        async def serve() -> None:
            api = create_api(context, callers_are_operators=True)
            await serve_api(api, host="127.0.0.1", port=port, on_ready=lambda _url: ready.set())

        group.start_soon(serve)
        await ready.wait()
        url = f"http://127.0.0.1:{port}"
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S, trust_env=False) as client:
            yield client
        group.cancel_scope.cancel()
