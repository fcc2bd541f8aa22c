"""What every `Compute` promises, and what the one over processes adds."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import anyio
import anyio.to_thread
import psutil
import pytest

from image2model.backends.inprocess.compute import ProcessCompute
from image2model.core.errors import ComputeCrashed, ComputeTimedOut, PictureTooSmall
from image2model.core.shares import Share, working_for
from image2model.ports.compute import Compute
from image2model.testing.inline_compute import InlineCompute
from tests.contracts import compute_functions as functions
from tests.harness.patience import waiting_for

pytestmark = pytest.mark.anyio

LONG_S = 120.0
"""Longer than any call takes here."""

MIB = 1024 * 1024

SCRIPT_WITHOUT_MAIN_GUARD = """
import sys
import anyio
from image2model.backends.inprocess.compute import ProcessCompute

print("the script runs", flush=True)

def mine():
    return 1

async def main():
    compute = ProcessCompute(workers=2)
    print(await compute.run(60, divmod, 7, 2))
    try:
        await compute.run(60, mine)
    except ValueError as error:
        print(error)
    await compute.aclose()

anyio.run(main)
"""

COMPUTE_FOR_EVER = """
import sys
import anyio
from image2model.backends.inprocess.compute import ProcessCompute
from tests.contracts.compute_functions import burn_for_ever, process_id

async def main():
    compute = ProcessCompute(workers=2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(compute.run, 3600, burn_for_ever, sys.argv[1])
        print(await compute.run(60, process_id), flush=True)

anyio.run(main)
"""


@pytest.fixture
def inline() -> InlineCompute:
    return InlineCompute()


@pytest.fixture
async def processes() -> AsyncIterator[ProcessCompute]:
    async with aclosing(ProcessCompute(workers=2)) as compute:
        yield compute


@pytest.fixture(params=["inline", "processes"])
def compute(request: pytest.FixtureRequest) -> Compute:
    found: Compute = request.getfixturevalue(request.param)
    return found


async def read_when_there(path: Path) -> str:
    """Wait for a file that another process renames to *path*."""
    with waiting_for(f"the file {path.name}"):
        while not await anyio.Path(path).exists():  # noqa: ASYNC110 - a file has no event
            await anyio.sleep(0.01)
    return await anyio.Path(path).read_text()


async def names_in(folder: Path) -> list[str]:
    return [path.name async for path in anyio.Path(folder).iterdir()]


def wait_until_gone(pid: int) -> None:
    """Wait until no process *pid* runs; what nobody has buried yet counts as gone."""
    try:
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            try:
                process.wait(timeout=0.05)
            except psutil.TimeoutExpired:
                continue
    except psutil.NoSuchProcess:
        return


async def test_returns_the_result(compute: Compute) -> None:
    value = bytes(range(256)) * (2 * MIB // 256)
    assert await compute.run(LONG_S, functions.double, value) == value * 2


async def test_our_errors_come_through_unchanged(compute: Compute) -> None:
    with pytest.raises(PictureTooSmall) as caught:
        await compute.run(LONG_S, functions.refuse)
    expected = PictureTooSmall(width_px=3, height_px=4, minimum_px=64)
    assert vars(caught.value) == vars(expected)
    assert str(caught.value) == str(expected)


async def test_other_errors_keep_their_type(compute: Compute) -> None:
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        await compute.run(LONG_S, functions.divide, 1, 0)
    assert await compute.run(LONG_S, functions.divide, 1, 2) == 0.5


async def test_what_cannot_travel_is_refused(compute: Compute) -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        await compute.run(LONG_S, lambda: None)
    with pytest.raises(TypeError, match="no plain value"):
        await compute.run(LONG_S, functions.unpicklable)
    assert await compute.run(LONG_S, functions.divide, 1, 2) == 0.5


async def test_too_long_times_out(compute: Compute, tmp_path: Path) -> None:
    with pytest.raises(ComputeTimedOut) as caught:
        await compute.run(0.01, functions.run_for, str(tmp_path / "marker"), 0.5)
    assert caught.value.details == {"function": "run_for", "limit_s": 0.01}
    assert await compute.run(LONG_S, functions.divide, 1, 2) == 0.5


async def test_aclose_twice(compute: Compute) -> None:
    await compute.run(LONG_S, functions.process_id)
    await compute.aclose()
    await compute.aclose()


async def test_inline_fails_as_told() -> None:
    compute = InlineCompute(failures={"divide": ComputeCrashed(function="divide")})
    with pytest.raises(ComputeCrashed):
        await compute.run(LONG_S, functions.divide, 1, 2)
    assert await compute.run(LONG_S, functions.double, b"a") == b"aa"


@pytest.mark.parametrize(
    "function", [functions.die, functions.kill_self, functions.crash_in_native_code]
)
async def test_processes_crash_alone(
    processes: ProcessCompute,
    function: Callable[[], None],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A process that dies fails its own call; the call beside it and later ones work."""
    marker = str(tmp_path / "marker")
    beside: list[str] = []

    async def run_beside() -> None:
        beside.append(await processes.run(LONG_S, functions.run_for, marker, 0.3))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_beside)
        await read_when_there(tmp_path / "marker")
        with pytest.raises(ComputeCrashed) as caught:
            await processes.run(LONG_S, function)
    assert caught.value.details == {"function": function.__name__}
    assert beside == [marker]
    assert await processes.run(LONG_S, functions.divide, 1, 2) == 0.5


