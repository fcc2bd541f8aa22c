"""Generators, keys, doctor, help."""

import os
import resource
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from image2model.cli.main import SUMMARIES, load_command
from tests.cli.drawing import draw_discs
from tests.cli.running import CONSOLE_SCRIPT, Here

HEAVY = ("numpy", "cv2", "fastapi", "sqlalchemy", "pydantic", "httpx2", "rich")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_first_answer_comes_at_once(option: str) -> None:
    """Most of the work is to import Typer, which it takes on every machine."""
    typer_s = min(work_s(sys.executable, "-c", "import typer") for _ in range(3))
    assert min(work_s(CONSOLE_SCRIPT, option) for _ in range(3)) < 3 * typer_s


def work_s(*command: str | Path) -> float:
    """Run *command*; returns the seconds of processor time it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_nothing_heavy_is_imported_before_a_command_needs_it() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from image2model.cli.main import app;"
        "print(CliRunner().invoke(app, ['--help']).exit_code, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    exit_code, *modules = done.stdout.split()
    assert exit_code == "0"
    assert set(modules) & set(HEAVY) == set()


def test_version_is_that_of_the_package(here: Here) -> None:
    assert here("--version").out == f"image2model {version('image2model')}\n"


@pytest.mark.parametrize("name", SUMMARIES)
def test_line_of_help_is_the_one_of_the_command_itself(name: str) -> None:
    command = load_command(name)
    assert command.help.splitlines()[0] == SUMMARIES[name]
    assert command.name == name


def test_mistyped_command_is_guessed(here: Here) -> None:
    ended = here("genrate")
    assert ended.code == 2
    assert "Did you mean 'generate'" in ended.err


def test_generators_are_listed_with_price_and_purpose(here: Here) -> None:
    listed = here("generators", "list").out
    assert "local/puff (default)" in listed
    assert "free" in listed
    found = here("generators", "list", "--json").json["generators"]
    assert found[0]["default"]
    assert here("generators", "show", "local/puff", "--json").json == found[0]


def test_generator_is_shown_with_its_options(here: Here) -> None:
    shown = here("generators", "show", "local/puff").out
    for words in (
        "Good for: plush toys",
        "face_limit",
        "500…200000",
        "50000",
        "auto, mirror, fill",
    ):
        assert words in shown


def test_keys_are_made_listed_and_revoked(here: Here) -> None:
    key = here("keys", "create", "--name", "phone").out.strip()
    key_id = key.split("_")[1]
    listed = here("keys", "list").out
    assert key_id in listed
    assert "phone" in listed
    assert key.split("_")[2] not in listed
    assert here("keys", "revoke", key).out == f"The key {key_id} works no more.\n"
    assert "revoked" in here("keys", "list").out
    again = here("keys", "revoke", key_id)
    assert again.code == 3
    assert "no working API key" in again.err


def test_key_has_rights_limits_and_an_end(here: Here) -> None:
    wanted = ["--scope", "read", "--expires", "30d", "--day-usd", "5", "--generator", "local/*"]
    key_id = here("keys", "create", "--name", "screen", *wanted).out.split("_")[1]
    listed = " ".join(here("keys", "list").out.split())
    for told in ("read", "$5.00 a day", "local/*", "until"):
        assert told in listed
    changed = ["--scope", "generate", "--expires", "never", "--day-usd", "none", "--job-usd", "0.5"]
    assert here("keys", "change", key_id, *changed).code == 0
    listed = " ".join(here("keys", "list").out.split())
    for told in ("generate", "$0.50 a job", "local/*", "works"):
        assert told in listed
    assert "a day" not in listed


@pytest.mark.parametrize(
    "wrong", [("--expires", "soon"), ("--expires", "2001-01-01"), ("--day-usd", "-1")]
)
def test_key_that_makes_no_sense_is_refused(here: Here, wrong: tuple[str, str]) -> None:
    assert here("keys", "create", *wrong).code == 2
    assert "i2m_" not in here("keys", "list").out


def findings(here: Here) -> dict[str, tuple[str, str]]:
    found = here("doctor", "--json").json["findings"]
    return {one["what"]: (one["level"], f"{one['found']} {one['advice']}") for one in found}


def test_doctor_finds_all_well(here: Here) -> None:
    ended = here("doctor")
    assert ended.code == 0, ended.out
    found = findings(here)
    for part in ("database", "storage", "compute", "provider local", "default generator"):
        assert found[part][0] == "ok", part


@pytest.mark.skipif(os.name != "posix", reason="there are no such modes")
def test_doctor_sees_a_folder_that_others_may_read(here: Here, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    assert f"Run chmod o-rwx {folder}" in here("doctor").out
    folder.chmod(0o750)
    assert "chmod" not in here("doctor").out


def test_doctor_guesses_mistyped_settings(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE2MODEL_DEFUALT_GENERATOR", "local/puff")
    ended = here("doctor")
    assert ended.code == 0
    assert "IMAGE2MODEL_DEFUALT_GENERATOR is no setting and has no effect" in ended.out
    assert "Did you mean IMAGE2MODEL_DEFAULT_GENERATOR?" in ended.out


def test_doctor_tells_what_is_in_the_way(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("IMAGE2MODEL_SERVE__PORT", str(taken.getsockname()[1]))
        monkeypatch.setenv("IMAGE2MODEL_SERVER_URL", "http://127.0.0.1:1")
        found = findings(here)
    assert found["server address"][0] == "note"
    assert "A server may be running already" in found["server address"][1]
    assert found["server http://127.0.0.1:1"][0] == "failure"
    assert here("doctor").code == 1


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("IMAGE2MODEL_DATA_DIR", "/proc/self/data", "data folder"),
        ("IMAGE2MODEL_DATABASE_URL", "oracle://somewhere", "settings"),
        ("IMAGE2MODEL_DEFAULT_GENERATOR", "local/none", "product"),
        ("IMAGE2MODEL_KEEP", "maybe", "settings"),
    ],
)
def test_doctor_survives_what_is_broken(
    here: Here, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, what: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert findings(here)[what][0] == "failure"


def test_a_disk_without_its_reserve_is_told_of(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is begun, and what to do is said."""
    monkeypatch.setenv("IMAGE2MODEL_RESERVE_BYTES", str(10**18))
    assert findings(here)["space"][0] == "failure"
    assert findings(here)["open files"][0] in {"ok", "warning"}
    (picture,) = draw_discs(tmp_path, "mug")
    ended = here("generate", str(picture), "--output", str(tmp_path / "out"))
    assert ended.code == 8
    assert "IMAGE2MODEL_RESERVE_BYTES" in ended.err.replace("\n", " ")


def test_every_command_tells_what_its_options_mean() -> None:
    for name in SUMMARIES:
        command = load_command(name)
        for each in [command, *getattr(command, "commands", {}).values()]:
            assert each.help, each.name
            options = [p for p in each.params if p.param_type_name == "option"]
            assert all(option.help for option in options), each.name


def test_mistyped_queue_is_guessed(here: Here) -> None:
    ended = here("worker", "--queue", "netwrok")
    assert ended.code == 2
    assert "There is no queue 'netwrok'. Did you mean 'network'?" in ended.err.replace("\n", " ")
