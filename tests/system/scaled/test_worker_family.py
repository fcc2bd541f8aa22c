"""A worker of two queues is a family of processes: whoever of them is killed, all of them end."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.system.scaled.installation import END_LIMIT_S, Installation, Program


@pytest.fixture
def worker(tmp_path: Path, redis_url: str) -> Iterator[Program]:
    """A worker of the usual two queues, ready."""
    settings = {"IMAGE2MODEL_QUEUE_URL": redis_url, "IMAGE2MODEL_COMPUTE__WORKERS": "1"}
    with Installation(tmp_path, settings) as installation:
        program = installation.add_worker()
        installation.start()
        yield program


@pytest.fixture
def descendants(worker: Program) -> Iterator[list[psutil.Process]]:
    """The processes below the one that was started; what is left of them is killed."""
    found = psutil.Process(worker.pid).children(recursive=True)
    yield found
    for process in found:
        if process.is_running():
            process.kill()


def children_of(worker: Program) -> list[psutil.Process]:
    found = psutil.Process(worker.pid).children()
    assert len(found) == 2, "one for each queue"
    return found


def test_children_of_a_killed_parent_end(
    worker: Program, descendants: list[psutil.Process]
) -> None:
    """It can tell them nothing, and nobody would ever end them."""
    children_of(worker)
    os.kill(worker.pid, signal.SIGKILL)
    worker.until_ended()
    _, left = psutil.wait_procs(descendants, timeout=END_LIMIT_S)
    assert not left, worker.log.read_text()


def test_the_end_of_one_child_ends_the_family(
    worker: Program, descendants: list[psutil.Process]
) -> None:
    """Whoever supervises the worker sees that it failed, and starts it again."""
    killed, _ = children_of(worker)
    killed.kill()
    assert worker.until_ended() == signal.SIGKILL
    _, left = psutil.wait_procs(descendants, timeout=END_LIMIT_S)
    assert not left, worker.log.read_text()
    assert f"ended by itself (code {-signal.SIGKILL})" in worker.log.read_text()


def test_the_family_ends_when_it_is_told_to(
    worker: Program, descendants: list[psutil.Process]
) -> None:
    children_of(worker)
    worker.tell(signal.SIGTERM)
    assert worker.until_ended() == 0
    _, left = psutil.wait_procs(descendants, timeout=END_LIMIT_S)
    assert not left, worker.log.read_text()
