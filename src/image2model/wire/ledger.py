"""The ledger as CSV (RFC 4180), the same from the API and the command line."""

import csv
import io

from image2model.core.text.clean import table_cell
from image2model.wire.models import LedgerEntryOut

COLUMNS = (
    "time",
    "job",
    "item",
    "generator",
    "endpoint",
    "attempt",
    "state",
    "request_id",
    "estimated_usd",
    "cost_usd",
    "currency",
)


def header_line() -> str:
    """Write the first line, which names the columns."""
    return csv_line(COLUMNS)


def entry_line(entry: LedgerEntryOut) -> str:
    """Write one line; what a spreadsheet would take for a formula is made a text."""
    shown = entry.model_dump(mode="json")
    return csv_line([_cell(shown[column]) for column in COLUMNS])


def _cell(value: object) -> object:
    if isinstance(value, str):
        return table_cell(value)
    return "" if value is None else value


def csv_line(cells: object) -> str:
    """Write one line of a table, as RFC 4180 has it."""
    out = io.StringIO()
    csv.writer(out).writerow(cells)  # type: ignore[arg-type]
    return out.getvalue()
