"""Pictures become files in a folder, and the same command again makes nothing twice."""

import json
import re
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from image2model.geometry.formats.reading import read_model
from image2model.geometry.gltf.reader import read_glb
from image2model.wire.jobs import JobOut
from tests.cli.drawing import draw_discs
from tests.cli.running import Here, names_in


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path) -> list[Path]:
    return draw_discs(tmp_path / "pictures", "cup2.png", "cup10.png", "mug.png")


def attempts_of(job: Any) -> list[int]:
    return [len(item["attempts"]) for item in job["items"]]


def test_models_and_previews_come_whole_and_as_the_job_says(here: Here, tmp_path: Path) -> None:
    ended = here("generate", "pictures", "-o", "out", "--json", "--name-template", "{name}.{ext}")
    assert ended.code == 0
    job = ended.json
    assert [item["name"] for item in job["items"]] == ["cup2", "cup10", "mug"]
    for item in job["items"]:
        for file in item["result"]["files"]:
            ending = {"mesh": "glb", "preview": "preview.webp"}[file["role"]]
            content = (tmp_path / "out" / f"{item['name']}.{ending}").read_bytes()
            assert sha256(content).hexdigest() == file["sha256"]
    assert len(names_in(tmp_path / "out")) == 6
    assert read_glb((tmp_path / "out" / "mug.glb").read_bytes())


def test_progress_is_told_line_by_line_where_there_is_no_terminal(here: Here) -> None:
    ended = here("generate", "pictures", "-o", "out")
    lines = ended.err.splitlines()
    assert [line.split()[0] for line in lines] == ["[1/3]", "[2/3]", "[3/3]"]
    assert sum("made mug.glb, mug.preview.webp" in line for line in lines)
    assert "Made 3 of 3 in " in ended.out


def test_what_may_go_wrong_with_a_picture_is_said_before_and_after(
    here: Here, tmp_path: Path
) -> None:
    image = Image.new("RGB", (300, 100), "white")
    for left in (10, 110, 210):
        ImageDraw.Draw(image).ellipse((left, 10, left + 80, 90), fill=(170, 40, 30))
    image.save(tmp_path / "sheet.png")
    planned = here("generate", "sheet.png", "pictures/mug.png", "--dry-run")
    assert "sheet.png: there seem to be 3 objects in this picture" in planned.out
    assert "mug.png: there" not in planned.out
    ended = here("generate", "sheet.png", "-o", "out", "--generator", "local/puff")
    assert "sheet: there seem to be 3 objects in this picture" in ended.out
    assert "sheet: it consists of 3 loose bodies" in ended.out
    assert ended.out.count("there seem to be") == 1


def test_json_is_that_of_the_api(here: Here) -> None:
    made = here("generate", "pictures", "-o", "out", "--json").json
    assert JobOut.model_validate(made).model_dump(mode="json") == made
    assert here("jobs", "show", "last", "--json").json == made


def test_other_formats_are_converted(here: Here, tmp_path: Path) -> None:
    ended = here("generate", "pictures/mug.png", "-o", "out", "--format", "stl, GLB,stl")
    assert ended.code == 0
    assert names_in(tmp_path / "out") == [
        "mug.glb",
        "mug.preview.webp",
        "mug.stl",
    ]
    stl = (tmp_path / "out" / "mug.stl").read_bytes()
    assert len(stl) == 84 + 50 * int.from_bytes(stl[80:84], "little")


def test_models_come_in_the_size_and_weight_asked_for(here: Here, tmp_path: Path) -> None:
    """Other sizes later are made of the same model, which is not made or paid for again."""
    wanted = ("-f", "stl", "--height-mm", "80", "--max-faces", "400", "--max-bytes", "50kB")
    ended = here("generate", "pictures/mug.png", "-o", "out", *wanted, "--json")
    assert ended.code == 0
    assert names_in(tmp_path / "out") == ["mug.preview.webp", "mug.stl"]
    [mesh] = read_model((tmp_path / "out" / "mug.stl").read_bytes()).meshes
    assert len(mesh.faces) <= 400
    assert np.ptp(mesh.positions[:, 1]) == pytest.approx(0.08, rel=1e-3)
    [item] = ended.json["items"]
    assert [file["name"] for file in item["result"]["files"] if file["role"] == "mesh"] == [
        "mug.glb",
        "mug.stl",
    ]
    again = here("generate", "pictures/mug.png", "-o", "out", "--height-mm", "50", "--json").json
    assert attempts_of(again) == [0]
    [mesh] = read_model((tmp_path / "out" / "mug.glb").read_bytes()).meshes
    assert np.ptp(mesh.positions[:, 1]) == pytest.approx(0.05, rel=1e-3)


