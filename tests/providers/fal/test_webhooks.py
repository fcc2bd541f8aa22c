"""Webhooks are fal's, or they are refused."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from image2model.core.errors import ProviderUnavailable, WebhookRefused
from image2model.ports.provider import WebhookReceiver
from image2model.providers.fal.provider import FalProvider
from image2model.testing.fake_clock import FakeClock
from image2model.testing.fal_simulator.webhooks import DeliveryPlan, WebhookSigner
from tests.providers.fal.rig import FalRig, running

pytestmark = pytest.mark.anyio

DAY_S = 24 * 3600.0
BODY = json.dumps({"request_id": "r-1", "status": "OK", "payload": {"ü": None}}).encode()


def signer_of(rig: FalRig) -> WebhookSigner:
    return rig.fal._world.signer


def signed(rig: FalRig, body: bytes = BODY, **plan: Any) -> Mapping[str, str]:
    """Sign *body* as the simulator does, spoiled as *plan* says."""
    return signer_of(rig).headers(body, request_id="r-1", plan=DeliveryPlan(**plan))


async def test_good_webhook_names_its_request(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        assert isinstance(rig.provider, WebhookReceiver)
        assert await rig.provider.read_webhook(signed(rig), BODY) == "r-1"


@pytest.mark.parametrize(
    "plan",
    [
        {"signature": "bad"},
        {"signature": "unknown key"},
        {"signature": "missing"},
    ],
    ids=str,
)
async def test_wrong_signature_is_refused(tmp_path: Path, plan: dict[str, Any]) -> None:
    async with running(tmp_path) as rig:
        with pytest.raises(WebhookRefused):
            await rig.provider.read_webhook(signed(rig, **plan), BODY)


@pytest.mark.parametrize("age_s", [300.0, -300.0])
async def test_clocks_may_differ_by_minutes(tmp_path: Path, age_s: float) -> None:
    clock = FakeClock(datetime.fromtimestamp(0, UTC))
    async with running(tmp_path, clock=clock) as rig:
        headers = signed(rig)
        await clock.advance(int(headers["x-fal-webhook-timestamp"]) + age_s)
        assert await rig.provider.read_webhook(headers, BODY) == "r-1"
        # One second further off is too much.
        later = FakeClock(clock.now() + timedelta(seconds=age_s / 300.0))
        strict = FalProvider(replace(rig.tools, clock=later), rig.config)
        with pytest.raises(WebhookRefused, match="too long ago, or in the future"):
            await strict.read_webhook(headers, BODY)


async def test_other_body_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        with pytest.raises(WebhookRefused):
            await rig.provider.read_webhook(signed(rig), BODY.replace(b"r-1", b"r-2"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-fal-webhook-timestamp", "soon"),
        ("x-fal-webhook-timestamp", "²"),
        ("x-fal-webhook-timestamp", "9" * 40),
        ("x-fal-webhook-signature", "not hexadecimal"),
        ("x-fal-webhook-signature", "00"),
        ("x-fal-webhook-user-id", "somebody else"),
        ("x-fal-webhook-request-id", ""),
    ],
)
async def test_malformed_headers_are_refused(tmp_path: Path, name: str, value: str) -> None:
    async with running(tmp_path) as rig:
        with pytest.raises(WebhookRefused):
            await rig.provider.read_webhook({**signed(rig), name: value}, BODY)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"request_id": 7}', b"\xff", b"[" * 100_000], ids=repr
)
async def test_signed_nonsense_is_refused(tmp_path: Path, body: bytes) -> None:
    async with running(tmp_path) as rig:
        with pytest.raises(WebhookRefused):
            await rig.provider.read_webhook(signed(rig, body), body)


async def test_keys_are_kept_for_a_day(tmp_path: Path) -> None:
    clock = FakeClock(datetime.now(UTC))
    async with running(tmp_path, clock=clock) as rig:
        for _ in range(3):
            await rig.provider.read_webhook(signed(rig), BODY)
        assert rig.fal.ledger.calls["jwks"] == 1
        await clock.advance(DAY_S + 1)
        await rig.provider.read_webhook(signed(rig, age_s=-DAY_S), BODY)
        assert rig.fal.ledger.calls["jwks"] == 2


async def test_new_key_is_found_within_a_minute(tmp_path: Path) -> None:
    """A key nobody knows is worth one question a minute: strangers cause no more."""
    clock = FakeClock(datetime.now(UTC))
    async with running(tmp_path, clock=clock) as rig:
        await rig.provider.read_webhook(signed(rig), BODY)
        rig.fal.rotate_webhook_key()
        for _ in range(5):
            with pytest.raises(WebhookRefused):
                await rig.provider.read_webhook(signed(rig), BODY)
        assert rig.fal.ledger.calls["jwks"] == 1
        await clock.advance(61)
        assert await rig.provider.read_webhook(signed(rig), BODY) == "r-1"
        assert rig.fal.ledger.calls["jwks"] == 2


async def test_no_keys_no_verdict(tmp_path: Path) -> None:
    """Whoever sent it sends it again, so nothing is lost."""
    async with running(tmp_path) as rig:
        rig.fal.add_fault("jwks", "unavailable", times=100)
        with pytest.raises(ProviderUnavailable):
            await rig.provider.read_webhook(signed(rig), BODY)
        rig.fal.remove_fault()
        assert await rig.provider.read_webhook(signed(rig), BODY) == "r-1"
