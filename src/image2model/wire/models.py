"""What the HTTP API sends: jobs, items, results, generators, estimates, problems."""

import json
import math
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

ItemStateName = Literal[
    "queued",
    "submitting",
    "generating",
    "finishing",
    "succeeded",
    "failed",
    "cancelled",
    "uncertain",
]
JobStateName = Literal["draft", "running", "paused", "finished"]
AttemptStateName = Literal[
    "submitting", "accepted", "succeeded", "failed", "cancelled", "uncertain"
]
ViewName = Literal["front", "left", "back", "right", "top", "bottom", "front-left", "front-right"]


def _check_finite(value: Any) -> Any:
    """Refuse NaN and infinity anywhere in *value*: Python reads them, JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("NaN and infinity are no JSON numbers")
    if isinstance(value, dict):
        _check_finite(list(value.values()))
    if isinstance(value, list):
        for part in value:
            _check_finite(part)
    return value


OptionsIn = Annotated[dict[str, Any], AfterValidator(_check_finite)]
"""A generator's options as a caller gives them."""


class WireModel(BaseModel):
    """Base of everything sent: no unknown fields, so that a typing error is noticed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ReplyModel(BaseModel):
    """Base of everything received from a server: newer servers may send more."""

    model_config = ConfigDict(extra="ignore")


class Counts(ReplyModel):
    """How many of the job's items are in which state."""

    queued: int = Field(0, description="Waiting for their turn.")
    submitting: int = Field(0, description="Being sent to the provider.")
    generating: int = Field(0, description="Being made by the provider.")
    finishing: int = Field(0, description="Being fetched, checked and stored.")
    succeeded: int = Field(0, description="Done, with a result.")
    failed: int = Field(0, description="Ended without a result; `error` of the item says why.")
    cancelled: int = Field(0, description="Stopped by a person.")
    uncertain: int = Field(
        0, description="The provider may have accepted them; waiting for a person's decision."
    )
    total: int = Field(0, description="All items of the job.")


class JobProgress(ReplyModel):
    """How far the whole job is."""

    fraction: float = Field(description="0.0–1.0 over all items.", ge=0, le=1)
    eta_s: float | None = Field(description="Seconds left; null: not known yet.")


class Cost(ReplyModel):
    """What the job costs, in US dollars."""

    estimated_usd: float = Field(description="What all items should cost by the price list.")
    booked_usd: float = Field(description="What the attempts so far did cost.")
    budget_usd: float | None = Field(description="The most it may cost; null: no limit.")


class PictureView(ReplyModel):
    """One picture of an item."""

    view: ViewName = Field(description="Which side of the object it shows.")
    url: str = Field(description="Where the picture can be read, relative to the server.")
    width_px: int = Field(description="Width in pixels, upright.")
    height_px: int = Field(description="Height in pixels, upright.")


class ItemProgress(ReplyModel):
    """How far an item is."""

    fraction: float = Field(description="0.0–1.0; never falls while the item runs.", ge=0, le=1)
    phase: str = Field(description="What happens now, for people; empty when nothing does.")
    queue_position: int | None = Field(
        description="Requests ahead of it at the provider, from 0; null: not queued there."
    )
    eta_s: float | None = Field(description="Seconds left; null: not known.")


class ErrorBody(ReplyModel):
    """Why an item failed or needs a decision."""

    code: str = Field(description="A stable word that a program can branch on.")
    message: str = Field(description="One sentence: what is wrong and what to do.")
    details: dict[str, Any] = Field(default_factory=dict, description="Further facts.")


class FileOut(ReplyModel):
    """One file of a result."""

    name: str = Field(description="Safe file name, unique within the result.")
    role: Literal["mesh", "preview", "texture", "original"] = Field(
        description="What the file is for."
    )
    format: str = Field(description="Its format by its bytes, such as `glb` or `webp`.")
    size_bytes: int | None = Field(description="Length in bytes; null: only the provider knows.")
    sha256: str | None = Field(description="SHA-256 of the bytes, hex; null: not fetched.")
    url: str = Field(description="Where to download it, relative to the server.")
    provider_url: str | None = Field(description="The provider's own URL, where there is one.")
    expires_at: datetime | None = Field(
        description="When `provider_url` ends; null: not known, or no such URL."
    )


