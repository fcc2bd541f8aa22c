"""Port: work that failed lately, and is not tried again for a while."""

from collections.abc import Sequence
from typing import Protocol

from image2model.core.job import Problem


class Failures(Protocol):
    """
    Keeps what failed under names, for every process and beyond restarts.

    Every method is atomic, and raises DatabaseUnavailable when the store cannot be reached.
    """

    async def add_failure(
        self, name: str, problem: Problem, *, lives_s: Sequence[float], most: int
    ) -> None:
        """
        Remember that what is called *name* failed now.

        How often it failed is forgotten when the longest of *lives_s* has passed since it was last
        tried in vain.

        Args:
            name: At most 64 characters.
            problem: Why.
            lives_s: How long that is remembered, in seconds, when it has failed once, twice and so
                on; the last one counts from then on.
            most: How many failures are remembered in all; those that end first go.
        """
        ...

    async def find_failure(self, name: str) -> Problem | None:
        """Tell why what is called *name* failed lately; None: it did not, or may be tried again."""
        ...
