"""The one way to the terminal beside `consoles`: what others wrote cannot steer it."""

import json
from typing import Any

import typer

from image2model.core.text.clean import harmless_text


def say(text: str, *, err: bool = False) -> None:
    """Print *text*, which may have several lines, on standard output or error."""
    typer.echo(harmless_text(text, lines=True), err=err)


def say_json(value: Any) -> None:
    """Print a JSON value in ASCII, in which nothing steers a terminal."""
    typer.echo(json.dumps(value, indent=2))
