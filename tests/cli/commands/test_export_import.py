"""`image2model export` and `import`: from SQLite to PostgreSQL, and what may stand in the way."""

import json
from pathlib import Path

import anyio
import psycopg
import pytest

from image2model.backends.sql.dump import ROWS_AT_ONCE
from tests.cli.drawing import draw_discs
from tests.cli.running import Here
from tests.contracts.job_stores import (
    doubt,
    fail,
    generate,
    make_draft,
    make_job,
    open_job_store,
    refs,
    succeed,
    take,
)


@pytest.fixture
def sqlite_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the database that commands use."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    monkeypatch.setenv("IMAGE2MODEL_DATABASE_URL", url)
    return url


async def fill(url: str) -> None:
    """Make jobs in every state, more items than one batch has, and lines without a job."""
    async with open_job_store(url) as store:
        job = await store.add_job(make_job(count=5, starred=True))
        await succeed(store, refs(job)[0])
        await fail(store, refs(job)[1])
        await doubt(store, refs(job)[2])
        claim = await generate(store, refs(job)[3])
        await store.release_leases(claim.worker, [(claim.ref, claim.fence)])
        await store.add_job(make_draft(count=2))
        await store.add_job(make_job(count=ROWS_AT_ONCE + 1, idempotency_key="again"))
        gone = await store.add_job(make_job(count=1))
        await succeed(store, refs(gone)[0])
        await store.delete_job(gone.id)


def rows_of(here: Here, folder: Path) -> list[str]:
    ended = here("export", folder)
    assert ended.code == 0, ended.err
    return sorted((folder / "records.jsonl").read_text().splitlines())


def test_export_replaces_an_export_and_nothing_else(
    here: Here, sqlite_url: str, tmp_path: Path
) -> None:
    anyio.run(fill, sqlite_url)
    folder = tmp_path / "moved"
    assert rows_of(here, folder) == rows_of(here, folder)
    (folder / "records.jsonl").write_bytes(b"mine")
    ended = here("export", folder)
    assert ended.code == 2
    assert "holds a file records.jsonl that is no export" in ended.err
    assert (folder / "records.jsonl").read_bytes() == b"mine"


def test_everything_arrives(
    here: Here,
    sqlite_url: str,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What PostgreSQL exports after the import is what SQLite exported before."""
    anyio.run(fill, sqlite_url)
    made = here("keys", "create", "--name", "Büro")
    before = rows_of(here, tmp_path / "moved")
    monkeypatch.setenv("IMAGE2MODEL_DATABASE_URL", postgres_url)
    ended = here("import", tmp_path / "moved")
    assert ended.code == 0, ended.err
    assert f"{ROWS_AT_ONCE + 8} items" in ended.out
    assert [json.loads(line) for line in rows_of(here, tmp_path / "again")] == [
        json.loads(line) for line in before
    ]
    assert made.out.split("_")[1] in here("keys", "list").out
    again = here("import", tmp_path / "moved")
    assert "0 of these rows were not there yet" in again.out


def test_interrupted_import_goes_on(
    here: Here,
    sqlite_url: str,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows that went missing on the way come with the next run, and only those."""
    anyio.run(fill, sqlite_url)
    before = rows_of(here, tmp_path / "moved")
    monkeypatch.setenv("IMAGE2MODEL_DATABASE_URL", postgres_url)
    here("import", tmp_path / "moved")
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DELETE FROM items WHERE place >= 400")
    ended = here("import", tmp_path / "moved")
    # 101 items, each with its picture.
    assert "202 of these rows were not there yet" in ended.out
    assert len(rows_of(here, tmp_path / "again")) == len(before)


def test_files_are_moved(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model made before is served after, from the new place."""
    (picture,) = draw_discs(tmp_path / "pictures", "duck.png")
    assert here("generate", picture, "-o", tmp_path / "models").code == 0
    ended = here("export", tmp_path / "moved", "--files")
    assert ended.code == 0, ended.err
    (made,) = (tmp_path / "models").rglob("*.glb")
    monkeypatch.setenv("IMAGE2MODEL_DATA_DIR", str(tmp_path / "new"))
    ended = here("import", tmp_path / "moved")
    assert ended.code == 0, ended.err
    assert "files (" in ended.out
    (job,) = here("jobs", "list", "--json").json["jobs"]
    assert here("jobs", "download", job["id"], "-o", tmp_path / "fetched").code == 0
    (fetched,) = (tmp_path / "fetched").rglob("*.glb")
    assert fetched.read_bytes() == made.read_bytes()


def test_items_under_way_are_not_exported(here: Here, sqlite_url: str, tmp_path: Path) -> None:
    async def claim() -> None:
        async with open_job_store(sqlite_url) as store:
            await take(store, refs(await store.add_job(make_job(count=1)))[0])

    anyio.run(claim)
    ended = here("export", tmp_path / "moved")
    assert ended.code == 2
    assert "1 items are being worked on" in ended.err
    assert not (tmp_path / "moved" / "records.jsonl").exists()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda text: text[:0], "cannot be read"),
        (lambda text: "[1]\n" + text, "cannot be read"),
        (lambda text: text.replace('"schema":"', '"schema":"9', 1), "this version reads"),
        (lambda text: text[: text.rindex('{"end"')], "end too early"),
        (lambda text: text[: len(text) // 2], "cannot be read"),
    ],
)
def test_broken_exports_are_refused(
    here: Here, sqlite_url: str, tmp_path: Path, spoil: object, told: str
) -> None:
    """Nothing is imported of a folder that is not whole."""
    anyio.run(fill, sqlite_url)
    rows_of(here, tmp_path / "moved")
    records = tmp_path / "moved" / "records.jsonl"
    assert callable(spoil)
    records.write_text(spoil(records.read_text()))
    ended = here("import", tmp_path / "moved")
    assert ended.code == 2
    assert told in ended.err


def test_clash_is_refused(
    here: Here,
    sqlite_url: str,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An attempt of the same request that is there already is not passed over in silence."""
    anyio.run(fill, sqlite_url)
    rows_of(here, tmp_path / "moved")
    monkeypatch.setenv("IMAGE2MODEL_DATABASE_URL", postgres_url)
    here("import", tmp_path / "moved")
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE attempts SET submit_key = 'x' || submit_key")
    ended = here("import", tmp_path / "moved")
    assert ended.code == 2
    assert "'attempts'" in ended.err


def test_folder_without_records_and_redis_are_told(
    here: Here, tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "has no records.jsonl" in here("import", tmp_path).err
    monkeypatch.setenv("IMAGE2MODEL_DATABASE_URL", redis_url)
    ended = here("export", tmp_path / "moved")
    assert "only SQLite and PostgreSQL" in ended.err
