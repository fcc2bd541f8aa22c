"""The caller's account, budget and session."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from image2model.wire.example_values import EXAMPLE_JOB
from image2model.wire.model import ReplyModel, WireModel


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
