"""What a path leads to: the operation that rules match, and the handler that does it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from image2model.testing.fal_simulator.exchange import Call, Reply

Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    Where a request goes.

    Attributes:
        operation: One of `faults.OPERATIONS`; empty: rules never apply.
        handle: Does it and returns the honest answer.
        endpoint: The endpoint id concerned, if any.
        request_id: The request concerned, if any.
    """

    operation: str
    handle: Handler
    endpoint: str = ""
    request_id: str = ""


class Api(Protocol):
    """One of the simulated hosts."""

    def find(self, method: str, segments: Sequence[str]) -> Route | None:
        """Return where the path below the host leads; None: nowhere."""
        ...
