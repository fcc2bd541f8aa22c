"""Many numbers as text, fast: for formats that are read by people and written by machines."""

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE = 100_000
"""So that the numbers of a large model are not all Python objects at once."""


def format_rows(template: str, rows: NDArray[np.floating] | NDArray[np.integer]) -> str:
    r"""
    Fill *template* with each row and join the results.

    Args:
        template: With a `%` place per column, such as `"v %.7g %.7g %.7g\n"`.
        rows: Shape (n, columns).

    Returns:
        The text.
    """
    return "".join(
        (template * len(some)) % tuple(some.ravel().tolist())
        for some in np.array_split(rows, range(_ROWS_AT_ONCE, len(rows), _ROWS_AT_ONCE))
    )


def pick_rows(template: str, words: list[str], rows: NDArray[np.integer]) -> str:
    """
    Fill *template* with the word that each number of a row points to, and join the results.

    Args:
        template: With a `%s` place per column.
        words: What the numbers stand for.
        rows: Indices into *words*, shape (n, columns).

    Returns:
        The text.
    """
    return "".join(
        (template * len(some)) % tuple([words[index] for index in some.ravel().tolist()])
        for some in np.array_split(rows, range(_ROWS_AT_ONCE, len(rows), _ROWS_AT_ONCE))
    )
