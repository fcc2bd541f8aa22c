"""Errors as problem details (RFC 9457)."""

from typing import Any

from pydantic import Field

from image2model.wire.example_values import EXAMPLE_JOB
from image2model.wire.model import ReplyModel


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
