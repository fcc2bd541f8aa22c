"""The API over fakes, asked without a network."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from image2model.api.app import create_api
from tests.api.asking import ask
from tests.harness.rig import Rig
from tests.harness.unhurried import UNHURRIED


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Time limits run out by waiting alone."""
    return UNHURRIED


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser without a session yet; like any other it keeps the cookies it is given."""
    async with ask(create_api(rig.context)) as client:
        yield client
