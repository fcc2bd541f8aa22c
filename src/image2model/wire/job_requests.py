"""Requests that create or change a job."""

import json
import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator

from image2model.wire.adjust import AdjustIn
from image2model.wire.model import WireModel
from image2model.wire.names import ViewName

_BROKEN_TEXT = re.compile("[\0\ud800-\udfff]")


_DEEPEST = 50


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
