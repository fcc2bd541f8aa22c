"""Consoles for tables and bars, in which texts of others are only texts."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from image2model.core.text.clean import harmless_text

_WIDTH_OF_FILES = 200
"""Columns where standard output is no terminal, so that no line of a log is cut."""


def shown(value: object) -> Text:
    """Make a text for tables and bars, in which markup is no markup."""
    return Text(harmless_text(str(value), lines=True))


class _Console(Console):
    """A console to which a text is a text."""

    def __init__(self, **how: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **how)

    def render_str(self, text: str, **how: Any) -> Text:
        """Make a text of what is printed."""
        return super().render_str(harmless_text(text, lines=True), **how)


def output_console() -> Console:
    """Make a console for standard output."""
    console = _Console()
    return console if console.is_terminal else _Console(width=_WIDTH_OF_FILES)


def message_console() -> Console:
    """Make a console for standard error."""
    return _Console(stderr=True)


def in_markup(text: str) -> str:
    """Make *text* fit for what rich reads as markup, such as the description of a bar."""
    return escape(harmless_text(text))
