"""The command line in this process and in processes of its own, each test with its own data."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Here, Script

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no settings but a data folder of the test's own."""
    for name in os.environ:
        if name.startswith(("IMAGE2MODEL_", "FAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IMAGE2MODEL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("IMAGE2MODEL_COMPUTE__WORKERS", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def here() -> Iterator[Here]:
    """The command line within this process: quick, and as good where no signal is involved."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Here()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def script() -> Iterator[Script]:
    """The installed console script; whatever still runs at the end is killed."""
    with Script() as started:
        yield started


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the plug-in whose generator `scripted/cube` costs $0.20."""
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
