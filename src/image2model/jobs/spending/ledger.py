"""Read the ledger: what was sent to providers, and what it cost."""

from collections.abc import AsyncIterator
from dataclasses import replace

from image2model.jobs.context import Context
from image2model.jobs.paging import read_pages
from image2model.ports.jobstore import LedgerEntry, LedgerQuery

_PAGE = 500


async def read_ledger(context: Context, query: LedgerQuery) -> AsyncIterator[LedgerEntry]:
    """
    Yield all entries that *query* asks for, newest first, whatever its limit.

    Entries that are added meanwhile may be missing; none comes twice.

    Raises:
        InvalidRequest: `query.after` is no position.
    """
    async for page in read_pages(context.store.list_ledger, replace(query, limit=_PAGE)):
        for entry in page.entries:
            yield entry
