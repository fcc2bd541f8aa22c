"""Port: count what operators want to know."""

from typing import Protocol


class Metrics(Protocol):
    """Counts what happens in this process, from its start on."""

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

    def exposition(self) -> bytes:
        """Tell all of it in the text format of Prometheus, version 0.0.4."""
        ...
