"""Routes about what was spent."""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from image2model.api.access.callers import OwnerIn
from image2model.api.dependencies import ContextIn
from image2model.api.requests.params import Cursor, EntriesLimit, Since, Until
from image2model.api.responses.documented_errors import problems
from image2model.api.responses.files import send_lines
from image2model.api.serializers.jobs import ledger_entry_out
from image2model.jobs.spending.ledger import read_ledger
from image2model.ports.jobstore import LedgerQuery
from image2model.wire.ledger import LedgerList, entry_line, header_line

router = APIRouter(tags=["ledger"])


@router.get(
    "/ledger",
    operation_id="listLedger",
    summary="List what was sent to providers, and what it cost",
    response_description="One page of the ledger.",
    responses=problems(),
)
async def list_ledger(
    *,
    context: ContextIn,
    owner: OwnerIn,
    since: Since = None,
    until: Until = None,
    cursor: Cursor = None,
    limit: EntriesLimit = 100,
) -> LedgerList:
    """Return every try of every item of your jobs, newest first, those of deleted jobs too."""
    query = LedgerQuery(
        owner=owner,
        since=since,
        until=until,
        after=cursor,
        limit=limit,
    )
    page = await context.store.list_ledger(query)
    return LedgerList(entries=[ledger_entry_out(e) for e in page.entries], next=page.next)


@router.get(
    "/ledger.csv",
    operation_id="exportLedger",
    summary="Export what was sent to providers, and what it cost",
    response_class=StreamingResponse,
    response_description="The whole ledger, newest first, with a line that names the columns.",
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": header_line()}}},
        **problems(),
    },
)
async def export_ledger(
    *, context: ContextIn, owner: OwnerIn, since: Since = None, until: Until = None
) -> StreamingResponse:
    """Return the same as a table for spreadsheets, all pages in one (RFC 4180)."""
    query = LedgerQuery(owner=owner, since=since, until=until)

    async def lines() -> AsyncIterator[str]:
        yield header_line()
        async for entry in read_ledger(context, query):
            yield entry_line(ledger_entry_out(entry))

    return send_lines(lines(), name="ledger.csv", media_type="text/csv; charset=utf-8")
