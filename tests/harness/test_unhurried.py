"""The loop on which nothing is late."""

import time
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.harness.unhurried import UNHURRIED

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return UNHURRIED


def compute_for(duration_s: float) -> None:
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s:
        pass


async def test_computing_lets_no_limit_run_out() -> None:
    with anyio.fail_after(0.05):
        compute_for(0.1)
        for _ in range(3):
            await checkpoint()


async def test_an_answer_that_came_meanwhile_is_not_late() -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            compute_for(0.1)
            await stream.send(b"answer")

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            with anyio.fail_after(0.08):
                await stream.send(b"question")
                compute_for(0.1)
                assert await stream.receive() == b"answer"
        tasks.cancel_scope.cancel()


async def test_waiting_takes_as_long_as_anywhere() -> None:
    began_s = time.monotonic()
    await anyio.sleep(0.05)
    assert time.monotonic() - began_s >= 0.05
    with pytest.raises(TimeoutError), anyio.fail_after(0.02):
        await anyio.sleep_forever()


async def test_who_looks_again_and_again_sees_time_pass() -> None:
    with anyio.move_on_after(0.02) as looking:
        while True:
            await checkpoint()
    assert looking.cancelled_caught
