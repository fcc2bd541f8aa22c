"""The command `image2model`: its subcommands are imported when they are called."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from image2model.cli.arguments.parameters import STYLE
from image2model.cli.terminal.errors import INTERRUPTED, report
from image2model.cli.terminal.interrupts import Interrupted
from image2model.cli.terminal.printing import say

SUMMARIES: Mapping[str, str] = {
    "generate": "Turn pictures into 3D models.",
    "serve": "Start the web app and the HTTP API.",
    "worker": "Take items from the queue and make their models.",
    "convert": "Turn 3D files into other formats, sizes and weights.",
    "inspect": "Say what 3D files hold, and whether they print.",
    "jobs": "Look at jobs and change them.",
    "verify": "Check a job's archive against its own manifest.",
    "generators": "See what makes models, what it costs and which options it has.",
    "ledger": "List what was sent to providers, and what it cost.",
    "webhooks": "Have addresses told of what happens to your jobs.",
    "admin": "See and stop everything, as an operator.",
    "keys": "Manage API keys for `serve`.",
    "migrate": "Bring the database's tables up to date.",
    "export": "Write all jobs into a folder, to move them elsewhere.",
    "import": "Read the jobs that `export` wrote.",
    "doctor": "Check this installation, and say what to mend.",
}
"""Every subcommand with its line of help; `image2model.cli.NAME` has it as `app`."""

_MODULES = {"import": "import_records"}
"""Modules whose names are not those of their commands, for Python has other plans with these."""


class LazyCommands(TyperGroup):
    """
    Imports a subcommand when it is called, so that `--help` and `--version` come at once.

    Ends with the exit code and the message of whatever error the subcommand raises.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, summary in SUMMARIES.items():
            self.add_command(TyperCommand(name, help=summary))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the subcommand that *args* begin with, and import it."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name else found, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand; report its error, if it has one."""
        as_json = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            say("Stopped.", err=True)
            code = stop.exit_code if isinstance(stop, Interrupted) else INTERRUPTED
            raise typer.Exit(code) from stop
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
            raise
        except Exception as error:
            raise typer.Exit(report(error, as_json=as_json)) from error


def load_command(name: str) -> Any:
    """Import the subcommand *name*."""
    command = typer.main.get_command(
        import_module(f"image2model.cli.commands.{_MODULES.get(name, name)}").app
    )
    command.name = name
    return command


app = typer.Typer(cls=LazyCommands, no_args_is_help=True, **STYLE)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"image2model {version('image2model')}")
        raise typer.Exit


@app.callback()
def image2model(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Turn batches of pictures into 3D models."""


def main() -> None:
    """Run the command line on the arguments of this process; ends by `SystemExit`."""
    app(prog_name="image2model")
