"""What the log looks like: lines for people, or JSON for machines that collect logs."""

import logging
import textwrap
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from image2model.core.text.clean import harmless_text
from image2model.jobs.background.current_item import current_item
from image2model.settings import Settings

_log = logging.getLogger(__name__)

MOST_A_MINUTE = 200
"""Of one kind of message; a job of usual size tells less."""

_MINUTE_S = 60.0

_TEXT = "%(asctime)s %(levelname)s %(name)s%(place)s: %(message)s"


class _Place(logging.Filter):
    """Adds the job and the item that a message is about, and both as words."""

    def filter(self, record: logging.LogRecord) -> bool:
        item = current_item()
        record.job = item.job if item else None
        record.item = item.index if item else None
        record.place = f" [job {item.job} item {item.index}]" if item else ""
        return True


class _Flood(logging.Filter):
    """
    Lets each kind of message through so often a minute, and tells how many it kept back.

    Strangers can cause messages at will, which must not fill the disk or hide the others.
    """

    def __init__(self) -> None:
        super().__init__()
        self._begun_s = time.monotonic()
        self._counts: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        if time.monotonic() - self._begun_s >= _MINUTE_S:
            self._begin_again()
        kind = (record.name, str(record.msg))
        self._counts[kind] += 1
        return self._counts[kind] <= MOST_A_MINUTE

    def _begin_again(self) -> None:
        kept_back = {kind: count - MOST_A_MINUTE for kind, count in self._counts.items()}
        self._counts.clear()
        self._begun_s = time.monotonic()
        for (name, message), count in kept_back.items():
            if count > 0:
                _log.warning("%d more of %s were not written: %s", count, name, message)


class _Text(logging.Formatter):
    """
    A line for each message, and below it a traceback where there is one, set off.

    Messages quote what strangers wrote: none may look like two, or steer the terminal.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name there
        return harmless_text(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - its name there
        return textwrap.indent(harmless_text(super().formatException(ei), lines=True), "  ")


class _Json(JsonFormatter):
    """One object a line: `time`, `level`, `logger`, `message`, `job` and `item` where known."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in log_data.items() if value is not None}


def configure_logging(settings: Settings) -> None:
    """Have messages written to standard error as *settings* say."""
    handler = logging.StreamHandler()
    handler.addFilter(_Flood())
    handler.addFilter(_Place())
    handler.setFormatter(_json() if settings.log_format == "json" else _Text(_TEXT))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])


def _json() -> logging.Formatter:
    names: Mapping[str, str] = {"levelname": "level", "name": "logger"}
    return _Json(
        "%(levelname)s %(name)s %(message)s %(job)s %(item)s",
        rename_fields=names,
        reserved_attrs=[*RESERVED_ATTRS, "place"],
        timestamp="time",
    )
