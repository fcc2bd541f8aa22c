"""The parameters that several routes take."""

from typing import Annotated

from fastapi import Header, Path, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from image2model.core.errors import JobNotFound
from image2model.core.ids import JobId, is_hex_id
from image2model.wire.example_values import EXAMPLE_JOB
from image2model.wire.names import JobStateName, ViewName

_MOST_ITEMS = 9_999


def _existing(text: str) -> JobId:
    """Find a text that can be no job's id to be nobody's job, not a malformed request."""
    if not is_hex_id(text):
        raise JobNotFound(job=text)
    return JobId(text)


JobParam = Annotated[
    str, Path(description="The job's `id`.", examples=[EXAMPLE_JOB]), AfterValidator(_existing)
]
ItemParam = Annotated[
    int, Path(ge=0, le=_MOST_ITEMS, description="The item's `index`, from 0.", examples=[0])
]
ViewParam = Annotated[
    ViewName, Path(description="Which side of the object the picture shows.", examples=["front"])
]
Cursor = Annotated[
    str | None,
    Query(
        pattern=r"^\d{1,12}\.\d{6}-[0-9a-f]{32}$",
        description="`next` of the page before.",
        examples=[f"1795253400.000000-{EXAMPLE_JOB}"],
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Your name for this submission: sending it again with the same key returns "
        "the same job instead of making another one.",
        examples=["order-1042"],
    ),
]


def _written_out(value: object) -> object:
    """Refuse seconds since 1970, which pydantic takes for times, too."""
    if isinstance(value, str) and "T" not in value.upper():
        raise ValueError("must be a date and a time, such as 2026-11-01T00:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]

NamePart = Annotated[
    str,
    Query(
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Only jobs whose name contains this, ignoring case.",
        examples=["teapot"],
    ),
]
StateParam = Annotated[
    JobStateName | None, Query(description="Only jobs in this state.", examples=["finished"])
]
JobsLimit = Annotated[int, Query(ge=1, le=100, description="The most jobs to send.", examples=[20])]

Since = Annotated[
    Moment | None,
    Query(
        alias="from",
        description="Only entries at or after this time, with a time zone.",
        examples=["2026-11-01T00:00:00Z"],
    ),
]
Until = Annotated[
    Moment | None,
    Query(
        alias="to",
        description="Only entries before this time, with a time zone.",
        examples=["2026-12-01T00:00:00Z"],
    ),
]
EntriesLimit = Annotated[
    int, Query(ge=1, le=500, description="The most entries to send.", examples=[100])
]
