"""The page about scaled mode, followed line by line."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.system.scaled.installation import Installation

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "scale.md"


def blocks(language: str) -> list[str]:
    """Read the code blocks of the page in *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def settings_of(block: str) -> dict[str, str]:
    lines = (line.removeprefix("export ").partition("=") for line in block.splitlines())
    return {name: value for name, _, value in lines}


def run(installation: Installation, line: str) -> str:
    """Run a line of the page to its end; returns what it says."""
    name, *arguments = line.split()
    assert name == "image2model"
    return installation.run(*arguments)


def test_two_workers_line_by_line(
    new_postgres: Callable[..., PostgresServer],
    new_redis: Callable[..., RedisServer],
    tmp_path: Path,
) -> None:
    """All commands of the page work as they stand, and a killed worker loses nothing."""
    written, processes, doctor, generate, _ = blocks("sh")
    with new_postgres() as postgres, new_redis() as redis:
        here = {
            "IMAGE2MODEL_DATABASE_URL": postgres.make_database(),
            "IMAGE2MODEL_QUEUE_URL": redis.url(),
            "IMAGE2MODEL_DATA_DIR": str(tmp_path / "data"),
        }
        assert settings_of(written).keys() == here.keys()
        (tmp_path / "examples").symlink_to(ROOT / "examples")
        more = {"IMAGE2MODEL_COMPUTE__WORKERS": "1"}
        with Installation(tmp_path, {**here, **more}) as installation:
            migrate, *lines = processes.splitlines()
            run(installation, migrate)
            for line in lines:
                installation.add(*line.split()[1:])
            installation.start()
            for worker in installation.programs[:2]:
                assert worker.log.read_text().count(" is ready") == 2
            told = run(installation, doctor.strip())
            assert re.search(r"queue network.*2 processes work", told), told
            assert re.search(r"queue cpu.*2 processes work", told), told
            installation.programs[0].kill()
            told = run(installation, generate.strip())
            assert len(list((tmp_path / "models").glob("*.glb"))) == len(
                list((ROOT / "examples" / "pictures").glob("*.*"))
            ), told
