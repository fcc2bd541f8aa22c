"""How fast a job's archive comes, how soon it begins, and how much memory it takes."""

import http.client
import os
import tempfile
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import anyio

from bench.api_process import ApiProcess, api_process
from image2model.bootstrap import open_app
from image2model.core.generator import GeneratorId
from image2model.core.ids import ArtifactId, JobId, OwnerId, new_hex_id
from image2model.core.job import FileRole, Item, Job, Result, ResultFile
from image2model.core.states import ItemState, JobState
from image2model.jobs.access import create_api_key, identify_key
from image2model.jobs.context import Context
from image2model.settings import Settings

MODELS = 25
MODEL_BYTES = 20_000_000
_PIECE_BYTES = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A finished job, and the key of its owner."""

    job: JobId
    api_key: str


def main() -> None:
    """Download 25 models of 20 MB as one archive, and the last part of it by itself."""
    print(f"{MODELS} models of {MODEL_BYTES / 1e6:.0f} MB; memory of the API process alone")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        made = anyio.run(_make, Path(folder))
        with api_process(Path(folder)) as server:
            _download(server, made, name="warming up", start=MODELS * MODEL_BYTES)
            _download(server, made, name="whole")
            _download(server, made, name="again")
            _download(server, made, name="last tenth", start=MODELS * MODEL_BYTES * 9 // 10)


async def _make(folder: Path) -> _Made:
    async with open_app(Settings(data_dir=folder), works=False) as app:
        api_key = await create_api_key(app.context, name="bench")
        owner = (await identify_key(app.context, api_key)).owner
        files = [await _file(app.context, number) for number in range(MODELS)]
        job = await app.context.store.add_job(_job(owner, files, app.context))
        return _Made(job=job.id, api_key=api_key)


def _job(owner: OwnerId, files: list[ResultFile], context: Context) -> Job:
    job_id = JobId(new_hex_id())
    items = [
        Item(
            job=job_id,
            index=index,
            name=file.name.removesuffix(".glb"),
            state=ItemState.SUCCEEDED,
            result=Result(files=[file]),
        )
        for index, file in enumerate(files)
    ]
    return Job(
        id=job_id,
        owner=owner,
        name="Models",
        state=JobState.RUNNING,
        generator=GeneratorId("local/puff"),
        options={},
        created_at=context.clock.now(),
        items=items,
    )


async def _file(context: Context, number: int) -> ResultFile:
    content = os.urandom(MODEL_BYTES)

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    artifact = ArtifactId(new_hex_id())
    await context.artifacts.put(artifact, chunks(), limit_bytes=MODEL_BYTES)
    return ResultFile(
        name=f"model-{number}.glb",
        role=FileRole.MESH,
        format="glb",
        size_bytes=MODEL_BYTES,
        sha256=sha256(content).hexdigest(),
        crc32=zlib.crc32(content),
        artifact=artifact,
    )


def _download(server: ApiProcess, made: _Made, *, name: str, start: int = 0) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    server.reset_peak()
    before_bytes = server.memory_bytes()
    started_s = time.monotonic()
    headers = {"Authorization": f"Bearer {made.api_key}", "Range": f"bytes={start}-"}
    connection.request("GET", f"/api/v1/jobs/{made.job}/archive.zip", headers=headers)
    reply = connection.getresponse()
    size = len(reply.read(1))
    first_s = time.monotonic() - started_s
    assert reply.status == http.HTTPStatus.PARTIAL_CONTENT, reply.status
    while piece := reply.read(_PIECE_BYTES):
        size += len(piece)
    took_s = time.monotonic() - started_s
    growth_bytes = server.peak_bytes() - before_bytes
    print(
        f"{name:10}: first byte after {first_s * 1000:4.0f} ms, {size / 1e6:6.1f} MB "
        f"at {size / 1e6 / took_s:5.0f} MB/s, memory grew by {growth_bytes / 1e6:4.1f} MB"
    )
