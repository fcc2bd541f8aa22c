"""Whether a receiver trusts what it is sent."""

import json

import pytest

from image2model.client import verify_webhook
from image2model.core.errors import WebhookNotVerified
from image2model.core.webhooks import new_secret, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_S = 1_614_265_330
PAYLOAD = '{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {
    "Webhook-Id": EVENT_ID,
    "Webhook-Timestamp": str(SENT_S),
    "Webhook-Signature": SIGNATURE,
}


@pytest.fixture(autouse=True)
def _sent_just_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: SENT_S + 1.0)


def test_the_vector_of_the_specification_is_signed_and_verified() -> None:
    assert sign(SECRET, EVENT_ID, SENT_S, PAYLOAD.encode()) == SIGNATURE
    assert sign(SECRET.removeprefix("whsec_"), EVENT_ID, SENT_S, PAYLOAD.encode()) == SIGNATURE
    assert verify_webhook(PAYLOAD, HEADERS, SECRET) == json.loads(PAYLOAD)
    assert verify_webhook(PAYLOAD.encode(), HEADERS, [SECRET]) == json.loads(PAYLOAD)


def test_one_of_several_signatures_and_secrets_is_enough() -> None:
    several = f"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,{SIGNATURE[3:]} {SIGNATURE}"
    headers = {**HEADERS, "Webhook-Signature": several}
    assert verify_webhook(PAYLOAD, headers, [new_secret(), SECRET])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Webhook-Signature": f"v1,{SIGNATURE[4:]}"}, "fits none"),
        ({"Webhook-Signature": f"v2,{SIGNATURE[3:]}"}, "fits none"),
        ({"Webhook-Signature": SIGNATURE[3:]}, "fits none"),
        ({"Webhook-Signature": "ü"}, "fits none"),
        ({"Webhook-Signature": ""}, "no header webhook-signature"),
        ({"Webhook-Id": ""}, "no header webhook-id"),
        ({"Webhook-Id": f"{EVENT_ID}2"}, "fits none"),
        ({"Webhook-Timestamp": ""}, "no header webhook-timestamp"),
        ({"Webhook-Timestamp": "yesterday"}, "no number"),
        ({"Webhook-Timestamp": str(SENT_S + 2)}, "fits none"),
        ({"Webhook-Timestamp": str(SENT_S - 400)}, "more than 300 s"),
        ({"Webhook-Timestamp": str(SENT_S + 400)}, "more than 300 s"),
    ],
)
def test_what_was_changed_is_refused(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(WebhookNotVerified, match=reason) as refused:
        verify_webhook(PAYLOAD, {**HEADERS, **changed}, SECRET)
    assert refused.value.code == "webhook_not_verified"


def test_another_body_or_secret_is_refused() -> None:
    for body, secret in ((PAYLOAD.replace(" ", ""), SECRET), (PAYLOAD, new_secret())):
        with pytest.raises(WebhookNotVerified, match="fits none"):
            verify_webhook(body, HEADERS, secret)
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(PAYLOAD, HEADERS, "no secret")


def test_the_tolerance_is_the_callers() -> None:
    old = {**HEADERS, "Webhook-Timestamp": str(SENT_S - 400)}
    old["Webhook-Signature"] = sign(SECRET, EVENT_ID, SENT_S - 400, PAYLOAD.encode())
    assert verify_webhook(PAYLOAD, old, SECRET, tolerance_s=500)
