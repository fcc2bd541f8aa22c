"""What is not taken from a folder is counted and named."""

import json
import os
from pathlib import Path

import pytest

from image2model.cli.arguments.pictures import find_pictures
from image2model.cli.arguments.skipped import find_skipped, skipped_lines
from tests.cli.drawing import disc_png, draw_discs
from tests.cli.running import Here


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures, and most of what else may be in a folder of them."""
    folder = tmp_path / "photos"
    draw_discs(folder, "a.png", "b.png", ".hidden.png", "scan1.tif", "scan2.TIFF", "c.bmp", "d.gif")
    draw_discs(folder / "more", "x.png", "y.png", "z.png", "1.png", "2.png", "3.png", "4.png")
    draw_discs(folder / "more" / "deeper", *[f"{n}.png" for n in range(9)])
    for name in ("copy.png", "more/x.png", "more/y.png", "more/z.png"):
        (folder / name).write_bytes((folder / "a.png").read_bytes())
    (folder / "gone.png").symlink_to(folder / "nowhere")
    (folder / "._a.png").write_bytes(b"notes of macOS")
    (folder / "notes.txt").write_bytes(b"text")
    os.mkfifo(folder / "pipe.jpg")
    return folder


SKIPPED = {
    ".hidden.png": "hidden",
    "c.bmp": "BMP is not taken; save it as PNG or JPEG",
    "copy.png": "the same picture as a.png",
    "d.gif": "GIF is not taken; save it as PNG or JPEG",
    "gone.png": "a link to nothing",
    "pipe.jpg": "no file",
    "scan1.tif": "TIF is not taken; save it as PNG or JPEG",
    "scan2.TIFF": "TIFF is not taken; save it as PNG or JPEG",
}


def test_every_one_is_named_with_its_reason(photos: Path) -> None:
    taken = find_pictures([photos], recursive=False)
    found = find_skipped([photos], taken)
    own = {one.path.name: one.reason for one in found if one.path.parent == photos}
    assert own == SKIPPED
    within = {one.path for one in found if "add --recursive" in one.reason}
    assert photos / "more" / "1.png" in within
    assert photos / "more" / "deeper" / "8.png" in within


def test_nothing_is_skipped_that_is_taken(photos: Path) -> None:
    taken = find_pictures([photos], recursive=True)
    reasons = {one.reason for one in find_skipped([photos], taken)}
    assert not [reason for reason in reasons if "--recursive" in reason]
    assert (
        find_skipped([photos / "a.png"], find_pictures([photos / "a.png"], recursive=False)) == []
    )


def test_same_file_by_two_ways_is_no_news(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    places = [Path("a.png"), photos / "a.png", Path("../photos/a.png")]
    assert find_skipped(places, find_pictures(places, recursive=False)) == []


def test_many_are_counted_and_some_named(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    draw_discs(folder, "a.png", *[f"{n}.bmp" for n in range(12)])
    [line] = skipped_lines(find_skipped([folder], find_pictures([folder], recursive=False)))
    assert line == (
        "Skipped 12 (BMP is not taken; save it as PNG or JPEG): "
        "0.bmp, 1.bmp, 2.bmp, 3.bmp, 4.bmp and 7 more"
    )


def test_files_and_folders_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skipped in a folder, as nobody asked for them by name."""
    folder = tmp_path / "photos"
    draw_discs(folder, "a.png", "b.png")
    # What no user may read, not even root.
    (folder / "b.png").unlink()
    (folder / "b.png").symlink_to("/proc/self/mem")
    taken = find_pictures([folder], recursive=False)
    assert [one.path.name for one in taken] == ["a.png"]
    [skipped] = find_skipped([folder], taken)
    assert skipped.path.name == "b.png"
    assert skipped.reason.startswith("cannot be read: ")


def test_told_by_every_form_of_the_command(here: Here, photos: Path) -> None:
    plan = here("generate", photos, "-o", "out", "--dry-run")
    told = "Skipped 1 (hidden): .hidden.png"
    assert told in plan.out
    planned = here("generate", photos, "-o", "out", "--dry-run", "--json").json
    assert {Path(one["path"]).name: one["reason"] for one in planned["skipped"]}.items() >= (
        SKIPPED.items()
    )
    assert planned["items"] == 2
    made = here("generate", photos, "-o", "out", "--json")
    assert made.json["skipped"] == planned["skipped"]
    assert told in here("generate", photos, "-o", "out").out


def test_folder_with_nothing_else_names_them(here: Here, tmp_path: Path) -> None:
    draw_discs(tmp_path / "scans", "a.tif", "b.tif")
    ended = here("generate", tmp_path / "scans", "-o", "out")
    assert ended.code == 2
    assert "Skipped 2 (TIF is not taken; save it as PNG or JPEG): a.tif, b.tif" in ended.err
    assert json.dumps("no pictures")[1:-1] in ended.err


def test_order_is_natural(tmp_path: Path) -> None:
    draw_discs(tmp_path, "a.png")
    for name in ("10.bmp", "9.bmp"):
        (tmp_path / name).write_bytes(disc_png(5))
    found = find_skipped([tmp_path], find_pictures([tmp_path], recursive=False))
    assert [one.path.name for one in found] == ["9.bmp", "10.bmp"]
