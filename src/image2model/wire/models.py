"""What the HTTP API sends: jobs, items, results, generators, estimates, problems."""

import json
import math
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from image2model.wire.adjust import AdjustIn

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

EXAMPLE_JOB = "0f8e4c1a9b2d4e6f8a7b3c5d1e2f4a6b"
_ITEM_URL = f"/api/v1/jobs/{EXAMPLE_JOB}/items/0"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_CREATED, _STARTED, _FINISHED = (f"2026-11-21T09:30:{second}Z" for second in ("00", "01", "48"))
_BROKEN_TEXT = re.compile("[\0\ud800-\udfff]")
_DEEPEST = 50
_OPTIONS = {"depth": 1.0, "back": "auto"}


def _check_json(value: Any) -> Any:
    """Refuse what Python reads but nobody keeps: NaN, NUL, half characters, and deep nesting."""
    left = [(value, 0)]  # A list of our own: what strangers nest may be deeper than calls can be.
    while left:
        part, depth = left.pop()
        if depth > _DEEPEST:
            raise ValueError(f"values must not be nested deeper than {_DEEPEST} times")
        if isinstance(part, float) and not math.isfinite(part):
            raise ValueError("NaN and infinity are no JSON numbers")
        if isinstance(part, str) and _BROKEN_TEXT.search(part):
            raise ValueError("text must be Unicode without NUL")
        if isinstance(part, dict):
            left.extend((inner, depth + 1) for inner in (*part, *part.values()))
        elif isinstance(part, list):
            left.extend((inner, depth + 1) for inner in part)
    return value


OptionsIn = Annotated[dict[str, Any], AfterValidator(_check_json)]
"""A generator's options as a caller gives them."""


FormatsIn = Annotated[list[str], AfterValidator(lambda names: [n.lower() for n in names])]
"""Names of formats, in any case."""