def test_a_model_that_cannot_be_as_asked_for_is_there_as_it_was_delivered(
    here: Here, tmp_path: Path
) -> None:
    """In the folder and in the archive, and it is said why: somebody may have paid for it."""
    ended = here("generate", "pictures/mug.png", "-o", "out", "--max-bytes", "1kB")
    assert ended.code != 0
    assert "cannot be met" in ended.err
    assert "saved as it was delivered: mug.original.glb" in ended.err
    assert names_in(tmp_path / "out") == ["mug.original.glb", "mug.preview.webp"]
    whole = (tmp_path / "out" / "mug.original.glb").read_bytes()
    assert read_glb(whole)
    assert here("jobs", "download", "last", "-o", "all.zip").code == 0
    with zipfile.ZipFile(tmp_path / "all.zip") as files:
        assert files.read("mug.original.glb") == whole
        (item,) = json.loads(files.read("manifest.json"))["items"]
    (model,) = (file for file in item["files"] if file["role"] == "model")
    assert "cannot be met" in model["notes"][0]
    assert here("verify", "all.zip").code == 0


def test_archive_is_as_asked_for_when_it_was_made(here: Here, tmp_path: Path) -> None:
    here("generate", "pictures/mug.png", "-o", "out", "-f", "stl", "--height-mm", "80")
    here("jobs", "download", "last", "-o", "all.zip")
    here("jobs", "download", "last", "-o", "other.zip", "-f", "glb", "--height-mm", "20")
    for name, member, height_m in (("all", "mug.stl", 0.08), ("other", "mug.glb", 0.02)):
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as files:
            [mesh] = read_model(files.read(member)).meshes
        assert np.ptp(mesh.positions[:, 1]) == pytest.approx(height_m, rel=1e-3)
        assert here("verify", f"{name}.zip").code == 0


def test_pictures_without_a_row_are_named(here: Here, tmp_path: Path) -> None:
    (tmp_path / "objects.csv").write_text("picture;height_mm\nmug.png;80\n")
    ended = here("generate", "pictures", "-o", "out", "--sheet", "objects.csv", "--dry-run")
    assert "Without a row in the spreadsheet: cup2, cup10." in ended.err


def test_same_command_again_makes_and_writes_nothing(here: Here, tmp_path: Path) -> None:
    first = here("generate", "pictures", "-o", "out", "--json").json
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    again = here("generate", "pictures", "-o", "out", "--json").json
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == times
    assert "all files were there already" in here("generate", "pictures", "-o", "out").out


def test_what_was_made_before_is_not_counted_as_made(here: Here, tmp_path: Path) -> None:
    first = here("generate", "pictures", "-o", "out").out
    assert re.search(r"Made 3 of 3 in [^;]+\. The files", first)
    again = here("generate", "pictures", "-o", "out")
    assert again.code == 0
    assert re.search(r"Made 0 of 3 in .+; 3 were made before; all files were there", again.out)
    elsewhere = here("generate", "pictures", "-o", "elsewhere").out
    assert re.search(r"Made 0 of 3 in .+; 3 were made before\. The files", elsewhere)
    (tmp_path / "pictures" / "pot.png").write_bytes(draw_discs(tmp_path, *"abcde")[4].read_bytes())
    more = here("generate", "pictures", "-o", "out").out
    assert re.search(r"Made 1 of 4 in .+; 3 were made before\. The files", more)
    one = here("generate", "pictures/mug.png", "-o", "out").out
    assert re.search(r"Made 0 of 1 in .+; 1 was made before;", one)


