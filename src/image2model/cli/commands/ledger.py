"""`image2model ledger`: what was spent."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from image2model.cli.arguments.parameters import (
    STYLE,
    ApiKeyOption,
    JsonOption,
    OverwriteOption,
    ServerOption,
    SinceOption,
    UntilOption,
    in_utc,
)
from image2model.cli.outputs.files import OutputFolder
from image2model.cli.service.opening import folder_of_records, open_desk
from image2model.cli.tables.jobs import dollars, ledger_table
from image2model.cli.terminal.consoles import output_console
from image2model.cli.terminal.printing import say, say_json
from image2model.wire.ledger import LedgerEntryOut, entry_line, header_line

app = typer.Typer(**STYLE)


@app.command()
def ledger(
    *,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all of it to this file as CSV; `-`: print it."),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """
    List what was sent to providers, and what it cost.

    Newest first; every try of every item, those of deleted jobs too. It has your own jobs alone:
    without --server those of the owner `local`, made by commands here; with it those of the API
    key. What everybody spends is in `admin status`.
    """
    with open_desk(server=server, api_key=api_key) as desk:
        entries = list(desk.ledger(since=in_utc(since), until=in_utc(until)))
    if csv is not None:
        _write_csv(csv, entries, overwrite=overwrite)
    elif as_json:
        shown = {"entries": [entry.model_dump(mode="json") for entry in entries]}
        say_json(shown)
    elif entries:
        output_console().print(ledger_table(entries))
        say(_sum(entries))
    else:
        say("Nothing was sent.")


def _write_csv(path: Path, entries: Iterable[LedgerEntryOut], *, overwrite: bool) -> None:
    lines = [header_line(), *map(entry_line, entries)]
    if str(path) == "-":
        sys.stdout.writelines(lines)
    elif path.is_char_device() or path.is_fifo():
        path.write_text("".join(lines), encoding="utf-8", newline="")
    else:
        folder = OutputFolder(path.parent, overwrite=overwrite, records=folder_of_records())
        content = "".join(lines).encode()
        kept = folder.keep(path.name, lambda part: _write(part, content), sha256=None)
        if kept.note:
            say(f"{kept.note}.", err=True)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _sum(entries: Iterable[LedgerEntryOut]) -> str:
    booked_usd, open_usd = 0.0, 0.0
    for entry in entries:
        booked_usd += entry.cost_usd or 0.0
        open_usd += entry.estimated_usd if entry.cost_usd is None else 0.0
    told = f"Booked: {dollars(booked_usd)}"
    return f"{told}; not booked yet: about {dollars(open_usd)}" if open_usd else told
