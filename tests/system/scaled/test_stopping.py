"""Stopping a job whose items wait for a place in several worker processes."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.servers.redis import RedisServer
from tests.system.scaled.installation import Installation, Simulator
from tests.system.scaled.shopping import Watcher, read_job, submit

pytestmark = pytest.mark.anyio

PATIENCE_S = 300.0
ITEMS, OTHERS = 20, 5


@pytest.fixture(params=["postgresql", "redis"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store that is no queue too."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
        return url
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url(1)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(tmp_path, "--median-s", "1.0", "--mesh-bytes", "2000") as simulator:
        yield simulator


@pytest.fixture
def installation(
    tmp_path: Path, redis_url: str, database_url: str, simulator: Simulator
) -> Iterator[Installation]:
    settings = {
        **simulator.environment,
        "IMAGE2MODEL_QUEUE_URL": redis_url,
        "IMAGE2MODEL_DATABASE_URL": database_url,
        "IMAGE2MODEL_COMPUTE__WORKERS": "1",
        "IMAGE2MODEL_FAL__CONCURRENCY": "2",
    }
    with Installation(tmp_path, settings) as installation:
        for _ in range(2):
            installation.add_worker("--queue", "network", "--concurrency", "10")
        yield installation


async def test_nothing_is_submitted_after_the_answer(
    installation: Installation, simulator: Simulator
) -> None:
    """Places that come free in any process go to other jobs; a resumed job goes on."""
    _, url = installation.add_web()
    installation.start()
    try:
        with anyio.fail_after(PATIENCE_S):
            async with httpx2.AsyncClient(timeout=120.0, trust_env=False) as http:
                many = await submit(http, url, ITEMS)
                while not simulator.told("ledger")["submits"]:  # noqa: ASYNC110 - it knows
                    await anyio.sleep(0.05)
                reply = await http.post(f"{url}/api/v1/jobs/{many}/pause")
                sent = len(simulator.told("ledger")["submits"])
                assert reply.json()["state"] == "paused"
                others = await submit(http, url, OTHERS)
                await Watcher(http, url, others).watch()
                assert (await read_job(http, url, others))["counts"]["succeeded"] == OTHERS
                assert len(simulator.told("ledger")["submits"]) == sent + OTHERS
                assert (await read_job(http, url, many))["counts"]["queued"] == ITEMS - sent
                await http.post(f"{url}/api/v1/jobs/{many}/resume")
                await Watcher(http, url, many).watch()
                assert (await read_job(http, url, many))["counts"]["succeeded"] == ITEMS
    except BaseException:
        print(installation.logs())  # noqa: T201 - shown where the test fails
        raise
    assert set(simulator.told("ledger")["accepted_per_picture"].values()) == {1}
