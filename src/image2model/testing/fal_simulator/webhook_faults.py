"""Faults of the webhook that reports the end of a request."""

from collections.abc import Callable, Mapping
from typing import Any

from image2model.testing.fal_simulator.webhooks import DeliveryPlan

Options = Mapping[str, Any]
WebhookAction = Callable[[DeliveryPlan, Options], None]


def duplicate(plan: DeliveryPlan, options: Options) -> None:
    """Send it `copies` times, each with a signature of its own."""
    plan.copies = options.get("copies", 2)


def replay(plan: DeliveryPlan, options: Options) -> None:
    """Send the very same bytes and headers `times` more times."""
    plan.replays = options.get("times", 1)


def null_payload(plan: DeliveryPlan, _options: Options) -> None:
    """Say OK without a payload."""
    plan.null_payload = True


def bad_signature(plan: DeliveryPlan, _options: Options) -> None:
    """Sign another message."""
    plan.signature = "bad"


def unknown_key(plan: DeliveryPlan, _options: Options) -> None:
    """Sign with a key that is not published."""
    plan.signature = "unknown key"


def unsigned(plan: DeliveryPlan, _options: Options) -> None:
    """Leave the signature headers out."""
    plan.signature = "missing"


def old_timestamp(plan: DeliveryPlan, options: Options) -> None:
    """Sign a timestamp that is `age_s` seconds old."""
    plan.age_s = options.get("age_s", 600.0)


def early(plan: DeliveryPlan, _options: Options) -> None:
    """Deliver before the submit is answered."""
    plan.early = True


def late(plan: DeliveryPlan, options: Options) -> None:
    """Wait `for_s` seconds before the first try."""
    plan.delay_s = options.get("for_s", 1.0)


def dropped(plan: DeliveryPlan, _options: Options) -> None:
    """Never send it."""
    plan.dropped = True


WEBHOOK_ACTIONS: Mapping[str, WebhookAction] = {
    action.__name__: action
    for action in (
        duplicate,
        replay,
        null_payload,
        bad_signature,
        unknown_key,
        unsigned,
        old_timestamp,
        early,
        late,
        dropped,
    )
}
"""Faults of the operation "webhook"; all rules that match a request apply together."""
