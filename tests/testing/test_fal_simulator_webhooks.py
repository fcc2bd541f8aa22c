"""Webhooks of the simulator, verified as a receiver does by the documentation alone."""

import asyncio
import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from image2model.testing.fal_simulator import FaultRule
from tests.testing.fal_simulator_rig import HELD, Received, Receiver, Rig, receiving, running

pytestmark = pytest.mark.anyio


async def is_genuine(rig: Rig, received: Received) -> bool:
    """Follow the five documented steps; they share no code with the simulator."""
    names = ("request-id", "user-id", "timestamp", "signature")
    try:
        request_id, user_id, stamp, signature = (
            received.headers[f"x-fal-webhook-{name}"] for name in names
        )
    except KeyError:
        return False
    if abs(time.time() - int(stamp)) > 300:
        return False
    digest = hashlib.sha256(received.body).hexdigest()
    message = f"{request_id}\n{user_id}\n{stamp}\n{digest}".encode()
    keys = (await rig.http.get(f"{rig.fal.rest_url}/.well-known/jwks.json")).json()["keys"]
    for key in keys:
        raw = base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(bytes.fromhex(signature), message)
        except InvalidSignature:
            continue
        return True
    return False


async def submit_with_hook(rig: Rig, hook: Receiver, **more: Any) -> dict[str, Any]:
    return await rig.submit(query=f"?fal_webhook={quote(hook.url, safe='')}", **more)


async def test_good_end_is_reported_and_signed() -> None:
    async with running() as rig, receiving() as hook:
        accepted = await submit_with_hook(rig, hook)
        received = await hook.next()
        result = await rig.http.get(accepted["response_url"])
        assert await is_genuine(rig, received)
    report = json.loads(received.body)
    assert report["status"] == "OK"
    assert report["request_id"] == accepted["request_id"]
    assert report["payload"] == result.json()


async def test_bad_end_is_reported_with_its_detail() -> None:
    async with running() as rig, receiving() as hook:
        await submit_with_hook(rig, hook, picture="no url")
        report = json.loads((await hook.next()).body)
    assert report["status"] == "ERROR"
    assert report["error"] == "Invalid status code: 422"
    assert report["payload"]["detail"][0]["type"] == "file_download_error"


async def test_refused_webhook_is_tried_again_with_a_new_signature() -> None:
    backoff_s = (0.0, 0.0, 0.0)
    async with (
        running(webhook_backoff_s=backoff_s) as rig,
        receiving(500, 503) as hook,
    ):
        await submit_with_hook(rig, hook)
        tries = [await hook.next() for _ in range(3)]
        assert [await is_genuine(rig, one) for one in tries] == [True] * 3
        assert await rig.fal.ledger.reached("webhook", 3, timeout_s=5)
    assert [one.status for one in rig.fal.ledger.deliveries] == [500, 503, 200]
    assert [one.attempt for one in rig.fal.ledger.deliveries] == [1, 2, 3]


async def test_redirect_is_a_permanent_failure() -> None:
    async with running(webhook_backoff_s=(0.0,)) as rig, receiving(302) as hook:
        await submit_with_hook(rig, hook)
        await hook.next()
        await submit_with_hook(rig, hook)
        await hook.next()
        assert await rig.fal.ledger.reached("webhook", 2, timeout_s=5)
    assert [one.status for one in rig.fal.ledger.deliveries] == [302, 200]


async def test_unreachable_receiver_is_noted() -> None:
    async with receiving() as hook:
        pass
    async with running(webhook_backoff_s=()) as rig:
        await submit_with_hook(rig, hook)
        assert await rig.fal.ledger.reached("webhook", 1, timeout_s=5)
    assert rig.fal.ledger.deliveries[0].status is None


async def test_cancelled_request_sends_none() -> None:
    async with running(HELD) as rig, receiving() as hook:
        cancelled = await submit_with_hook(rig, hook)
        await rig.http.put(cancelled["cancel_url"])
        other = await submit_with_hook(rig, hook)
        rig.fal.finish(other["request_id"])
        report = json.loads((await hook.next()).body)
    assert report["request_id"] == other["request_id"]


async def test_key_can_be_rotated() -> None:
    async with running() as rig, receiving() as hook:
        await submit_with_hook(rig, hook)
        before = await hook.next()
        rig.fal.rotate_webhook_key()
        await submit_with_hook(rig, hook)
        after = await hook.next()
        assert not await is_genuine(rig, before)
        assert await is_genuine(rig, after)


@pytest.mark.parametrize("action", ["bad_signature", "unknown_key", "unsigned", "old_timestamp"])
async def test_spoiled_signature_does_not_verify(action: str) -> None:
    faults = [FaultRule(on="webhook", action=action, times=1)]
    async with running(faults=faults) as rig, receiving() as hook:
        await submit_with_hook(rig, hook)
        spoiled = await hook.next()
        await submit_with_hook(rig, hook)
        honest = await hook.next()
        assert not await is_genuine(rig, spoiled)
        assert await is_genuine(rig, honest)


async def test_duplicates_are_signed_each_and_replays_are_the_same_bytes() -> None:
    faults = [
        FaultRule(on="webhook", action="duplicate", nth=1, options={"copies": 3}),
        FaultRule(on="webhook", action="replay", nth=2, options={"times": 2}),
    ]
    async with running(faults=faults) as rig, receiving() as hook:
        first = await submit_with_hook(rig, hook)
        copies = [await hook.next() for _ in range(3)]
        second = await submit_with_hook(rig, hook)
        replayed = [await hook.next() for _ in range(3)]
        assert [await is_genuine(rig, one) for one in copies] == [True] * 3
    assert {json.loads(one.body)["request_id"] for one in copies} == {first["request_id"]}
    assert {json.loads(one.body)["request_id"] for one in replayed} == {second["request_id"]}
    assert len({(one.body, one.headers["x-fal-webhook-signature"]) for one in replayed}) == 1


async def test_null_payload_says_ok_and_the_result_is_there() -> None:
    faults = [FaultRule(on="webhook", action="null_payload")]
    async with running(faults=faults) as rig, receiving() as hook:
        accepted = await submit_with_hook(rig, hook)
        report = json.loads((await hook.next()).body)
        result = await rig.http.get(accepted["response_url"])
    assert (report["status"], report["payload"]) == ("OK", None)
    assert report["payload_error"]
    assert result.status_code == 200


async def test_early_webhook_arrives_before_the_submit_is_answered() -> None:
    faults = [FaultRule(on="webhook", action="early")]
    async with running(HELD, faults=faults) as rig, receiving() as hook:
        accepted = await submit_with_hook(rig, hook)
        assert hook.pending == 1
        assert json.loads((await hook.next()).body)["request_id"] == accepted["request_id"]


async def test_late_and_dropped_webhooks() -> None:
    faults = [
        FaultRule(on="webhook", action="dropped", nth=1),
        FaultRule(on="webhook", action="late", nth=2, options={"for_s": 0.2}),
    ]
    async with running(faults=faults) as rig, receiving() as hook:
        begin = asyncio.get_running_loop().time()
        await submit_with_hook(rig, hook)
        late = await submit_with_hook(rig, hook)
        report = json.loads((await hook.next()).body)
        assert asyncio.get_running_loop().time() - begin >= 0.2
    assert report["request_id"] == late["request_id"]
    assert hook.pending == 0
