"""Read long lists page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from image2model.ports.audit import AuditQuery
from image2model.ports.jobstore import JobQuery, LedgerQuery


class Page(Protocol):
    """A part of a list."""

    @property
    def next(self) -> str | None:
        """Where the next part begins; None: there is none."""
        ...


QueryT = TypeVar("QueryT", AuditQuery, JobQuery, LedgerQuery)
PageT = TypeVar("PageT", bound=Page)


async def read_pages(
    read: Callable[[QueryT], Awaitable[PageT]], query: QueryT
) -> AsyncIterator[PageT]:
    """
    Yield the pages that *query* asks for, each when it is asked for.

    What is added meanwhile may be missing; nothing comes twice.
    """
    while True:
        page = await read(query)
        yield page
        if page.next is None:
            return
        query = replace(query, after=page.next)
