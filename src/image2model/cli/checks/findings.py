"""What a check of an installation finds."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. `note`: nothing is wrong; `warning`: something will not work."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    What one check found.

    Attributes:
        what: What was checked.
        level: How bad it is.
        found: What is the case.
        advice: What to do about it; "": nothing.
        code: The code of the error that was met; "": none was.
    """

    what: str
    level: Level
    found: str
    advice: str = ""
    code: str = ""
