"""Generators, their prices, and estimates of cost."""

from typing import Any, Literal

from pydantic import Field

from image2model.wire.example_values import OPTIONS
from image2model.wire.job_requests import OptionsIn
from image2model.wire.model import ReplyModel, WireModel
from image2model.wire.names import ViewName


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
    options: dict[str, Any] = Field(description="With defaults filled in.", examples=[OPTIONS])
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
