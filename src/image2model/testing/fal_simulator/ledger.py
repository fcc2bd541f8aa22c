"""What the simulator has seen: the evidence that tests ask for."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """
    One submit that arrived, whether or not anything came of it.

    Attributes:
        outcome: "accepted", "refused" (an error was answered), or "not processed" (a fault ended
            it before anything was done).
        endpoint: The endpoint id.
        key: The API key it came with.
        pictures: The picture URLs of its input; empty when the body was not read.
        request_id: The id it was given; None: it was not accepted.
        webhook_url: Where it wants its webhook; empty: none.
        headers: Its headers whose names begin with "x-".
    """

    outcome: Literal["accepted", "refused", "not processed"]
    endpoint: str
    key: str
    pictures: tuple[str, ...] = ()
    request_id: str | None = None
    webhook_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something that no client should do: `what` it was, and the `path` it was done to."""

    what: Literal["key sent to the content network"]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One try of a webhook; `status` None: no answer came."""

    request_id: str
    attempt: int
    status: int | None


class Ledger:
    """Counts every request and remembers submits, violations and webhook deliveries."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.submits: list[Submit] = []
        self.violations: list[Violation] = []
        self.deliveries: list[Delivery] = []
        self._awaited: list[tuple[str, int, asyncio.Future[None]]] = []

    def count(self, operation: str) -> None:
        """Count one request."""
        self.calls[operation] += 1
        for wanted, at_least, reached in self._awaited:
            if wanted == operation and self.calls[operation] >= at_least and not reached.done():
                reached.set_result(None)

    async def reached(self, operation: str, at_least: int, *, timeout_s: float) -> bool:
        """Wait until *operation* was requested *at_least* times; False: it was not, in time."""
        if self.calls[operation] < at_least:
            reached = asyncio.get_running_loop().create_future()
            entry = (operation, at_least, reached)
            self._awaited.append(entry)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reached, timeout_s)
            self._awaited.remove(entry)
        return self.calls[operation] >= at_least

    def submits_per_picture(self) -> Mapping[str, int]:
        """Return how many submits named each picture URL."""
        return Counter(url for submit in self.submits for url in submit.pictures)

    def accepted_per_picture(self) -> Mapping[str, int]:
        """Return how many accepted (and so paid) submits named each picture URL."""
        accepted = (submit for submit in self.submits if submit.outcome == "accepted")
        return Counter(url for submit in accepted for url in submit.pictures)

    def submits_per_key(self) -> Mapping[str, int]:
        """Return how many submits came with each key."""
        return Counter(submit.key for submit in self.submits)

    def report(self) -> Mapping[str, Any]:
        """Return everything as JSON values."""
        return {
            "calls": dict(self.calls),
            "submits": [asdict(submit) for submit in self.submits],
            "submits_per_picture": self.submits_per_picture(),
            "accepted_per_picture": self.accepted_per_picture(),
            "submits_per_key": self.submits_per_key(),
            "violations": [asdict(violation) for violation in self.violations],
            "deliveries": [asdict(delivery) for delivery in self.deliveries],
        }

    def clear(self) -> None:
        """Forget everything seen so far."""
        self.calls.clear()
        self.submits.clear()
        self.violations.clear()
        self.deliveries.clear()


def public_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers worth remembering; the key is not among them."""
    return {name: value for name, value in headers.items() if name.startswith("x-")}


def key_of(headers: Mapping[str, str]) -> str:
    """Return the API key that a request came with; empty: none."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key if scheme == "Key" else ""
