"""How much one caller, all anonymous ones, or everybody may have here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """
    What an operator may set; None: no limit.

    Attributes:
        bytes_per_owner: What the pictures and kept results of one owner may take.
        anonymous_bytes: The same for all browser sessions without an API key together.
        bytes: The same for everybody together.
        drafts_per_owner: The most drafts of one owner.
        items_per_owner: The most unfinished items of one owner's running and paused jobs.
        derived_bytes_per_owner: What may be kept of what is made of one owner's files.
        derived_bytes: The same of everybody's.
        sessions: The most browser sessions without jobs that are remembered.
        sessions_per_hour: How many browser sessions one network may begin in an hour.
        empty_draft_s: How long a draft without items is kept, in seconds.
    """

    bytes_per_owner: int | None = None
    anonymous_bytes: int | None = None
    bytes: int | None = None
    drafts_per_owner: int | None = None
    items_per_owner: int | None = None
    derived_bytes_per_owner: int | None = None
    derived_bytes: int | None = None
    sessions: int = 100_000
    sessions_per_hour: int | None = None
    empty_draft_s: float = 3_600.0
