"""`image2model webhooks`: addresses that are told of what happens to jobs."""

from typing import Annotated

import typer

from image2model.cli.arguments.parameters import STYLE, ApiKeyOption, JsonOption, ServerOption
from image2model.cli.service.opening import open_desk
from image2model.cli.tables.jobs import deliveries_table, show_list, webhooks_table
from image2model.cli.terminal.printing import say, say_json
from image2model.core.errors import InvalidRequest
from image2model.core.ids import LOCAL_OWNER
from image2model.core.webhooks import EventType
from image2model.wire.model import ReplyModel
from image2model.wire.webhooks import WebhookSecretOut

app = typer.Typer(
    help="Have addresses told of what happens to your jobs.", no_args_is_help=True, **STYLE
)

_EVENTS = tuple(event.value for event in EventType if event is not EventType.TEST)

WebhookArgument = Annotated[str, typer.Argument(metavar="ID", help="As `webhooks list` shows it.")]


@app.command("list")
def list_webhooks(
    *, as_json: JsonOption = False, server: ServerOption = None, api_key: ApiKeyOption = None
) -> None:
    """List your webhooks, without their secrets."""
    with open_desk(server=server, api_key=api_key) as desk:
        found = desk.webhooks()
    show_list("webhooks", found, webhooks_table, "There are no webhooks.", as_json=as_json)


@app.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are posted.")],
    *,
    events: Annotated[
        str,
        typer.Option(
            metavar="EVENTS",
            help=f"Which it hears of, separated by commas: {', '.join(_EVENTS)}. Left out: all.",
        ),
    ] = "",
    named_only: Annotated[
        bool, typer.Option("--named-only", help="Tell it only of jobs that name its URL.")
    ] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """
    Have events posted to a URL, and print the secret they are signed with.

    It belongs to whoever adds it and hears of their jobs alone. Without --server that is the owner
    `local`: it hears of jobs that are made by commands here, and not of those made at a server.
    """
    wanted = [name.strip() for name in events.split(",") if name.strip()]
    for name in wanted:
        if name not in _EVENTS:
            reason = f"knows no '{name}'. Known are {', '.join(_EVENTS)}."
            raise InvalidRequest(field="--events", reason=reason)
    with open_desk(server=server, api_key=api_key) as desk:
        added = desk.add_webhook(url, events=wanted, named_only=named_only)
        is_local = desk.works_here
    _show_secret(added, as_json=as_json)
    if is_local and not as_json:
        say(
            f"It belongs to `{LOCAL_OWNER}` and hears of jobs that are made by commands here. "
            "With --server and an API key it hears of the jobs of that key.",
            err=True,
        )


@app.command()
def rotate(
    webhook: WebhookArgument,
    *,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Make a new secret and print it. For 24 hours the one before signs along."""
    with open_desk(server=server, api_key=api_key) as desk:
        _show_secret(desk.rotate_webhook(webhook), as_json=as_json)


@app.command()
def remove(
    webhook: WebhookArgument, *, server: ServerOption = None, api_key: ApiKeyOption = None
) -> None:
    """Remove a webhook with its log; what waits is not sent."""
    with open_desk(server=server, api_key=api_key) as desk:
        desk.remove_webhook(webhook)
    say(f"The webhook {webhook} is removed.")


@app.command()
def enable(
    webhook: WebhookArgument, *, server: ServerOption = None, api_key: ApiKeyOption = None
) -> None:
    """Switch a webhook on again, also one that was switched off because it failed."""
    _switch(webhook, server, api_key, enabled=True)


@app.command()
def disable(
    webhook: WebhookArgument, *, server: ServerOption = None, api_key: ApiKeyOption = None
) -> None:
    """Switch a webhook off; what waits is not sent."""
    _switch(webhook, server, api_key, enabled=False)


@app.command("test")
def send_test(
    webhook: WebhookArgument,
    *,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Send an event of the type `webhook.test`; without a server, the next `serve` sends it."""
    with open_desk(server=server, api_key=api_key) as desk:
        delivery = desk.test_webhook(webhook)
    _tell(delivery, f"The test {delivery.id} is on its way.", as_json=as_json)


@app.command("log")
def show_log(
    webhook: WebhookArgument,
    *,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """List what was sent to a webhook, newest first."""
    with open_desk(server=server, api_key=api_key) as desk:
        found = list(desk.deliveries(webhook))
    show_list("deliveries", found, deliveries_table, "Nothing was sent.", as_json=as_json)


@app.command()
def replay(
    webhook: WebhookArgument,
    delivery: Annotated[
        str, typer.Argument(metavar="DELIVERY", help="As `webhooks log` shows it.")
    ],
    *,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Send a delivery again; without a server, the next `serve` sends it."""
    with open_desk(server=server, api_key=api_key) as desk:
        again = desk.replay_delivery(webhook, delivery)
    _tell(again, f"The delivery {again.id} is on its way.", as_json=as_json)


def _switch(webhook: str, server: str | None, api_key: str | None, *, enabled: bool) -> None:
    with open_desk(server=server, api_key=api_key) as desk:
        desk.switch_webhook(webhook, enabled=enabled)
    say(f"The webhook {webhook} is {'on' if enabled else 'off'}.")


def _show_secret(webhook: WebhookSecretOut, *, as_json: bool) -> None:
    if as_json:
        say_json(webhook.model_dump(mode="json"))
        return
    say(webhook.secret)
    say(f"This is the secret of the webhook {webhook.id}. It cannot be shown again.", err=True)


def _tell(shown: ReplyModel, line: str, *, as_json: bool) -> None:
    if as_json:
        say_json(shown.model_dump(mode="json"))
    else:
        say(line)
