"""What `image2model doctor` says of a scaled installation that is only half set up."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.scaled.installation import Installation, Simulator


@pytest.fixture
def installation(tmp_path: Path, redis_url: str) -> Iterator[Installation]:
    """Two workers of one queue over a SQLite file, and a key of fal's."""
    with Simulator(tmp_path) as simulator:
        settings = {
            **simulator.environment,
            "IMAGE2MODEL_QUEUE_URL": redis_url,
            "IMAGE2MODEL_COMPUTE__WORKERS": "1",
            "IMAGE2MODEL_FAL__CONCURRENCY": "7",
        }
        with Installation(tmp_path, settings) as installation:
            for _ in range(2):
                installation.add_worker("--queue", "network")
            installation.start()
            yield installation


def test_half_an_installation_is_explained(installation: Installation) -> None:
    """Nothing has failed, so it exits with 0; each warning says what to do."""
    said = installation.run("doctor", "--json")
    findings = json.loads(said)["findings"]
    by_part = {one["what"]: one for one in findings}
    assert by_part["queue"]["level"] == by_part["queue network"]["level"] == "ok"
    assert by_part["queue network"]["found"].startswith("2 processes work")
    assert by_part["queue cpu"]["level"] == "warning"
    assert by_part["queue cpu"]["advice"] == "Start one: image2model worker --queue cpu"
    databases = [one for one in findings if one["what"] == "database"]
    assert [one["level"] for one in databases] == ["ok", "warning"]
    assert "PostgreSQL" in databases[1]["advice"]
    shared = by_part["fal.ai"]
    assert shared["found"] == "2 processes send requests, up to 14 at once together"
    assert "IMAGE2MODEL_FAL__CONCURRENCY" in shared["advice"]
