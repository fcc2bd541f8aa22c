"""The ledger as JSON, and as CSV (RFC 4180) for both the API and the command line."""

import csv
import io
from datetime import datetime
from typing import Literal

from pydantic import Field

from image2model.core.text.clean import table_cell
from image2model.wire.example_values import EXAMPLE_JOB, FINISHED, STARTED
from image2model.wire.model import ReplyModel
from image2model.wire.names import AttemptStateName


class LedgerEntryOut(ReplyModel):
    """One try of an item that cost something, or might; it stays when its job is deleted."""

    time: datetime = Field(description="When it was about to be sent.", examples=[STARTED])
    finished_at: datetime | None = Field(
        description="When it ended; null: open.", examples=[FINISHED]
    )
    job: str = Field(description="The job's `id`; it may be deleted.", examples=[EXAMPLE_JOB])
    item: str = Field(description="The item's name.", examples=["teapot"])
    generator: str = Field(description="What was to make it.", examples=["fal/tripo-v2.5"])
    endpoint: str = Field(
        description="Where it was sent, in the provider's words.",
        examples=["tripo3d/tripo/v2.5/image-to-3d"],
    )
    attempt: int = Field(description="Which try of the item, from 1.", examples=[1])
    state: AttemptStateName = Field(description="What became of it.", examples=["succeeded"])
    request_id: str | None = Field(
        description="The provider's name for it; null: no answer.", examples=["req-7d41"]
    )
    estimated_usd: float = Field(description="What it should cost.", examples=[0.3])
    cost_usd: float | None = Field(
        description="What was booked; null: not known (yet).", examples=[0.3]
    )
    currency: Literal["USD"] = Field("USD", description="Of both amounts.", examples=["USD"])


class LedgerList(ReplyModel):
    """One page of the ledger, newest first."""

    entries: list[LedgerEntryOut] = Field(description="The tries.")
    next: str | None = Field(
        description="Pass it as `cursor` for more; null: the last page.",
        examples=[f"1795253400.000000-{EXAMPLE_JOB}"],
    )


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
