"""Faults of the webhook that reports the end of a request."""

from collections.abc import Callable, Mapping

from image2model.testing.fal_simulator.webhooks import DeliveryPlan

WebhookAction = Callable[..., None]
"""Changes a plan; what it needs to know comes as keywords."""


def duplicate(plan: DeliveryPlan, *, copies: int = 2) -> None:
    """Send it *copies* times, each with a signature of its own."""
    plan.copies = copies


def replay(plan: DeliveryPlan, *, times: int = 1) -> None:
    """Send the very same bytes and headers *times* more times."""
    plan.replays = times


def null_payload(plan: DeliveryPlan) -> None:
    """Say OK without a payload."""
    plan.null_payload = True


def bad_signature(plan: DeliveryPlan) -> None:
    """Sign another message."""
    plan.signature = "bad"


def unknown_key(plan: DeliveryPlan) -> None:
    """Sign with a key that is not published."""
    plan.signature = "unknown key"


def unsigned(plan: DeliveryPlan) -> None:
    """Leave the signature headers out."""
    plan.signature = "missing"


def old_timestamp(plan: DeliveryPlan, *, age_s: float = 600.0) -> None:
    """Sign a timestamp that is *age_s* seconds old."""
    plan.age_s = age_s


def early(plan: DeliveryPlan) -> None:
    """Deliver before the submit is answered."""
    plan.early = True


def late(plan: DeliveryPlan, *, for_s: float = 1.0) -> None:
    """Wait *for_s* seconds before the first try."""
    plan.delay_s = for_s


def dropped(plan: DeliveryPlan) -> None:
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
