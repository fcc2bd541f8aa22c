"""Killed at any moment, run again: every item ends, every picture is paid for once."""

import math
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from anyio.abc import Process

from image2model.testing.fal_simulator import Behaviour, FalSimulator, Latency
from image2model.wire.jobs import JobOut
from tests.cli.drawing import draw_discs

pytestmark = pytest.mark.anyio

CONSOLE_SCRIPT = Path(sys.executable).with_name("image2model")
PATIENCE_S = 240.0
"""How long one process may take on a busy machine; only what is broken takes this long."""

QUIET_S = 3.0
"""How long a server may have nothing to ask fal before that counts as being done."""

KILLS = 20
ITEMS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """
    A command that makes models of a folder of pictures, to be run and killed any number of times.

    Attributes:
        fal: The simulator that it pays.
        folder: Where everything is.
        environment: Of its processes.
    """

    fal: FalSimulator
    folder: Path
    environment: Mapping[str, str]

    def generate(self) -> AbstractAsyncContextManager[Process]:
        """Start `image2model generate`; it is killed at the end of the block."""
        return self._running(
            *("generate", "pictures", "-o", "models", "--generator", "fal/tripo-v2.5")
        )

    def serve(self) -> AbstractAsyncContextManager[Process]:
        """Start `image2model serve`, which goes on with what is unfinished; killed likewise."""
        return self._running("serve", "--port", "0")

    @asynccontextmanager
    async def _running(self, *arguments: str) -> AsyncIterator[Process]:
        command = [str(CONSOLE_SCRIPT), *arguments]
        with self.log.open("ab") as log:
            process = await anyio.open_process(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=None,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            with anyio.CancelScope(shield=True):
                _kill(process)
                await process.wait()

    async def until_serving(self, begin: int) -> None:
        """Wait until a server says that it is ready, after the first *begin* bytes of the log."""
        while b" is ready" not in self.log.read_bytes()[begin:]:  # noqa: ASYNC110 - it is written
            await anyio.sleep(0.02)

    @property
    def log(self) -> Path:
        """What its processes write."""
        return self.folder / "log.txt"

    async def job(self) -> JobOut:
        """Read the job by another command."""
        command = [str(CONSOLE_SCRIPT), "jobs", "show", "last", "--json"]
        shown = await anyio.run_process(command, cwd=self.folder, env=self.environment)
        return JobOut.model_validate_json(shown.stdout)

    async def check(self, names: list[str]) -> None:
        """Insist that every picture became a model, and was paid for once."""
        job = await self.job()
        states = {item.name: (item.state, item.error) for item in job.items}
        assert states == dict.fromkeys(names, ("succeeded", None))
        accepted = [one for one in self.fal.ledger.submits if one.outcome == "accepted"]
        assert len(accepted) == len(names)
        assert set(self.fal.ledger.accepted_per_picture().values()) == {1}
        # Booked once each, and as much as fal has charged.
        booked = [one.cost_usd for item in job.items for one in item.attempts if one.cost_usd]
        assert booked == [pytest.approx(0.3)] * len(names)
        assert job.cost.booked_usd == pytest.approx(self.fal.account().billed_usd)
        models = {path.name for path in (self.folder / "models").glob("*.glb")}
        assert len(models) == len(names)
        assert not self.fal.ledger.violations


def _kill(process: Process) -> None:
    if process.returncode is None:
        os.kill(process.pid, signal.SIGKILL)


@asynccontextmanager
async def open_shop(folder: Path, latency: Latency, *, concurrency: int) -> AsyncIterator[Shop]:
    """Run a simulator, and prepare an empty installation in front of it."""
    behaviour = Behaviour(latency=latency, mesh_bytes=20_000)
    async with FalSimulator(behaviour) as fal:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment = {
            **kept,
            **fal.environment,
            "IMAGE2MODEL_DATA_DIR": str(folder / "data"),
            "IMAGE2MODEL_COMPUTE__WORKERS": "1",
            "IMAGE2MODEL_FAL__CONCURRENCY": str(concurrency),
            "IMAGE2MODEL_LEASE_S": "1",
            # What was not accepted is known not to have been once it must have ended.
            "IMAGE2MODEL_FAL__START_LIMIT_S": "5",
            "IMAGE2MODEL_FAL__LIMIT_S": "12",
        }
        yield Shop(fal=fal, folder=folder, environment=environment)


async def faults_left(shop: Shop) -> int:
    """Count the faults that have not hit anything yet."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        rules: list[dict[str, Any]] = (await http.get(f"{shop.fal.control_url}/faults")).json()
    return sum(not rule["applied"] for rule in rules)


def _calls(shop: Shop) -> int:
    return sum(shop.fal.ledger.calls.values())


async def test_killed_at_every_step_between_intent_and_stored_file(tmp_path: Path) -> None:
    """One process is killed while each of six items hangs in another step."""
    steps = [
        ("upload", "hang_before"),  # nothing was written down yet
        ("submit", "hang_before"),  # written down, not accepted
        ("submit", "hang_after"),  # accepted, the answer not written down
        ("status", "hang_before"),  # under way
        ("result", "hang_before"),  # done, the result not read
        ("download", "hang_before"),  # read, the file not stored
    ]
    names = [f"cup-{number}" for number in range(len(steps) + 2)]
    draw_discs(tmp_path / "pictures", *(f"{name}.png" for name in names))
    async with open_shop(tmp_path, Latency(median_s=0.2), concurrency=40) as shop:
        for on, action in steps:
            shop.fal.add_fault(on, action, times=1)
        with anyio.fail_after(PATIENCE_S):
            async with shop.generate():
                while await faults_left(shop):  # noqa: ASYNC110 - another process makes it so
                    await anyio.sleep(0.05)
            async with shop.generate() as process:
                assert await process.wait() == 0, shop.log.read_text()
        await shop.check(names)


@pytest.mark.parametrize(
    ("on", "action", "options"),
    [
        ("result", "hang_before", {}),  # it has ended, the outcome is not read
        ("pricing", "hang_before", {}),  # the outcome is read, the cost not booked
        ("download", "hang_before", {}),  # the cost is booked, the file not fetched
        ("download", "reply", {"status": 200, "text": "<html>Please wait</html>"}),  # fetched again
        ("download", "missing", {}),
    ],
    ids=["outcome", "booking", "collecting", "a page", "not there yet"],
)
async def test_killed_after_the_end(
    tmp_path: Path, on: str, action: str, options: dict[str, Any]
) -> None:
    """What fal has made and charged for is booked once and fetched, whoever goes on with it."""
    names = ["cup", "mug"]
    draw_discs(tmp_path / "pictures", *(f"{name}.png" for name in names))
    async with open_shop(tmp_path, Latency(median_s=0.1), concurrency=40) as shop:
        shop.fal.add_fault(on, action, times=1 if action == "hang_before" else 4, options=options)
        with anyio.fail_after(PATIENCE_S):
            async with shop.generate():
                while await faults_left(shop):  # noqa: ASYNC110 - another process makes it so
                    await anyio.sleep(0.05)
            async with shop.generate() as process:
                assert await process.wait() == 0, shop.log.read_text()
        await shop.check(names)


async def test_random_kills(tmp_path: Path) -> None:
    """Twenty processes are killed at random over a job of fifty items; one more finishes it."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown where the test fails
    chance = random.Random(seed)
    names = [f"cup-{number:02}" for number in range(ITEMS)]
    draw_discs(tmp_path / "pictures", *(f"{name}.png" for name in names))
    latency = Latency(median_s=0.4, sigma=0.5)
    async with open_shop(tmp_path, latency, concurrency=5) as shop:
        for number in range(KILLS):
            with anyio.fail_after(PATIENCE_S):
                await kill_in_the_middle(shop, chance, is_first=not number)
        with anyio.fail_after(PATIENCE_S):
            async with shop.generate() as process:
                assert await process.wait() == 0, shop.log.read_text()
        await shop.check(names)


async def kill_in_the_middle(shop: Shop, chance: random.Random, *, is_first: bool) -> None:
    """Kill a process at some moment after it has begun to speak to fal, however long that takes."""
    before = _calls(shop)
    begin = shop.log.stat().st_size if shop.log.exists() else 0
    async with shop.generate() if is_first else shop.serve() as process:
        if not is_first:
            await shop.until_serving(begin)
        # Once all items are done, a server has nothing left to ask fal.
        with anyio.move_on_after(math.inf if is_first else QUIET_S):
            while _calls(shop) == before:  # noqa: ASYNC110 - another process does it
                await anyio.sleep(0.01)
        await anyio.sleep(chance.uniform(0.0, 1.2))
        assert process.returncode is None, "it was done before it could be killed"
