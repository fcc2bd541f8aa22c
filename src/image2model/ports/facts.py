"""Port: what was learnt once and holds for every process, beyond restarts."""

from typing import Protocol

from image2model.core.errors import JsonValue


class Facts(Protocol):
    """
    Keeps small facts under names; the last one written is the one that counts.

    Both methods raise DatabaseUnavailable when the store cannot be reached.
    """

    async def keep_fact(self, name: str, value: JsonValue) -> None:
        """
        Keep *value* under *name* in place of what was there.

        Args:
            name: At most 64 characters; begins with who it belongs to, such as `fal.`.
            value: Not None.
        """
        ...

    async def find_fact(self, name: str) -> JsonValue | None:
        """Read what is kept under *name*; None: nothing."""
        ...
