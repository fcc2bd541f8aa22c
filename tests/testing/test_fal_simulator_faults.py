"""Every fault of the HTTP exchange, seen from the client's side of a real connection."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import httpx2
import pytest

from image2model.core.errors import InvalidRequest
from image2model.testing.fal_simulator import FaultRule
from tests.testing.fal_simulator_rig import HELD, PICTURE, TRELLIS, TRIPO, Rig, running

pytestmark = pytest.mark.anyio

NO_KEY = {"authorization": ""}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A healthy simulator whose requests end at once."""
    async with running() as rig:
        yield rig


def outcomes(rig: Rig) -> list[str]:
    return [submit.outcome for submit in rig.fal.ledger.submits]


async def read_into(
    received: bytearray, exchange: AbstractAsyncContextManager[httpx2.Response]
) -> None:
    """Keep what came, so that it is there when the connection breaks."""
    async with exchange as answer:
        async for piece in answer.aiter_raw():
            received += piece


@pytest.mark.parametrize(
    ("action", "outcome", "known"),
    [
        ("reset_unread", "not processed", 0),
        ("reset_before", "not processed", 1),
        ("reset_after", "accepted", 1),
    ],
)
async def test_reset_submit(rig: Rig, action: str, outcome: str, known: int) -> None:
    rig.fal.add_fault("submit", action, times=1)
    with pytest.raises((httpx2.ReadError, httpx2.WriteError)):
        await rig.post()
    assert outcomes(rig) == [outcome]
    assert rig.fal.ledger.submits_per_picture().get(PICTURE, 0) == known
    assert rig.fal.ledger.accepted_per_picture().get(PICTURE, 0) == (outcome == "accepted")
    await rig.submit()


async def test_lost_submit_can_be_found_again(rig: Rig) -> None:
    rig.fal.add_fault("submit", "reset_after", times=1)
    with pytest.raises(httpx2.ReadError):
        await rig.post()
    url = f"{rig.fal.api_url}/models/requests/by-endpoint?endpoint_id={TRIPO}&expand=payloads"
    items = (await rig.http.get(url)).json()["items"]
    assert [one["json_input"]["image_url"] for one in items] == [PICTURE]
    assert items[0]["request_id"] == rig.fal.ledger.submits[0].request_id


async def test_reset_is_a_tcp_reset(rig: Rig) -> None:
    rig.fal.add_fault("submit", "reset_before")
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.fal.port)
    writer.write(f"POST /queue/{TRIPO} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".encode())
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_reset_midway_sends_a_part_of_the_answer(rig: Rig) -> None:
    rig.fal.add_fault("submit", "reset_midway")
    received = bytearray()
    url = f"{rig.fal.queue_url}/{TRIPO}"
    with pytest.raises(httpx2.ReadError):
        await read_into(received, rig.http.stream("POST", url, json={"image_url": PICTURE}))
    assert received.startswith(b'{"status"')
    assert outcomes(rig) == ["accepted"]


async def test_connections_reset_at_once(rig: Rig) -> None:
    rig.fal.add_fault("connect", "reset_on_connect", times=2)
    for _ in range(2):
        with pytest.raises(httpx2.NetworkError):
            await rig.post()
    await rig.submit()
    assert outcomes(rig) == ["accepted"]


async def test_connections_are_refused_for_a_while(rig: Rig) -> None:
    await rig.submit()
    rig.fal.refuse_connections(for_s=3600)
    with pytest.raises(httpx2.NetworkError):
        await rig.post()
    with pytest.raises(httpx2.ConnectError):
        await rig.post()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", rig.fal.port)
    rig.fal.refuse_connections(for_s=0.05)
    async with asyncio.timeout(5):
        while len(rig.fal.ledger.submits) < 2:
            with contextlib.suppress(httpx2.ConnectError):
                await rig.post()
    assert outcomes(rig) == ["accepted", "accepted"]


async def test_a_request_can_be_what_stops_the_listener(rig: Rig) -> None:
    rig.fal.add_fault("status", "refuse_connections", options={"for_s": 60.0})
    accepted = await rig.submit()
    with pytest.raises(httpx2.ReadError):
        await rig.http.get(accepted["status_url"])
    with pytest.raises(httpx2.ConnectError):
        await rig.http.get(accepted["status_url"])


