"""Signed webhooks: sent when a request ends, tried again, and spoiled on order."""

import asyncio
import base64
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from image2model.testing.fal_simulator.generation import Generation
from image2model.testing.fal_simulator.ledger import Delivery, Ledger

USER_ID = "simulated|user"


@dataclass(slots=True, kw_only=True)
class DeliveryPlan:
    """
    What fault rules have decided about the webhook of one request.

    Attributes:
        copies: How often it is sent, with a new signature each time.
        replays: How often the very same bytes and headers are sent once more.
        null_payload: `payload` is null although the request went well.
        signature: Whether it verifies.
        age_s: How old the signed timestamp is.
        early: The request ends and the webhook arrives before the submit is answered.
        dropped: It is never sent.
        delay_s: Wait before the first try.
    """

    copies: int = 1
    replays: int = 0
    null_payload: bool = False
    signature: Literal["good", "bad", "unknown key", "missing"] = "good"
    age_s: float = 0.0
    early: bool = False
    dropped: bool = False
    delay_s: float = 0.0


class WebhookSigner:
    """Signs webhooks with Ed25519 and publishes the key, as the documentation describes."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._stranger = Ed25519PrivateKey.generate()

    def rotate(self) -> None:
        """Sign with a new key from now on; only that one is published."""
        self._key = Ed25519PrivateKey.generate()

    def key_set(self) -> Mapping[str, Any]:
        """Return the JSON Web Key Set with the public key (RFC 8037)."""
        point = base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw())
        x = point.decode().rstrip("=")
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "simulated"}]}

    def headers(self, body: bytes, *, request_id: str, plan: DeliveryPlan) -> Mapping[str, str]:
        """Return the four signature headers for *body*, spoiled as *plan* says."""
        if plan.signature == "missing":
            return {}
        timestamp = str(int(time.time() - plan.age_s))
        digest = hashlib.sha256(body).hexdigest()
        message = "\n".join((request_id, USER_ID, timestamp, digest)).encode()
        key = self._stranger if plan.signature == "unknown key" else self._key
        signature = key.sign(message if plan.signature != "bad" else message + b"!")
        return {
            "x-fal-webhook-request-id": request_id,
            "x-fal-webhook-user-id": USER_ID,
            "x-fal-webhook-timestamp": timestamp,
            "x-fal-webhook-signature": signature.hex(),
        }


class WebhookSender:
    """Delivers the webhooks of ended requests, each in a task of its own."""

    def __init__(
        self, *, signer: WebhookSigner, ledger: Ledger, backoff_s: Sequence[float], timeout_s: float
    ) -> None:
        self._signer = signer
        self._ledger = ledger
        self._backoff_s = backoff_s
        self._timeout_s = timeout_s
        self._client: httpx2.AsyncClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, generation: Generation, plan: DeliveryPlan) -> "asyncio.Future[None]":
        """Begin to deliver; the future is done after the first try, whatever came of it."""
        tried = asyncio.get_running_loop().create_future()

        def settle(_task: object = None) -> None:
            if not tried.done():
                tried.set_result(None)

        task = asyncio.ensure_future(self._deliver(generation, plan, settle))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(settle)
        return tried

    async def close(self) -> None:
        """Give up every delivery under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    async def _deliver(
        self, generation: Generation, plan: DeliveryPlan, tried: Callable[[], None]
    ) -> None:
        if plan.delay_s:
            await asyncio.sleep(plan.delay_s)
        body = webhook_body(generation, null_payload=plan.null_payload)
        request_id = generation.request_id
        for _ in range(plan.copies):
            for attempt, wait_s in enumerate((0.0, *self._backoff_s), start=1):
                await asyncio.sleep(wait_s)
                headers = self._signer.headers(body, request_id=request_id, plan=plan)
                status = await self._post(generation, body, headers, attempt=attempt)
                tried()
                # A redirect counts as a permanent failure.
                if status is not None and 200 <= status < 400:
                    break
            for _ in range(plan.replays):
                await self._post(generation, body, headers, attempt=attempt)

    async def _post(
        self, generation: Generation, body: bytes, headers: Mapping[str, str], *, attempt: int
    ) -> int | None:
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=self._timeout_s, trust_env=False)
        try:
            answer = await self._client.post(
                generation.webhook_url,
                content=body,
                headers={"content-type": "application/json", **headers},
            )
            status = answer.status_code
        except httpx2.HTTPError:
            status = None
        delivery = Delivery(request_id=generation.request_id, attempt=attempt, status=status)
        self._ledger.deliveries.append(delivery)
        self._ledger.count("webhook")
        return status


def webhook_body(generation: Generation, *, null_payload: bool) -> bytes:
    """Return the body that reports the end of *generation*."""
    outcome = generation.outcome
    assert outcome is not None
    report: dict[str, Any] = {
        "request_id": generation.request_id,
        "gateway_request_id": str(uuid.uuid4()),
        "status": "OK" if outcome.status == 200 else "ERROR",
        "payload": None if null_payload else outcome.body,
    }
    if outcome.status != 200:
        report["error"] = f"Invalid status code: {outcome.status}"
    if null_payload:
        report["payload_error"] = "Response payload is not JSON serializable"
    return json.dumps(report).encode()
