"""Read the settings and open the desk that they and the options name."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import typer

from image2model.cli.service.service import Desk
from image2model.cli.terminal.logs import configure_logging
from image2model.cli.terminal.printing import say
from image2model.settings import Settings, load_settings, warn_of_variables

_log = logging.getLogger(__name__)


def open_settings(*, warns: bool = True) -> Settings:
    """
    Read the settings, and have log messages written to standard error as they say.

    Args:
        warns: Whether to say, on standard error too, which variables have no effect.

    Raises:
        InvalidSetting: One of them cannot work.
    """
    settings = load_settings()
    configure_logging(settings)
    for line in warn_of_variables(settings) if warns else ():
        if settings.log_format == "json":
            _log.warning(line)
        else:
            say(f"Warning: {line}", err=True)
    return settings


def folder_of_records() -> Path:
    """Tell where it is recorded which files this program has written; see `OwnFiles`."""
    return load_settings().data_dir / "written"


@contextmanager
def open_desk(
    *,
    server: str | None = None,
    api_key: str | None = None,
    works: bool = False,
    price_at_most: float | None = None,
) -> Iterator[Desk]:
    """
    Open the desk at a server, if an option or a setting names one, else the one in this process.

    Args:
        server: The server's address as given to the command.
        api_key: The key as given to the command.
        works: Whether a desk in this process makes models.
        price_at_most: What a model costs at most whose price nobody knows, in US dollars; None: as
            it is set.
    """
    settings = open_settings()
    url = server or settings.server_url
    if price_at_most is not None:
        if url:
            raise typer.BadParameter(
                "the operator of a server decides this.", param_hint="--price-at-most"
            )
        known_price = {"unknown_price_usd": Decimal(str(price_at_most))}
        budget = settings.budget.model_copy(update=known_price)
        settings = settings.model_copy(update={"budget": budget})
    # Each is imported when it is the one: SQL, pictures and the API take long, and so does HTTP.
    if url:
        from image2model.cli.service.over_http import open_remote  # noqa: PLC0415

        known = settings.api_key.get_secret_value() if settings.api_key else None
        with open_remote(settings, url=url.rstrip("/"), api_key=api_key or known) as remote:
            yield remote
    else:
        from image2model.cli.service.in_process import open_embedded  # noqa: PLC0415

        with open_embedded(settings, works=works) as embedded:
            yield embedded
