"""Whether the server is healthy."""

from typing import Literal

from pydantic import Field

from image2model.wire.model import ReplyModel


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
