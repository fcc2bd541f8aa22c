"""A queue of items that gives every job its turn."""

from collections import OrderedDict, deque

from image2model.core.ids import JobId
from image2model.ports.dispatcher import ItemRef


class FairQueue:
    """
    Items that wait, each once: in their order within a job, and one of each job in turn.

    A job of 500 items thus delays a job of one item by one item, not by 500.
    """

    def __init__(self) -> None:
        self._jobs: OrderedDict[JobId, deque[ItemRef]] = OrderedDict()
        self._waiting: set[ItemRef] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: ItemRef) -> None:
        """Add *item* behind the others of its job, unless it waits already."""
        if item not in self._waiting:
            self._waiting.add(item)
            self._jobs.setdefault(item.job, deque()).append(item)

    def take(self) -> ItemRef:
        """
        Remove and return the next item.

        Raises:
            LookupError: None waits.
        """
        if not self._jobs:
            raise LookupError("no item waits")
        job, items = next(iter(self._jobs.items()))
        item = items.popleft()
        self._waiting.remove(item)
        if items:
            self._jobs.move_to_end(job)
        else:
            del self._jobs[job]
        return item
