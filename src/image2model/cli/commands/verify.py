"""`image2model verify`: check an archive that was downloaded."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from image2model.cli.arguments.parameters import STYLE, JsonOption
from image2model.cli.service.opening import open_settings
from image2model.cli.terminal.errors import SOME_FAILED
from image2model.cli.terminal.printing import say, say_json
from image2model.jobs.archives.check import check_archive

app = typer.Typer(**STYLE)


@app.command()
def verify(
    archive: Annotated[
        Path,
        typer.Argument(
            metavar="ARCHIVE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="The ZIP file of a job, as downloaded.",
        ),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """
    Check a job's archive against its own manifest.

    Every file is read: names that work everywhere, sizes, CRC-32, SHA-256, and whether each file
    is what its name says. Exits with 1 if anything is wrong.
    """
    open_settings()
    checked = check_archive(archive)
    if as_json:
        say_json({**asdict(checked), "ok": not checked.faults})
    else:
        for fault in checked.faults:
            say(f"{fault.path or archive}: {fault.reason}")
        size = f"{checked.size_bytes / 1e6:.1f} MB"
        found = f"{len(checked.faults)} fault(s)" if checked.faults else "all is well"
        say(f"{checked.files} files, {size}: {found}")
    if checked.faults:
        raise typer.Exit(SOME_FAILED)
