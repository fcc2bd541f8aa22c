"""Port: what is made of pictures and results, which can be made again and so may be dropped."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from image2model.core.ids import ArtifactId, OwnerId


class Owners(StrEnum):
    """Several owners together."""

    ALL = "all"
    ANONYMOUS = "anonymous"
    """Those that are browser sessions without an API key."""


Whose = OwnerId | Owners
"""One owner, or several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """
    What was forgotten to make room.

    Attributes:
        artifacts: The files, which nothing names any more.
        left_bytes: What the others take.
    """

    artifacts: Sequence[ArtifactId]
    left_bytes: int


class DerivedFiles(Protocol):
    """
    Remembers what is made of pictures and of files of results: it goes when they go.

    Every method is atomic, and raises DatabaseUnavailable when the store cannot be reached.
    """

    async def add_derived(
        self, source: ArtifactId, artifact: ArtifactId, *, owner: OwnerId, size_bytes: int
    ) -> bool:
        """
        Remember that *artifact* is made of *source*, and used now.

        May be called twice.

        Args:
            source: A picture of an item, or a file of a result.
            artifact: What is made of it.
            owner: Whose source it is.
            size_bytes: How large it is.

        Returns:
            Whether an item still has *source*; if not, nothing is remembered.
        """
        ...

    async def use_derived(self, artifact: ArtifactId) -> None:
        """Remember that *artifact* is used now, or was within half a minute."""
        ...

    async def drop_derived(self, whose: Whose, *, keep_bytes: int, idle_s: float) -> Dropped:
        """
        Forget those used longest ago until the others take no more than *keep_bytes*.

        Args:
            whose: Only theirs are counted and forgotten.
            keep_bytes: What may stay.
            idle_s: Those used within so many seconds stay in any case.

        Returns:
            What was forgotten, and what is left.
        """
        ...
