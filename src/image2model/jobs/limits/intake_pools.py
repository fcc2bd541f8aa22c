"""What is kept and what is coming in now, by whose it is."""

from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import anyio

from image2model.core.ids import OwnerId
from image2model.ports.derived import Owners, Whose


@dataclass(slots=True)
class Pool:
    """
    What belongs to one owner, or to several.

    Attributes:
        whose: To whom.
        measured_at_s: When the store was last asked; None: never.
        stored_bytes: Pictures and results, as it answered.
        derived_bytes: What is made of them, as it answered.
        in_vain_at_s: When derived files were last to make way and too many were in use; None: the
            last time enough did.
        since_bytes: What came in since.
        coming_bytes: What came of requests that are under way.
        users: How many requests look at it.
        measuring: Held while the store is asked.
    """

    whose: Whose
    measured_at_s: float | None = None
    stored_bytes: int = 0
    derived_bytes: int = 0
    in_vain_at_s: float | None = None
    since_bytes: int = 0
    coming_bytes: int = 0
    users: int = 0
    measuring: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def kept_bytes(self) -> int:
        """All that cannot be made again, with what is coming."""
        return self.stored_bytes + self.since_bytes + self.coming_bytes

    @property
    def all_bytes(self) -> int:
        """Everything."""
        return self.kept_bytes + self.derived_bytes

    def age_s(self, now_s: float) -> float:
        """Tell how long ago the store was asked."""
        return float("inf") if self.measured_at_s is None else now_s - self.measured_at_s


class IntakePools:
    """
    The pools that requests of this process look at; others are forgotten.

    Those of several owners stay, for adding up their files takes long.
    """

    def __init__(self) -> None:
        self._pools: dict[Whose, Pool] = {}
        self._turns: WeakValueDictionary[OwnerId, anyio.Lock] = WeakValueDictionary()

    def turn(self, owner: OwnerId) -> anyio.Lock:
        """Return the lock to hold while *owner*'s jobs are counted and one more is begun."""
        return self._turns.setdefault(owner, anyio.Lock())

    def enter(self, whose: Whose) -> Pool:
        """Find the pool of *whose*, which `leave` lets go of."""
        pool = self._pools.setdefault(whose, Pool(whose))
        pool.users += 1
        return pool

    def leave(self, pool: Pool) -> None:
        """Let go of a pool."""
        pool.users -= 1
        if not pool.users and not isinstance(pool.whose, Owners):
            del self._pools[pool.whose]
