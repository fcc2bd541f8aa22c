"""`image2model keys`: API keys for servers on this data folder."""

from typing import Annotated

import typer

from image2model.cli.consoles import output_console
from image2model.cli.embedded import open_embedded
from image2model.cli.opening import open_settings
from image2model.cli.parameters import STYLE
from image2model.cli.printing import say
from image2model.cli.tables import keys_table
from image2model.core.errors import InvalidRequest
from image2model.jobs.access import create_api_key, list_api_keys

app = typer.Typer(help="Manage API keys for `serve`.", no_args_is_help=True, **STYLE)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Whose key it is, for people.")] = "",
) -> None:
    """Make a key and print it. It cannot be shown again."""
    with open_embedded(open_settings(), works=False) as desk:
        key = desk.call(create_api_key, desk.context, name=name)
    say(key)
    say("Keep it safe: it cannot be shown again.", err=True)


@app.command("list")
def list_keys() -> None:
    """List the keys, without their secrets."""
    with open_embedded(open_settings(), works=False) as desk:
        keys = desk.call(list_api_keys, desk.context)
    output_console().print(keys_table(keys))


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
) -> None:
    """Stop a key from working, at once and for ever. Its jobs stay."""
    # Who has the key at hand but not its id may give all of it.
    key_id = key.removeprefix("i2m_").partition("_")[0]
    with open_embedded(open_settings(), works=False) as desk:
        revoked = desk.call(desk.context.sessions.revoke_key, key_id)
    if not revoked:
        reason = f"'{key_id}' is no working key; `image2model keys list` shows them all."
        raise InvalidRequest(field="ID", reason=reason)
    say(f"The key {key_id} works no more.")
