"""A job, its progress and cost, and lists of jobs."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from image2model.wire.example_values import (
    CREATED,
    EXAMPLE_JOB,
    FINISHED,
    ITEM_URL,
    OPTIONS,
    STARTED,
)
from image2model.wire.items import ItemOut
from image2model.wire.model import ReplyModel
from image2model.wire.names import JobStateName


class Counts(ReplyModel):
    """How many of the job's items are in which state."""

    queued: int = Field(0, description="Waiting for their turn.", examples=[0])
    submitting: int = Field(0, description="Being sent to the provider.", examples=[0])
    generating: int = Field(0, description="Being made by the provider.", examples=[0])
    finishing: int = Field(0, description="Being fetched, checked and stored.", examples=[0])
    succeeded: int = Field(0, description="Done, with a result.", examples=[1])
    failed: int = Field(
        0, description="Ended without a result; `error` of the item says why.", examples=[0]
    )
    cancelled: int = Field(0, description="Stopped by a person.", examples=[0])
    uncertain: int = Field(
        0,
        description="The provider may have accepted them; waiting for a person's decision.",
        examples=[0],
    )
    total: int = Field(0, description="All items of the job.", examples=[1])


class JobProgress(ReplyModel):
    """How far the whole job is."""

    fraction: float = Field(description="0.0–1.0 over all items.", ge=0, le=1, examples=[1.0])
    eta_s: float | None = Field(description="Seconds left; null: not known yet.", examples=[0.0])


class Cost(ReplyModel):
    """What the job costs, in US dollars."""

    estimated_usd: float = Field(
        description="What all items should cost, as far as is known now: what was sent, by its "
        "own estimate; what waits, by the price list.",
        examples=[0.3],
    )
    booked_usd: float = Field(description="What the attempts so far did cost.", examples=[0.3])
    budget_usd: float | None = Field(
        description="The most it may cost; null: no limit.", examples=[10.0]
    )


class JobSummary(ReplyModel):
    """A job without its items."""

    id: str = Field(description="32 hex digits.", examples=[EXAMPLE_JOB])
    name: str = Field(description="For people.", examples=["Kitchen shelf"])
    state: JobStateName = Field(description="Where it stands.", examples=["finished"])
    generator: str = Field(
        description="What makes the items, such as `local/puff`.", examples=["local/puff"]
    )
    options: dict[str, Any] = Field(
        description="The generator's options, defaults filled in.", examples=[OPTIONS]
    )
    formats: list[str] = Field(
        default_factory=list,
        description="Formats wished of every result; none: as delivered.",
        examples=[["glb", "stl"]],
    )
    adjust: dict[str, Any] = Field(
        default_factory=dict,
        description="What the models were to be adjusted to.",
        examples=[{"height_mm": 80.0, "max_bytes": 4_000_000}],
    )
    created_at: datetime = Field(description="When it came in.", examples=[CREATED])
    started_at: datetime | None = Field(
        description="When it was started; null: still a draft.", examples=[STARTED]
    )
    finished_at: datetime | None = Field(
        description="When its last item became final; null: not yet.", examples=[FINISHED]
    )
    version: int = Field(description="Grows with every visible change.", examples=[17])
    counts: Counts = Field(description="Items by state.")
    progress: JobProgress = Field(description="How far it is.")
    cost: Cost = Field(description="What it costs.")
    expires_at: datetime | None = Field(
        description="When it will be deleted; null: never.", examples=["2026-12-21T09:30:48Z"]
    )
    keep: Literal["keep", "links"] = Field(
        "keep",
        description="Whether results are kept by the server, or their provider's URLs alone.",
        examples=["keep"],
    )
    starred: bool = Field(description="Kept beyond the retention.", examples=[False])
    stored_bytes: int = Field(
        0,
        description="Bytes of its pictures and of the results that are kept here, which deleting "
        "it gives back.",
        examples=[6_291_456],
    )


class JobOut(JobSummary):
    """A job with its items."""

    items: list[ItemOut] = Field(description="In order of their index.")


class JobDelta(JobSummary):
    """A job with only those items that changed since a version."""

    items: list[ItemOut] = Field(
        description="The items touched since, by index; all of them while it is a draft. Items "
        "whose index is not below `counts.total` are gone."
    )


class ListedJob(JobSummary):
    """A job in a list."""

    covers: list[str] = Field(
        default_factory=list,
        description="The `thumb_url` of the first picture of its first items, four at most.",
        examples=[[f"{ITEM_URL}/views/front/thumb.webp?v=5d0c1a7e93b2f846"]],
    )


class JobList(ReplyModel):
    """One page of jobs, newest first."""

    jobs: list[ListedJob] = Field(description="Jobs without their items.")
    next: str | None = Field(
        description="Pass it as `cursor` for more; null: the last page.",
        examples=[f"1795253400.000000-{EXAMPLE_JOB}"],
    )


class StreamEnd(ReplyModel):
    """The last event of a stream."""

    reason: Literal["finished", "deleted"] = Field(
        description="Why nothing more will come.", examples=["finished"]
    )
