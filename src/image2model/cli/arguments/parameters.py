"""What the commands share: their looks, and options that several of them have."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

STYLE: dict[str, Any] = {
    # Plain help comes in a third of the time.
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "add_completion": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
"""Arguments of every `typer.Typer`."""

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Let this server do it, instead of this process. "
        "Without it, IMAGE2MODEL_SERVER_URL counts.",
    ),
]

ApiKeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        metavar="KEY",
        help="API key for the server; better set IMAGE2MODEL_API_KEY, which other users of this "
        "machine cannot see.",
    ),
]

_TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]

SinceOption = Annotated[
    datetime | None,
    typer.Option(
        formats=_TIME_FORMATS,
        metavar="TIME",
        help="Only entries at or after this time: 2026-11-01, or 2026-11-01T09:30:00, in UTC.",
    ),
]
UntilOption = Annotated[
    datetime | None,
    typer.Option(formats=_TIME_FORMATS, metavar="TIME", help="Only entries before this time."),
]
"""Read by `in_utc`."""


def in_utc(moment: datetime | None) -> datetime | None:
    """Read a time without a zone as one in UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC)


OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Also replace files that this program has not written, or that were changed since. "
        "Without it they stay, and the new file gets a number.",
    ),
]

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for programs on standard output, nothing else.")
]
