"""The implementations that the contract tests run on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from image2model.ports.jobstore import JobStore
from image2model.ports.sessions import SessionStore
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import KINDS, open_job_store, open_session_store


@pytest.fixture
def store_clock() -> FakeClock:
    """The clock that the stores take their time from."""
    return FakeClock()


@pytest.fixture(params=KINDS)
def any_store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store of each kind."""
    return url_of(request.param, request)


@pytest.fixture(params=[kind for kind in KINDS if kind != "memory"])
def shared_store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store of each kind that processes can share."""
    return url_of(request.param, request)


@pytest.fixture
async def job_store(any_store_url: str, store_clock: FakeClock) -> AsyncIterator[JobStore]:
    """An empty job store of each kind."""
    async with open_job_store(any_store_url, clock=store_clock) as store:
        yield store


@pytest.fixture
async def session_store(any_store_url: str, store_clock: FakeClock) -> AsyncIterator[SessionStore]:
    """An empty session store of each kind."""
    async with open_session_store(any_store_url, clock=store_clock) as store:
        yield store


def url_of(kind: str, request: pytest.FixtureRequest) -> str:
    """Name an empty store of *kind*."""
    match kind:
        case "memory":
            return "memory:"
        case "sqlite":
            folder: Path = request.getfixturevalue("tmp_path")
            return f"sqlite:///{folder / 'jobs.db'}"
        case _:
            url: str = request.getfixturevalue(f"{kind.removesuffix('ql')}_url")
            return url
