"""`image2model export`: write all jobs into a folder, to move them elsewhere."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Annotated

import anyio
import typer

from image2model.backends.sql.dump import write_dump
from image2model.bootstrap import open_artifacts, open_stores
from image2model.cli.arguments.parameters import STYLE
from image2model.cli.outputs.moving import RECORDS, files_of, sql_database, tell_files, tell_rows
from image2model.cli.service.opening import open_settings
from image2model.core.errors import InvalidRequest
from image2model.jobs.storage.copying import Copied, copy_artifacts
from image2model.settings import Settings

_BEGINNING = b'{"image2model":"records"'
"""Of every export."""

app = typer.Typer(**STYLE)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write; made where it is missing.")],
    *,
    files: Annotated[
        bool,
        typer.Option("--files", help="Write pictures and results, too. Those there are kept."),
    ] = False,
) -> None:
    """
    Write all jobs into a folder, to move them elsewhere.

    Jobs, the ledger, API keys and sessions of `IMAGE2MODEL_DATABASE_URL`, as they are at one
    moment. Stop `serve` and `worker` first and do not start them again on the old database, for
    both would make, and pay for, what is unfinished.
    """
    settings = open_settings()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _may_replace(folder / RECORDS):
        reason = f"holds a file {RECORDS} that is no export; choose another folder."
        raise InvalidRequest(field="FOLDER", reason=reason)
    part = folder / f"{RECORDS}.part"
    with part.open("w", encoding="utf-8") as file:
        counts = anyio.run(_write_records, settings, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / RECORDS)
    tell_rows("Exported", counts)
    if files:
        tell_files("Exported", anyio.run(_copy_files, settings, folder))


def _may_replace(path: Path) -> bool:
    """Tell whether there is nothing, or an earlier export."""
    if not path.exists():
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING


async def _write_records(settings: Settings, file: IO[str]) -> Mapping[str, int]:
    async with open_stores(settings) as stores:
        return await sql_database(stores).read(write_dump, file)


async def _copy_files(settings: Settings, folder: Path) -> Copied:
    return await copy_artifacts(open_artifacts(settings), files_of(folder))
