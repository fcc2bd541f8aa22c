"""`image2model migrate`, and the product over PostgreSQL and over Redis."""

from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from image2model.backends.sql.tables import metadata
from tests.cli.drawing import draw_discs
from tests.cli.running import Here


@pytest.fixture
def here_on_postgres(here: Here, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Here:
    """A place whose jobs are in PostgreSQL."""
    secret = postgres_url.replace("postgres@", "postgres:open-sesame@")
    monkeypatch.setenv("IMAGE2MODEL_DATABASE_URL", secret)
    return here


def test_migrate_makes_tables_and_may_be_repeated(
    here_on_postgres: Here, postgres_url: str
) -> None:
    for _ in range(2):
        ended = here_on_postgres("migrate")
        assert ended.code == 0
        assert ended.out.endswith("is up to date.\n")
        assert "open-sesame" not in ended.out
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert {name for (name,) in found} == {*metadata.tables, "alembic_version"}


def test_product_works_over_postgres(here_on_postgres: Here, tmp_path: Path) -> None:
    """Jobs made by one command are found by the next; doctor says where they are."""
    (picture,) = draw_discs(tmp_path / "pictures", "duck.png")
    made = here_on_postgres("generate", picture, "-o", tmp_path / "models")
    assert made.code == 0, made.err
    assert len(here_on_postgres("jobs", "list", "--json").json["jobs"]) == 1
    ended = here_on_postgres("doctor")
    assert "postgresql://127.0.0.1" in ended.out
    assert "open-sesame" not in ended.out + ended.err


def test_product_works_over_redis(
    here: Here, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs made by one command are found by the next; they end; doctor says what may go."""
    monkeypatch.setenv("IMAGE2MODEL_DATABASE_URL", redis_url)
    assert here("migrate").code == 0
    (picture,) = draw_discs(tmp_path / "pictures", "duck.png")
    made = here("generate", picture, "-o", tmp_path / "models")
    assert made.code == 0, made.err
    (job,) = here("jobs", "list", "--json").json["jobs"]
    finished_at, expires_at = (
        datetime.fromisoformat(job[name]) for name in ("finished_at", "expires_at")
    )
    assert expires_at - finished_at == timedelta(days=1)
    told = {one["found"]: one["level"] for one in here("doctor", "--json").json["findings"]}
    (lost,) = (text for text in told if "append-only" in text)
    assert told[lost] == "warning"
