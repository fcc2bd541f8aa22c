"""A dispatcher that only writes down what it was asked for; the test decides what runs."""

from collections.abc import Sequence

from image2model.core.generator import RunsOn
from image2model.core.ids import OwnerId
from image2model.ports.dispatcher import ItemRef


class RecordingDispatcher:
    """
    A `Dispatcher` that runs nothing.

    Attributes:
        sent: What was dispatched and not yet taken, in order.
        backlog: How many messages wait, as far as anybody is told; None: it is out of reach.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[ItemRef, RunsOn]] = []
        self.backlog: int | None = 0

    async def dispatch(self, items: Sequence[ItemRef], *, owner: OwnerId, runs_on: RunsOn) -> None:
        """Write *items* down."""
        del owner
        self.sent.extend((item, runs_on) for item in items)

    async def waiting(self, _runs_on: RunsOn) -> int | None:
        """Tell `backlog`."""
        return self.backlog

    def take(self) -> list[ItemRef]:
        """Return what was dispatched since the last call, each item once, and forget it."""
        taken = list(dict.fromkeys(ref for ref, _ in self.sent))
        self.sent.clear()
        return taken
