"""The use cases over fakes."""

from pathlib import Path
from typing import Any

import pytest

from tests.harness.rig import Rig
from tests.harness.unhurried import UNHURRIED


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Time limits run out by waiting alone."""
    return UNHURRIED


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)
