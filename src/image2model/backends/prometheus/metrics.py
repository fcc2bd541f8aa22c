"""`Metrics` in a registry of prometheus-client's."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_HOUR_S = 3_600.0
_DAY_S = 24 * _HOUR_S
_AGES_S = (60.0, 600.0, _HOUR_S, 6 * _HOUR_S, _DAY_S, 3 * _DAY_S, 7 * _DAY_S, 30 * _DAY_S)
"""Providers promise lives from an hour to a month."""


class PrometheusMetrics:
    """Counts in a registry of its own, so that several may live in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._url_failures = Counter(
            "image2model_provider_url_failures",
            "Looks at a provider's URL of a result that found nothing there.",
            ["provider"],
            registry=self._registry,
        )
        self._url_ages = Histogram(
            "image2model_provider_url_age_seconds",
            "Age of a provider's URL when it was looked at, by whether the file was there.",
            ["provider", "alive"],
            buckets=_AGES_S,
            registry=self._registry,
        )
        self._webhooks = Counter(
            "image2model_webhooks",
            "What came to the address of a provider's webhooks.",
            ["provider", "accepted"],
            registry=self._registry,
        )

    def url_checked(self, *, provider: str, age_s: float | None, alive: bool) -> None:
        """Count a look at a provider's URL of a result."""
        if age_s is not None:
            self._url_ages.labels(provider=provider, alive=_word(alive)).observe(age_s)
        if not alive:
            self._url_failures.labels(provider=provider).inc()

    def webhook_received(self, *, provider: str, accepted: bool) -> None:
        """Count a webhook."""
        self._webhooks.labels(provider=provider, accepted=_word(accepted)).inc()

    def exposition(self) -> bytes:
        """Tell all of it in the text format of Prometheus, version 0.0.4."""
        return generate_latest(self._registry)


def _word(value: bool) -> str:
    return "true" if value else "false"
