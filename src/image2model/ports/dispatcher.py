"""Port: have items run somewhere, soon."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from image2model.core.generator import RunsOn
from image2model.core.ids import JobId, OwnerId


@dataclass(frozen=True, slots=True, order=True)
class ItemRef:
    """Names one item: its job and its place in it, from 0."""

    job: JobId
    index: int


class Dispatcher(Protocol):
    """Sends items to whoever runs them. A lost message only delays: the sweeper sends again."""

    async def dispatch(self, items: Sequence[ItemRef], *, owner: OwnerId, runs_on: RunsOn) -> None:
        """
        Ask for *items* to be run, in this order where possible.

        Sending an item again is harmless: its lease lets only one run count.

        Args:
            items: What to run.
            owner: Whose they are; owners take turns.
            runs_on: What their generator needs.
        """
        ...

    async def waiting(self, runs_on: RunsOn) -> int | None:
        """
        Count the messages that wait to be taken, as far as sending an item again would add one.

        Returns:
            How many, roughly; None: that cannot be told now, and nothing can be sent either.
        """
        ...
