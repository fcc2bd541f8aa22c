"""An item of a job: its pictures, progress, attempts, result and error."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from image2model.wire.example_values import FINISHED, ITEM_URL, SHA256, STARTED
from image2model.wire.model import ReplyModel, WireModel
from image2model.wire.names import AttemptStateName, ItemStateName, ViewName


class PictureView(ReplyModel):
    """One picture of an item."""

    view: ViewName = Field(description="Which side of the object it shows.", examples=["front"])
    url: str = Field(
        description="Where the picture can be read, relative to the server.",
        examples=[f"{ITEM_URL}/views/front"],
    )
    thumb_url: str = Field(
        "",
        description="Where a small rendition can be read, relative to the server: WebP, at most "
        "480 pixels, or 160 with `&size_px=160`. The address changes with the picture.",
        examples=[f"{ITEM_URL}/views/front/thumb.webp?v=5d0c1a7e93b2f846"],
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
        examples=[SHA256],
    )
    url: str = Field(
        description="Where to download it, relative to the server.",
        examples=[f"{ITEM_URL}/files/teapot.glb"],
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


class AttemptOut(ReplyModel):
    """One try of an item: a line of the ledger."""

    number: int = Field(description="From 1.", examples=[1])
    state: AttemptStateName = Field(description="What became of it.", examples=["succeeded"])
    request_id: str | None = Field(
        description="The provider's name for it; null: no answer.", examples=["req-7d41"]
    )
    submitted_at: datetime = Field(description="When it was about to be sent.", examples=[STARTED])
    finished_at: datetime | None = Field(
        description="When it ended; null: open.", examples=[FINISHED]
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
