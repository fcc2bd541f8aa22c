"""`image2model generators`: what makes models."""

from typing import Annotated

import typer

from image2model.cli.arguments.parameters import STYLE, ApiKeyOption, JsonOption, ServerOption
from image2model.cli.service.opening import open_desk
from image2model.cli.tables.jobs import (
    generator_lines,
    generators_table,
    options_table,
)
from image2model.cli.terminal.consoles import output_console
from image2model.cli.terminal.printing import say, say_json

app = typer.Typer(
    help="See what makes models, what it costs and which options it has.",
    no_args_is_help=True,
    **STYLE,
)


@app.command("list")
def list_generators(
    *, as_json: JsonOption = False, server: ServerOption = None, api_key: ApiKeyOption = None
) -> None:
    """List the generators, the default one first."""
    with open_desk(server=server, api_key=api_key) as desk:
        found = desk.generators()
    if as_json:
        shown = {"generators": [one.model_dump(mode="json") for one in found]}
        say_json(shown)
    else:
        output_console().print(generators_table(found))


@app.command("show")
def show_generator(
    generator: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Such as local/puff; else the default one.")
    ] = None,
    *,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Tell all about one generator: price, time, views, options."""
    with open_desk(server=server, api_key=api_key) as desk:
        found = desk.generator(generator)
    if as_json:
        say_json(found.model_dump(mode="json"))
        return
    for line in generator_lines(found):
        say(line)
    output_console().print(options_table(found))
