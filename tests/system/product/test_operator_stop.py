"""The operator's stop, from another process than the one that makes models."""

import json
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.system.scaled.installation import Installation, Simulator
from tests.system.scaled.shopping import Watcher, read_job, submit

pytestmark = pytest.mark.anyio

PATIENCE_S = 300.0
ITEMS = 3


async def test_nothing_is_sent_after_the_command_has_ended(tmp_path: Path) -> None:
    """What waits stays; after `go` each is made, and none is paid for twice."""
    with Simulator(tmp_path, "--median-s", "600", "--mesh-bytes", "2000") as simulator:
        settings = {**simulator.environment, "IMAGE2MODEL_FAL__CONCURRENCY": "1"}
        with Installation(tmp_path, settings) as installation, anyio.fail_after(PATIENCE_S):
            _, url = installation.add_web()
            installation.start()
            async with httpx2.AsyncClient(timeout=120.0, trust_env=False) as http:
                job = await submit(http, url, ITEMS)
                while not simulator.told("ledger")["submits"]:  # noqa: ASYNC110 - it knows
                    await anyio.sleep(0.02)
                told = json.loads(installation.run("admin", "stop", "--reason", "stop", "--json"))
                assert told["reason"] == "stop"
                (first,) = simulator.told("requests")
                # Its place at the provider comes free, which the others wait for.
                simulator.order("latency", median_s=0.1)
                simulator.order(f"requests/{first['request_id']}/finish")
                while not (await read_job(http, url, job))["counts"]["succeeded"]:  # noqa: ASYNC110 - it knows
                    await anyio.sleep(0.05)
                await anyio.sleep(1.0)
                assert len(simulator.told("ledger")["submits"]) == 1
                assert (await read_job(http, url, job))["counts"]["queued"] == ITEMS - 1
                installation.run("admin", "go")
                await Watcher(http, url, job).watch()
                assert (await read_job(http, url, job))["counts"]["succeeded"] == ITEMS
                assert len(simulator.told("ledger")["submits"]) == ITEMS