async def test_processes_replace_one_that_died_idle(processes: ProcessCompute) -> None:
    pid = await processes.run(LONG_S, functions.process_id)
    os.kill(pid, signal.SIGKILL)
    await anyio.to_thread.run_sync(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert await processes.run(LONG_S, functions.process_id) != pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces the memory limit")
@pytest.mark.parametrize(
    ("function", "size"),
    [
        (functions.use_memory, 1024 * MIB),
        (functions.use_array_memory, 1024 * MIB),
        (functions.use_opencv_memory, 20_000),
    ],
)
async def test_processes_out_of_memory_crash_alone(
    function: Callable[[int], object], size: int
) -> None:
    """Too much memory fails the call, however it was asked for; a fresh process serves the next."""
    async with aclosing(ProcessCompute(workers=1, memory_limit_bytes=512 * MIB)) as compute:
        pid = await compute.run(LONG_S, functions.process_id)
        with pytest.raises(ComputeCrashed):
            await compute.run(LONG_S, function, size)
        assert await compute.run(LONG_S, functions.use_memory, 10 * MIB) == 10 * MIB
        assert await compute.run(LONG_S, functions.process_id) != pid


async def test_processes_timeout_ends_the_computation(tmp_path: Path) -> None:
    async with aclosing(ProcessCompute(workers=1)) as compute:
        pid = await compute.run(LONG_S, functions.process_id)
        with pytest.raises(ComputeTimedOut):
            await compute.run(1, functions.burn_for_ever, str(tmp_path / "pid"))
        assert not psutil.pid_exists(pid)


async def test_processes_cancel_ends_the_computation(
    processes: ProcessCompute, tmp_path: Path
) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(processes.run, LONG_S, functions.burn_for_ever, str(tmp_path / "pid"))
        pid = int(await read_when_there(tmp_path / "pid"))
        tasks.cancel_scope.cancel()
    assert not psutil.pid_exists(pid)
    assert await processes.run(LONG_S, functions.divide, 1, 2) == 0.5


async def test_processes_close_ends_the_computation(
    processes: ProcessCompute, tmp_path: Path
) -> None:
    """Closing fails what runs, and refuses what comes later."""

    async def run() -> None:
        with pytest.raises(ComputeCrashed):
            await processes.run(LONG_S, functions.burn_for_ever, str(tmp_path / "pid"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        pid = int(await read_when_there(tmp_path / "pid"))
        await processes.aclose()
    assert not psutil.pid_exists(pid)
    with pytest.raises(RuntimeError, match="closed"):
        await processes.run(LONG_S, functions.process_id)


async def test_processes_waiting_does_not_count(tmp_path: Path) -> None:
    """A call that waits for a busy process has its whole time when its turn comes."""
    async with aclosing(ProcessCompute(workers=1)) as compute, anyio.create_task_group() as tasks:
        tasks.start_soon(compute.run, LONG_S, functions.run_for, str(tmp_path / "pid"), 4.2)
        await read_when_there(tmp_path / "pid")
        assert await compute.run(4.0, functions.divide, 1, 2) == 0.5


async def test_processes_are_used_again_and_no_more_than_allowed(
    processes: ProcessCompute,
) -> None:
    pids: set[int] = set()

    async def note() -> None:
        pids.add(await processes.run(LONG_S, functions.process_id))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(note)
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids


async def test_processes_warm_every_one(processes: ProcessCompute, tmp_path: Path) -> None:
    await processes.warm(LONG_S, functions.process_id)
    assert len(psutil.Process().children()) >= 2
    before = set(psutil.Process().children())
    await processes.run(LONG_S, functions.process_id)
    assert set(psutil.Process().children()) <= before


async def test_processes_compute_with_one_thread(processes: ProcessCompute) -> None:
    """Besides the thread that listens, libraries start none."""
    assert await processes.run(LONG_S, functions.threads) == 1


async def test_processes_errors_tell_where(processes: ProcessCompute) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        await processes.run(LONG_S, functions.divide, 1, 0)
    assert "compute_functions.py" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="OddError: number 3 is odd"):
        await processes.run(LONG_S, functions.raise_odd_error)
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        await processes.run(LONG_S, functions.leave)


async def test_processes_print_to_the_standard_error(
    processes: ProcessCompute, capfd: pytest.CaptureFixture[str]
) -> None:
    assert await processes.run(LONG_S, functions.shout) == "answer"
    assert capfd.readouterr().err == "not an answer\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_processes_leave_stopping_to_the_parent(
    processes: ProcessCompute, number: signal.Signals, tmp_path: Path
) -> None:
    """Ctrl-C or a stopping container must not make a computation look crashed."""
    results: list[str] = []
    marker = str(tmp_path / "pid")

    async def run() -> None:
        results.append(await processes.run(LONG_S, functions.run_for, marker, 0.2))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        os.kill(int(await read_when_there(tmp_path / "pid")), number)
    assert results == [marker]


def test_processes_do_not_run_the_main_script_again(tmp_path: Path) -> None:
    """A script without a main guard runs once, and its own functions are refused in words."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT_WITHOUT_MAIN_GUARD, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=LONG_S
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "the script runs",
        "(3, 1)",
        "'mine' must be defined in a module, not in the main script",
    ]


async def test_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    """After kill -9 of the parent, neither an idle process nor a busy one stays behind."""
    parent = await anyio.open_process(
        [sys.executable, "-c", COMPUTE_FOR_EVER, str(tmp_path / "pid")],
        stderr=None,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    async with parent:
        assert parent.stdout is not None
        idle = int(await parent.stdout.receive())
        busy = int(await read_when_there(tmp_path / "pid"))
        parent.kill()
        await parent.wait()
    with waiting_for("the processes of a killed parent to end"):
        for pid in (idle, busy):
            await anyio.to_thread.run_sync(wait_until_gone, pid, abandon_on_cancel=True)


async def test_the_next_free_process_is_that_of_who_has_fewest(tmp_path: Path) -> None:
    """Eight calls of one owner wait; another one's is the next to run."""
    order: list[str] = []

    async def call(compute: ProcessCompute, owner: str, number: int) -> None:
        with working_for(Share(owner)):
            await compute.run(LONG_S, functions.run_for, str(tmp_path / f"{owner}{number}"), 0.02)
        order.append(owner)

    async with aclosing(ProcessCompute(workers=1)) as compute, anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(call, compute, "anna", number)
        await read_when_there(tmp_path / "anna0")
        tasks.start_soon(call, compute, "ben", 0)
    assert "ben" in order[1:3]


async def test_what_takes_much_leaves_a_process_to_the_others(
    processes: ProcessCompute, tmp_path: Path
) -> None:
    """However much of it waits, a small call of its own owner runs at once."""

    async def call_large(number: int) -> None:
        async with processes.room(10**9):
            await processes.run(LONG_S, functions.burn_for_ever, str(tmp_path / str(number)))

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(call_large, number)
        with waiting_for("a large call to run"):
            while not await names_in(tmp_path):  # noqa: ASYNC110 - a file has no event
                await anyio.sleep(0.01)
        assert await processes.run(LONG_S, functions.divide, 1, 2) == 0.5
        async with processes.room(1):
            pass
        assert len(await names_in(tmp_path)) == 1
        tasks.cancel_scope.cancel()


async def test_no_more_is_computed_at_once_than_there_is_memory_for() -> None:
    async with aclosing(ProcessCompute(workers=4, room_bytes=10**9)) as compute:
        held_bytes = most_bytes = 0

        async def compute_with(needs_bytes: int) -> None:
            nonlocal held_bytes, most_bytes
            async with compute.room(needs_bytes):
                held_bytes += needs_bytes
                most_bytes = max(most_bytes, held_bytes)
                await anyio.sleep(0.001)
                held_bytes -= needs_bytes

        async with anyio.create_task_group() as tasks:
            for needs_bytes in [4 * 10**8, 7 * 10**8, 10**9, 3 * 10**8] * 5:
                tasks.start_soon(compute_with, needs_bytes)
        assert most_bytes == 10**9
        async with compute.room(10**12):
            pass


async def test_the_check_waits_for_nobody(processes: ProcessCompute, tmp_path: Path) -> None:
    """All processes are busy; and where none can answer, it says so."""
    async with anyio.create_task_group() as tasks:
        for number in range(2):
            marker = str(tmp_path / str(number))
            tasks.start_soon(processes.run, LONG_S, functions.burn_for_ever, marker)
            await read_when_there(tmp_path / str(number))
        await processes.check(limit_s=LONG_S)
        tasks.cancel_scope.cancel()
    processes._probe.kill()
    await processes.check(limit_s=LONG_S)
    with pytest.raises(ComputeTimedOut):
        await processes.check(limit_s=0.0)
    await processes.check(limit_s=LONG_S)