async def test_dropped_connections_can_be_made_again(rig: Rig) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.fal.port)
    await rig.fal.ledger.reached("connect", 1, timeout_s=5)
    rig.fal.drop_connections()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    await rig.submit()


@pytest.mark.parametrize(
    ("action", "outcome"), [("hang_before", "not processed"), ("hang_after", "accepted")]
)
async def test_hanging_submit_times_out(action: str, outcome: str) -> None:
    async with running() as rig:
        rig.fal.add_fault("submit", action)
        url = f"{rig.fal.queue_url}/{TRIPO}"
        with pytest.raises(httpx2.ReadTimeout):
            await rig.http.post(url, json={"image_url": PICTURE}, timeout=0.2)
    # What was not processed is noted once the client has gone.
    assert outcomes(rig) == [outcome]


async def test_delayed_answer(rig: Rig) -> None:
    rig.fal.add_fault("submit", "delay", options={"for_s": 0.2})
    begin = asyncio.get_running_loop().time()
    await rig.submit()
    assert asyncio.get_running_loop().time() - begin >= 0.2


@pytest.mark.parametrize(
    ("action", "status", "text"),
    [
        ("unauthorized", 401, "Invalid API key"),
        ("exhausted_balance", 403, "User is locked. Reason: Exhausted balance"),
        ("retired", 404, "Application not found"),
        ("missing", 404, "NOT_FOUND"),
        ("validation_list", 422, '"type":"image_too_small"'),
        ("validation_text", 422, "Input should be a valid URL"),
        ("rate_limited", 429, "Too many requests"),
        ("server_error", 500, "Internal Server Error"),
        ("nginx_502", 502, "<center>nginx</center>"),
        ("unavailable", 503, "Service Unavailable"),
    ],
)
async def test_submit_answered_with_a_known_error(
    rig: Rig, action: str, status: int, text: str
) -> None:
    rig.fal.add_fault("submit", action, nth=1)
    rig.fal.add_fault("submit", action, nth=2, options={"processed": True})
    refused, accepted = await rig.post(), await rig.post()
    assert (refused.status_code, accepted.status_code) == (status, status)
    assert text in refused.text
    assert outcomes(rig) == ["not processed", "accepted"]
    assert (await rig.post()).status_code == 200


async def test_rate_limit_says_when_to_come_back(rig: Rig) -> None:
    rig.fal.add_fault("submit", "rate_limited", options={"retry_after_s": 7})
    assert (await rig.post()).headers["retry-after"] == "7"


async def test_any_answer_can_be_ordered(rig: Rig) -> None:
    options = {"status": 402, "json": {"detail": "Pay"}, "headers": {"x-fal-error-type": "money"}}
    rig.fal.add_fault("submit", "reply", nth=1, options=options)
    rig.fal.add_fault("submit", "reply", nth=2, options={"status": 200, "text": "fine!"})
    first, second = await rig.post(), await rig.post()
    assert (first.status_code, first.json()) == (402, {"detail": "Pay"})
    assert first.headers["x-fal-error-type"] == "money"
    assert second.text == "fine!"


async def test_bad_json_hides_an_accepted_submit(rig: Rig) -> None:
    rig.fal.add_fault("submit", "bad_json")
    answer = await rig.post()
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()
    assert outcomes(rig) == ["accepted"]


async def test_unknown_fields_come_with_the_known_ones(rig: Rig) -> None:
    rig.fal.add_fault("submit", "unknown_fields")
    accepted = await rig.submit()
    assert accepted["x_new"] == {"nested": [1, None]}
    assert (await rig.http.get(accepted["status_url"])).status_code == 200


async def test_download_cut_short(rig: Rig) -> None:
    url = await rig.mesh_url()
    rig.fal.add_fault("download", "cut_short", times=1, options={"fraction": 0.25})
    received = bytearray()
    with pytest.raises(httpx2.RemoteProtocolError):
        await read_into(received, rig.http.stream("GET", url, headers=NO_KEY))
    assert len(received) == 25_000
    assert len((await rig.http.get(url, headers=NO_KEY)).content) == 100_000


