"""Port: count what operators want to know."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from image2model.core.generator import GeneratorId
from image2model.core.states import ItemState
from image2model.ports.dispatcher import ItemRef

EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of `Metrics.exposition`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCall:
    """
    One request to a provider, as the use cases see it.

    Attributes:
        item: For which item.
        provider: Whom.
        call: `prepare`, `submit`, `follow`, `collect`, `reconcile` or `cancel`.
        outcome: `ok`, the code of the error, `cancelled` or `unexpected`.
        began_at: When it began.
        took_s: How long it took, in seconds.
    """

    item: ItemRef
    provider: str
    call: str
    outcome: str
    began_at: datetime
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """
    An item that came into another state.

    Attributes:
        item: Which.
        generator: What makes it.
        provider: Whose generator that is.
        state: Where it came to.
        at: When.
        since_start_s: How long after the start of its job, in seconds.
        first_submission: Whether it came to its first submission by this, so that
            *since_start_s* is how long it has waited.
        cost_usd: What was booked with it; None: nothing.
        total_usd: What the item has cost so far, this included; None: nothing is booked.
    """

    item: ItemRef
    generator: GeneratorId
    provider: str
    state: ItemState
    at: datetime
    since_start_s: float
    first_submission: bool
    cost_usd: Decimal | None
    total_usd: Decimal | None = None


class Metrics(Protocol):
    """Counts what happens in this process, from its start on."""

    def item_changed(self, change: ItemChange) -> None:
        """Count that an item came into another state."""
        ...

    def provider_called(self, call: ProviderCall) -> None:
        """Count a request to a provider."""
        ...

    def overcharged(self, provider: str, usd: Decimal) -> None:
        """Count that *provider* billed *usd* US dollars more than was expected."""
        ...

    def spending_seen(self, *, stopped: bool) -> None:
        """Remember whether all spending is stopped now."""
        ...

    def leases_lost(self, count: int) -> None:
        """Count items that another worker took over from this process while it had them."""
        ...

    def url_checked(self, *, provider: str, age_s: float | None, alive: bool) -> None:
        """
        Count that a provider's URL of a result was looked at.

        Args:
            provider: Whose URL it is.
            age_s: How long ago the result was made, in seconds; None: not
                known.
            alive: Whether the file was there: if not, it lived shorter than *age_s*.
        """
        ...

    def webhook_received(self, *, provider: str, accepted: bool) -> None:
        """Count that something came to the webhook's address of *provider*."""
        ...

    def chore_failed(self, chore: str) -> None:
        """Count that background work failed once; *chore* is one of a few fixed names."""
        ...

    def queue_seen(self, queue: str, waiting: int) -> None:
        """Remember how many messages wait in a queue now."""
        ...

    def exposition(self) -> bytes:
        """Tell all of it in the text format of Prometheus; `EXPOSITION_TYPE` is its media type."""
        ...
