"""`image2model import`: read the jobs that `export` wrote."""

from collections import Counter
from pathlib import Path
from typing import IO, Annotated

import anyio
import typer

from image2model.backends.sql.dump import check_dump, read_dump, write_rows
from image2model.bootstrap import open_artifacts, open_stores
from image2model.cli.arguments.parameters import STYLE
from image2model.cli.outputs.moving import (
    FILES,
    RECORDS,
    files_of,
    sql_database,
    tell_files,
    tell_rows,
)
from image2model.cli.service.opening import open_settings
from image2model.cli.terminal.printing import say
from image2model.core.errors import InvalidRequest
from image2model.jobs.storage.copying import Copied, copy_artifacts
from image2model.settings import Settings

app = typer.Typer(**STYLE)


@app.command(name="import")
def import_records(
    folder: Annotated[Path, typer.Argument(help="What `image2model export` has written.")],
) -> None:
    """
    Read the jobs that `export` wrote.

    They go to `IMAGE2MODEL_DATABASE_URL`, and files, if the folder has any, to
    `IMAGE2MODEL_STORAGE_URL`. What is there already stays as it is, so an import that was
    interrupted is run again. Every row is counted where it arrives.
    """
    settings = open_settings()
    try:
        file = (folder / RECORDS).open(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidRequest(field="FOLDER", reason=f"has no {RECORDS}.") from None
    with file:
        counts = check_dump(file)
        file.seek(0)
        # Files first: a job must never be there whose results are not.
        if (folder / FILES).is_dir():
            tell_files("Imported", anyio.run(_copy_files, settings, folder))
        new = anyio.run(_write_records, settings, file)
    tell_rows("There are now, as exported,", counts)
    say(f"{new.total():,} of these rows were not there yet.")


async def _write_records(settings: Settings, file: IO[str]) -> Counter[str]:
    new: Counter[str] = Counter()
    async with open_stores(settings) as stores:
        database = sql_database(stores)
        for lines in read_dump(file):
            new[lines[0][0]] += await database.write(write_rows, lines)
    return new


async def _copy_files(settings: Settings, folder: Path) -> Copied:
    return await copy_artifacts(files_of(folder), open_artifacts(settings))
