"""`image2model serve`: the HTTP API and the web app."""

import sys
from typing import Annotated

import anyio
import typer

from image2model.api.app import create_api
from image2model.api.server import serve_api
from image2model.api.web import find_web_app
from image2model.bootstrap import open_app
from image2model.cli.opening import open_settings
from image2model.cli.parameters import STYLE
from image2model.core.errors import InvalidSetting
from image2model.core.hosts import is_loopback
from image2model.settings import Settings

app = typer.Typer(**STYLE)

_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- compared with, not bound


@app.command()
def serve(
    *,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address to bind. Without it IMAGE2MODEL_SERVE__HOST counts, or else 127.0.0.1, "
            "which only this machine can reach.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help="TCP port; 0: any free one. Without it IMAGE2MODEL_SERVE__PORT counts, or else "
            "8000.",
        ),
    ] = None,
) -> None:
    """
    Start the web app and the HTTP API.

    Ends on Ctrl-C or SIGTERM; what is under way goes on when it is started again.
    """
    settings = open_settings()
    given = {"host": host, "port": port}
    changed = {name: value for name, value in given.items() if value is not None}
    serving = settings.serve.model_copy(update=changed)
    settings = settings.model_copy(update={"serve": serving})
    _check_access(settings)
    anyio.run(_serve, settings, backend_options={"use_uvloop": sys.platform != "win32"})


def _check_access(settings: Settings) -> None:
    """
    Insist that whoever lets other machines in has said whom.

    Raises:
        InvalidSetting: Nothing was said.
    """
    if settings.serve.access is None and not is_loopback(settings.serve.host):
        raise InvalidSetting(
            setting="IMAGE2MODEL_SERVE__ACCESS",
            reason=f"must be set before other machines can reach this one at {settings.serve.host}"
            ": `keys` lets in who has an API key (`image2model keys create`), `sessions` "
            "everybody, each with jobs of their own.",
        )


async def _serve(settings: Settings) -> None:
    serving = settings.serve
    own = {serving.host, settings.public_host or serving.host} - _ANY_ADDRESS
    names = [*serving.allowed_hosts, *sorted(own)]
    async with open_app(settings) as product:
        api = create_api(
            product.context,
            allowed_hosts=names,
            keys_only=serving.access == "keys",
            web_app=find_web_app(),
            base_path=settings.base_path,
        )
        await serve_api(
            api,
            host=serving.host,
            port=serving.port,
            on_ready=_say_ready,
            behind_proxy=serving.behind_proxy,
        )


def _say_ready(url: str) -> None:
    typer.echo(f"image2model is ready at {url} (Ctrl-C stops it)")
    sys.stdout.flush()
