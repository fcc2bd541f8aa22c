"""
Texts that somebody else wrote, made fit to be shown, printed, logged and put into tables.

Names of files and jobs, cells of spreadsheets, what model makers and 3D files say: wherever such a
text comes in as a message or goes out to a terminal, a log or a table, it passes here.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands for what is not shown, so that one sees that there was something."""

_JOINERS = "\u200c\u200d"
"""Emoji and some scripts are written with them, between two letters and nowhere else."""

_ENDS_OF_WORDS = "\t\n\v\f\r\x85\u2028\u2029"

_LOOSE_JOINERS = re.compile(rf"(?:(?<=[\s{_JOINERS}])|^)[{_JOINERS}]+|[{_JOINERS}]+(?=\s|$)")
_REPLACEMENTS = re.compile(f"{REPLACEMENT}{{2,}}")
_FORMULA = re.compile(r"(^|[;\t\r\n|])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])")
"""
Where a spreadsheet would take what follows for a formula (OWASP: CSV injection): at the beginning,
and behind what some take for the border of a cell.
"""


def harmless_text(text: str, *, lines: bool = False, longest: int | None = None) -> str:
    """
    Take out of *text* what could steer a terminal, forge a line of a log or mislead a reader.

    That is the control characters that begin escape sequences, marks that change the
    direction of writing, invisible characters, and halves of characters. A tab becomes a space.

    Args:
        text: What anybody may have written.
        lines: Whether it may have several lines; otherwise their ends become spaces too.
        longest: How many characters it may have; the rest becomes an ellipsis.
    """
    if longest is not None and len(text) > longest:
        text = f"{text[: longest - 1]}…"
    if text.isprintable() and REPLACEMENT not in text:
        return text
    if lines:
        text = text.replace("\r\n", "\n")
    shown = "".join(c if c.isprintable() else _shown(c, lines=lines) for c in text)
    return _LOOSE_JOINERS.sub("", _REPLACEMENTS.sub(REPLACEMENT, shown))


def harmless_value(value: Any) -> Any:
    """Take a JSON value and make every text in it harmless, names too; lines stay."""
    if isinstance(value, str):
        return harmless_text(value, lines=True)
    if isinstance(value, Mapping):
        return {harmless_value(name): harmless_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [harmless_value(one) for one in value]
    return value


def table_cell(text: str) -> str:
    """Make *text* fit for a cell of a CSV file: no spreadsheet takes it for a formula."""
    return _FORMULA.sub(r"\1\2'", harmless_text(text, lines=True))


def _shown(character: str, *, lines: bool) -> str:
    if character in _JOINERS or (lines and character == "\n"):
        return character
    if unicodedata.category(character) == "Zs":
        return character
    return " " if character in _ENDS_OF_WORDS else REPLACEMENT
