"""Scaled mode over a pool that gives each transaction any of its connections."""

from pathlib import Path

import anyio
import httpx2
import pytest

from tests.system.scaled.installation import Installation, Simulator
from tests.system.scaled.shopping import Watcher, check_results, submit

pytestmark = pytest.mark.anyio

ITEMS = 25
PATIENCE_S = 600.0


async def test_a_job_arrives_through_four_shared_connections(
    tmp_path: Path, redis_url: str, pgbouncer_url: str
) -> None:
    """Two workers and a web process together want many more connections than there are."""
    with Simulator(tmp_path, "--median-s", "0.5", "--mesh-bytes", "2000") as simulator:
        settings = {
            **simulator.environment,
            "IMAGE2MODEL_QUEUE_URL": redis_url,
            "IMAGE2MODEL_DATABASE_URL": pgbouncer_url,
            "IMAGE2MODEL_COMPUTE__WORKERS": "1",
            "IMAGE2MODEL_FAL__CONCURRENCY": "20",
        }
        with Installation(tmp_path, settings) as installation:
            for _ in range(2):
                installation.add_worker("--queue", "network", "--concurrency", "10")
            _, url = installation.add_web()
            installation.start()
            try:
                with anyio.fail_after(PATIENCE_S):
                    async with httpx2.AsyncClient(timeout=120.0, trust_env=False) as http:
                        job_id = await submit(http, url, ITEMS)
                        await Watcher(http, url, job_id).watch()
                        await check_results(http, [url], job_id)
            except BaseException:
                print(installation.logs())  # noqa: T201 - shown where the test fails
                raise
            accepted = simulator.told("ledger")["accepted_per_picture"]
            assert list(accepted.values()) == [1] * ITEMS
