"""
Make sure that a webhook is fal's.

fal signs the request id, the account, the time and the body's hash with Ed25519 and publishes the
keys as a JSON Web Key Set (RFC 8037): https://docs.fal.ai/model-endpoints/webhooks.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

import anyio
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from image2model.core.errors import JsonValue, ProviderUnavailable, WebhookRefused
from image2model.ports.clock import Clock
from image2model.providers.fal.config import FalConfig
from image2model.providers.fal.requests.http import PROVIDER, FalHttp, as_object
from image2model.providers.fal.requests.retrying import ask

_LONGEST_AGE_S = 300.0
_KEYS_LIFE_S = 24 * 3_600.0
_ASK_AGAIN_S = 60.0
"""A signature that no key fits makes us ask for new ones, but strangers not more often."""

_PATIENCE_S = 5.0
_KEY_BYTES = 32
_MOST_KEYS = 20
_HEADERS = tuple(f"x-fal-webhook-{name}" for name in ("request-id", "user-id", "timestamp"))
_SIGNATURE = "x-fal-webhook-signature"


class Webhooks:
    """Verifies webhooks with fal's published keys, which are kept for a day."""

    def __init__(self, http: FalHttp, config: FalConfig, clock: Clock) -> None:
        self._http = http
        self._config = config
        self._clock = clock
        self._keys: Sequence[Ed25519PublicKey] = ()
        self._known_at_s: float | None = None
        self._asking = anyio.Lock()

    async def read(self, headers: Mapping[str, str], body: bytes) -> str:
        """
        Verify a webhook and return the id of the request it speaks of.

        Raises:
            WebhookRefused: It is not signed by fal, too old, or names no request.
            ProviderUnavailable: The keys cannot be had now.
        """
        signature = self._check_form(headers)
        parts = [headers[name] for name in _HEADERS]
        message = "\n".join([*parts, sha256(body).hexdigest()]).encode()
        if not await self._is_signed(message, signature):
            raise WebhookRefused(reason="no key of fal's fits its signature")
        request_id = _request_id(body)
        if request_id is None:
            raise WebhookRefused(reason="its body names no request")
        return request_id

    def _check_form(self, headers: Mapping[str, str]) -> bytes:
        missing = [name for name in (*_HEADERS, _SIGNATURE) if not headers.get(name)]
        if missing:
            raise WebhookRefused(reason=f"it has no {missing[0]}")
        timestamp = headers["x-fal-webhook-timestamp"]
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
            raise WebhookRefused(reason="its timestamp is no number of seconds")
        if abs(self._clock.now().timestamp() - int(timestamp)) > _LONGEST_AGE_S:
            raise WebhookRefused(reason="it was signed too long ago, or in the future")
        try:
            return binascii.unhexlify(headers[_SIGNATURE])
        except ValueError:
            raise WebhookRefused(reason="its signature is not hexadecimal") from None

    async def _is_signed(self, message: bytes, signature: bytes) -> bool:
        now_s = self._clock.monotonic_s()
        if self._known_at_s is None or now_s - self._known_at_s > _KEYS_LIFE_S:
            await self._ask_for_keys()
        if _fits_any(self._keys, message, signature):
            return True
        if self._known_at_s is not None and now_s - self._known_at_s < _ASK_AGAIN_S:
            return False
        await self._ask_for_keys()
        return _fits_any(self._keys, message, signature)

    async def _ask_for_keys(self) -> None:
        began_s = self._clock.monotonic_s()
        async with self._asking:
            if self._known_at_s is not None and self._known_at_s >= began_s:
                return  # Somebody else has just asked.
            answer = await ask(
                self._http,
                self._config.pace,
                "GET",
                f"{self._config.rest_url}/.well-known/jwks.json",
                patience_s=_PATIENCE_S,
                keyed=False,
            )
            keys = _read_keys(answer.fields.get("keys")) if answer.ok else []
            if not keys:
                reason = f"it publishes no webhook keys now (HTTP {answer.status})"
                raise ProviderUnavailable(provider=PROVIDER, reason=reason)
            self._keys = keys
            self._known_at_s = self._clock.monotonic_s()


def _read_keys(listed: JsonValue) -> list[Ed25519PublicKey]:
    keys: list[Ed25519PublicKey] = []
    for one in listed[:_MOST_KEYS] if isinstance(listed, list) else []:
        x = as_object(one).get("x")
        try:
            point = base64.urlsafe_b64decode(f"{x}{'=' * (-len(str(x)) % 4)}")
        except ValueError:
            continue
        if len(point) == _KEY_BYTES:
            keys.append(Ed25519PublicKey.from_public_bytes(point))
    return keys


def _fits_any(keys: Sequence[Ed25519PublicKey], message: bytes, signature: bytes) -> bool:
    for key in keys:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            continue
        return True
    return False


def _request_id(body: bytes) -> str | None:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    request_id = as_object(told).get("request_id")
    return request_id if isinstance(request_id, str) and request_id else None
