"""Through a real server: callers who send without end, slowly, or at too many connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import fields, replace

import anyio
import anyio.lowlevel
import httpx2
import pytest
from anyio.abc import SocketStream
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from image2model.api.app import create_api
from image2model.api.dependencies import Parts
from image2model.api.limits.watchers import WatcherLimits
from image2model.api.server.connections import Edge, EdgeLimits
from image2model.backends.inprocess.clock import SystemClock
from image2model.core.errors import TooManyRequests
from image2model.settings import ServeSettings
from tests.api.asking import make_job, problem_of
from tests.api.serving import EventReader, serving
from tests.harness.patience import waiting_for
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

LIVE = b"GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\n"
FORM = b"POST /api/v1/estimate HTTP/1.1\r\nHost: localhost\r\n"
IMPATIENT = EdgeLimits(header_s=0.5, body_idle_s=0.5, answer_idle_s=0.5, keep_alive_s=1)
MANY_BYTES = 100_000_000


@pytest.fixture
def api(rig: Rig) -> FastAPI:
    context = replace(rig.context, clock=SystemClock())
    limits = WatcherLimits(streams=4, streams_per_caller=2)
    return create_api(context, watcher_limits=limits)


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(api) as client:
        yield client


@pytest.fixture
async def impatient(api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(api, limits=IMPATIENT) as client:
        yield client


async def connect(client: httpx2.AsyncClient) -> SocketStream:
    return await anyio.connect_tcp(str(client.base_url.host), client.base_url.port or 0)


async def answer_to(stream: SocketStream) -> bytes:
    """Read all that comes until the server closes the connection."""
    answer = b""
    with waiting_for("the server to close the connection"):
        try:
            async for data in stream:
                answer += data
        except anyio.BrokenResourceError:
            pass  # It was closed while we were sending.
    return answer


def test_settings_and_parts_have_the_same_defaults() -> None:
    settings = ServeSettings()
    limits = EdgeLimits()
    for field in fields(EdgeLimits):
        assert getattr(limits, field.name) == getattr(settings, field.name), field.name
    assert settings.streams == WatcherLimits().streams


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        pytest.param(b"GET /?" + b"x" * 9_000, 414, "url_too_long", id="address without end"),
        pytest.param(
            b"GET /?" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n", 414, "url_too_long", id="address"
        ),
        pytest.param(LIVE + b"X: y\r\n" * 200, 431, "header_too_large", id="fields"),
        pytest.param(
            LIVE + b"X: %s\r\n" % (b"y" * 20_000) * 2 + b"\r\n", 431, "header_too_large", id="bytes"
        ),
        pytest.param(b"no HTTP\r\n\r\n", 400, "bad_request", id="no request"),
    ],
)
async def test_too_much_of_a_header_is_refused(
    client: httpx2.AsyncClient, sent: bytes, status: int, code: str
) -> None:
    async with await connect(client) as stream:
        await stream.send(sent)
        answer = await answer_to(stream)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/problem+json" in answer
    assert f'"code":"{code}"'.encode() in answer


async def test_as_much_as_allowed_is_answered(client: httpx2.AsyncClient) -> None:
    headers = {f"X-{number}": "y" * 300 for number in range(90)}
    reply = await client.get(f"/api/v1/health/live?{'x' * 8_000}", headers=headers)
    assert reply.status_code == 200


CHUNKED = FORM + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        pytest.param(b"GET /", b"x", id="address"),
        pytest.param(LIVE, b"x", id="name of a field"),
        pytest.param(LIVE + b"X: ", b"x", id="value of a field"),
        pytest.param(LIVE, b"X: y\r\n", id="fields"),
        pytest.param(b"", b"\r\n", id="line ends"),
        pytest.param(CHUNKED + b"1;", b"x", id="extension of a chunk"),
        pytest.param(CHUNKED + b"0\r\n", b"X: y\r\n", id="fields after a body"),
        pytest.param(CHUNKED + b"0\r\nX: ", b"x", id="value of a field after a body"),
    ],
)
async def test_nobody_sends_without_end(
    client: httpx2.AsyncClient, begin: bytes, more: bytes
) -> None:
    """Little more is taken than what fits into the buffers on the way."""
    block = more * (100_000 // len(more))
    sent_bytes = 0
    async with await connect(client) as stream:
        await stream.send(begin)
        with waiting_for("the server to hear no more"), suppress(anyio.BrokenResourceError):
            while sent_bytes < MANY_BYTES:
                await stream.send(block)
                sent_bytes += len(block)
    assert sent_bytes < MANY_BYTES / 5
    assert (await client.get("/api/v1/health/live")).status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"\r\n", b"", id="a line end"),
        pytest.param(LIVE, b"HTTP/1.1 408", id="half a header"),
        pytest.param(LIVE + b"\r\n\r\n", b"HTTP/1.1 200", id="a line end after a request"),
        pytest.param(LIVE + b"\r\n" + LIVE, b"HTTP/1.1 200", id="half a header after a request"),
        pytest.param(
            FORM + b"Content-Length: 10\r\n\r\n{", b"HTTP/1.1 408", id="a body that stops"
        ),
    ],
)
async def test_who_stops_sending_is_cut_off(
    impatient: httpx2.AsyncClient, sent: bytes, status: bytes
) -> None:
    async with await connect(impatient) as stream:
        await stream.send(sent)
        assert (await answer_to(stream)).startswith(status)


@pytest.mark.parametrize(
    ("begin", "drip", "status"),
    [
        pytest.param(LIVE + b"X: ", b"y", b"HTTP/1.1 408", id="header"),
        pytest.param(LIVE + b"\r\n", b"\r\n", b"HTTP/1.1 200", id="between requests"),
        pytest.param(FORM + b"Content-Length: 900\r\n\r\n", b" ", b"HTTP/1.1 408", id="body"),
    ],
)
async def test_who_sends_drop_by_drop_is_cut_off(
    impatient: httpx2.AsyncClient, begin: bytes, drip: bytes, status: bytes
) -> None:
    async with await connect(impatient) as stream, anyio.create_task_group() as group:

        async def trickle() -> None:
            await stream.send(begin)
            while True:
                await anyio.sleep(0.05)
                await stream.send(drip)

        group.start_soon(trickle)
        assert (await answer_to(stream)).startswith(status)
        group.cancel_scope.cancel()


async def test_who_takes_no_answer_is_cut_off(rig: Rig, api: FastAPI) -> None:
    """It holds no more than its connection, and that not for long."""

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(100_000)
                await anyio.lowlevel.checkpoint()
        finally:
            ended.set()

    ended = anyio.Event()
    api.add_api_route("/endless", lambda: StreamingResponse(endless()))
    async with serving(api, limits=IMPATIENT) as client, await connect(client) as stream:
        await stream.send(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with waiting_for("the server to give up"):
            await ended.wait()


async def test_a_server_that_is_slow_itself_cuts_nobody_off(rig: Rig, api: FastAPI) -> None:
    async def slow(request: Request) -> dict[str, int]:
        await anyio.sleep(3.0)
        return {"bytes": len(await request.body())}

    api.add_api_route("/slow", slow, methods=["PUT"])
    body = bytes(900_000)
    async with serving(api, limits=IMPATIENT) as client:
        with_head, asking_first = await asyncio.gather(
            client.put("/slow", content=body),
            client.put("/slow", content=body, headers={"Expect": "100-continue"}),
        )
    assert with_head.json() == asking_first.json() == {"bytes": len(body)}


async def test_idle_connections_keep_nobody_out(api: FastAPI) -> None:
    async with serving(api, limits=EdgeLimits(connections=10)) as client, AsyncExitStack() as all_:
        job = await make_job(client, "cup")
        path = f"/api/v1/jobs/{job['id']}/events"
        async with client.stream("GET", path) as reply:
            events = EventReader(reply.aiter_bytes())
            await events.next()
            for _ in range(100):
                idle = await all_.enter_async_context(await connect(client))
                await idle.send(LIVE)
            assert (await client.get(f"/api/v1/jobs/{job['id']}")).status_code == 200
            await client.delete(f"/api/v1/jobs/{job['id']}")
            # Whoever is being answered stays.
            await events.until("end")


async def test_without_room_a_caller_is_told_so(api: FastAPI) -> None:
    async with AsyncExitStack() as all_:
        client = await all_.enter_async_context(serving(api, limits=EdgeLimits(connections=2)))
        job = await make_job(client, "cup")
        for _ in range(2):
            reply = await all_.enter_async_context(
                client.stream("GET", f"/api/v1/jobs/{job['id']}/events")
            )
            assert reply.status_code == 200
        refused = await client.get("/api/v1/health/live")
    assert problem_of(refused, 429)["details"]["limit"] == "connections"
    assert refused.headers["retry-after"] == "5"


class Member:
    """A connection that is no more than counted."""

    def __init__(self, crowd: "Crowd", name: str) -> None:
        self.name = name
        self.transport = self
        self._crowd = crowd

    def abort(self) -> None:
        """Be closed."""
        self._crowd.closed.append(self.name)

    def look(self, now_s: float) -> None:
        """Be in time."""


class Crowd:
    """Connections of which those are remembered that had to make room."""

    def __init__(self, limits: EdgeLimits) -> None:
        self.closed: list[str] = []
        self.edge = Edge(limits, many_behind=lambda host: host == "192.0.2.1")

    def join(self, name: str, host: str) -> Member:
        """Let one more connection in."""
        member = Member(self, name)
        self.edge.admit(member, host)
        return member


@pytest.mark.parametrize("hosts", [("198.51.100.7",) * 3, ("2001:db8::1", "2001:db8::2") * 2])
def test_one_address_has_so_many_connections(hosts: tuple[str, ...]) -> None:
    crowd = Crowd(EdgeLimits(connections_per_address=2))
    first = crowd.join("first", hosts[0])
    crowd.edge.works(first)
    crowd.join("second", hosts[1])
    third = crowd.join("third", hosts[2])
    assert crowd.closed == ["second"]
    crowd.edge.works(third)
    with pytest.raises(TooManyRequests) as caught:
        crowd.join("fourth", hosts[0])
    assert caught.value.details["limit"] == "connections_per_address"
    crowd.join("somebody else", "203.0.113.5")
    crowd.edge.rests(first)
    crowd.join("fifth", hosts[0])
    assert crowd.closed == ["second", "first"]


def test_a_proxy_has_any_number_of_connections() -> None:
    crowd = Crowd(EdgeLimits(connections_per_address=2, connections=5))
    members = [crowd.join(str(number), "192.0.2.1") for number in range(7)]
    assert crowd.closed == ["0", "1"]
    for member in members:
        crowd.edge.forget(member)
    assert crowd.edge.connections == 0


async def test_streams_and_waiting_requests_are_counted(
    client: httpx2.AsyncClient, api: FastAPI
) -> None:
    job = await make_job(client, "cup")
    path = f"/api/v1/jobs/{job['id']}"
    async with AsyncExitStack() as streams:
        for _ in range(2):
            reply = await streams.enter_async_context(client.stream("GET", f"{path}/events"))
            assert reply.status_code == 200
        refused = await client.get(f"{path}/events")
        assert problem_of(refused, 429)["details"]["limit"] == "streams_per_caller"
        assert refused.headers["retry-after"] == "5"
        waiting = await client.get(path, params={"after_version": 99, "wait_s": 60})
        assert problem_of(waiting, 429)["code"] == "too_many_requests"
        assert (await client.get(path)).status_code == 200
    await nobody_watches(api)
    async with client.stream("GET", f"{path}/events") as reply:
        assert reply.status_code == 200


async def test_who_leaves_is_missed_even_with_another_request_waiting(
    client: httpx2.AsyncClient, api: FastAPI
) -> None:
    """The stream that is under way ends, and so does the wait for news."""
    job = await make_job(client, "cup")
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    path = f"/api/v1/jobs/{job['id']}"
    for asked in (f"{path}/events", f"{path}?after_version=99&wait_s=60"):
        head = f"GET {asked} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n"
        async with await connect(client) as stream:
            await stream.send(head.encode() + LIVE + b"\r\n")
            parts: Parts = api.state.parts
            with waiting_for("the request to be under way"):
                while not parts.watchers.count:  # noqa: ASYNC110 - nobody tells
                    await anyio.sleep(0.01)
        with anyio.fail_after(10):
            await nobody_watches(api)


async def test_a_storm_of_callers_who_leave_passes(
    client: httpx2.AsyncClient, api: FastAPI
) -> None:
    """Whatever they were in the middle of, nothing of them is left."""
    job = await make_job(client, "cup")
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    path = f"/api/v1/jobs/{job['id']}".encode()
    asked = b" HTTP/1.1\r\nHost: localhost\r\nCookie: " + cookie.encode() + b"\r\n\r\n"
    storm = [
        b"GET " + path + b"/events" + asked,
        b"GET " + path + b"?after_version=99&wait_s=60" + asked,
        LIVE,
        FORM + b"Content-Length: 900\r\n\r\n{",
        b"",
    ]
    for sent in storm * 20:
        async with await connect(client) as stream:
            await stream.send(sent)
    await nobody_watches(api)
    assert (await client.get("/api/v1/health/live")).status_code == 200


async def nobody_watches(api: FastAPI) -> None:
    """Wait until the server has forgotten all who waited for news."""
    parts = api.state.parts
    assert isinstance(parts, Parts)
    with waiting_for("the server to forget who left"):
        while parts.watchers.count:  # noqa: ASYNC110 - what a server forgets tells nobody
            await anyio.sleep(0.01)