def test_missing_and_changed_files_are_written_again(here: Here, tmp_path: Path) -> None:
    here("generate", "pictures", "-o", "out")
    mug, cup = tmp_path / "out" / "mug.glb", tmp_path / "out" / "cup2.glb"
    before = cup.read_bytes()
    mug.unlink()
    cup.write_bytes(before[:100])
    here("generate", "pictures", "-o", "out")
    assert mug.exists()
    assert cup.read_bytes() == before
    assert attempts_of(here("jobs", "show", "last", "--json").json) == [1, 1, 1]


def test_files_of_the_user_stay(here: Here, tmp_path: Path) -> None:
    """A file and a folder of the same name: the model gets a number, and keeps it."""
    out = tmp_path / "out"
    (out / "mug.preview.webp").mkdir(parents=True)
    (out / "mug.glb").write_bytes(b"mine")
    first = here("generate", "pictures", "-o", "out")
    assert first.code == 0
    for told in (
        "mug.glb was there already and is kept; the new file is mug-2.glb",
        "mug.preview.webp was there already and is kept; the new file is mug-2.preview.webp",
    ):
        assert told in first.out
    again = here("generate", "pictures", "-o", "out", "--json")
    assert again.json["moved"] == {
        "mug.glb": "mug-2.glb",
        "mug.preview.webp": "mug-2.preview.webp",
    }
    assert (out / "mug.glb").read_bytes() == b"mine"
    assert read_glb((out / "mug-2.glb").read_bytes())
    assert len(names_in(out)) == 8
    assert here("generate", "pictures", "-o", "out", "--overwrite").code == 0
    assert read_glb((out / "mug.glb").read_bytes())
    assert (out / "mug.preview.webp").is_dir()


def test_model_made_before_with_other_options_is_replaced(here: Here, tmp_path: Path) -> None:
    here("generate", "pictures/mug.png", "-o", "out")
    before = (tmp_path / "out" / "mug.glb").read_bytes()
    ended = here("generate", "pictures/mug.png", "-o", "out", "--height-mm", "5")
    assert (tmp_path / "out" / "mug.glb").read_bytes() != before
    assert "is kept" not in ended.out


def test_model_of_another_picture_with_the_same_name_stays(here: Here, tmp_path: Path) -> None:
    here("generate", "pictures/mug.png", "-o", "out")
    before = (tmp_path / "out" / "mug.glb").read_bytes()
    (tmp_path / "other").mkdir()
    (tmp_path / "pictures" / "cup2.png").rename(tmp_path / "other" / "mug.png")
    assert "the new file is mug-2.glb" in here("generate", "other", "-o", "out").out
    assert (tmp_path / "out" / "mug.glb").read_bytes() == before


def test_only_new_pictures_are_made(here: Here, tmp_path: Path) -> None:
    here("generate", "pictures", "-o", "out")
    (tmp_path / "pictures" / "pot.png").write_bytes(draw_discs(tmp_path, *"abcde")[4].read_bytes())
    again = here("generate", "pictures", "-o", "out", "--json").json
    assert [item["name"] for item in again["items"]] == ["cup2", "cup10", "mug", "pot"]
    assert attempts_of(again) == [0, 0, 0, 1]
    assert "pot.glb" in names_in(tmp_path / "out")


def test_other_options_are_another_model(here: Here) -> None:
    here("generate", "pictures/mug.png", "-o", "out")
    again = here("generate", "pictures/mug.png", "-o", "out", "-O", "face-limit=600", "--json").json
    assert attempts_of(again) == [1]
    assert again["items"][0]["result"]["facts"]["faces"] <= 600


def test_force_makes_everything_anew(here: Here) -> None:
    first = here("generate", "pictures/mug.png", "-o", "out", "--json").json
    again = here("generate", "pictures/mug.png", "-o", "out", "--json", "--force").json
    assert again["id"] != first["id"]
    assert attempts_of(again) == [1]


def test_equal_names_of_different_pictures_both_get_files(here: Here, tmp_path: Path) -> None:
    other = draw_discs(tmp_path / "more", "x.png", "y.png", "z.png", "mug.png")[3]
    here("generate", "pictures/mug.png", other, "-o", "out")
    meshes = [name for name in names_in(tmp_path / "out") if name.endswith(".glb")]
    assert meshes == ["mug-2.glb", "mug.glb"]


