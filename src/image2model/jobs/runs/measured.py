"""Tell `Metrics` what a run does."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from image2model.core.errors import Image2ModelError
from image2model.jobs.background.best_effort import aside
from image2model.jobs.context import Context
from image2model.ports.jobstore import Claim, Step
from image2model.ports.metrics import ItemChange, ProviderCall


@contextmanager
def provider_call(context: Context, provider: str, claim: Claim, call: str) -> Iterator[None]:
    """Count what happens within as one request to *provider* for the item of *claim*."""
    began_at, began_s = context.clock.now(), context.clock.monotonic_s()
    outcome = "ok"
    try:
        yield
    except Image2ModelError as error:
        outcome = error.code
        raise
    except Exception:
        outcome = "unexpected"
        raise
    except BaseException:
        outcome = "cancelled"
        raise
    finally:
        # What the provider has answered may be paid for, and must not be lost here.
        with aside(f"cannot count the call '{call}' to {provider}"):
            context.metrics.provider_called(
                ProviderCall(
                    item=claim.ref,
                    provider=provider,
                    call=call,
                    outcome=outcome,
                    began_at=began_at,
                    took_s=context.clock.monotonic_s() - began_s,
                )
            )


def note_step(context: Context, provider: str, before: Claim, step: Step) -> None:
    """Count *step*, which was just written for *before*, if it changed the item's state."""
    if step.to is not before.item.state:
        with aside(f"cannot count that an item of job {before.ref.job} is {step.to}"):
            _note_change(context, provider, before, step)


def _note_change(context: Context, provider: str, before: Claim, step: Step) -> None:
    now = context.clock.now()
    started_at = before.job.started_at or now
    context.metrics.item_changed(
        ItemChange(
            item=before.ref,
            generator=before.job.generator,
            provider=provider,
            state=step.to,
            at=now,
            since_start_s=max(0.0, (now - started_at).total_seconds()),
            first_submission=step.start is not None and not before.item.attempts,
            cost_usd=_newly_booked_usd(before, step),
            total_usd=_total_usd(before, step),
        )
    )


def _newly_booked_usd(before: Claim, step: Step) -> Decimal | None:
    """Tell what *step* books that was not booked before; None: nothing."""
    if step.attempt is None or step.attempt.cost_usd is None:
        return None
    known_usd = before.item.attempts[-1].cost_usd if before.item.attempts else None
    return max(step.attempt.cost_usd - (known_usd or Decimal(0)), Decimal(0))


def _total_usd(before: Claim, step: Step) -> Decimal | None:
    """Tell what the item has cost so far, *step* included; None: nothing is booked."""
    costs = [attempt.cost_usd for attempt in before.item.attempts]
    if costs and step.attempt is not None and step.attempt.cost_usd is not None:
        costs[-1] = step.attempt.cost_usd
    booked = [cost for cost in costs if cost is not None]
    return sum(booked, Decimal(0)) if booked else None
