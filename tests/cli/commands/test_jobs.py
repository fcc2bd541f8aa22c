"""Jobs are found, shown and changed."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.cli.drawing import draw_discs
from tests.cli.running import Here, names_in


@pytest.fixture
def job(here: Here, tmp_path: Path) -> str:
    """A finished job of two pictures, one of which failed."""
    draw_discs(tmp_path / "pictures", "mug.png")
    (tmp_path / "pictures" / "text.png").write_text("no picture")
    made = here("generate", "pictures", "-o", "out", "--name", "Kitchen", "--json")
    found: str = made.json["id"]
    return found


def test_list_shows_the_newest_first(here: Here, job: str) -> None:
    newer = here("generate", "pictures/mug.png", "-o", "out", "--force", "--json").json["id"]
    listed = here("jobs", "list", "--json").json["jobs"]
    assert [one["id"] for one in listed] == [newer, job]
    assert [
        one["id"] for one in here("jobs", "list", "--name", "kitch", "--json").json["jobs"]
    ] == [job]
    assert here("jobs", "list", "--state", "paused").out == "No jobs.\n"
    table = here("jobs", "list").out
    assert job[:8] in table
    assert "Kitchen" in table
    assert "1/2" in table


def test_show_tells_why_an_item_failed(here: Here, job: str) -> None:
    told = here("jobs", "show", job).out
    assert "State: finished; 1 of 2 made, 1 failed" in told
    assert "This file is not a picture" in told


def test_job_is_found_by_the_beginning_of_its_id_or_as_the_last(here: Here, job: str) -> None:
    assert here("jobs", "show", job[:5].upper(), "--json").json["id"] == job
    assert here("jobs", "show", "last", "--json").json["id"] == job


@pytest.mark.parametrize("text", ["zzz", "0" * 32])
def test_unknown_job_is_not_found(here: Here, job: str, text: str) -> None:
    ended = here("jobs", "show", text)
    assert ended.code == 3
    assert f"There is no job {text} here." in ended.err


def test_beginning_that_fits_several_jobs_is_refused(here: Here, job: str) -> None:
    here("generate", "pictures/mug.png", "-o", "out", "--force")
    ended = here("jobs", "show", "")
    assert ended.code == 2
    assert "fits several jobs" in ended.err


def test_save_writes_what_was_made(here: Here, job: str, tmp_path: Path) -> None:
    ended = here(
        "jobs", "download", job, "-o", "saved", "-f", "stl", "--name-template", "{name}.{ext}"
    )
    assert ended.code == 1, "one item has failed"
    assert names_in(tmp_path / "saved") == ["mug.preview.webp", "mug.stl"]


def test_downloads_replace_no_file_of_the_user(here: Here, job: str, tmp_path: Path) -> None:
    """Of folders, of ZIP files, again and again."""
    for name in ("mug.stl", "all.zip"):
        (tmp_path / name).write_bytes(b"mine")
    for height in ("5", "6"):
        here("jobs", "download", job, "-o", tmp_path, "-f", "stl", "--height-mm", height)
        ended = here("jobs", "download", job, "-o", tmp_path / "all.zip", "--height-mm", height)
        assert "all.zip was there already and is kept; this one is all-2.zip" in ended.err
        assert f"The archive is {tmp_path / 'all-2.zip'}" in ended.out
    files = {name for name in names_in(tmp_path) if name.startswith(("mug", "all"))}
    assert files == {"mug.stl", "mug-2.stl", "mug.preview.webp", "all.zip", "all-2.zip"}
    assert (tmp_path / "mug.stl").read_bytes() == b"mine"
    assert (tmp_path / "all.zip").read_bytes() == b"mine"
    assert zipfile.is_zipfile(tmp_path / "all-2.zip")
    ended = here("jobs", "download", job, "-o", tmp_path, "-f", "stl", "--overwrite")
    assert (tmp_path / "mug.stl").read_bytes() != b"mine"


def test_cancelling_what_is_over_changes_nothing(here: Here, job: str) -> None:
    assert here("jobs", "cancel", job, "--json").json["counts"]["succeeded"] == 1


def test_pausing_what_is_over_is_refused(here: Here, job: str) -> None:
    ended = here("jobs", "pause", job)
    assert ended.code == 4
    assert "is finished" in ended.err


@pytest.mark.usefixtures("plugin")
def test_retry_makes_failed_items_again_and_waits(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_discs(tmp_path / "pictures", "mug.png")
    monkeypatch.setenv("SCRIPTED_FAULTS", "faults.json")
    (tmp_path / "faults.json").write_text(json.dumps({"mug": "rejected"}))
    assert here("generate", "pictures", "-o", "out", "-g", "scripted/cube").code == 1
    (tmp_path / "faults.json").write_text("{}")
    again = here("jobs", "retry", "last", "--json").json
    assert again["counts"]["succeeded"] == 1


def test_delete_asks_first(here: Here, job: str) -> None:
    assert here("jobs", "delete", job, answer="n\n").code == 1
    assert here("jobs", "show", job).code == 0
    assert here("jobs", "delete", job, "--yes").out == f"Deleted Kitchen ({job[:8]}).\n"
    assert here("jobs", "show", job).code == 3


def test_job_is_downloaded_as_an_archive_and_verified(here: Here, job: str) -> None:
    """One item failed, which the exit code says; the archive is whole all the same."""
    archive = Path("all.zip").absolute()
    wanted = ("-f", "glb,stl", "--name-template", "{ext}/{name}.{ext}", "--pictures")
    ended = here("jobs", "download", job, "-o", archive, *wanted)
    assert (ended.code, str(archive) in ended.out) == (1, True)
    with zipfile.ZipFile(archive) as files:
        assert set(files.namelist()) == {
            "glb/mug.glb",
            "stl/mug.stl",
            "preview/mug.preview.webp",
            "picture/mug.front.png",
            "manifest.csv",
            "manifest.json",
        }
    checked = here("verify", archive)
    assert (checked.code, checked.out.startswith("6 files, ")) == (0, True)
    archive.write_bytes(archive.read_bytes()[:-9])
    checked = here("verify", archive, "--json")
    assert (checked.code, checked.json["ok"]) == (1, False)
    assert "download it again" in checked.json["faults"][0]["reason"]