async def test_download_with_a_wrong_length(rig: Rig) -> None:
    url = await rig.mesh_url()
    rig.fal.add_fault("download", "wrong_length", nth=1, options={"by_bytes": -10})
    rig.fal.add_fault("download", "wrong_length", nth=2, options={"by_bytes": 10})
    assert len((await rig.http.get(url, headers=NO_KEY)).content) == 99_990
    with pytest.raises(httpx2.RemoteProtocolError):
        await rig.http.get(url, headers=NO_KEY)


async def test_download_under_a_wrong_type(rig: Rig) -> None:
    url = await rig.mesh_url()
    rig.fal.add_fault("download", "wrong_type")
    answer = await rig.http.get(url, headers=NO_KEY)
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"glTF")


async def test_download_redirected_to_another_host(rig: Rig) -> None:
    url = await rig.mesh_url()
    rig.fal.add_fault("download", "redirect", nth=1)
    rig.fal.add_fault(
        "download", "redirect", nth=2, options={"to": "http://10.0.0.1/", "status": 307}
    )
    first = await rig.http.get(url, headers=NO_KEY)
    second = await rig.http.get(url, headers=NO_KEY)
    assert first.status_code == 302
    assert first.headers["location"] == url.replace("127.0.0.1", "localhost")
    assert (second.status_code, second.headers["location"]) == (307, "http://10.0.0.1/")


async def test_slow_download(rig: Rig) -> None:
    url = await rig.mesh_url()
    rig.fal.add_fault("download", "slow_body", options={"bytes_per_s": 400_000})
    begin = asyncio.get_running_loop().time()
    assert len((await rig.http.get(url, headers=NO_KEY)).content) == 100_000
    assert asyncio.get_running_loop().time() - begin > 0.2


@pytest.mark.parametrize("status", [404, 410])
async def test_download_gone(rig: Rig, status: int) -> None:
    url = await rig.mesh_url()
    rig.fal.add_fault("download", "missing", options={"status": status})
    assert (await rig.http.get(url, headers=NO_KEY)).status_code == status


async def test_rule_applies_where_it_says_and_as_often(rig: Rig) -> None:
    rig.fal.add_fault("submit", "unavailable", endpoint="fal-ai/*", skip=1, times=2)
    answers = [(await rig.post(TRELLIS)).status_code for _ in range(5)]
    assert answers == [200, 503, 503, 200, 200]
    assert (await rig.post(TRIPO)).status_code == 200


async def test_rule_can_name_a_request(rig: Rig) -> None:
    one, other = await rig.submit(), await rig.submit()
    rig.fal.add_fault("status", "server_error", request_id=one["request_id"])
    assert (await rig.http.get(one["status_url"])).status_code == 500
    assert (await rig.http.get(other["status_url"])).status_code == 200


async def test_rule_for_every_request(rig: Rig) -> None:
    accepted = await rig.submit()
    rule_id = rig.fal.add_fault("*", "unavailable")
    assert (await rig.post()).status_code == 503
    assert (await rig.http.get(accepted["status_url"])).status_code == 503
    rig.fal.remove_fault(rule_id)
    await rig.submit()


async def test_chance_is_repeatable() -> None:
    rule = FaultRule(on="submit", action="unavailable", probability=0.5)

    async def statuses(seed: int) -> list[int]:
        async with running(HELD, faults=[rule], seed=seed) as rig:
            return [(await rig.post()).status_code for _ in range(20)]

    first = await statuses(1)
    assert set(first) == {200, 503}
    assert await statuses(1) == first
    assert await statuses(2) != first


@pytest.mark.parametrize(
    ("on", "action", "field"),
    [
        ("submit", "explode", "action"),
        ("lunch", "unavailable", "on"),
        ("submit", "stuck", "on"),
        ("run", "unavailable", "on"),
        ("*", "stuck", "on"),
    ],
)
async def test_rule_that_cannot_work_is_refused(rig: Rig, on: str, action: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        rig.fal.add_fault(on, action)
    assert caught.value.details["field"] == field


async def test_unread_upload_is_reset_while_it_is_sent(rig: Rig) -> None:
    rig.fal.add_fault("upload", "reset_unread")
    with pytest.raises((httpx2.ReadError, httpx2.WriteError)):
        await rig.http.post(f"{rig.fal.cdn_url}/files/upload", content=bytes(5_000_000))


async def test_listener_keeps_its_port_while_it_refuses(rig: Rig) -> None:
    rig.fal.refuse_connections(for_s=60)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", rig.fal.port))