class ResultOut(ReplyModel):
    """What an item became."""

    files: list[FileOut] = Field(description="Its files, the mesh first.")
    facts: dict[str, Any] = Field(
        description="Facts about the model: faces, vertices, width_mm, height_mm, depth_mm, "
        "watertight, and what the generator says of it."
    )


class AttemptOut(ReplyModel):
    """One try of an item: a line of the ledger."""

    number: int = Field(description="From 1.")
    state: AttemptStateName = Field(description="What became of it.")
    request_id: str | None = Field(description="The provider's name for it; null: no answer.")
    submitted_at: datetime = Field(description="When it was about to be sent.")
    finished_at: datetime | None = Field(description="When it ended; null: open.")
    cost_usd: float | None = Field(description="Booked cost in US dollars; null: not known yet.")


class ItemOut(ReplyModel):
    """One object of a job."""

    index: int = Field(description="Its place in the job, from 0.")
    name: str = Field(description="Its name; unique within the job.")
    state: ItemStateName = Field(description="Where it stands.")
    views: list[PictureView] = Field(description="Its pictures, the front first.")
    progress: ItemProgress = Field(description="How far it is.")
    error: ErrorBody | None = Field(description="Why it failed or needs a decision, or null.")
    result: ResultOut | None = Field(description="What it became, or null.")
    attempts: list[AttemptOut] = Field(description="Its attempts, oldest first.")


class JobSummary(ReplyModel):
    """A job without its items."""

    id: str = Field(description="32 hex digits.")
    name: str = Field(description="For people.")
    state: JobStateName = Field(description="Where it stands.")
    generator: str = Field(description="What makes the items, such as `local/puff`.")
    options: dict[str, Any] = Field(description="The generator's options, defaults filled in.")
    created_at: datetime = Field(description="When it came in.")
    started_at: datetime | None = Field(description="When it was started; null: still a draft.")
    finished_at: datetime | None = Field(
        description="When its last item became final; null: not yet."
    )
    version: int = Field(description="Grows with every visible change.")
    counts: Counts = Field(description="Items by state.")
    progress: JobProgress = Field(description="How far it is.")
    cost: Cost = Field(description="What it costs.")
    expires_at: datetime | None = Field(description="When it will be deleted; null: never.")
    starred: bool = Field(description="Kept beyond the retention.")


class JobOut(JobSummary):
    """A job with its items."""

    items: list[ItemOut] = Field(description="In order of their index.")


class JobDelta(JobSummary):
    """A job with only those items that changed since a version."""

    items: list[ItemOut] = Field(description="The items touched since, by index.")


class JobList(ReplyModel):
    """One page of jobs, newest first."""

    jobs: list[JobSummary] = Field(description="Jobs without their items.")
    next: str | None = Field(description="Pass it as `cursor` for more; null: the last page.")


class SurchargeOut(ReplyModel):
    """What one option adds to the price."""

    option: str = Field(description="The option's name.")
    equals: Any = Field(description="The value that costs extra.")
    usd: float = Field(description="The extra per item, in US dollars.")


class PriceOut(ReplyModel):
    """What an item costs by its options."""

    base_usd: float = Field(description="US dollars per item before surcharges.")
    surcharges: list[SurchargeOut] = Field(description="Added for each option that matches.")
    note: str = Field(description="What the figures leave out.")


class GeneratorOut(ReplyModel):
    """Everything needed to choose a generator and fill in its options."""

    id: str = Field(description="Use it as a job's `generator`.")
    title: str = Field(description="Its name for people.")
    summary: str = Field(description="One honest sentence.")
    good_for: list[str] = Field(description="Subjects it does well.")
    poor_for: list[str] = Field(description="Subjects it does badly.")
    provider: str = Field(description="Who runs it.")
    runs_on: Literal["network", "cpu", "gpu"] = Field(description="What it needs.")
    default: bool = Field(description="Used when a job names no generator.")
    required_views: list[ViewName] = Field(description="Views every item must have.")
    optional_views: list[ViewName] = Field(description="Further views it can use.")
    min_views: int = Field(description="The fewest pictures of an item.")
    max_views: int = Field(description="The most pictures of an item.")
    options_schema: dict[str, Any] = Field(
        description="JSON Schema (2020-12) of `options`, with defaults and ranges."
    )
    price: PriceOut = Field(description="What an item costs.")
    typical_s: float = Field(description="Seconds an item takes as a rule.")
    output_formats: list[str] = Field(description="Formats it delivers.")
    licence: str = Field(description="Under which terms its results may be used.")
    notes: list[str] = Field(description="Anything else to know.")


