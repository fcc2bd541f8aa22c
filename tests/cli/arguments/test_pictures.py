"""Pictures are found in files and folders, in natural order, each once."""

import os
from pathlib import Path

import pytest

from image2model.cli.arguments.pictures import find_pictures
from image2model.core.errors import InvalidRequest, NoPictures
from tests.cli.drawing import draw_discs


def names(*places: Path, recursive: bool = False) -> list[str]:
    return [found.path.name for found in find_pictures(places, recursive=recursive)]


def test_folder_is_taken_in_natural_order_without_hidden_and_other_files(tmp_path: Path) -> None:
    draw_discs(tmp_path, "cup10.png", "Cup2.PNG", "cup1.webp", ".hidden.png", "notes.txt")
    assert names(tmp_path) == ["cup1.webp", "Cup2.PNG", "cup10.png"]


def test_digits_of_other_scripts_do_not_confuse_the_order(tmp_path: Path) -> None:
    draw_discs(tmp_path, "cup².png", "cup٣.png", "cup1.png")
    assert names(tmp_path)[0] == "cup1.png"


def test_folders_within_folders_only_when_asked(tmp_path: Path) -> None:
    draw_discs(tmp_path, "a.png")
    draw_discs(tmp_path / "deeper", "x.png", "b.png")
    draw_discs(tmp_path / ".git", "y.png", "z.png", "c.png")
    assert names(tmp_path) == ["a.png"]
    assert sorted(names(tmp_path, recursive=True)) == ["a.png", "b.png"]


def test_same_picture_counts_once_by_path_and_by_content(tmp_path: Path) -> None:
    first, second = draw_discs(tmp_path, "a.png", "b.png")
    copy = tmp_path / "copy of a.png"
    copy.write_bytes(first.read_bytes())
    link = tmp_path / "link.png"
    link.symlink_to(second)
    assert names(first, tmp_path, copy, link, second) == ["a.png", "b.png"]


def test_named_file_may_be_called_anything(tmp_path: Path) -> None:
    (path,) = draw_discs(tmp_path, "picture")
    assert names(path) == ["picture"]


def test_folder_with_pictures_in_its_folders_alone_means_those(tmp_path: Path) -> None:
    draw_discs(tmp_path / "b" / "deeper", "x.png", "1.png")
    draw_discs(tmp_path / "a", "2.png")
    draw_discs(tmp_path / ".hidden", "y.png", "z.png", "3.png")
    assert names(tmp_path) == ["2.png", "1.png"]  # x.png shows the same as 2.png


def test_folder_without_pictures_says_so(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    with pytest.raises(NoPictures, match="has no pictures"):
        find_pictures([tmp_path], recursive=False)


def test_missing_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="nowhere, which does not exist"):
        find_pictures([tmp_path / "nowhere"], recursive=False)


def test_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InvalidRequest, match="neither a file nor a folder"):
        find_pictures([tmp_path / "pipe.png"], recursive=False)
