"""What somebody who typed an unknown name probably meant."""

import difflib
import re
from collections.abc import Iterable, Mapping


def closest_name(typed: str, known: Iterable[str], *, like: float = 0.6) -> str | None:
    """
    Find the one of *known* that *typed* is most like, whatever the case.

    A path may be named by its last part, such as `puff` for `local/puff`, and an id by its
    beginning, such as `fal/tripo`.

    Args:
        typed: What is not known.
        known: What is; parts of a path are divided by `/` or `__`.
        like: How similar a name must be to be taken for it, as `SequenceMatcher.ratio` says.

    Returns:
        The name; None: nothing is like it.
    """
    wanted = typed.strip().lower()
    if not wanted:
        return None
    names = list(known)
    # Of several of one text the first one counts.
    whole: Mapping[str, str] = {name.lower(): name for name in reversed(names)}
    last: Mapping[str, str] = {_last_part(name): name for name in reversed(names)}
    for by_text in (whole, last):
        if wanted in by_text:
            return by_text[wanted]
    if len(wanted) >= 3:
        for name in names:
            if name.lower().startswith(wanted) or _last_part(name).startswith(wanted):
                return name
    best = max(names, key=lambda name: _likeness(wanted, name.lower()), default="")
    return best if best and _likeness(wanted, best.lower()) >= like else None


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """Ask for what was probably meant, as a sentence with a space before it; "": nobody knows."""
    close = closest_name(typed, known)
    return f" Did you mean '{close}'?" if close and close != typed else ""


def _likeness(typed: str, name: str) -> float:
    """Tell how similar two names are, 0.0–1.0; what they begin with alike says nothing."""
    last = _last_part(name)
    parent = name.removesuffix(last)
    if parent and typed.startswith(parent):
        return _ratio(typed.removeprefix(parent), last)
    return max(_ratio(typed, name), _ratio(typed, last))


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _last_part(name: str) -> str:
    return re.split("/|__", name.lower())[-1]
