"""What the log looks like: lines for people, or JSON for machines that collect logs."""

import logging
import textwrap
from collections.abc import Mapping
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from image2model.core.text import harmless_text
from image2model.jobs.current import current_item
from image2model.settings import Settings

_TEXT = "%(asctime)s %(levelname)s %(name)s%(place)s: %(message)s"


class _Place(logging.Filter):
    """Adds the job and the item that a message is about, and both as words."""

    def filter(self, record: logging.LogRecord) -> bool:
        item = current_item()
        record.job = item.job if item else None
        record.item = item.index if item else None
        record.place = f" [job {item.job} item {item.index}]" if item else ""
        return True


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
