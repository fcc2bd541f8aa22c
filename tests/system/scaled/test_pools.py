"""Workers started by Celery's own command, in each pool: they make models, and give up in time."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.system.scaled.installation import END_LIMIT_S, Installation, Simulator
from tests.system.scaled.shopping import Watcher, read_job, submit

pytestmark = pytest.mark.anyio

CELERY = Path(sys.executable).with_name("celery")
PATIENCE_S = 300.0
ITEMS = 2


@pytest.fixture
def installation(tmp_path: Path, redis_url: str) -> Iterator[Installation]:
    """A web process whose items have a second each, at a provider that never ends."""
    with Simulator(tmp_path, "--held") as simulator:
        settings = {
            **simulator.environment,
            "IMAGE2MODEL_QUEUE_URL": redis_url,
            "IMAGE2MODEL_COMPUTE__WORKERS": "1",
            "IMAGE2MODEL_ITEM_SOFT_LIMIT_S": "1",
        }
        with Installation(tmp_path, settings) as installation:
            yield installation


@contextmanager
def celery_worker(installation: Installation, pool: str) -> Iterator[Path]:
    """Run a worker by Celery's command; yields where it writes."""
    command = [str(CELERY), "-A", "image2model.worker", "worker", "-Q", "network"]
    log = installation.folder / "celery.log"
    with log.open("wb") as out:
        worker = subprocess.Popen(
            [*command, "-P", pool, "-c", "2", "-l", "info"],
            env=dict(installation.environment),
            cwd=installation.folder,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield log
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(END_LIMIT_S)


@pytest.mark.parametrize("pool", ["threads", "prefork", "solo"])
async def test_time_limits_hold_in_every_pool(installation: Installation, pool: str) -> None:
    _, url = installation.add_web()
    installation.start()
    with celery_worker(installation, pool) as log:
        try:
            with anyio.fail_after(PATIENCE_S):
                async with httpx2.AsyncClient(timeout=120.0, trust_env=False) as http:
                    job_id = await submit(http, url, ITEMS)
                    await Watcher(http, url, job_id).watch()
                    job = await read_job(http, url, job_id)
        except TimeoutError:
            pytest.fail(f"{installation.logs()}\n{log.read_text()}")
    assert [item["state"] for item in job["items"]] == ["failed"] * ITEMS
    assert {item["error"]["code"] for item in job["items"]} == {"item_timed_out"}
