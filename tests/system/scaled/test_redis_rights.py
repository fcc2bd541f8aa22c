"""Scaled mode as a Redis user with few rights: those that the documentation lists are enough."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.drawing import disc_png
from tests.servers.redis import RedisServer
from tests.system.scaled.installation import Installation, Program

PAGE = Path(__file__).parents[3] / "docs/how-to/scale.md"


def documented_rights() -> list[str]:
    """Read the rights from the page that an operator copies them from."""
    found = re.search(r"ACL SETUSER image2model on >PASSWORD (.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1].split()


@pytest.fixture
def server(new_redis: Callable[..., RedisServer]) -> Iterator[RedisServer]:
    with new_redis(keeps=True) as server:
        yield server


def settings_of(server: RedisServer, *rights: str) -> dict[str, str]:
    """Make a user with *rights* and nothing else; return the settings that name it."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">secret", *rights)
    base = f"redis://limited:secret@127.0.0.1:{server.port}"
    return {
        "IMAGE2MODEL_QUEUE_URL": f"{base}/0",
        "IMAGE2MODEL_DATABASE_URL": f"{base}/1",
        "IMAGE2MODEL_COMPUTE__WORKERS": "1",
    }


def test_the_documented_rights_are_enough(tmp_path: Path, server: RedisServer) -> None:
    (tmp_path / "cup.png").write_bytes(disc_png(3))
    settings = settings_of(server, *documented_rights())
    with Installation(tmp_path, settings) as installation:
        installation.add_worker()
        _, url = installation.add_web()
        installation.start()
        arguments = ["--server", url, "-o", "models", "--generator", "local/puff"]
        installation.run("generate", "cup.png", *arguments)
        assert (tmp_path / "models/cup.glb").is_file()
        findings = json.loads(installation.run("doctor", "--json"))["findings"]
    by_part = {one["what"]: one for one in findings}
    assert by_part["queue"]["level"] == by_part["database"]["level"] == "ok"
    assert by_part["queue cpu"]["found"].startswith("1 processes work")
    assert not [one for one in findings if "INFO" in one["found"]]
    with server.client() as client:
        assert client.execute_command("ACL", "LOG") == []


@pytest.mark.parametrize(
    ("missing", "setting"),
    [
        ("~network", "IMAGE2MODEL_QUEUE_URL"),
        ("~unacked*", "IMAGE2MODEL_QUEUE_URL"),
        ("~*.celery.pidbox", "IMAGE2MODEL_QUEUE_URL"),
        ("&image2model:changes", "IMAGE2MODEL_QUEUE_URL"),
        ("&/0.celery.pidbox", "IMAGE2MODEL_QUEUE_URL"),
        ("~{image2model}:*", "IMAGE2MODEL_DATABASE_URL"),
    ],
)
def test_a_missing_right_is_named(
    tmp_path: Path, server: RedisServer, missing: str, setting: str
) -> None:
    """`doctor` and a worker say what to grant, and do not fail deep inside."""
    rights = [right for right in documented_rights() if right != missing]
    assert len(rights) == len(documented_rights()) - 1
    settings = settings_of(server, *rights)
    with Installation(tmp_path, settings) as installation:
        expected = f"{setting}: names the Redis user 'limited', who lacks rights. Grant them there:"
        worker = installation.add_worker("--queue", "cpu")
        worker.start()
        if setting == "IMAGE2MODEL_QUEUE_URL":
            assert worker.until_ended() == 10
            assert f"{expected} ACL SETUSER limited {missing}" in worker.log.read_text()
        doctor = Program(["doctor"], environment=installation.environment, log=tmp_path / "doctor")
        doctor.start()
        assert doctor.until_ended() != 0
        assert f"{expected} ACL SETUSER limited {missing}" in doctor.log.read_text()


def test_commands_are_named_too(tmp_path: Path, server: RedisServer) -> None:
    settings = settings_of(server, *documented_rights(), "-brpop", "-script", "-info")
    with Installation(tmp_path, settings) as installation:
        worker = installation.add_worker("--queue", "cpu")
        worker.start()
        assert worker.until_ended() == 10
        assert "ACL SETUSER limited +brpop +script" in worker.log.read_text()
