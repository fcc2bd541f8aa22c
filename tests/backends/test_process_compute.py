"""Processes that compute: how much they step back for others."""

import os

import pytest

from image2model.backends.inprocess.compute import ProcessCompute

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("niceness", [0, 3])
async def test_processes_step_back_as_told(niceness: int) -> None:
    """The scheduler prefers whatever somebody waits for."""
    compute = ProcessCompute(workers=1, niceness=niceness)
    try:
        there = await compute.run(30.0, os.getpriority, os.PRIO_PROCESS, 0)
    finally:
        await compute.aclose()
    assert there == min(19, os.getpriority(os.PRIO_PROCESS, 0) + niceness)
