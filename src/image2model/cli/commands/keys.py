"""`image2model keys`: API keys for servers on this data folder."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import typer

from image2model.cli.arguments.parameters import STYLE
from image2model.cli.service.in_process import open_embedded
from image2model.cli.service.opening import open_settings
from image2model.cli.tables.jobs import keys_table
from image2model.cli.terminal.consoles import output_console
from image2model.cli.terminal.printing import say
from image2model.core.errors import InvalidRequest
from image2model.core.money import SpendingLimits
from image2model.core.scopes import USER_SCOPES, Scope
from image2model.jobs.access import (
    change_api_key,
    create_api_key,
    find_api_key,
    list_api_keys,
)
from image2model.jobs.lifecycle.owner_end import revoke_api_key

app = typer.Typer(help="Manage API keys for `serve`.", no_args_is_help=True, **STYLE)

_SPANS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NEVER, _NONE, _ALL = "never", "none", "all"

_KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")]
_ScopeOption = Annotated[
    list[Scope] | None,
    typer.Option(
        "--scope",
        help="What it may do: `read`, `generate` (also make jobs and change them), `admin` (also "
        "manage keys); each includes those before it. May be given again.",
    ),
]
_ExpiresOption = Annotated[
    str | None,
    typer.Option(
        "--expires",
        metavar="TIME",
        help="When it stops working: `30d` from now (also m, h, w), a day such as `2027-01-31`, "
        "or `never`.",
    ),
]
_JobUsd = Annotated[
    str | None,
    typer.Option("--job-usd", metavar="USD", help="The most each job may cost, or `none`."),
]
_DayUsd = Annotated[
    str | None,
    typer.Option("--day-usd", metavar="USD", help="The most in any 24 hours, or `none`."),
]
_MonthUsd = Annotated[
    str | None,
    typer.Option("--month-usd", metavar="USD", help="The most in any 30 days, or `none`."),
]
_GeneratorOption = Annotated[
    list[str] | None,
    typer.Option(
        "--generator",
        metavar="PATTERN",
        help="A generator that it may use; `*` stands for any text, as in `local/*`. May be given "
        "again; `all` alone: every one.",
    ),
]


@app.command()
def create(
    *,
    name: Annotated[str, typer.Option(help="Whose key it is, for people.")] = "",
    scope: _ScopeOption = None,
    expires: _ExpiresOption = None,
    job_usd: _JobUsd = None,
    day_usd: _DayUsd = None,
    month_usd: _MonthUsd = None,
    generator: _GeneratorOption = None,
) -> None:
    """Make a key and print it. It cannot be shown again."""
    with open_embedded(open_settings(), works=False) as desk:
        key = desk.call(
            create_api_key,
            desk.context,
            name=name,
            scopes=scope or USER_SCOPES,
            expires_at=None if expires is None else _read_end(expires),
            limits=_limits(SpendingLimits(), job_usd, day_usd, month_usd),
            generators=None if generator is None else _read_patterns(generator),
        )
    say(key)
    say("Keep it safe: it cannot be shown again.", err=True)


@app.command("list")
def list_keys() -> None:
    """List the keys, without their secrets."""
    with open_embedded(open_settings(), works=False) as desk:
        keys = desk.call(list_api_keys, desk.context)
    output_console().print(keys_table(keys, now=datetime.now(UTC)))


@app.command()
def change(
    key: _KeyId,
    *,
    name: Annotated[str | None, typer.Option(help="Whose key it is, for people.")] = None,
    scope: _ScopeOption = None,
    expires: _ExpiresOption = None,
    job_usd: _JobUsd = None,
    day_usd: _DayUsd = None,
    month_usd: _MonthUsd = None,
    generator: _GeneratorOption = None,
) -> None:
    """Change what is given of a key and leave the rest; servers go by it at once."""
    with open_embedded(open_settings(), works=False) as desk:
        known = desk.call(find_api_key, desk.context, _id_of(key))
        wanted = replace(
            known,
            name=known.name if name is None else name,
            scopes=frozenset(scope) if scope else known.scopes,
            expires_at=known.expires_at if expires is None else _read_end(expires),
            limits=_limits(known.limits, job_usd, day_usd, month_usd),
            generators=known.generators if generator is None else _read_patterns(generator),
        )
        desk.call(change_api_key, desk.context, wanted)
    say(f"The key {known.id} is changed.")


@app.command()
def revoke(key: _KeyId) -> None:
    """
    Stop a key from working, at once and for ever. Its jobs stay.

    What of them waits is not made; what was sent goes on.
    """
    with open_embedded(open_settings(), works=False) as desk:
        desk.call(revoke_api_key, desk.context, _id_of(key))
    say(f"The key {_id_of(key)} works no more.")


def _id_of(key: str) -> str:
    # Who has the key at hand but not its id may give all of it.
    return key.removeprefix("i2m_").partition("_")[0]


def _read_end(text: str) -> datetime | None:
    if text == _NEVER:
        return None
    if span := re.fullmatch(r"([0-9]{1,5})([mhdw])", text):
        return datetime.now(UTC) + timedelta(**{_SPANS[span[2]]: int(span[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        reason = f"'{text}' is no time. Examples: 30d, 12h, 2027-01-31, never."
        raise typer.BadParameter(reason, param_hint="--expires") from None
    return moment.astimezone(UTC)


def _limits(
    known: SpendingLimits, job_usd: str | None, day_usd: str | None, month_usd: str | None
) -> SpendingLimits:
    return SpendingLimits(
        job_usd=_read_usd(job_usd, known.job_usd, option="--job-usd"),
        day_usd=_read_usd(day_usd, known.day_usd, option="--day-usd"),
        month_usd=_read_usd(month_usd, known.month_usd, option="--month-usd"),
    )


def _read_usd(text: str | None, known: Decimal | None, *, option: str) -> Decimal | None:
    if text is None:
        return known
    if text == _NONE:
        return None
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,6})?", text):
        reason = f"'{text}' is no number of US dollars. Examples: 5, 0.50, none."
        raise typer.BadParameter(reason, param_hint=option)
    return Decimal(text)


def _read_patterns(given: Sequence[str]) -> tuple[str, ...] | None:
    if list(given) == [_ALL]:
        return None
    if not all(re.fullmatch(r"[^\x00-\x20\x7f]{1,200}", pattern) for pattern in given):
        raise InvalidRequest(field="--generator", reason="must be an id such as local/puff.")
    return tuple(given)
