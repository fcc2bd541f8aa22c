"""`Metrics` in a registry of prometheus-client's."""

from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from image2model.core.generator import GeneratorId
from image2model.core.states import FINAL_STATES
from image2model.ports.metrics import ItemChange, ProviderCall

_HOUR_S = 3_600.0
_DAY_S = 24 * _HOUR_S
_AGES_S = (60.0, 600.0, _HOUR_S, 6 * _HOUR_S, _DAY_S, 3 * _DAY_S, 7 * _DAY_S, 30 * _DAY_S)
"""Providers promise lives from an hour to a month."""

_WAITS_S = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, _HOUR_S)
_CALLS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 180.0, 600.0, 1_800.0)


_OTHER = "other"
_NAMES = 200
"""Makers, generators and codes that are counted by name; any more are counted together."""

_LONGEST_NAME = 200


class PrometheusMetrics:
    """
    Counts in a registry of its own, so that several may live in one process.

    However many names come, callers' own among them, it holds a limited number of them.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._named: dict[str, set[str]] = {}
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

        self._items = Counter(
            "image2model_items",
            "Items that came into a state.",
            ["generator", "state"],
            registry=self._registry,
        )
        self._waits = Histogram(
            "image2model_item_wait_seconds",
            "From the start of a job to the first submission of an item.",
            ["generator"],
            buckets=_WAITS_S,
            registry=self._registry,
        )
        self._durations = Histogram(
            "image2model_item_duration_seconds",
            "From the start of a job to the end of an item, by how it ended.",
            ["generator", "state"],
            buckets=_CALLS_S,
            registry=self._registry,
        )
        self._calls = Histogram(
            "image2model_provider_call_seconds",
            "What a provider was asked for, by what came of it: ok, or the code of the error.",
            ["provider", "call", "outcome"],
            buckets=_CALLS_S,
            registry=self._registry,
        )
        self._cost_usd = Counter(
            "image2model_cost_usd",
            "What was booked for attempts, in US dollars.",
            ["provider"],
            registry=self._registry,
        )
        self._overcharged_usd = Counter(
            "image2model_overcharged_usd",
            "What was billed beyond what was expected, in US dollars.",
            ["provider"],
            registry=self._registry,
        )
        self._stopped = Gauge(
            "image2model_spending_stopped",
            "Whether nothing that costs money is started: 1, or 0.",
            registry=self._registry,
        )
        self._lost = Counter(
            "image2model_leases_lost",
            "Items that another worker took over while this process had them.",
            registry=self._registry,
        )
        self._chores = Counter(
            "image2model_background_failures",
            "Failures of background work, which is tried again.",
            ["task"],
            registry=self._registry,
        )
        self._queues = Gauge(
            "image2model_queue_messages",
            "Messages that wait in the broker.",
            ["queue"],
            registry=self._registry,
        )

    def item_changed(self, change: ItemChange) -> None:
        """Count that an item came into another state."""
        generator = self._name("generator", _listed(change.generator))
        self._items.labels(generator=generator, state=change.state).inc()
        if change.first_submission:
            self._waits.labels(generator=generator).observe(change.since_start_s)
        if change.state in FINAL_STATES:
            self._durations.labels(generator=generator, state=change.state).observe(
                change.since_start_s
            )
        if change.cost_usd:
            self._cost_usd.labels(provider=self._provider(change.provider)).inc(
                float(change.cost_usd)
            )

    def provider_called(self, call: ProviderCall) -> None:
        """Count a request to a provider."""
        labels = {
            "provider": self._provider(call.provider),
            "call": call.call,
            "outcome": self._name("outcome", call.outcome),
        }
        self._calls.labels(**labels).observe(call.took_s)

    def overcharged(self, provider: str, usd: Decimal) -> None:
        """Count what was billed beyond what was expected."""
        self._overcharged_usd.labels(provider=self._provider(provider)).inc(float(usd))

    def spending_seen(self, *, stopped: bool) -> None:
        """Remember whether all spending is stopped now."""
        self._stopped.set(stopped)

    def leases_lost(self, count: int) -> None:
        """Count items that another worker took over while this process had them."""
        self._lost.inc(count)

    def chore_failed(self, chore: str) -> None:
        """Count a failure of background work."""
        self._chores.labels(task=chore).inc()

    def queue_seen(self, queue: str, waiting: int) -> None:
        """Remember how many messages wait in a queue now."""
        self._queues.labels(queue=queue).set(waiting)

    def url_checked(self, *, provider: str, age_s: float | None, alive: bool) -> None:
        """Count a look at a provider's URL of a result."""
        provider = self._provider(provider)
        if age_s is not None:
            self._url_ages.labels(provider=provider, alive=_word(alive)).observe(age_s)
        if not alive:
            self._url_failures.labels(provider=provider).inc()

    def webhook_received(self, *, provider: str, accepted: bool) -> None:
        """Count a webhook."""
        self._webhooks.labels(provider=self._provider(provider), accepted=_word(accepted)).inc()

    def exposition(self) -> bytes:
        """Tell all of it in the text format of Prometheus, version 0.0.4."""
        return generate_latest(self._registry)

    def _provider(self, name: str) -> str:
        return self._name("provider", name)

    def _name(self, label: str, value: str) -> str:
        """Take *value* for a *label*, unless that has as many values as it may have."""
        known = self._named.setdefault(label, set())
        if value in known:
            return value
        if len(known) >= _NAMES or len(value) > _LONGEST_NAME:
            return _OTHER
        known.add(value)
        return value


def _listed(generator: GeneratorId) -> str:
    """Count together what callers name by an address: they may name any number."""
    provider, listed, _ = generator.partition(":")
    return f"{provider}:" if listed else generator


def _word(value: bool) -> str:
    return "true" if value else "false"
