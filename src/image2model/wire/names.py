"""The names of states and views in JSON."""

from typing import Literal

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
