"""The reference pages that are made of the program itself; run as a module to write them."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from image2model.cli.main import SUMMARIES, app, load_command
from image2model.settings import variables

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

_UNITS = {
    "_BYTES": "bytes",
    "_PIXELS": "pixels",
    "_S": "seconds",
    "_USD": "US dollars",
    "_URL": "URL",
    "_DIR": "path",
    "_ITEMS_PER_JOB": "items",
    "_PER_OWNER": "jobs",
    "_PER_MINUTE": "a minute",
    "_PER_HOUR": "an hour",
    "_WORKERS": "processes",
    "_PORT": "port",
}
"""By the end of a variable's name."""


def pages() -> dict[Path, str]:
    """Make every page: its path and its text."""
    return {
        FOLDER / "cli.md": "\n".join(_commands()) + "\n",
        FOLDER / "settings.md": "\n".join(_settings()) + "\n",
    }


# --- the command line ---------------------------------------------------------------------------


def _commands() -> Iterator[str]:
    yield "# The command line"
    yield ""
    yield "`image2model` works by itself, in one process and without a server. With `--server URL`"
    yield "the same commands speak to a server. `python -m image2model` is the same program."
    yield ""
    yield "Messages and progress go to standard error, results to standard output; with"
    yield "`--json` as the HTTP API tells them. Exit codes are listed with the [errors](errors.md);"
    yield "[settings](settings.md) come from the environment."
    yield ""
    yield from _command(typer.main.get_command(app), "image2model", level=2)
    for name in SUMMARIES:
        yield from _tree(load_command(name), f"image2model {name}", level=2)


def _tree(command: Any, path: str, *, level: int) -> Iterator[str]:
    yield from _command(command, path, level=level)
    for name, below in getattr(command, "commands", {}).items():
        yield from _tree(below, f"{path} {name}", level=level + 1)


def _command(command: Any, path: str, *, level: int) -> Iterator[str]:
    context = typer.Context(command, info_name=path)
    yield f"{'#' * level} `{path}`"
    yield ""
    for paragraph in (command.help or "").split("\n\n"):
        yield " ".join(paragraph.split())
        yield ""
    yield "```"
    yield " ".join([path, *command.collect_usage_pieces(context)])
    yield "```"
    yield ""
    records = [param.get_help_record(context) for param in command.get_params(context)]
    for name, meaning in filter(None, records):
        yield f"- `{name}`: {' '.join(meaning.split())}"
    yield ""


# --- settings -----------------------------------------------------------------------------------


def _settings() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "All settings are environment variables, and nothing else reads the environment."
    yield ""
    yield "- A value that cannot work ends every command with exit code 10; the message names the"
    yield "  variable and gives an example."
    yield "- A mistyped name has no effect, and every command says so. If it is about money,"
    yield "  such as `IMAGE2MODEL_BUDGET__DAY_US`, the command ends with exit code 10 instead: a"
    yield "  budget that does not hold is worse than none."
    yield "- `none` switches off what has a default and may be without, such as a limit."
    yield "- Lists are written with commas, `a.example,b.example`, or as JSON."
    yield "- Variables that begin with the name of an installed plug-in are that plug-in's:"
    yield "  `IMAGE2MODEL_ACME__API_KEY`. Other characters than letters and digits in its name are"
    yield "  written as `_`."
    yield ""
    yield "| Variable | Kind | Default | What it is, and why this default |"
    yield "|---|---|---|---|"
    for name, field in variables().items():
        description = " ".join((field.description or "").split())
        cells = (f"`{name}`", _kind(name, field), _default(field), description)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _kind(name: str, field: FieldInfo) -> str:
    choices = _choices(field.annotation)
    if choices:
        numbers = ["number"] if int in get_args(field.annotation) else []
        return " or ".join([*numbers, *choices])
    if get_origin(field.annotation) is list:
        return "names"
    for ending, unit in _UNITS.items():
        if name.endswith(ending):
            return unit
    kinds = {bool: "true or false", int: "number", float: "number", Decimal: "number"}
    return kinds.get(_plain(field.annotation), "text")


def _choices(annotation: Any) -> Sequence[str]:
    found: list[str] = []
    for part in get_args(annotation) or ():
        if isinstance(part, str):
            found.append(f"`{part}`")
        else:
            found += _choices(part)
    return found


def _plain(annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 else annotation


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        is_list = get_origin(field.annotation) is list
        return "none" if is_list else "the user's data folder of the platform"
    if field.default is None or field.default == "":
        return "none"
    if isinstance(field.default, int | float) and not isinstance(field.default, bool):
        return f"`{field.default:_}`" if field.default >= 10_000 else f"`{field.default}`"
    value = str(field.default)
    return f"`{value.lower() if isinstance(field.default, bool) else value}`"


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
