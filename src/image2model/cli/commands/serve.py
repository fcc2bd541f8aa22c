"""`image2model serve`: the HTTP API and the web app."""

import sys
from dataclasses import fields
from typing import Annotated

import anyio
import typer

from image2model.api.app import create_api
from image2model.api.limits.watchers import WatcherLimits
from image2model.api.middleware.forwarded import Proxies
from image2model.api.pages.web_app import find_web_app
from image2model.api.server.connections import EdgeLimits
from image2model.api.server.serve import serve_api
from image2model.bootstrap import open_app, open_sign_in, telling_metrics
from image2model.cli.arguments.parameters import STYLE
from image2model.cli.checks.access import (
    NAMES_ADVICE,
    NAMES_MISSING,
    PROXY_ADVICE,
    PROXY_UNANNOUNCED,
    check_access,
    is_proxy_unannounced,
    nobody_else_is_served,
    served_names,
)
from image2model.cli.checks.money import check_budget
from image2model.cli.service.opening import open_settings
from image2model.cli.terminal.printing import say
from image2model.core.platform import descriptor_limit, has_uvloop, raise_descriptor_limit
from image2model.settings import ServeSettings, Settings

app = typer.Typer(**STYLE)

_OTHER_FILES = 1_024
"""What is open besides callers' connections: files, databases, makers, computing processes."""


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
    try:
        # Checked as the variables are, and not just copied in.
        serving = type(settings.serve).model_validate(settings.serve.model_dump() | changed)
    except ValueError as error:
        raise typer.BadParameter(f"'{host}' is no address to bind.", param_hint="--host") from error
    settings = settings.model_copy(update={"serve": serving})
    check_access(settings)
    check_budget(settings)
    raise_descriptor_limit()
    if nobody_else_is_served(settings):
        say(f"Warning: {NAMES_MISSING}. {NAMES_ADVICE}", err=True)
    if is_proxy_unannounced(settings):
        say(f"Warning: {PROXY_UNANNOUNCED}. {PROXY_ADVICE}", err=True)
    anyio.run(_serve, settings, backend_options={"use_uvloop": has_uvloop()})


async def _serve(settings: Settings) -> None:
    serving = settings.serve
    limits = _edge_limits(serving)
    async with open_app(settings) as product, open_sign_in(settings) as sign_in:
        check_budget(settings, product.context.catalogue)
        api = create_api(
            product.context,
            allowed_hosts=served_names(settings),
            keys_only=serving.access == "keys",
            callers_are_operators=not settings.others_may_come,
            web_app=find_web_app(),
            admins=serving.admins,
            base_path=settings.base_path,
            public_url=settings.public_url,
            sign_in=sign_in,
            user_header=serving.user_header,
            proxies=Proxies(serving.trusted_proxies, any_nearby=settings.believes_any_nearby_proxy),
            watcher_limits=WatcherLimits(
                streams=min(serving.streams, limits.connections * 3 // 4),
                streams_per_caller=settings.limits.streams_per_caller,
            ),
        )
        async with telling_metrics(product.context, serving):
            await serve_api(
                api,
                host=serving.host,
                port=serving.port,
                on_ready=_say_ready,
                limits=limits,
            )


def _edge_limits(serving: ServeSettings) -> EdgeLimits:
    """Allow as many connections as are set, or as leave files to open for the rest."""
    given = {field.name: getattr(serving, field.name) for field in fields(EdgeLimits)}
    files = descriptor_limit() or serving.connections + _OTHER_FILES
    room = files - min(_OTHER_FILES, files // 2)
    return EdgeLimits(**given | {"connections": min(serving.connections, room)})


def _say_ready(url: str) -> None:
    say(f"image2model is ready at {url} (Ctrl-C stops it)")
    sys.stdout.flush()