def test_dry_run_makes_nothing_at_all(here: Here, tmp_path: Path) -> None:
    ended = here("generate", "pictures", "-o", "out", "--dry-run", "-O", "depth=0.5")
    assert ended.code == 0
    assert "mug: pictures/mug.png" in ended.out
    assert "Generator: local/puff (depth=0.5" in ended.out
    assert "Price: free" in ended.out
    assert not (tmp_path / "out").exists()
    assert here("jobs", "list").out == "No jobs.\n"


def test_views_are_grouped_where_the_generator_takes_several(here: Here, tmp_path: Path) -> None:
    draw_discs(tmp_path / "views", "pot_front.png", "pot_left.png", "can-front.png", "can-left.png")
    made = here("generate", "views", "-o", "out", "-g", "local/hull", "--json")
    assert made.code == 0
    found = [(i["name"], [view["view"] for view in i["views"]]) for i in made.json["items"]]
    assert found == [("can", ["front", "left"]), ("pot", ["front", "left"])]


# --- with a generator that costs money ----------------------------------------------------------

PAID = ("-g", "scripted/cube", "-O", "quality=high")


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "faults.json"
    path.write_text("{}")
    monkeypatch.setenv("SCRIPTED_FAULTS", str(path))
    return path


@pytest.mark.usefixtures("plugin")
def test_dry_run_prints_the_price(here: Here) -> None:
    ended = here("generate", "pictures", "-o", "out", "--dry-run", *PAID)
    assert "Price: $0.90 for 3 at $0.30 each" in ended.out
    estimate = here("generate", "pictures", "-o", "out", "--dry-run", "--json", *PAID).json
    assert estimate["total_usd"] == pytest.approx(0.9)


@pytest.mark.usefixtures("plugin")
def test_what_fits_into_the_budget_is_made(here: Here) -> None:
    """The rest is left with its reason, and a higher budget makes it; nothing is paid twice."""
    command = ("generate", "pictures", "-o", "out", *PAID)
    ended = here(*command, "--budget", "0.89")
    assert ended.code == 6
    assert "Made 2 of 3" in ended.out
    assert "1 left for the budget" in ended.out
    assert "The job budget of $0.89 does not pay for 1 more." in ended.out
    assert "With this model the job would cost $0.90, but its budget is $0.89." in ended.out
    again = here(*command, "--budget", "0.89")
    assert again.code == 6
    raised = here(*command, "--budget", "0.9", "--json")
    assert raised.code == 0
    assert [item["state"] for item in raised.json["items"]] == ["succeeded"] * 3
    ledger = here("ledger", "--json").json["entries"]
    paid = sorted((entry["item"], entry["cost_usd"]) for entry in ledger)
    assert paid == [("cup10", 0.3), ("cup2", 0.3), ("mug", 0.3)]


