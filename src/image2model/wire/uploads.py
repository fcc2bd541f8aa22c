"""Limits on uploads, pictures by address, and product sheets."""

from typing import Any, Literal

from pydantic import Field

from image2model.wire.model import ReplyModel, WireModel


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
