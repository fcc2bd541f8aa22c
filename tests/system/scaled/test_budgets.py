"""Budgets over several processes that all submit at once: never over, and used up."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.servers.redis import RedisServer
from tests.system.scaled.installation import Installation, Simulator
from tests.system.scaled.shopping import Watcher, read_job, submit

pytestmark = pytest.mark.anyio

PATIENCE_S = 300.0
ITEMS = 25
PRICE_USD = Decimal("0.30")
"""What an item costs with the options that nobody has chosen."""

DAY_ITEMS, JOB_ITEMS = 20, 5


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
    """A provider that is done as soon as it is asked, so that all submissions meet."""
    with Simulator(tmp_path, "--median-s", "0.01", "--mesh-bytes", "2000") as simulator:
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
        "IMAGE2MODEL_FAL__CONCURRENCY": "20",
        "IMAGE2MODEL_BUDGET__DAY_USD": str(DAY_ITEMS * PRICE_USD),
    }
    with Installation(tmp_path, settings) as installation:
        for _ in range(2):
            # So few that one of them cannot take all of what waits.
            installation.add_worker("--queue", "network", "--concurrency", "10")
        yield installation


async def test_budgets_hold_over_two_workers(
    installation: Installation, simulator: Simulator
) -> None:
    """One job of two has a budget of its own; both want more than the day's."""
    _, url = installation.add_web()
    installation.start()
    try:
        with anyio.fail_after(PATIENCE_S):
            async with httpx2.AsyncClient(timeout=120.0, trust_env=False) as http:
                own = {"budget_usd": str(JOB_ITEMS * PRICE_USD)}
                ids = [await submit(http, url, ITEMS, **own), await submit(http, url, ITEMS)]
                async with anyio.create_task_group() as group:
                    for job_id in ids:
                        group.start_soon(Watcher(http, url, job_id).watch)
                small, large = [await read_job(http, url, job_id) for job_id in ids]
    except BaseException:
        print(installation.logs())  # noqa: T201 - shown where the test fails
        raise
    made = [item for job in (small, large) for item in job["items"] if item["result"]]
    refused = [item for job in (small, large) for item in job["items"] if not item["result"]]
    accepted = simulator.told("ledger")["accepted_per_picture"]
    assert len(made) == len(accepted) == DAY_ITEMS
    assert {item["error"]["code"] for item in refused} == {"budget_exceeded"}
    assert sum(item["result"] is not None for item in small["items"]) <= JOB_ITEMS
    booked = [Decimal(str(job["cost"]["booked_usd"])) for job in (small, large)]
    assert sum(booked) == DAY_ITEMS * PRICE_USD
