"""Through a real server: streams, broken-off uploads, early refusals, and its end."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import anyio
import httpx2
import pytest
from anyio.abc import SocketStream
from fastapi import FastAPI

from image2model.api.app import create_api
from image2model.api.dependencies import Parts
from image2model.api.events.channel import Pace
from image2model.backends.inprocess.clock import SystemClock
from image2model.jobs.context import Context
from tests.api.asking import make_draft, make_job
from tests.api.serving import CLOSED, EventReader, serving
from tests.harness.patience import PATIENCE_S
from tests.harness.rig import Rig, disc_png

pytestmark = pytest.mark.anyio

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def context(rig: Rig) -> Context:
    return replace(rig.context, clock=SystemClock())


@pytest.fixture
def api(context: Context) -> FastAPI:
    return create_api(context, pace=Pace(coalesce_s=0.0))


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(api) as client:
        yield client


def channels(api: FastAPI) -> int:
    parts = api.state.parts
    assert isinstance(parts, Parts)
    return parts.hub.channels


async def connect(client: httpx2.AsyncClient) -> SocketStream:
    return await anyio.connect_tcp(str(client.base_url.host), client.base_url.port or 0)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until *condition* is true, at most some seconds."""
    with anyio.fail_after(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110  # what a server forgets tells nobody
            await anyio.sleep(0.01)


async def test_events_over_http(client: httpx2.AsyncClient, rig: Rig) -> None:
    job = await make_job(client, "cup")
    path = f"/api/v1/jobs/{job['id']}/events"
    async with client.stream("GET", path) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-accel-buffering"] == "no"
        events = EventReader(reply.aiter_bytes())
        assert (await events.next()).data["id"] == job["id"]
        await rig.run_dispatched()
        told = await events.until("end")
        assert await events.next() is CLOSED
    finished = (await client.get(f"/api/v1/jobs/{job['id']}")).json()
    last = told[-2].data
    # What is drawn of a finished job raises both.
    assert last["stored_bytes"] <= finished["stored_bytes"]
    drawn = {name: finished[name] for name in ("version", "stored_bytes")}
    assert {**last, **drawn} == {name: value for name, value in finished.items() if name != "items"}
    assert last["version"] <= finished["version"]


@pytest.mark.parametrize("way", ["header", "query"])
async def test_a_client_says_what_it_knows(client: httpx2.AsyncClient, way: str) -> None:
    job = await make_job(client, "cup", "pot")
    await client.post(f"/api/v1/jobs/{job['id']}/items/1/cancel")
    path = f"/api/v1/jobs/{job['id']}/events"
    known = str(job["version"])
    headers = {"Last-Event-ID": known} if way == "header" else {}
    params = {"last_event_id": known} if way == "query" else {}
    async with client.stream("GET", path, headers=headers, params=params) as reply:
        events = EventReader(reply.aiter_bytes())
        assert [one.name for one in await events.until("job")] == ["item", "job"]


async def test_a_client_that_leaves_is_forgotten_at_once(
    client: httpx2.AsyncClient, api: FastAPI
) -> None:
    async def nobody_watches() -> bool:
        return channels(api) == 0

    job = await make_job(client, "cup")
    async with client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as reply:
        await EventReader(reply.aiter_bytes()).next()
        assert channels(api) == 1
    await eventually(nobody_watches)


async def test_a_long_poll_answers_at_the_change(client: httpx2.AsyncClient) -> None:
    job = await make_job(client, "cup", "pot")
    path = f"/api/v1/jobs/{job['id']}"
    answers: list[dict[str, object]] = []

    async def poll() -> None:
        reply = await client.get(path, params={"after_version": job["version"], "wait_s": 30})
        answers.append(reply.json())

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as group:
            group.start_soon(poll)
            await anyio.wait_all_tasks_blocked()
            await client.post(f"{path}/items/1/cancel")
    items = answers[0]["items"]
    assert isinstance(items, list)
    assert [(item["index"], item["state"]) for item in items] == [(1, "cancelled")]


async def test_an_upload_that_breaks_off_leaves_nothing(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    parts = b"".join(
        b'--edge\r\nContent-Disposition: form-data; name="files"; filename="%d.png"\r\n\r\n%s\r\n'
        % (number, disc_png(str(number)))
        for number in range(3)
    )
    half = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="x.png"\r\n\r\nhalf'
    incoming = rig.context.rules.incoming

    async def kept() -> int:
        return len([stored async for stored in rig.artifacts.all()])

    async def pictures_kept() -> bool:
        return await kept() == 3

    async def nothing_left() -> bool:
        return await kept() == 0 and not list(incoming.iterdir())

    async with await connect(client) as sender:
        await sender.send(
            b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
            b"Content-Type: multipart/form-data; boundary=edge\r\n\r\n" + parts + half
        )
        await eventually(pictures_kept)
        assert list(incoming.iterdir()), "the fourth picture should be on its way"
    await eventually(nothing_left)
    assert (await client.get("/api/v1/jobs")).json()["jobs"] == []


async def test_a_raw_upload_that_breaks_off_leaves_nothing(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    draft = await make_draft(client)
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    incoming = rig.context.rules.incoming

    async def begun() -> bool:
        return bool(list(incoming.iterdir()))

    async def nothing_left() -> bool:
        return not await begun()

    async with await connect(client) as sender:
        await sender.send(
            f"PUT /api/v1/jobs/{draft['id']}/items/0/views/front HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: 1000000\r\nCookie: {cookie}\r\n\r\nhalf".encode()
        )
        await eventually(begun)
    await eventually(nothing_left)


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        ("POST /api/v1/jobs HTTP/1.1\r\nAuthorization: Bearer i2m_0_0\r\n", b"401"),
        ("POST /api/v1/jobs HTTP/1.1\r\n", b"413"),
        ("POST /api/v1/jobs HTTP/1.1\r\nIdempotency-Key: a b\r\n", b"422"),
        ("POST /api/v1/jobs HTTP/1.1\r\nOrigin: https://evil.example\r\n", b"403"),
        (f"PUT /api/v1/jobs/{'0' * 32}/items/0/views/front HTTP/1.1\r\n", b"404"),
        ("POST /api/v1/estimate HTTP/1.1\r\n", b"413"),
    ],
)
async def test_refused_before_the_body_is_sent(
    client: httpx2.AsyncClient, request_head: str, status: bytes
) -> None:
    """Whoever asks first (`Expect: 100-continue`) never sends a body that is not wanted."""
    async with await connect(client) as sender:
        await sender.send(
            f"{request_head}Host: localhost\r\nContent-Length: 99000000000\r\n"
            "Content-Type: multipart/form-data; boundary=edge\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        with anyio.fail_after(PATIENCE_S):
            assert (await sender.receive()).startswith(b"HTTP/1.1 " + status)


async def test_a_large_picture_is_refused_before_it_is_sent(client: httpx2.AsyncClient) -> None:
    draft = await make_draft(client)
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    async with await connect(client) as sender:
        await sender.send(
            f"PUT /api/v1/jobs/{draft['id']}/items/0/views/front HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: 99000000\r\nCookie: {cookie}\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        with anyio.fail_after(PATIENCE_S):
            assert (await sender.receive()).startswith(b"HTTP/1.1 413")


async def test_too_many_files_are_refused_as_soon_as_they_come(
    client: httpx2.AsyncClient, rig: Rig
) -> None:
    file = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\nx\r\n'
    async with await connect(client) as sender:
        await sender.send(
            b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000000\r\n"
            b"Content-Type: multipart/form-data; boundary=edge\r\n\r\n"
            + file
            * (rig.context.rules.items_per_job + 1)
        )
        with anyio.fail_after(PATIENCE_S):
            answer = await sender.receive()
            while b"too_many_items" not in answer:
                answer += await sender.receive()
    assert answer.startswith(b"HTTP/1.1 422")


@pytest.mark.parametrize("refused_at", ["its size", "its owner"])
async def test_an_endless_upload_is_cut_off(rig: Rig, context: Context, refused_at: str) -> None:
    rules = replace(context.rules, picture_bytes=100_000)
    async with serving(create_api(replace(context, rules=rules))) as client:
        draft = await make_draft(client)
        path = f"/api/v1/jobs/{draft['id']}/items/0/views/front"
        if refused_at == "its owner":
            client.cookies.clear()

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield bytes(50_000)

        with anyio.fail_after(PATIENCE_S), pytest.raises(httpx2.TransportError):
            await client.put(path, content=endless())
    assert list(context.rules.incoming.iterdir()) == []


def test_sigterm_ends_open_streams_and_the_process(tmp_path: Path) -> None:
    """However many watch, nobody is waited for or cut off, and the caller has gone on."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.api.server.sigterm_server", str(tmp_path)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url, job, key = process.stdout.readline().split()
        headers = {"Authorization": f"Bearer {key}"}
        anyio.run(_watch_until_the_end, process, f"{url}/api/v1/jobs/{job}", headers)
        output, errors = process.communicate(timeout=PATIENCE_S)
    assert output == "closed\n"
    assert process.returncode == 0
    # What has not ended after some seconds is cut off, which the server says.
    assert errors == ""


async def _watch_until_the_end(
    process: "subprocess.Popen[str]", job_url: str, headers: dict[str, str]
) -> None:
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(headers=headers, limits=limits, timeout=PATIENCE_S) as client:
        watching = anyio.Semaphore(0)

        async def watch() -> None:
            async with client.stream("GET", f"{job_url}/events") as reply:
                events = EventReader(reply.aiter_bytes())
                assert (await events.next()).name == "snapshot"
                watching.release()
                assert await events.next() is CLOSED

        async def poll() -> None:
            watching.release()
            reply = await client.get(job_url, params={"after_version": 1_000, "wait_s": 60})
            assert reply.json()["items"] == []

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(watch)
            group.start_soon(poll)
            for _ in range(21):
                await watching.acquire()
            await anyio.wait_all_tasks_blocked()
            process.send_signal(signal.SIGTERM)
        await anyio.to_thread.run_sync(process.wait)
