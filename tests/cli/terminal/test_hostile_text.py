"""What strangers write is shown and never obeyed, wherever the command line puts it."""

import csv
import io
import json
import logging
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from image2model.cli.commands.jobs import _print_job
from image2model.cli.tables.jobs import job_lines, jobs_table, ledger_table, note_lines
from image2model.cli.terminal.consoles import message_console, output_console
from image2model.cli.terminal.logs import configure_logging
from image2model.cli.terminal.progress import Bars, Lines
from image2model.settings import Settings
from image2model.wire.items import ErrorBody
from image2model.wire.jobs import JobSummary
from image2model.wire.ledger import LedgerEntryOut, entry_line
from tests.cli.drawing import draw_discs
from tests.cli.outputs.test_names import job_of
from tests.cli.plugin.scripted_plugin import FAULTS_VARIABLE
from tests.cli.running import Here
from tests.hostile.corpus import corpus

TEXTS = {
    "escape sequence": "\x1b[2J\x1b[31mred\x1b[0m",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.test\x1b\\click\x1b]8;;\x1b\\",
    "C1": "\x9b2J\x9d0;owned\x9c",
    "carriage return": "fine\rError: all is lost",
    "backspace": "fine\x08\x08\x08\x08evil",
    "direction": "invoice\u202egpj.exe\u2066",
    "zero width": "pay\u200bpal\ufeff\u2060",
    "half a character": "a\ud800b",
    "nothing": "a\x00b",
    "markup": "[bold red]loud[/] [link=http://evil.test]x[/link] :skull: [/nope]",
    "line": "one\u2028two\x85three\x0bfour",
    "formula": "=HYPERLINK(1)",
}
MARKUP = "[bold red]loud[/]"


def assert_harmless(text: str) -> None:
    """Find nothing in *text* but lines of what can be seen."""
    for line in text.split("\n"):
        wrong = {c for c in line if not c.isprintable() and unicodedata.category(c) != "Zs"}
        assert not wrong, repr(line)


@pytest.fixture(params=list(TEXTS.values()), ids=list(TEXTS))
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_jobs_of_a_hostile_server(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Names, options, phases and errors, in tables, lines and bars."""
    job = job_of(text, text)
    error = ErrorBody(code="provider_rejected", message=f"refused: {text}", details={"x": text})
    items = [job.items[0].model_copy(update={"error": error, "state": "failed"}), job.items[1]]
    job = job.model_copy(update={"name": text, "options": {text: text}, "items": items})
    _print_job(job, as_json=False)
    for console in (message_console(), output_console()):
        Lines(console).ended(items[0], f"it failed: {text}", done=1, total=2)
    summary = JobSummary.model_validate(job.model_dump(exclude={"items"}))
    output_console().print(jobs_table([summary]))
    told = capsys.readouterr()
    assert_harmless(told.out)
    assert_harmless(told.err)
    assert "refused: " in told.out
    if text == TEXTS["markup"]:
        assert told.out.count(MARKUP) >= 4
        assert ":skull:" in told.out
    assert list(job_lines(job))
    assert list(note_lines(job)) == []
    _print_job(job, as_json=True)
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert json.loads(shown)["name"] == text


def test_bars_of_a_hostile_server(text: str) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=500)
    job = job_of(text)
    progress = job.items[0].progress.model_copy(update={"phase": text})
    item = job.items[0].model_copy(update={"state": "generating", "progress": progress})
    with Bars(console) as bars:
        bars.begin(text)
        bars.update(job.model_copy(update={"name": text, "items": [item]}))
        bars.note(text)
    # The bars themselves move the cursor; nothing else that a text brought may.
    for hostile in ("\x1b[2J", "\x1b[31m", "\x1b]", "\x9b", "\x9d", "\x08", "\u202e", "\u200b"):
        assert hostile not in out.getvalue()
    if text == TEXTS["markup"]:
        assert MARKUP in out.getvalue()


def test_the_ledger_of_a_hostile_server(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry = LedgerEntryOut(
        time=datetime(2026, 1, 1, tzinfo=UTC),
        finished_at=None,
        job="0" * 32,
        item=text,
        generator="x/y",
        endpoint=text,
        attempt=1,
        state="succeeded",
        request_id=text,
        estimated_usd=0.1,
        cost_usd=None,
        currency="USD",
    )
    output_console().print(ledger_table([entry]))
    assert_harmless(capsys.readouterr().out)
    line = entry_line(entry)
    assert_harmless(line.replace("\r\n", "\n"))
    (cells,) = csv.reader([line])
    assert not cells[2].startswith("=")


def test_files_of_strangers(here: Here, tmp_path: Path) -> None:
    """The names of files, and what is written in them."""
    steering = next(one for one in corpus() if "names that steer" in one.name)
    path = tmp_path / "\x1b[2J[red]\u202emodel.glb"
    path.write_bytes(steering.make())
    for arguments in (("inspect", path), ("convert", path, "--to", "stl"), ("inspect", tmp_path)):
        ended = here(*arguments)
        assert_harmless(ended.out)
        assert_harmless(ended.err)
    assert "[red]" in here("inspect", path).out


@pytest.mark.usefixtures("plugin")
def test_makers_that_steer_terminals(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a maker says when it refuses is kept, listed and printed."""
    draw_discs(tmp_path / "pictures", "a\x1b]0;x\x07[red].png", "hostile.png")
    (tmp_path / "faults").write_text(json.dumps({"hostile": "hostile"}), encoding="utf-8")
    monkeypatch.setenv(FAULTS_VARIABLE, str(tmp_path / "faults"))
    made = here("generate", "pictures", "-g", "scripted/cube", "-o", "out")
    assert made.code == 1
    job = here("jobs", "list", "--json").json["jobs"][0]["id"]
    calls = [here("jobs", "show", job), here("jobs", "list"), here("ledger")]
    for ended in (made, *calls):
        assert_harmless(ended.out)
        assert_harmless(ended.err)
    assert "refused this item" in made.out
    assert "refused this item" in calls[0].out
    assert all(path.name.isprintable() for path in (tmp_path / "out").iterdir())


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, whose handlers come back."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_logs_are_not_forged(
    text: str, log_format: str, root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = f"{text}\n2026-01-01 00:00:00,000 INFO root: all is well"
    root.handlers.clear()
    configure_logging(Settings(log_format=log_format))
    root.warning("a file called %s", forged)
    try:
        raise ValueError(forged)
    except ValueError:
        root.exception("it broke: %s", forged)
    lines = capsys.readouterr().err.splitlines()
    assert_harmless("\n".join(lines))
    # Each line is a message of ours, or is set off below one.
    assert sum(not line.startswith(" ") for line in lines) == 2
