"""`image2model migrate`: bring the database's tables up to date."""

import anyio
import typer

from image2model.bootstrap import open_stores
from image2model.cli.arguments.parameters import STYLE
from image2model.cli.service.opening import open_settings
from image2model.cli.terminal.paths import without_secrets
from image2model.cli.terminal.printing import say

app = typer.Typer(**STYLE)


@app.command()
def migrate() -> None:
    """
    Bring the database's tables up to date.

    `serve` and `worker` do the same when they start, and several may do so at once. This command
    is for doing it beforehand, such as before a new version is started on many machines.
    """
    settings = open_settings()

    async def open_and_close() -> None:
        async with open_stores(settings) as stores:
            await stores.jobs.check()

    anyio.run(open_and_close)
    shown = without_secrets(settings.effective_database_url)
    say(f"{shown} is up to date.")
