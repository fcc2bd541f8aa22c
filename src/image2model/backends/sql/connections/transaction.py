"""What the statements of one call share, and who runs such calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa

_P = ParamSpec("_P")
_T = TypeVar("_T")
_A = TypeVar("_A")


@dataclass(frozen=True, slots=True)
class Transaction:
    """
    One transaction under way.

    Attributes:
        connection: Where its statements run.
        now_s: When it began by the store's clock, in seconds since 1970.
    """

    connection: sa.Connection
    now_s: float

    @property
    def now(self) -> datetime:
        """When it began."""
        return datetime.fromtimestamp(self.now_s, UTC)

    def run(
        self, statement: sa.Executable, parameters: Any = None
    ) -> sa.CursorResult[*tuple[Any, ...]]:
        """Execute *statement*, once or for each of the *parameters*."""
        return self.connection.execute(statement, parameters)

    def run_each(self, statement: sa.Executable, parameters: Sequence[Any]) -> None:
        """Execute *statement*, which returns nothing, with each of the *parameters* in turn."""
        if parameters:
            self.run(statement, parameters[0] if len(parameters) == 1 else parameters)


class Database(Protocol):
    """
    Runs work in transactions; the schema is in place.

    Cancelling does not interrupt what writes: it takes milliseconds, and the caller must learn
    what was written.
    """

    async def write(
        self,
        work: Callable[Concatenate[Transaction, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """
        Do *work* in a transaction that is committed, or rolled back if it raises.

        Raises:
            DatabaseUnavailable: The database cannot be used; nothing was written.
        """
        ...

    async def write_together(
        self, work: Callable[[Transaction, Sequence[_A]], Sequence[_T]], about: str, argument: _A
    ) -> _T:
        """
        Do *work* with *argument* in a transaction, perhaps with arguments of others beside it.

        Args:
            work: Gives an answer for each argument, in their order, or raises and is done anew
                with each alone.
            about: What the arguments have in common: only such come together.
            argument: This call's.

        Returns:
            The answer for *argument*.

        Raises:
            DatabaseUnavailable: The database cannot be used; nothing was written.
        """
        ...

    async def read(
        self,
        work: Callable[Concatenate[Transaction, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """
        Do *work*, which only reads, in a transaction that sees one state of the database.

        Raises:
            DatabaseUnavailable: The database cannot be used.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        ...
