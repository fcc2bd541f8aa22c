"""Whatever is wrong with a command is said in one sentence, with an exit code of its kind."""

from pathlib import Path

import pytest

from tests.cli.drawing import draw_discs
from tests.cli.running import Here, names_in


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path) -> None:
    draw_discs(tmp_path / "pictures", "cup.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("in the way")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("", 2, "Missing argument 'PICTURES"),
        ("pictures/none.png", 2, "names pictures/none.png, which does not exist."),
        ("empty", 2, "The folder empty has no pictures"),
        ("pictures -g local/nothing", 3, "There is no generator 'local/nothing'. Available: local"),
        ("pictures -g nonsense", 3, "There is no generator 'nonsense'."),
        ("pictures --option depht=1", 2, "there is no option 'depht' (did you mean 'depth'?)"),
        ("pictures --option depth=deep", 2, "depth: 'deep' is not of the type number"),
        ("pictures --option depth=99", 2, "depth: 99.0 is greater than the maximum"),
        ("pictures --option depth", 2, "'--option' must be NAME=VALUE, not 'depth'."),
        ("pictures --format glb,doc", 2, "The format 'doc' is not available; choose from glb"),
        ("pictures --format ,", 2, "'--format' names no format."),
        ("pictures --name-template {color}.{ext}", 2, "has no field '{color}'; there are name"),
        ("pictures --name-template model", 2, "must end in '.{ext}'"),
        ("pictures --budget -1", 2, "Invalid value for '--budget'"),
        ("pictures --budget lots", 2, "Invalid value for '--budget'"),
        ("pictures --budget nan", 2, "Invalid value for '--budget'"),
        ("pictures --budget inf", 2, "Invalid value for --budget: inf is no number of US dollars"),
        ("pictures --views", 2, "local/puff takes a single picture. Leave out --views."),
        ("pictures -g local/hull", 2, "'cup' has 1. Name the pictures like cup_front.png and"),
        ("pictures -o file", 8, "Cannot use file: File exists; choose another folder with -o."),
        ("pictures -o /proc/self/out", 8, "Cannot use /proc/self/out: "),
        ("pictures --server ftp://somewhere", 2, "'--server' must begin with http://"),
        ("pictures --server http://127.0.0.1:1", 11, "No image2model server answers at http://"),
        ("pictures --colour", 2, "No such option: --colour"),
    ],
)
def test_sentence_and_exit_code(
    here: Here, tmp_path: Path, arguments: str, code: int, sentence: str
) -> None:
    output = [] if "-o" in arguments.split() else ["-o", "out"]
    ended = here("generate", *arguments.split(), *output)
    assert ended.code == code
    assert sentence in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert not (tmp_path / "out").exists()


def test_picture_that_is_none_fails_alone(here: Here, tmp_path: Path) -> None:
    """Text, nothing at all, half a picture: each is refused with its reason, the rest is made."""
    whole = (tmp_path / "pictures" / "cup.png").read_bytes()
    (tmp_path / "pictures" / "text.png").write_text("not a picture")
    (tmp_path / "pictures" / "nothing.png").write_bytes(b"")
    (tmp_path / "pictures" / "half.png").write_bytes(whole[: len(whole) // 2])
    ended = here("generate", "pictures", "-o", "out")
    assert ended.code == 1
    assert "This file is not a picture. It looks like a text file." in ended.out
    assert "Made 1 of 4 in " in ended.out
    assert "; 3 failed. The files are in " in ended.out
    assert names_in(tmp_path / "out") == ["cup.glb", "cup.preview.webp"]


def test_errors_are_json_where_json_is_asked_for(here: Here) -> None:
    ended = here("generate", "pictures", "-o", "out", "-g", "local/nothing", "--json")
    assert ended.out == ""
    assert '"code": "generator_not_found"' in ended.err
    assert ended.code == 3


def test_wrong_setting_names_the_variable(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE2MODEL_LIMITS__ITEMS_PER_JOB", "many")
    ended = here("generate", "pictures", "-o", "out")
    assert ended.code == 10
    assert ended.err.startswith("Error: IMAGE2MODEL_LIMITS__ITEMS_PER_JOB: ")


def test_data_folder_that_cannot_be_written_is_named(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE2MODEL_DATA_DIR", "/proc/self/data")
    ended = here("generate", "pictures", "-o", "out")
    assert ended.code == 8
    assert "set IMAGE2MODEL_DATA_DIR to a folder you may write" in ended.err


def test_too_many_pictures_for_one_job(here: Here, tmp_path: Path) -> None:
    for number in range(501):
        (tmp_path / "empty" / f"{number}.png").write_text(str(number))
    ended = here("generate", "empty", "-o", "out")
    assert ended.code == 2
    assert "A job takes at most 500 items." in ended.err


@pytest.mark.usefixtures("plugin")
def test_mistake_of_a_program_is_told_without_traceback(
    here: Here,
) -> None:
    ended = here("generators", "show", "scripted/odd")
    assert ended.code == 70
    assert ended.err.startswith("Error: Something unexpected went wrong (RuntimeError: it is odd")
    assert "IMAGE2MODEL_LOG_LEVEL=debug shows where" in ended.err
    assert "Traceback" not in ended.err
