"""A real server for the SDK, and pictures to send."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from image2model.client.client import Client
from tests.cli.drawing import draw_discs
from tests.cli.running import Running

PLUGIN = Path(__file__).parents[1] / "cli" / "plugin"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where `image2model serve` answers; it has the generator `scripted/cube`, too."""
    environment = {
        "PATH": os.environ["PATH"],
        "IMAGE2MODEL_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "IMAGE2MODEL_COMPUTE__WORKERS": "1",
        "PYTHONPATH": str(PLUGIN),
    }
    run = Running(["serve", "--port", "0"], environment)
    line = run.first_output()
    try:
        yield line.split()[4]
    finally:
        run.process.send_signal(signal.SIGTERM)
        assert run.wait().code == 0


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """A client with a session of its own."""
    with Client(url) as connected:
        yield connected


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Three pictures."""
    return draw_discs(tmp_path / "pictures", "cup.png", "mug.png", "pot.png")
