"""A trace for each job, a span for each item and for each request made for it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)
from opentelemetry.util.types import AttributeValue

from image2model.core.states import FINAL_STATES, ItemState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.metrics import ItemChange, Metrics, ProviderCall


class TracingMetrics:
    """
    Counts as *inner* does, and sends what took time to an OpenTelemetry collector.

    The id of a job is the id of its trace, so whoever knows the job finds the trace, and what
    several processes do for it comes together without a word between them. An item's span lasts
    from the start of its job to its end; requests to its provider lie within.

    Args:
        inner: What counts.
        url: Where traces go, by OTLP over HTTP.
        service: What this process is called.
        version: Of the product.
    """

    def __init__(self, inner: Metrics, *, url: str, service: str, version: str) -> None:
        self._inner = inner
        self._ids = _ChosenIds()
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service, "service.version": version}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
        self._tracer = self._provider.get_tracer("image2model")

    def close(self) -> None:
        """Send what is left; takes at most as long as the collector may be silent."""
        self._provider.shutdown()

    def item_changed(self, change: ItemChange) -> None:
        """Count that an item came into another state; the last one ends its span."""
        self._inner.item_changed(change)
        if change.state not in FINAL_STATES:
            return
        self._ids.choose(trace_id=_trace_id(change.item), span_id=_span_id(change.item))
        self._span(
            "item",
            began_at=change.at - timedelta(seconds=change.since_start_s),
            took_s=change.since_start_s,
            failed=change.state is ItemState.FAILED,
            attributes={
                "image2model.job": change.item.job,
                "image2model.item": change.item.index,
                "image2model.generator": change.generator,
                "image2model.state": change.state,
                **(
                    {}
                    if change.total_usd is None
                    else {"image2model.cost_usd": float(change.total_usd)}
                ),
            },
        )

    def provider_called(self, call: ProviderCall) -> None:
        """Count a request to a provider, and trace it."""
        self._inner.provider_called(call)
        self._span(
            f"{call.provider} {call.call}",
            parent=call.item,
            began_at=call.began_at,
            took_s=call.took_s,
            failed=call.outcome not in {"ok", "cancelled"},
            attributes={
                "image2model.job": call.item.job,
                "image2model.item": call.item.index,
                "image2model.provider": call.provider,
                "image2model.outcome": call.outcome,
            },
        )

    def overcharged(self, provider: str, usd: Decimal) -> None:
        """Count what was billed beyond what was expected."""
        self._inner.overcharged(provider, usd)

    def spending_seen(self, *, stopped: bool) -> None:
        """Remember whether all spending is stopped now."""
        self._inner.spending_seen(stopped=stopped)

    def leases_lost(self, count: int) -> None:
        """Count items that another worker took over from this process while it had them."""
        self._inner.leases_lost(count)

    def url_checked(self, *, provider: str, age_s: float | None, alive: bool) -> None:
        """Count a look at a provider's URL of a result."""
        self._inner.url_checked(provider=provider, age_s=age_s, alive=alive)

    def webhook_received(self, *, provider: str, accepted: bool) -> None:
        """Count a webhook."""
        self._inner.webhook_received(provider=provider, accepted=accepted)

    def chore_failed(self, chore: str) -> None:
        """Count a failure of background work."""
        self._inner.chore_failed(chore)

    def queue_seen(self, queue: str, waiting: int) -> None:
        """Remember how many messages wait in a queue now."""
        self._inner.queue_seen(queue, waiting)

    def exposition(self) -> bytes:
        """Tell all that was counted in the text format of Prometheus."""
        return self._inner.exposition()

    def _span(
        self,
        name: str,
        *,
        began_at: datetime,
        took_s: float,
        failed: bool,
        attributes: Mapping[str, AttributeValue],
        parent: ItemRef | None = None,
    ) -> None:
        began_ns = int(began_at.timestamp() * 1e9)
        span = self._tracer.start_span(
            name,
            context=trace.set_span_in_context(_place_of(parent)) if parent else None,
            kind=SpanKind.CLIENT if parent else SpanKind.INTERNAL,
            start_time=began_ns,
            attributes=attributes,
        )
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(began_ns + int(took_s * 1e9))


class _ChosenIds(RandomIdGenerator):
    """Gives the next span without a parent the ids that were chosen for it."""

    def __init__(self) -> None:
        self._trace_id: int | None = None
        self._span_id: int | None = None

    def choose(self, *, trace_id: int, span_id: int) -> None:
        self._trace_id, self._span_id = trace_id, span_id

    def generate_trace_id(self) -> int:
        chosen, self._trace_id = self._trace_id, None
        return chosen or super().generate_trace_id()

    def generate_span_id(self) -> int:
        chosen, self._span_id = self._span_id, None
        return chosen or super().generate_span_id()


def _trace_id(item: ItemRef) -> int:
    return int(item.job, 16)


def _span_id(item: ItemRef) -> int:
    digest = sha256(f"{item.job}/{item.index}".encode()).digest()
    return int.from_bytes(digest[:8])


def _place_of(item: ItemRef) -> NonRecordingSpan:
    """Stand for the span of *item*, which is written when the item ends, maybe elsewhere."""
    return NonRecordingSpan(
        SpanContext(
            trace_id=_trace_id(item),
            span_id=_span_id(item),
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )
    )