@pytest.mark.usefixtures("plugin")
def test_what_failed_for_another_reason_is_no_matter_of_the_budget(
    here: Here, tmp_path: Path
) -> None:
    (tmp_path / "pictures" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    ended = here("generate", "pictures", "-o", "out", "--budget", "0.61", *PAID)
    assert ended.code == 1
    assert "1 failed; 1 left for the budget" in ended.out


@pytest.mark.usefixtures("plugin")
def test_dry_run_says_how_many_fit(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("generate", "pictures", "-o", "out", "--dry-run", *PAID)
    ended = here(*command, "--budget", "0.89")
    assert ended.code == 0
    assert "Budget: $0.89\nThe budget pays for 2 of 3; 1 would be left." in ended.out
    told = here(*command, "--budget", "0.89", "--json").json
    assert (told["items_that_fit"], told["budget_usd"]) == (2, 0.89)
    assert here(*command, "--json").json["items_that_fit"] == 3
    monkeypatch.setenv("IMAGE2MODEL_BUDGET__DAY_USD", "0.30")
    ended = here(*command, "--budget", "0.89")
    assert "Left of the budget of a day: $0.30\nThe budget pays for 1 of 3" in ended.out
    assert here("generate", "pictures/mug.png", "-o", "out", *PAID).code == 0
    assert here(*command, "--json").json["items_that_fit"] == 0


@pytest.mark.usefixtures("plugin")
def test_the_budget_of_a_day_is_kept_in_the_same_way(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("generate", "pictures", "-o", "out", *PAID)
    monkeypatch.setenv("IMAGE2MODEL_BUDGET__DAY_USD", "0.65")
    ended = here(*command)
    assert ended.code == 6
    assert "The day budget of $0.65 does not pay for 1 more." in ended.out
    monkeypatch.setenv("IMAGE2MODEL_BUDGET__DAY_USD", "0.90")
    again = here(*command, "--json")
    assert again.code == 0
    assert attempts_of(again.json) == [1, 1, 1]


@pytest.mark.usefixtures("plugin")
def test_failed_items_are_tried_again_and_the_rest_is_not_paid_again(
    here: Here, faults: Path
) -> None:
    faults.write_text(json.dumps({"mug": "rejected"}))
    failed = here("generate", "pictures", "-o", "out", *PAID)
    assert failed.code == 1
    assert "scripted refused this item: it does not like it" in failed.out
    faults.write_text("{}")
    again = here("generate", "pictures", "-o", "out", "--json", *PAID)
    assert again.code == 0
    assert "2 of 3 pictures are made already; making the rest." in again.err
    assert attempts_of(again.json) == [1, 1, 2]


@pytest.mark.usefixtures("plugin")
def test_uncertain_items_are_never_tried_again_by_themselves(here: Here, faults: Path) -> None:
    faults.write_text(json.dumps({"mug": "uncertain"}))
    first = here("generate", "pictures", "-o", "out", *PAID)
    assert first.code == 1
    assert "1 may have been charged without an answer: see `image2model jobs show " in first.out
    shown = here("jobs", "show", "last").out
    assert "2 resubmit` (it may be charged twice) or `give-up`." in shown
    faults.write_text("{}")
    again = here("generate", "pictures", "-o", "out", "--json", *PAID)
    assert again.code == 1
    assert again.json["items"][2]["state"] == "uncertain"
    assert attempts_of(again.json) == [1, 1, 1]
    more = here("generate", "pictures/mug.png", "-o", "out", *PAID)
    assert more.code == 4
    assert "waiting for your decision about uncertain ones" in more.err
    settled = here("jobs", "resolve", "last", "2", "resubmit", "--json")
    assert settled.json["items"][2]["state"] == "succeeded"
    assert here("generate", "pictures", "-o", "out", *PAID).code == 0


def test_spreadsheet_names_and_sizes_the_models(here: Here, tmp_path: Path) -> None:
    draw_discs(tmp_path / "objects", "mug.png", "jug.png")
    sheet = tmp_path / "objects.csv"
    sheet.write_text("picture,title,height_cm,generator\njug.png,Krug,21.25,local/puff\n")
    ended = here("generate", "objects", "-o", "out", "--sheet", sheet, "--json")
    assert ended.code == 0, ended.err
    made = ended.json
    found = {item["name"]: item["result"]["facts"].get("scaled_to") for item in made["items"]}
    assert found == {"Krug": "height_mm", "mug": None}
    assert "Krug.glb" in names_in(tmp_path / "out")
    again = here("generate", "objects", "-o", "out", "--sheet", sheet, "--json").json
    assert again["id"] == made["id"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("picture,height_mm\nmug.png,tall\n", "row 2, height_mm: is no number"),
        ("picture\nmug.png\npot.png\n", "row 3, picture: there is no picture 'pot.png'"),
        ("picture,generator\nmug.png,local/relief\n", "row 2, generator: is not the job's"),
    ],
)
def test_wrong_spreadsheet_makes_nothing(here: Here, tmp_path: Path, text: str, told: str) -> None:
    draw_discs(tmp_path / "objects", "mug.png")
    (tmp_path / "objects.csv").write_text(text)
    wanted = ("-o", "out", "-g", "local/puff", "--dry-run", "--sheet", "objects.csv")
    ended = here("generate", "objects", *wanted)
    assert (ended.code, told in ended.err) == (2, True), ended.err
    ended = here("generate", "objects", *wanted[:-1], "none.csv")
    assert (ended.code, "cannot be read" in ended.err) == (2, True)
