"""One item of one owner behind many of another, over several worker processes."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.system.scaled.installation import Installation, Simulator
from tests.system.scaled.shopping import Watcher, read_job, submit

pytestmark = pytest.mark.anyio

PATIENCE_S = 300.0
JOBS, ITEMS = 4, 20
WORKERS, PLACES, RUNS = 2, 2, 4


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(tmp_path, "--median-s", "0.5", "--mesh-bytes", "2000") as simulator:
        yield simulator


@pytest.fixture
def installation(
    tmp_path: Path, redis_url: str, postgres_url: str, simulator: Simulator
) -> Iterator[Installation]:
    settings = {
        **simulator.environment,
        "IMAGE2MODEL_QUEUE_URL": redis_url,
        "IMAGE2MODEL_DATABASE_URL": postgres_url,
        "IMAGE2MODEL_COMPUTE__WORKERS": "1",
        "IMAGE2MODEL_FAL__CONCURRENCY": str(PLACES),
    }
    with Installation(tmp_path, settings) as installation:
        for _ in range(WORKERS):
            installation.add_worker("--queue", "network", "--concurrency", str(RUNS))
        yield installation


async def test_one_item_is_made_before_the_eighty_of_another_owner(
    installation: Installation, simulator: Simulator
) -> None:
    """Its message is the last in the line, and every run of every worker is the other owner's."""
    _, url = installation.add_web()
    installation.start()
    try:
        with anyio.fail_after(PATIENCE_S):
            async with (
                httpx2.AsyncClient(timeout=120.0, trust_env=False) as anna,
                httpx2.AsyncClient(timeout=120.0, trust_env=False) as ben,
            ):
                for _ in range(JOBS):
                    await submit(anna, url, ITEMS)
                while len(simulator.told("ledger")["submits"]) < WORKERS * PLACES:  # noqa: ASYNC110
                    await anyio.sleep(0.05)
                only = await submit(ben, url, 1, name="only")
                before = len(simulator.told("ledger")["submits"])
                await Watcher(ben, url, only).watch()
                after = len(simulator.told("ledger")["submits"])
                assert (await read_job(ben, url, only))["counts"]["succeeded"] == 1
    except BaseException:
        print(installation.logs())  # noqa: T201 - shown where the test fails
        raise
    # A run ends, another place comes free, and it is made: three rounds, and one to be heard of.
    assert after - before <= 4 * WORKERS * PLACES
