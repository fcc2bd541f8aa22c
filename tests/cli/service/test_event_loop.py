"""Calls onto an event loop of another thread end before their caller goes on."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from anyio.from_thread import start_blocking_portal

from image2model.cli.service.event_loop import call_on
from image2model.cli.terminal.interrupts import Interrupted, raise_on_signals


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with start_blocking_portal() as portal:
        yield portal.call(asyncio.get_running_loop)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    raise_on_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupt() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_result_and_error_come_through(loop: asyncio.AbstractEventLoop) -> None:
    async def add() -> int:
        return 2

    async def fail() -> int:
        raise LookupError("gone")

    assert call_on(loop, add) == 2
    with pytest.raises(LookupError, match="gone"):
        call_on(loop, fail)


def test_interrupted_call_is_cancelled(loop: asyncio.AbstractEventLoop) -> None:
    ended: list[str] = []

    async def wait_for_ever() -> None:
        interrupt()
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    with pytest.raises(Interrupted):
        call_on(loop, wait_for_ever)
    assert ended == ["cancelled"]


def test_interrupted_call_has_let_go_of_its_threads(
    loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    """What a thread creates after the signal is there before the caller cleans up."""
    raised = threading.Event()

    def create() -> None:
        interrupt()
        raised.wait(0.2)  # Long enough for the waiting thread to be interrupted.
        (tmp_path / "file.part").touch()

    async def save() -> None:
        await anyio.to_thread.run_sync(create)

    with pytest.raises(Interrupted):
        call_on(loop, save)
    assert (tmp_path / "file.part").exists()
