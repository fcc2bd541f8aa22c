"""The implementations that the contract tests run on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from image2model.ports.jobstore import JobStore
from image2model.ports.sessions import SessionStore
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import JOB_STORES, SESSION_STORES


@pytest.fixture
def store_clock() -> FakeClock:
    """The clock that the stores take their time from."""
    return FakeClock()


@pytest.fixture(params=sorted(JOB_STORES))
async def job_store(
    request: pytest.FixtureRequest, store_clock: FakeClock, tmp_path: Path
) -> AsyncIterator[JobStore]:
    """An empty job store of each kind."""
    async with JOB_STORES[request.param](store_clock, tmp_path) as store:
        yield store


@pytest.fixture(params=sorted(SESSION_STORES))
async def session_store(
    request: pytest.FixtureRequest, store_clock: FakeClock, tmp_path: Path
) -> AsyncIterator[SessionStore]:
    """An empty session store of each kind."""
    async with SESSION_STORES[request.param](store_clock, tmp_path) as store:
        yield store
