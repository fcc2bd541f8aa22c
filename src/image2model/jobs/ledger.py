"""Read the ledger: what was sent to providers, and what it cost."""

from collections.abc import AsyncIterator
from dataclasses import replace

from image2model.jobs.context import Context
from image2model.ports.jobstore import LedgerEntry, LedgerQuery

_PAGE = 500


async def read_ledger(context: Context, query: LedgerQuery) -> AsyncIterator[LedgerEntry]:
    """
    Yield all entries that *query* asks for, newest first, whatever its limit.

    Entries that are added meanwhile may be missing; none comes twice.

    Raises:
        InvalidRequest: `query.after` is no position.
    """
    query = replace(query, limit=_PAGE)
    while True:
        page = await context.store.list_ledger(query)
        for entry in page.entries:
            yield entry
        if page.next is None:
            return
        query = replace(query, after=page.next)
