"""The simulator and the clients that ask it, on one loop."""

from typing import Any

import pytest

from tests.harness.unhurried import UNHURRIED


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Time limits run out by waiting alone."""
    return UNHURRIED
