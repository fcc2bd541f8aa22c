"""What the HTTP API says of API keys."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from image2model.wire.model import ReplyModel, WireModel

ScopeName = Literal["read", "generate", "admin"]

KEY_EXAMPLE = "i2m_0badcafe_5eaf00d5eaf00d5eaf00d5eaf00d"
_CREATED, _USED, _EXPIRES = (f"2026-{day}T09:30:00Z" for day in ("11-21", "11-22", "12-21"))

_Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Scopes = Annotated[list[ScopeName], Field(min_length=1, max_length=3)]
# JSON has no times, so text is read as one.
_Time = Annotated[AwareDatetime, Field(strict=False)]
_Usd = Annotated[float, Field(ge=0, le=1_000_000)]
_Pattern = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x20\x7f]+$")]
_Generators = Annotated[list[_Pattern], Field(max_length=100)]

_WHOSE = "Whose key it is, for people."
_SCOPES = (
    "What it may do. `read`: look at jobs and download. `generate`: also make jobs and change "
    "them. `admin`: also manage keys. Each includes those before it."
)
_ENDS = "When it stops working; null: never."
_GENERATORS = (
    "Ids of the generators that it may use, `*` standing for any text; null: all that may be used "
    "here."
)


class KeyLimitsIn(WireModel):
    """The most that may be spent with a key, in US dollars."""

    job_usd: _Usd | None = Field(None, description="On each job; null: no limit.", examples=[2.0])
    day_usd: _Usd | None = Field(
        None, description="In any 24 hours; null: no limit.", examples=[5.0]
    )
    month_usd: _Usd | None = Field(
        None, description="In any 30 days; null: no limit.", examples=[50.0]
    )


class KeyIn(WireModel):
    """A key to be made."""

    name: _Name = Field(description=_WHOSE, examples=["office"])
    scopes: _Scopes = Field(["read", "generate"], description=_SCOPES, examples=[["read"]])
    expires_at: _Time | None = Field(None, description=_ENDS, examples=[_EXPIRES])
    limits: KeyLimitsIn = Field(KeyLimitsIn(), description="What may be spent with it.")
    generators: _Generators | None = Field(
        None, description=_GENERATORS, examples=[["local/*", "fal/tripo-v2.5"]]
    )


class KeyPatch(WireModel):
    """What to change of a key; what is not given stays, and null takes an end or a limit away."""

    name: _Name | None = Field(None, description=_WHOSE, examples=["office"])
    scopes: _Scopes | None = Field(None, description=_SCOPES, examples=[["read"]])
    expires_at: _Time | None = Field(None, description=_ENDS, examples=[_EXPIRES])
    limits: KeyLimitsIn | None = Field(
        None, description="The limits to change; the others stay.", examples=[{"day_usd": 5.0}]
    )
    generators: _Generators | None = Field(
        None, description=_GENERATORS, examples=[["local/*", "fal/tripo-v2.5"]]
    )


class KeyLimitsOut(ReplyModel):
    """The most that may be spent with a key, in US dollars."""

    job_usd: float | None = Field(description="On each job; null: no limit.", examples=[2.0])
    day_usd: float | None = Field(description="In any 24 hours; null: no limit.", examples=[5.0])
    month_usd: float | None = Field(description="In any 30 days; null: no limit.", examples=[50.0])


class KeyOut(ReplyModel):
    """An API key, without its secret."""

    id: str = Field(description="Its public part.", examples=["0badcafe"])
    name: str = Field(description="Whose key it is, for people.", examples=["office"])
    state: Literal["works", "expired", "revoked"] = Field(
        description="Whether it works.", examples=["works"]
    )
    scopes: list[ScopeName] = Field(
        description="What it may do; see `POST /keys`.", examples=[["read", "generate"]]
    )
    created_at: datetime = Field(description="When it was made.", examples=[_CREATED])
    expires_at: datetime | None = Field(
        description="When it stops working; null: never.", examples=[_EXPIRES]
    )
    last_used_at: datetime | None = Field(
        description="When it was last used, to about a minute; null: never.", examples=[_USED]
    )
    revoked_at: datetime | None = Field(
        description="When it was revoked; null: it was not.", examples=[None]
    )
    limits: KeyLimitsOut = Field(description="What may be spent with it.")
    generators: list[str] | None = Field(
        description="Ids of the generators that may be used, `*` standing for any text; null: all.",
        examples=[["local/*"]],
    )


class KeyMade(KeyOut):
    """An API key that was just made, with its secret."""

    key: str = Field(
        description="The key itself. It is shown this once and cannot be read again.",
        examples=[KEY_EXAMPLE],
    )


class KeyList(ReplyModel):
    """All API keys, newest first."""

    keys: list[KeyOut] = Field(description="Those that were revoked, too.")
