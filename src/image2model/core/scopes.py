"""What somebody may do here."""

from collections.abc import Collection
from enum import StrEnum


class Scope(StrEnum):
    """A right of a caller; each includes those before it."""

    READ = "read"
    GENERATE = "generate"
    ADMIN = "admin"


USER_SCOPES = frozenset({Scope.READ, Scope.GENERATE})
"""Of whoever has jobs of their own and runs nothing here."""

_RANKS = {scope: rank for rank, scope in enumerate(Scope)}


def includes(scopes: Collection[Scope], wanted: Scope) -> bool:
    """Tell whether *scopes* allow what *wanted* allows."""
    return any(_RANKS[scope] >= _RANKS[wanted] for scope in scopes)
