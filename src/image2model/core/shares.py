"""Whose turn it is where many wait for the same thing."""

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Share:
    """
    Who waits, for fairness only.

    Attributes:
        owner: Whose work it is; owners share what there is.
        job: Which of the owner's jobs; they share what the owner gets.
    """

    owner: str
    job: str = ""


_OURS = Share("")
"""What the product does by itself."""

_CURRENT: ContextVar[Share] = ContextVar("image2model_share", default=_OURS)


@contextmanager
def working_for(share: Share) -> Iterator[None]:
    """Have `current_share` tell *share* within, and in tasks started there."""
    token = _CURRENT.set(share)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def work_for(share: Share) -> None:
    """Have `current_share` tell *share* for the rest of this task."""
    _CURRENT.set(share)


def current_share() -> Share:
    """Tell for whom the code that runs now works."""
    return _CURRENT.get()


class FairQueue(Generic[T]):
    """
    Entries that wait, each once; the next one is of the owner who holds least.

    Owners who hold the same take turns, the jobs of an owner likewise, and the entries of a job
    keep their order. So a job of 500 entries delays a job of one by one entry, and an owner of
    40 jobs delays another one as little.
    """

    def __init__(self) -> None:
        self._owners: OrderedDict[str, OrderedDict[str, OrderedDict[T, None]]] = OrderedDict()
        self._length = 0
        self._held_by_owner: Counter[str] = Counter()
        self._held_by_job: Counter[Share] = Counter()

    def __len__(self) -> int:
        return self._length

    def put(self, share: Share, entry: T) -> None:
        """Add *entry* behind the others of its share, unless it waits already."""
        jobs = self._owners.setdefault(share.owner, OrderedDict())
        entries = jobs.setdefault(share.job, OrderedDict())
        self._length += entry not in entries
        entries[entry] = None

    def first(self, *, below: float = inf) -> tuple[Share, T] | None:
        """
        Tell which entry is next.

        Args:
            below: Whoever holds as much as this is passed over.

        Returns:
            Its share and the entry, or None: nobody waits who may.
        """
        owner = min(self._owners, key=self._held_by_owner.__getitem__, default=None)
        if owner is None or self._held_by_owner[owner] >= below:
            return None
        jobs = self._owners[owner]
        job = min(jobs, key=lambda job: self._held_by_job[Share(owner, job)])
        return Share(owner, job), next(iter(jobs[job]))

    def remove(self, share: Share, entry: T) -> None:
        """Take *entry* out, if it waits; others of its owner and of its job go on last."""
        jobs = self._owners.get(share.owner, OrderedDict())
        entries = jobs.get(share.job, OrderedDict())
        if entry not in entries:
            return
        del entries[entry]
        self._length -= 1
        jobs.move_to_end(share.job)
        self._owners.move_to_end(share.owner)
        if not entries:
            del jobs[share.job]
        if not jobs:
            del self._owners[share.owner]

    def hold(self, share: Share, amount: int = 1) -> None:
        """Note that *share* holds *amount* more."""
        self._held_by_owner[share.owner] += amount
        self._held_by_job[share] += amount

    def give_back(self, share: Share, amount: int = 1) -> None:
        """Note that *share* holds *amount* less."""
        self._held_by_owner[share.owner] -= amount
        self._held_by_job[share] -= amount
        # What is nothing is forgotten, or everybody who ever came would be remembered.
        if not self._held_by_owner[share.owner]:
            del self._held_by_owner[share.owner]
        if not self._held_by_job[share]:
            del self._held_by_job[share]

    def load_of(self, share: Share) -> tuple[int, int]:
        """Tell how much the owner of *share* holds, and how much of it for its job."""
        return self._held_by_owner[share.owner], self._held_by_job[share]

    def clear(self) -> None:
        """Forget who waits, but not who holds."""
        self._owners.clear()
        self._length = 0
