"""The log, as people and as machines read it."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from image2model.cli.terminal.logs import MOST_A_MINUTE, configure_logging
from image2model.core.ids import JobId, new_hex_id
from image2model.jobs.background.current_item import current_item, working_on
from image2model.ports.dispatcher import ItemRef
from image2model.settings import Settings

REF = ItemRef(JobId(new_hex_id()), 3)


@pytest.fixture
def configure() -> Iterator[Callable[..., None]]:
    """Configure the log as a command does that begins; pytest's own handlers come back."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def begin(**settings: Any) -> None:
        root.handlers.clear()
        configure_logging(Settings(**settings))

    yield begin
    root.handlers[:] = before
    root.setLevel(level)


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.splitlines()[-1]


def test_json_names_the_item(
    configure: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    configure(log_format="json", log_level="info")
    with working_on(REF):
        logging.getLogger("image2model.jobs").warning("it took %d s", 7)
    told: dict[str, Any] = json.loads(last_line(capsys))
    time = told.pop("time")
    assert time.endswith(("Z", "+00:00"))
    assert told == {
        "level": "WARNING",
        "logger": "image2model.jobs",
        "message": "it took 7 s",
        "job": REF.job,
        "item": 3,
    }


def test_json_is_one_line_even_with_a_traceback(
    configure: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    configure(log_format="json")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("image2model").exception("broken")
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert "job" not in told
    assert "ValueError: two\nlines" in told["exc_info"]


def test_text_names_the_item(
    configure: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    configure()
    with working_on(REF):
        logging.getLogger("image2model.jobs").warning("slow")
    assert last_line(capsys).endswith(f"WARNING image2model.jobs [job {REF.job} item 3]: slow")
    logging.getLogger("image2model.jobs").warning("slow")
    assert last_line(capsys).endswith("WARNING image2model.jobs: slow")


def test_items_do_not_leak_out() -> None:
    with working_on(REF):
        assert current_item() == REF
    assert current_item() is None


def test_a_flood_of_one_message_is_cut_short_and_counted(
    configure: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever its arguments are; others go on being told."""
    now_s = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    configure()
    log = logging.getLogger("uvicorn.error")
    for number in range(MOST_A_MINUTE + 1_000):
        log.warning("what is %d?", number)
    log.warning("something else")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MOST_A_MINUTE + 1
    assert lines[-1].endswith("something else")
    now_s += 61.0
    log.warning("what is %d?", 7)
    told, last = capsys.readouterr().err.splitlines()
    assert told.endswith("1000 more of uvicorn.error were not written: what is %d?")
    assert last.endswith("what is 7?")
