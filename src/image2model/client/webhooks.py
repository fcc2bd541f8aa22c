"""For receivers of webhooks: whether one is to be trusted."""

import hmac
import json
import time
from collections.abc import Collection, Mapping
from typing import Any

from image2model.core.errors import WebhookNotVerified
from image2model.core.webhooks import sign


def verify_webhook(
    payload: bytes | str,
    headers: Mapping[str, str],
    secrets: str | Collection[str],
    tolerance_s: float = 300.0,
) -> Any:
    """
    Check by the Standard Webhooks specification that a webhook was sent by who has the secret.

    A webhook may come more than once: remember its `webhook-id`, which stays the same.

    Args:
        payload: The body as it came, byte by byte; not read as JSON and written again.
        headers: Those of the request, in any case.
        secrets: `whsec_…`, or several while a secret is rotated; one of them must fit.
        tolerance_s: How far its time may be from that of this machine, in seconds.

    Returns:
        The event: `type`, `timestamp` and `data`.

    Raises:
        WebhookNotVerified: It was not signed with any of the secrets, is too old, or is no event.
        ValueError: A secret is none.
    """
    known = {name.lower(): value for name, value in headers.items()}
    event_id, sent, signatures = (
        _header(known, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    if not (sent.isascii() and sent.isdigit()):
        raise WebhookNotVerified(reason="its webhook-timestamp is no number of seconds")
    if abs(time.time() - int(sent)) > tolerance_s:
        reason = f"its webhook-timestamp is more than {tolerance_s:g} s from this machine's time"
        raise WebhookNotVerified(reason=reason)
    body = payload.encode() if isinstance(payload, str) else payload
    wanted = [
        sign(secret, event_id, int(sent), body).encode()
        for secret in ([secrets] if isinstance(secrets, str) else secrets)
    ]
    given = [signature.encode() for signature in signatures.split()]
    # All pairs are compared, so that the time it takes tells nothing.
    fits = [hmac.compare_digest(one, other) for one in wanted for other in given]
    if not any(fits):
        raise WebhookNotVerified(reason="its webhook-signature fits none of the secrets")
    try:
        return json.loads(body)
    except ValueError as error:
        raise WebhookNotVerified(reason="its body is no JSON") from error


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise WebhookNotVerified(reason=f"it has no header {name}")
    return value
