"""Port: what an operator wants to see of all owners together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from image2model.core.generator import GeneratorId
from image2model.core.ids import OwnerId
from image2model.core.states import ItemState


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """How many items of a generator's are in one state; of running and paused jobs."""

    generator: GeneratorId
    state: ItemState
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """
    What is to be made.

    Attributes:
        lines: By generator and state; only states that are not final.
        waiting_since: When the running job that has waited longest was started, of those with
            items that wait; None: nothing waits.
    """

    lines: Sequence[QueueLine]
    waiting_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingLine:
    """
    What one owner spent at one generator, or has reserved there.

    Attributes:
        owner: Who.
        provider: At which provider.
        generator: With which generator.
        attempts: How many attempts were started within the last 30 days.
        day_usd: What those of the last 24 hours count.
        month_usd: What all of them count.
    """

    owner: OwnerId
    provider: str
    generator: GeneratorId
    attempts: int
    day_usd: Decimal
    month_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerLine:
    """
    What one owner has here.

    Attributes:
        owner: Who; has at least one job.
        jobs: Their jobs, drafts included.
        unfinished_jobs: The drafts, running and paused ones among them.
        last_job_at: When the newest was made.
        picture_bytes: What their pictures take, a file that several jobs share counted once.
        result_bytes: The same of kept results.
        derived_bytes: What was made of them, and can be made again.
    """

    owner: OwnerId
    jobs: int
    unfinished_jobs: int
    last_job_at: datetime
    picture_bytes: int
    result_bytes: int
    derived_bytes: int


class Overviews(Protocol):
    """
    Adds up over all owners. All that counts is looked at, so ask seldom.

    Every method is atomic, and raises DatabaseUnavailable when the store cannot be reached.
    """

    async def queue(self) -> Queue:
        """Count the items that are to be made, ordered by generator and state."""
        ...

    async def is_sending(self) -> bool:
        """Tell whether any item is being sent; cheap enough to ask every moment."""
        ...

    async def spending(self) -> Sequence[SpendingLine]:
        """Add up the last 30 days' attempts, by owner, provider and generator, in this order."""
        ...

    async def owners(self) -> Sequence[OwnerLine]:
        """Add up what owners have, ordered by owner."""
        ...
