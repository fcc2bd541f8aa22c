"""A dictionary that does not grow for ever."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(dict[K, V]):
    """
    Forgets what was written longest ago, for keys that callers may choose.

    Write by `[...] =` alone: `setdefault` and `update` look at no limit.

    Args:
        most: How many entries it has at most.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(iter(self))]
