"""The processes of `compose.yaml`, started by hand with its commands and its settings."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.deploy.reading import DEPLOY, documents, interpolate
from tests.harness.rig import disc_png
from tests.servers.process import free_port

START_LIMIT_S = 300.0


@pytest.fixture
def services(postgres_url: str, redis_url: str, tmp_path: Path) -> dict[str, Any]:
    """The services, with the places of this machine in place of those of the containers."""
    (compose,) = documents(DEPLOY / "compose.yaml")
    found: dict[str, Any] = interpolate(compose, {})["services"]
    port = free_port()
    for name in ("web", "worker"):
        environment = found[name]["environment"]
        database = urlsplit(environment["IMAGE2MODEL_DATABASE_URL"])
        assert database.scheme == urlsplit(postgres_url).scheme
        queue = urlsplit(environment["IMAGE2MODEL_QUEUE_URL"])
        assert queue.scheme == urlsplit(redis_url).scheme
        environment["IMAGE2MODEL_DATABASE_URL"] = postgres_url
        environment["IMAGE2MODEL_QUEUE_URL"] = redis_url
        storage = environment["IMAGE2MODEL_STORAGE_URL"]
        environment["IMAGE2MODEL_STORAGE_URL"] = storage.replace("/data", str(tmp_path / "data"))
        # In the image itself.
        environment["IMAGE2MODEL_DATA_DIR"] = str(tmp_path / "data")
    # What Compose publishes: the container's port at one of ours.
    assert found["web"]["ports"] == ["127.0.0.1:8000:8000"]
    found["web"]["environment"]["IMAGE2MODEL_SERVE__PORT"] = str(port)
    return found


@contextmanager
def running(service: Mapping[str, Any], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "image2model", *service["command"]],
            env=kept | service["environment"],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(START_LIMIT_S)
            finally:
                process.kill()
                process.wait()


def image2model(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "image2model", *arguments],
        cwd=cwd,
        env={**os.environ, "IMAGE2MODEL_DATA_DIR": str(cwd / "own")},
        capture_output=True,
        text=True,
        check=False,
        timeout=START_LIMIT_S,
    )


def test_pictures_become_models(services: dict[str, Any], tmp_path: Path) -> None:
    """Sent to the web process, computed by the worker, and ended by SIGTERM as Compose does."""
    (tmp_path / "mug.png").write_bytes(disc_png("mug"))
    with ExitStack() as stack:
        logs = {name: tmp_path / f"{name}.log" for name in ("web", "worker")}
        processes = {
            name: stack.enter_context(running(services[name], log)) for name, log in logs.items()
        }
        url = wait_for_url(logs["web"], processes["web"])
        made = image2model(
            "generate", "mug.png", "-o", "out", "--server", url, "--generator", "local/puff",
            cwd=tmp_path,
        )  # fmt: skip
        told = {name: log.read_text() for name, log in logs.items()}
        assert made.returncode == 0, (made.stderr, told)
        assert (tmp_path / "out" / "mug.glb").read_bytes().startswith(b"glTF")
        listed = image2model("jobs", "list", "--server", url, "--json", cwd=tmp_path)
        assert json.loads(listed.stdout)["jobs"][0]["counts"]["succeeded"] == 1
    assert {process.returncode for process in processes.values()} <= {0, 128 + signal.SIGTERM}


def wait_for_url(log: Path, process: subprocess.Popen[bytes]) -> str:
    while process.poll() is None:
        if found := re.search(r"ready at http://0\.0\.0\.0:(\d+)", log.read_text()):
            return f"http://127.0.0.1:{found[1]}"
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(log.read_text())
