"""The models of shared links, and of what they show."""

from datetime import datetime
from typing import Any

from pydantic import Field

from image2model.wire.example_values import EXAMPLE_JOB
from image2model.wire.model import ReplyModel, WireModel
from image2model.wire.names import ItemStateName, JobStateName
from image2model.wire.paths import API_PREFIX

EXAMPLE_TOKEN = "i2s_9rTn3kqk0m1zX6bqJ2nF4c7sT8uV5wYdEgHiKlMoPQA"  # noqa: S105 - an example
_LINK = f"{API_PREFIX}/shared/{EXAMPLE_TOKEN}"
_DAY_S = 86_400


class ShareIn(WireModel):
    """What to share."""

    item: int | None = Field(
        None,
        ge=0,
        description="The only item to show, by `index`; null: all of the job.",
        examples=[0],
    )
    expires_in_s: int = Field(
        30 * _DAY_S,
        ge=60,
        le=366 * _DAY_S,
        description="How long the link works, in seconds: from a minute to a year.",
        examples=[7 * _DAY_S],
    )
    pictures: bool = Field(
        False,
        description="Whether to show the pictures that the models were made of, too.",
        examples=[True],
    )
    note: str = Field(
        "", max_length=200, description="What you call it.", examples=["For the printer's shop"]
    )


class ShareOut(ReplyModel):
    """A link that you have shared."""

    id: str = Field(description="Its name, to revoke it by.", examples=["5d0c1a7e93b2f846"])
    job: str = Field(description="What it shows.", examples=[EXAMPLE_JOB])
    item: int | None = Field(
        description="The only item it shows; null: all of the job.", examples=[0]
    )
    pictures: bool = Field(description="Whether it shows pictures, too.", examples=[False])
    note: str = Field(description="What you call it.", examples=["For the printer's shop"])
    created_at: datetime = Field(description="When you made it.", examples=["2026-11-21T09:31:00Z"])
    expires_at: datetime = Field(
        description="When it stops working.", examples=["2026-12-21T09:31:00Z"]
    )


class NewShareOut(ShareOut):
    """A link that was made now; its token cannot be shown again."""

    token: str = Field(
        description="Opens the link; it cannot be shown again.", examples=[EXAMPLE_TOKEN]
    )
    url: str = Field(
        description="Where whoever has it reads what is shared, relative to the server.",
        examples=[_LINK],
    )


class SharesOut(ReplyModel):
    """The links to a job that work."""

    shares: list[ShareOut] = Field(description="Newest first.")


class SharedFileOut(ReplyModel):
    """A file to download."""

    name: str = Field(description="Its file name.", examples=["teapot.glb"])
    role: str = Field(description="What it is for.", examples=["mesh"])
    format: str = Field(description="Its format.", examples=["glb"])
    size_bytes: int | None = Field(
        description="Its length in bytes; null: not known yet.", examples=[1_482_260]
    )
    url: str = Field(
        description="Where to download it, relative to the server.",
        examples=[f"{_LINK}/items/0/files/teapot.glb"],
    )


class SharedViewOut(ReplyModel):
    """A picture that a model was made of."""

    view: str = Field(description="Which side of the object it shows.", examples=["front"])
    url: str = Field(
        description="Where it is, relative to the server.",
        examples=[f"{_LINK}/items/0/views/front"],
    )
    width_px: int = Field(description="Its width in pixels.", examples=[1024])
    height_px: int = Field(description="Its height in pixels.", examples=[1024])


class SharedItemOut(ReplyModel):
    """One object."""

    index: int = Field(description="Its place in the job, from 0.", examples=[0])
    name: str = Field(description="For people.", examples=["teapot"])
    state: ItemStateName = Field(description="Where it stands.", examples=["succeeded"])
    views: list[SharedViewOut] = Field(description="Its pictures, if they are shared.")
    files: list[SharedFileOut] = Field(description="Its files; none until it has succeeded.")
    facts: dict[str, Any] = Field(
        description="What is known of the model.", examples=[{"faces": 20_000}]
    )
    metadata: dict[str, Any] = Field(
        description="What its owner says of the object.", examples=[{"title": "Teapot"}]
    )


class SharedOut(ReplyModel):
    """What somebody has shared with you."""

    name: str = Field(description="The job's name.", examples=["Kitchen shelf"])
    state: JobStateName = Field(description="Where it stands.", examples=["finished"])
    generator: str = Field(description="What made the models.", examples=["local/puff"])
    created_at: datetime = Field(description="When it was made.", examples=["2026-11-21T09:30:00Z"])
    finished_at: datetime | None = Field(
        description="When it was finished; null: it is not.", examples=["2026-11-21T09:30:48Z"]
    )
    expires_at: datetime = Field(
        description="When the link stops working.", examples=["2026-12-21T09:31:00Z"]
    )
    items: list[SharedItemOut] = Field(description="What is shared of it.")
