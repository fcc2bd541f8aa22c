"""What was backed up can be brought back, with a real PostgreSQL."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.deploy.reading import DEPLOY
from tests.harness.patience import PATIENCE_S
from tests.servers.postgres import PROGRAMS


@pytest.fixture
def environment(postgres_url: str, tmp_path: Path) -> Mapping[str, str]:
    """What the scripts need, over an empty database."""
    url = urlsplit(postgres_url)
    (tmp_path / "backups").mkdir()
    (tmp_path / "artifacts" / "ab").mkdir(parents=True)
    return {
        "PATH": f"{PROGRAMS.resolve()}:{os.environ['PATH']}",
        "PGHOST": str(url.hostname),
        "PGPORT": str(url.port),
        "PGUSER": str(url.username),
        "PGDATABASE": url.path.removeprefix("/"),
        "BACKUP_FOLDER": str(tmp_path / "backups"),
        "ARTIFACTS_FOLDER": str(tmp_path / "artifacts"),
    }


def run(
    script: str, argument: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(DEPLOY / script), argument],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_backup_brings_back_records_and_files(
    environment: Mapping[str, str], postgres_url: str, tmp_path: Path
) -> None:
    model = tmp_path / "artifacts" / "ab" / "abcdef"
    model.write_bytes(b"glTF")
    with psycopg.connect(postgres_url, autocommit=True) as database:
        database.execute("CREATE TABLE jobs AS SELECT 'a job' AS name")
    done = run("backup.sh", "once", environment)
    assert done.returncode == 0, done.stderr
    (dump,) = (tmp_path / "backups").glob("*.dump")
    assert dump.with_suffix(".tar").is_file()
    with psycopg.connect(postgres_url, autocommit=True) as database:
        database.execute("UPDATE jobs SET name = 'overwritten'")
    shutil.rmtree(tmp_path / "artifacts")
    restored = run("restore.sh", str(dump), environment)
    assert restored.returncode == 0, restored.stderr
    with psycopg.connect(postgres_url) as database:
        assert database.execute("SELECT name FROM jobs").fetchall() == [("a job",)]
    assert model.read_bytes() == b"glTF"


def test_failed_backup_is_no_backup(environment: Mapping[str, str], tmp_path: Path) -> None:
    wrong = {**environment, "PGDATABASE": "nobody-made-this"}
    done = run("backup.sh", "once", wrong)
    assert done.returncode != 0
    assert list((tmp_path / "backups").glob("*.dump")) == []


def test_old_backups_go(environment: Mapping[str, str], tmp_path: Path) -> None:
    old, young = (tmp_path / "backups" / f"{name}.dump" for name in ("old", "young"))
    for path, days in ((old, 20), (young, 3)):
        path.touch()
        then_s = path.stat().st_mtime - days * 86_400
        os.utime(path, (then_s, then_s))
    assert run("backup.sh", "once", environment).returncode == 0
    assert not old.exists()
    assert young.exists()


def test_restoring_what_is_not_there_changes_nothing(environment: Mapping[str, str]) -> None:
    told = run("restore.sh", "/nowhere/at-all.dump", environment)
    assert told.returncode == 2
    assert "there is no backup" in told.stderr