class WireModel(BaseModel):
    """Base of everything sent: no unknown fields, so that a typing error is noticed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class ReplyModel(BaseModel):
    """Base of everything received from a server: newer servers may send more."""

    model_config = ConfigDict(extra="ignore", json_schema_serialization_defaults_required=True)


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


class PictureView(ReplyModel):
    """One picture of an item."""

    view: ViewName = Field(description="Which side of the object it shows.", examples=["front"])
    url: str = Field(
        description="Where the picture can be read, relative to the server.",
        examples=[f"{_ITEM_URL}/views/front"],
    )
    thumb_url: str = Field(
        "",
        description="Where a small rendition can be read, relative to the server: WebP, at most "
        "480 pixels, or 160 with `&size_px=160`. The address changes with the picture.",
        examples=[f"{_ITEM_URL}/views/front/thumb.webp?v=5d0c1a7e93b2f846"],
    )
    file_name: str = Field(
        "", description="What its file was called; empty: not known.", examples=["teapot.png"]
    )
    width_px: int = Field(description="Width in pixels, upright.", examples=[1024])
    height_px: int = Field(description="Height in pixels, upright.", examples=[768])
    notes: list[str] = Field(
        default_factory=list,
        description="What there is to say of it before it is made: that it was scaled down, that "
        "the object may be cut out wrongly, that there seem to be several.",
        examples=[[]],
    )
    credentials: list[str] = Field(
        default_factory=list,
        description="What of its origin the upload carried: `C2PA`, `XMP`; nothing is verified.",
        examples=[[]],
    )
    source_type: str = Field(
        "",
        description="The IPTC digital source type that these name, such as "
        "`trainedAlgorithmicMedia`; empty: none.",
        examples=[""],
    )


class ItemProgress(ReplyModel):
    """How far an item is."""

    fraction: float = Field(
        description="0.0–1.0; never falls while the item runs.", ge=0, le=1, examples=[1.0]
    )
    phase: str = Field(
        description="What happens now, for people; empty when nothing does.",
        examples=[""],
    )
    queue_position: int | None = Field(
        description="Requests ahead of it at the provider, from 0; null: not queued there.",
        examples=[None],
    )
    eta_s: float | None = Field(description="Seconds left; null: not known.", examples=[None])


class ErrorBody(ReplyModel):
    """Why an item failed or needs a decision."""

    code: str = Field(
        description="A stable word that a program can branch on.", examples=["picture_damaged"]
    )
    message: str = Field(
        description="One sentence: what is wrong and what to do.",
        examples=["The picture cannot be read to its end. Export or download it again."],
    )
    details: dict[str, Any] = Field(
        default_factory=dict, description="Further facts.", examples=[{"reason": "truncated"}]
    )


class FileOut(ReplyModel):
    """One file of a result."""

    name: str = Field(
        description="Safe file name, unique within the result.", examples=["teapot.glb"]
    )
    role: Literal["mesh", "preview", "texture", "original"] = Field(
        description="What the file is for.", examples=["mesh"]
    )
    format: str = Field(
        description="Its format by its bytes, such as `glb` or `webp`.", examples=["glb"]
    )
    size_bytes: int | None = Field(
        description="Length in bytes; null: only the provider knows, or a preview that is still "
        "to be drawn (asking for it draws it).",
        examples=[1_482_260],
    )
    sha256: str | None = Field(
        description="SHA-256 of the bytes, hex; null: not fetched, or still to be drawn.",
        examples=[_SHA256],
    )
    url: str = Field(
        description="Where to download it, relative to the server.",
        examples=[f"{_ITEM_URL}/files/teapot.glb"],
    )
    provider_url: str | None = Field(
        description="The provider's own URL, where there is one.",
        examples=["https://files.example/teapot.glb"],
    )
    expires_at: datetime | None = Field(
        description="When `provider_url` ends; null: not known, or no such URL.",
        examples=["2026-11-28T09:30:48Z"],
    )
    notes: list[str] = Field(
        default_factory=list,
        description="What was given up or left out for it, where it was made of what was "
        "delivered.",
        examples=[["simplified from 48,000 to 20,000 faces"]],
    )


class ResultOut(ReplyModel):
    """What an item became."""

    files: list[FileOut] = Field(description="Its files, the mesh first.")
    facts: dict[str, Any] = Field(
        description="Facts about the model: faces, vertices, width_mm, height_mm, depth_mm, "
        "watertight, and what the generator says of it.",
        examples=[{"faces": 12_480, "vertices": 6_242, "watertight": True, "height_mm": 100.0}],
    )


class FidelityOut(ReplyModel):
    """How well a model matches its photo, from where it looks most like it."""

    score: float | None = Field(
        description="0.0–1.0: two thirds outline, one third colours; null: cannot be told.",
        ge=0,
        le=1,
        examples=[0.91],
    )
    iou: float | None = Field(
        description="Overlap of the outlines, intersection over union; null: not compared.",
        examples=[0.957],
    )
    color_difference: float | None = Field(
        description="Mean difference of colours in CIE L*a*b*, lightness counted half: 2 is hardly "
        "seen, 40 is another colour; null: not compared.",
        examples=[3.4],
    )
    meaning: str = Field(
        description="The score in words; why there is none.", examples=["very close to the photo"]
    )
    yaw_deg: float | None = Field(
        description="How far to the right of the front the photo was taken; null: not found.",
        examples=[12.0],
    )
    pitch_deg: float | None = Field(description="How far above; null: not found.", examples=[8.0])


class AttemptOut(ReplyModel):
    """One try of an item: a line of the ledger."""

    number: int = Field(description="From 1.", examples=[1])
    state: AttemptStateName = Field(description="What became of it.", examples=["succeeded"])
    request_id: str | None = Field(
        description="The provider's name for it; null: no answer.", examples=["req-7d41"]
    )
    submitted_at: datetime = Field(description="When it was about to be sent.", examples=[_STARTED])
    finished_at: datetime | None = Field(
        description="When it ended; null: open.", examples=[_FINISHED]
    )
    estimated_usd: float = Field(description="What it should cost, in US dollars.", examples=[0.3])
    cost_usd: float | None = Field(
        description="Booked cost in US dollars; null: not known yet.", examples=[0.3]
    )


class ItemOut(ReplyModel):
    """One object of a job."""

    index: int = Field(description="Its place in the job, from 0.", examples=[0])
    name: str = Field(description="Its name; unique within the job.", examples=["teapot"])
    state: ItemStateName = Field(description="Where it stands.", examples=["succeeded"])
    views: list[PictureView] = Field(description="Its pictures, the front first.")
    progress: ItemProgress = Field(description="How far it is.")
    error: ErrorBody | None = Field(
        description="Why it failed, needs a decision or is fetched again, or null.",
        examples=[None],
    )
    result: ResultOut | None = Field(description="What it became, or null.")
    metadata: dict[str, Any] = Field(
        default_factory=dict,
        description="What a spreadsheet says of it, by column.",
        examples=[{"picture": "teapot.png", "title": "Teapot", "height_mm": 212.5}],
    )
    attempts: list[AttemptOut] = Field(description="Its attempts, oldest first.")

    @property
    def resubmit_usd(self) -> float | None:
        """
        What making it again would cost, in US dollars, where that is offered; None: it is not.

        It was paid for, and its provider has it no more or delivered something useless. A retry
        fetches what is paid for; only the resolution `resubmit` makes it again.
        """
        usd = self.error.details.get("resubmit_usd") if self.error is not None else None
        return float(usd) if self.state == "failed" and isinstance(usd, int | float) else None


class JobSummary(ReplyModel):
    """A job without its items."""

    id: str = Field(description="32 hex digits.", examples=[EXAMPLE_JOB])
    name: str = Field(description="For people.", examples=["Kitchen shelf"])
    state: JobStateName = Field(description="Where it stands.", examples=["finished"])
    generator: str = Field(
        description="What makes the items, such as `local/puff`.", examples=["local/puff"]
    )
    options: dict[str, Any] = Field(
        description="The generator's options, defaults filled in.", examples=[_OPTIONS]
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
    created_at: datetime = Field(description="When it came in.", examples=[_CREATED])
    started_at: datetime | None = Field(
        description="When it was started; null: still a draft.", examples=[_STARTED]
    )
    finished_at: datetime | None = Field(
        description="When its last item became final; null: not yet.", examples=[_FINISHED]
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
        examples=[[f"{_ITEM_URL}/views/front/thumb.webp?v=5d0c1a7e93b2f846"]],
    )


class JobList(ReplyModel):
    """One page of jobs, newest first."""

    jobs: list[ListedJob] = Field(description="Jobs without their items.")
    next: str | None = Field(
        description="Pass it as `cursor` for more; null: the last page.",
        examples=[f"1795253400.000000-{EXAMPLE_JOB}"],
    )


class LedgerEntryOut(ReplyModel):
    """One try of an item that cost something, or might; it stays when its job is deleted."""

    time: datetime = Field(description="When it was about to be sent.", examples=[_STARTED])
    finished_at: datetime | None = Field(
        description="When it ended; null: open.", examples=[_FINISHED]
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


class SurchargeOut(ReplyModel):
    """What one option adds to the price."""

    option: str = Field(description="The option's name.", examples=["texture"])
    equals: Any = Field(description="The value that costs extra.", examples=["HD"])
    given: bool = Field(
        False,
        description="Any value costs extra, whatever `equals` says; leaving it out does not.",
        examples=[False],
    )
    usd: float = Field(description="The extra per item, in US dollars.", examples=[0.1])


class PriceOut(ReplyModel):
    """What an item costs by its options."""

    base_usd: float = Field(description="US dollars per item before surcharges.", examples=[0.2])
    surcharges: list[SurchargeOut] = Field(description="Added for each option that matches.")
    more_views_usd: float = Field(
        0.0,
        description="Added once for an item of more than one picture, in US dollars.",
        examples=[0.0],
    )
    note: str = Field(
        description="What the figures leave out.", examples=["Prices without value-added tax."]
    )
    known: bool = Field(
        True,
        description="Whether there are figures; false: nobody knows what an item costs.",
        examples=[True],
    )


class GeneratorOut(ReplyModel):
    """Everything needed to choose a generator and fill in its options."""

    id: str = Field(description="Use it as a job's `generator`.", examples=["local/puff"])
    title: str = Field(description="Its name for people.", examples=["Puff"])
    summary: str = Field(
        description="One honest sentence.",
        examples=["Blows the outline up into a cushion; flat from the side."],
    )
    good_for: list[str] = Field(
        description="Subjects it does well.", examples=[["plush toys", "fruit"]]
    )
    poor_for: list[str] = Field(
        description="Subjects it does badly.", examples=[["faces", "chairs"]]
    )
    provider: str = Field(description="Who runs it.", examples=["local"])
    runs_on: Literal["network", "cpu", "gpu"] = Field(
        description="What it needs.", examples=["cpu"]
    )
    default: bool = Field(description="Used when a job names no generator.", examples=[True])
    required_views: list[ViewName] = Field(
        description="Views every item must have.", examples=[["front"]]
    )
    optional_views: list[ViewName] = Field(
        description="Further views it can use.", examples=[["left", "back", "right"]]
    )
    min_views: int = Field(description="The fewest pictures of an item.", examples=[1])
    max_views: int = Field(description="The most pictures of an item.", examples=[4])
    options_schema: dict[str, Any] = Field(
        description="JSON Schema (2020-12) of `options`, with defaults and ranges.",
        examples=[
            {
                "type": "object",
                "properties": {"depth": {"type": "number", "minimum": 0.2, "default": 1.0}},
            }
        ],
    )
    price: PriceOut = Field(description="What an item costs.")
    typical_s: float = Field(description="Seconds an item takes as a rule.", examples=[0.1])
    output_formats: list[str] = Field(description="Formats it delivers.", examples=[["glb"]])
    licence: str = Field(
        description="Under which terms its results may be used.", examples=["Yours"]
    )
    notes: list[str] = Field(
        description="Anything else to know.", examples=[["Runs on this machine."]]
    )
    may_pay: bool = Field(
        True,
        description="Whether you may use it as far as money is concerned; false: it may cost "
        "something, and you have to sign in with an API key first.",
        examples=[True],
    )
    missing: str | None = Field(
        None,
        description="What the operator must do before it can be used; null: nothing.",
        examples=[None],
    )


class GeneratorList(ReplyModel):
    """All generators, the default one first."""

    generators: list[GeneratorOut] = Field(description="The generators on offer.")


class EstimateIn(WireModel):
    """What to estimate."""

    generator: str | None = Field(
        None, description="Null: the default generator.", examples=["local/puff"]
    )
    options: OptionsIn = Field(
        default_factory=dict, description="As for a job.", examples=[{"depth": 1.0}]
    )
    items: int = Field(1, ge=1, le=500, description="How many items.", examples=[25])
    items_with_views: int = Field(
        0,
        ge=0,
        le=500,
        description="How many of them have more than one picture, which may cost extra.",
        examples=[0],
    )


class EstimateOut(ReplyModel):
    """What a job would cost and how long it would take."""

    generator: str = Field(
        description="The generator used for the estimate.", examples=["local/puff"]
    )
    options: dict[str, Any] = Field(description="With defaults filled in.", examples=[_OPTIONS])
    items: int = Field(description="How many items.", examples=[25])
    item_usd: float = Field(description="US dollars per item of one picture.", examples=[0.3])
    total_usd: float = Field(description="US dollars for all items.", examples=[7.5])
    may_pay: bool = Field(
        True,
        description="Whether you may have it made as far as money is concerned; false: it costs "
        "something, and you have to sign in with an API key first.",
        examples=[True],
    )
    typical_s: float = Field(description="Seconds for all items, as a rule.", examples=[45.0])
    note: str = Field(
        description="What the figures leave out.", examples=["Prices without value-added tax."]
    )


class JobPatch(WireModel):
    """What to change of a job; what is left out stays."""

    name: str | None = Field(
        None, max_length=200, description="New name.", examples=["Kitchen shelf"]
    )
    starred: bool | None = Field(
        None, description="Keep it beyond the retention, or not.", examples=[True]
    )
    generator: str | None = Field(
        None, description="Drafts only: another generator.", examples=["local/relief"]
    )
    options: OptionsIn | None = Field(
        None, description="Drafts only: other options.", examples=[{"depth": 0.5}]
    )
    keep: Literal["keep", "links"] | None = Field(
        None, description="Drafts only: what happens to results.", examples=["links"]
    )
    budget_usd: float | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="The most it may cost, in US dollars; 0: no limit.",
        examples=[5.0],
    )
    formats: FormatsIn | None = Field(
        None, description="Drafts only: other formats of the models.", examples=[["glb", "stl"]]
    )
    adjust: AdjustIn | None = Field(
        None, description="Drafts only: what else to adjust the models to."
    )


class DraftIn(WireModel):
    """What to know of a draft; its pictures come one by one."""

    name: str = Field(
        "",
        max_length=200,
        description="Empty: named after its items.",
        examples=["Kitchen shelf"],
    )
    generator: str | None = Field(
        None, description="Null: the default generator.", examples=["local/puff"]
    )
    options: OptionsIn = Field(
        default_factory=dict, description="The generator's options.", examples=[{"depth": 1.0}]
    )
    formats: FormatsIn = Field(
        default_factory=list,
        description="Formats that every result shall have, beside the one delivered: `glb`, "
        "`gltf.zip`, `obj.zip`, `stl`, `ply`, `usdz`, `3mf`. In a form also `glb,stl`.",
        examples=[["glb", "stl"]],
    )
    adjust: AdjustIn = Field(
        default_factory=AdjustIn,
        description="What every model shall be adjusted to. The one delivered is kept, too; what "
        "a spreadsheet says of one object goes before it.",
    )
    keep: Literal["keep", "links"] | None = Field(
        None,
        description="What happens to results; null: as the operator set it.",
        examples=["keep"],
    )
    budget_usd: float | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="The most it may cost, in US dollars; null: no limit.",
        examples=[10.0],
    )
    webhook_url: str | None = Field(
        None,
        max_length=2_000,
        description="Where the job's events are posted: one of your webhooks, or a new one that "
        "hears only of jobs that name it. Null: only your other webhooks hear of it.",
        examples=["https://shop.example/hooks/order-1042"],
    )


class ViewGroupIn(WireModel):
    """Which of the files sent are the views of one object."""

    name: str = Field(
        "",
        max_length=200,
        description="Empty: named after its first file.",
        examples=["teapot"],
    )
    views: dict[ViewName, Annotated[int, Field(ge=0)]] = Field(
        min_length=1,
        description="Positions of its files, from 0, by the view they show.",
        examples=[{"front": 0, "back": 1}],
    )


class JobFormIn(DraftIn):
    """The fields of the form that makes a whole job; those that are no texts are sent as JSON."""

    model_config = ConfigDict(strict=False)  # All that a form sends is text.

    reuse: bool = Field(
        False,
        description="Take over results you already have of the same pictures and settings.",
        examples=[False],
    )
    views: list[ViewGroupIn] | None = Field(
        None,
        description="Which files belong to one object; every file must be named once. Left out: "
        "every file is an object of its own.",
    )

    @field_validator("formats", mode="before")
    @classmethod
    def _read_list(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.lstrip().startswith("["):
            return [name.strip() for name in value.split(",") if name.strip()]
        return cls._read_json(value)

    @field_validator("options", "views", "adjust", mode="before")
    @classmethod
    def _read_json(cls, value: Any) -> Any:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except RecursionError as error:
            raise ValueError("is nested too deeply") from error


class MoveIn(WireModel):
    """Where to put an item of a draft."""

    to: int = Field(ge=0, le=9_999, description="The new index.", examples=[0])


class ResolveIn(WireModel):
    """What to do with an uncertain item, or with one that was paid for and is lost."""

    resolution: Literal["resubmit", "give_up"] = Field(
        description="`resubmit`: send it again and pay for it again (an uncertain one may be "
        "charged twice). `give_up`: fail it; for uncertain items only.",
        examples=["give_up"],
    )


class LimitsOut(ReplyModel):
    """What the server takes, and how long it holds it."""

    items_per_job: int = Field(description="The most items of a job.", examples=[25])
    views_per_item: int = Field(description="The most pictures of an item.", examples=[8])
    picture_bytes: int = Field(description="The largest picture, in bytes.", examples=[25_000_000])
    picture_pixels: int = Field(
        description="The most pixels of a picture: width times height.", examples=[50_000_000]
    )
    picture_min_px: int = Field(description="The least of its shorter side.", examples=[16])
    picture_max_px: int = Field(description="The most of its longer side.", examples=[16_383])
    picture_types: list[str] = Field(
        description="Media types of the pictures that can be read.",
        examples=[["image/jpeg", "image/png", "image/webp", "image/avif"]],
    )
    sheet_bytes: int = Field(description="The largest spreadsheet, in bytes.", examples=[5_000_000])
    unfinished_jobs: int = Field(
        description="The most drafts, running and paused jobs of one caller.", examples=[100]
    )
    unfinished_items: int | None = Field(
        description="The most unfinished items of one caller's running and paused jobs; null: no "
        "limit.",
        examples=[500],
    )
    drafts: int | None = Field(
        description="The most drafts of one caller; null: no limit.", examples=[25]
    )
    stored_bytes: int | None = Field(
        description="The most bytes of one caller's files, those counted that "
        "`stored_bytes` of the account tells; null: no limit.",
        examples=[10_000_000_000],
    )
    derived_bytes: int | None = Field(
        description="The most bytes that are kept of what is made of them, such as other formats; "
        "null: no limit.",
        examples=[2_000_000_000],
    )
    keep: Literal["keep", "links"] = Field(
        description="What happens to results of a job that does not say.", examples=["keep"]
    )
    keep_s: float | None = Field(
        description="Seconds that finished jobs stay whose results the server keeps; null: until "
        "they are deleted.",
        examples=[None],
    )
    links_s: float = Field(
        description="Seconds that finished jobs stay of which it knows the provider's URLs alone.",
        examples=[86_400.0],
    )
    may_pay: bool = Field(
        description="Whether you may use what costs money; false: sign in with an API key first.",
        examples=[True],
    )


class BudgetOut(ReplyModel):
    """A budget, and what is spent of it."""

    scope: Literal["owner_job", "owner_day", "owner_month", "day", "month"] = Field(
        description="What it is a limit of: `owner_job`: each of your jobs; `owner_day` and "
        "`owner_month`: all of yours in 24 hours or 30 days; `day` and `month`: those of all "
        "callers together.",
        examples=["owner_day"],
    )
    limit_usd: float = Field(description="US dollars.", examples=[5.0])
    spent_usd: float | None = Field(
        description="What is spent of it, in US dollars; null: it is of each job.", examples=[1.2]
    )


class SpendingStopOut(ReplyModel):
    """Why nothing that costs money is started."""

    reason: str = Field(description="Why.", examples=["the bill is higher than expected"])
    at: datetime = Field(description="Since when.", examples=["2026-11-30T17:00:00Z"])


class AccountOut(ReplyModel):
    """Who the caller is, what they have here, and what may still be spent."""

    access: Literal["sessions", "keys"] = Field(
        description="`keys`: only callers with an API key, or signed in with one, are let in.",
        examples=["sessions"],
    )
    signed_in: bool = Field(
        description="Whether an API key, or a session begun with one, came with the request.",
        examples=[False],
    )
    scopes: list[Literal["read", "generate", "admin"]] = Field(
        description="What the caller may do.", examples=[["read", "generate"]]
    )
    jobs: int = Field(description="The caller's jobs, drafts included.", examples=[3])
    drafts: int = Field(description="The drafts among them.", examples=[1])
    unfinished_items: int = Field(
        description="Items of their running and paused jobs that are not final.", examples=[12]
    )
    stored_bytes: int = Field(
        description="Bytes of their pictures and kept results, and of what was made of those.",
        examples=[48_211_300],
    )
    derived_bytes: int = Field(
        description="What of that was made of pictures and results, such as other formats. It "
        "makes way where there is too much, and is made again.",
        examples=[6_402_110],
    )
    stored_bytes_limit: int | None = Field(
        description="The most bytes the caller may have; null: no limit.",
        examples=[10_000_000_000],
    )
    day_budget_usd: float | None = Field(
        description="What you may spend in 24 hours; null: no limit. For the operator: what all "
        "callers together may.",
        examples=[20.0],
    )
    day_spent_usd: float = Field(
        description="What you spent in the last 24 hours. For the operator: what all callers "
        "together did.",
        examples=[3.6],
    )
    budgets: list[BudgetOut] = Field(
        description="Your budgets, and what is spent of them. For the operator: those of all "
        "callers together, too."
    )
    spending_stop: SpendingStopOut | None = Field(
        None, description="That nothing which costs money is started now; null: it is."
    )


class ForgottenOut(ReplyModel):
    """What was deleted of a caller who is forgotten."""

    jobs: int = Field(description="How many jobs were deleted.", examples=[3])
    paid_jobs: list[str] = Field(
        description="Those of them of which a model was paid for, or may have been, that was not "
        "there yet.",
        examples=[[EXAMPLE_JOB]],
    )


class SessionOut(ReplyModel):
    """Whether a browser is signed in, and how it can be."""

    signed_in: bool = Field(
        description="Whether an API key or a person is behind its session.", examples=[True]
    )
    person: str | None = Field(
        description="Who it is, where the organisation said so; null: not said.",
        examples=["ann@example.org"],
    )
    openid: bool = Field(
        description="Whether `GET /session/openid` signs in through the organisation.",
        examples=[True],
    )


class SignInIn(WireModel):
    """What to sign in with."""

    key: str = Field(
        max_length=500,
        description="An API key, `i2m_…`.",
        examples=["i2m_0badcafe_5eaf00d5eaf00d5eaf00d5eaf00d"],
    )


class PictureUrlIn(WireModel):
    """Where a picture is."""

    url: str = Field(
        min_length=1,
        max_length=8_000,
        description="A public https URL.",
        examples=["https://pictures.example/teapot.png"],
    )


class SheetRowOut(ReplyModel):
    """What a spreadsheet says of one object."""

    row: int = Field(description="Its number in the sheet; the heading is 1.", examples=[2])
    picture: str = Field(description="The picture's file name, as written.", examples=["jug.png"])
    key: str = Field(
        description="The same as pictures are compared: without folders, extension and capitals.",
        examples=["jug"],
    )
    name: str = Field(
        description="What the item is called; empty: after its picture.", examples=["Goose jug"]
    )
    generator: str = Field(description="As written; empty: none.", examples=[""])
    metadata: dict[str, Any] = Field(
        description="Everything said, by column.",
        examples=[{"picture": "jug.png", "title": "Goose jug", "height_mm": 212.5}],
    )


class SheetOut(ReplyModel):
    """A spreadsheet as it is understood."""

    rows: list[SheetRowOut] = Field(description="What it says of each object, in order.")
    title: str = Field(
        description="Which sheet of the workbook was read; empty for CSV.", examples=["Objects"]
    )
    notes: list[str] = Field(
        description="What was left out, one plain sentence each.",
        examples=[["The sheet 'Objects' was read."]],
    )


class StreamEnd(ReplyModel):
    """The last event of a stream."""

    reason: Literal["finished", "deleted"] = Field(
        description="Why nothing more will come.", examples=["finished"]
    )


class HealthOut(ReplyModel):
    """Whether the server and the parts it needs work."""

    status: Literal["ok", "failing"] = Field(
        description="`failing` when any part fails.", examples=["ok"]
    )
    checks: dict[str, str] = Field(
        description="Each part that was called, with `ok` or what is wrong.",
        examples=[
            {
                "database": "ok",
                "storage": "ok",
                "compute": "ok",
                "space": "ok",
                "background": "ok",
                "queue": "ok",
            }
        ],
    )


class ProblemOut(ReplyModel):
    """An error, as RFC 9457 problem details."""

    type: str = Field(
        "about:blank",
        description="A link to the error's description.",
        examples=["/api/docs#job_not_found"],
    )
    title: str = Field(description="The HTTP status in words.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(
        description="One sentence: what is wrong and what to do.",
        examples=[f"There is no job {EXAMPLE_JOB} here."],
    )
    code: str = Field(
        description="A stable word that a program can branch on.", examples=["job_not_found"]
    )
    details: dict[str, Any] = Field(
        default_factory=dict, description="Further facts.", examples=[{"job": EXAMPLE_JOB}]
    )