class GeneratorList(ReplyModel):
    """All generators, the default one first."""

    generators: list[GeneratorOut] = Field(description="The generators on offer.")


class EstimateIn(WireModel):
    """What to estimate."""

    generator: str | None = Field(None, description="Null: the default generator.")
    options: OptionsIn = Field(default_factory=dict, description="As for a job.")
    items: int = Field(1, ge=1, le=500, description="How many items.")


class EstimateOut(ReplyModel):
    """What a job would cost and how long it would take."""

    generator: str = Field(description="The generator used for the estimate.")
    options: dict[str, Any] = Field(description="With defaults filled in.")
    items: int = Field(description="How many items.")
    item_usd: float = Field(description="US dollars per item.")
    total_usd: float = Field(description="US dollars for all items.")
    typical_s: float = Field(description="Seconds for all items, as a rule.")
    note: str = Field(description="What the figures leave out.")


class JobPatch(WireModel):
    """What to change of a job; what is left out stays."""

    name: str | None = Field(None, max_length=200, description="New name.")
    starred: bool | None = Field(None, description="Keep it beyond the retention, or not.")
    generator: str | None = Field(None, description="Drafts only: another generator.")
    options: OptionsIn | None = Field(None, description="Drafts only: other options.")


class DraftIn(WireModel):
    """What to know of a draft; its pictures come one by one."""

    name: str = Field("", max_length=200, description="Empty: named after its items.")
    generator: str | None = Field(None, description="Null: the default generator.")
    options: OptionsIn = Field(default_factory=dict, description="The generator's options.")
    keep: Literal["keep", "links"] | None = Field(
        None, description="What happens to results; null: as the operator set it."
    )
    budget_usd: float | None = Field(
        None, gt=0, description="The most it may cost, in US dollars; null: no limit."
    )


class ViewGroupIn(WireModel):
    """Which of the files sent are the views of one object."""

    name: str = Field("", max_length=200, description="Empty: named after its first file.")
    views: dict[ViewName, Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="Positions of its files, from 0, by the view they show."
    )


class JobFormIn(DraftIn):
    """The fields of the form that makes a whole job; `options` and `views` are JSON texts."""

    reuse: bool = Field(
        False,
        description="Take over results you already have of the same pictures and settings.",
    )
    views: list[ViewGroupIn] | None = Field(
        None,
        description="Which files belong to one object; every file must be named once. Left out: "
        "every file is an object of its own.",
    )

    @field_validator("options", "views", mode="before")
    @classmethod
    def _read_json(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value


class MoveIn(WireModel):
    """Where to put an item of a draft."""

    to: int = Field(ge=0, description="The new index.")


class ResolveIn(WireModel):
    """What to do with an uncertain item."""

    resolution: Literal["resubmit", "give_up"] = Field(
        description="`resubmit`: send it again (it may be charged twice). `give_up`: fail it."
    )


class StreamEnd(ReplyModel):
    """The last event of a stream."""

    reason: Literal["finished", "deleted"] = Field(description="Why nothing more will come.")


class HealthOut(ReplyModel):
    """Whether the server and the parts it needs work."""

    status: Literal["ok", "failing"] = Field(description="`failing` when any part fails.")
    checks: dict[str, str] = Field(
        description="Each part that was called, with `ok` or what is wrong."
    )


class ProblemOut(ReplyModel):
    """An error, as RFC 9457 problem details."""

    type: str = Field("about:blank", description="A link to the error's description.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One sentence: what is wrong and what to do.")
    code: str = Field(description="A stable word that a program can branch on.")
    details: dict[str, Any] = Field(default_factory=dict, description="Further facts.")
