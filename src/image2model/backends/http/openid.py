"""
Sign-in through OpenID Connect: the authorization code flow with PKCE.

Sources: OpenID Connect Core 1.0, sections 3.1 and 3.1.3.7; Discovery 1.0; RFC 7636 (PKCE).
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import anyio
import httpx2
import jwt

from image2model.core.errors import SignInRefused, SignInUnavailable
from image2model.core.text.hosts import is_loopback
from image2model.jobs.signed_in_users import in_lower_case, is_persons_name
from image2model.ports.clock import Clock
from image2model.ports.sign_in import SignInAttempt

_LIMIT_S = 10.0
_MOST_BYTES = 1_000_000
_KNOWN_FOR_S = 3_600.0
_KEYS_EVERY_S = 60.0
"""A signature by an unknown key has the keys read again, but not more often than this."""

_LEEWAY_S = 60
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Never `none`, and none with a shared secret."""

_DISCOVERY = "/.well-known/openid-configuration"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OpenIdSignIn:
    """
    A `SignIn` at an OpenID provider.

    Args:
        issuer: The provider's address, as it names itself.
        client_id: What it calls us.
        client_secret: What we prove that with; None: by PKCE alone.
        claim: What of a person names them: `email`, which must be verified, `sub` or another.
        clock: Where time passes.
    """

    def __init__(
        self, *, issuer: str, client_id: str, client_secret: str | None, claim: str, clock: Clock
    ) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._claim = claim
        self._clock = clock
        self._http = httpx2.AsyncClient(timeout=_LIMIT_S, trust_env=False)
        self._reading = anyio.Lock()
        self._endpoints: Mapping[str, str] | None = None
        self._endpoints_until_s = 0.0
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._keys_read_at_s = float("-inf")

    async def begin(self, attempt: SignInAttempt, *, return_to: str) -> str:
        """Tell where to send the browser."""
        endpoint = (await self._discover())["authorization_endpoint"]
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": return_to,
            "scope": "openid profile email",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    async def finish(self, attempt: SignInAttempt, *, code: str, return_to: str) -> str:
        """Find out who came back."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": return_to,
            "code_verifier": attempt.verifier,
            "client_id": self._client_id,
        }
        if self._client_secret is not None:
            form["client_secret"] = self._client_secret
        answer = await self._ask("POST", (await self._discover())["token_endpoint"], data=form)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInRefused(reason="the service sent no ID token")
        claims = await self._check(token)
        if claims.get("nonce") != attempt.nonce:
            raise SignInRefused(reason="the answer belongs to another sign-in")
        return self._name_of(claims)

    async def aclose(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def _check(self, token: str) -> Mapping[str, Any]:
        """Read the claims of *token* once its signature, issuer, audience and times are right."""
        try:
            key = await self._key_of(jwt.get_unverified_header(token).get("kid"))
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(_ALGORITHMS),
                audience=self._client_id,
                issuer=[self._issuer, f"{self._issuer}/"],
                leeway=_LEEWAY_S,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise SignInRefused(reason=f"the ID token is not valid: {error}") from error
        # Of several audiences one must be the party that it was issued to: us.
        if claims.get("azp", self._client_id) != self._client_id:
            raise SignInRefused(reason="the ID token was issued to another client")
        return claims

    def _name_of(self, claims: Mapping[str, Any]) -> str:
        name = claims.get(self._claim)
        if not isinstance(name, str) or not name.strip():
            raise SignInRefused(reason=f"the service did not say the person's '{self._claim}'")
        if self._claim == "email" and claims.get("email_verified") not in (True, "true"):
            raise SignInRefused(reason="the person's e-mail address is not verified")
        name = name.strip()
        if not is_persons_name(name):
            raise SignInRefused(reason=f"the person's '{self._claim}' cannot be a name")
        # A `sub` need not be the same in any case of letters.
        return in_lower_case(name) if self._claim == "email" else name

    async def _discover(self) -> Mapping[str, str]:
        async with self._reading:
            now_s = self._clock.monotonic_s()
            if self._endpoints is None or now_s > self._endpoints_until_s:
                found = await self._ask("GET", f"{self._issuer}{_DISCOVERY}")
                if str(found.get("issuer", "")).rstrip("/") != self._issuer:
                    raise SignInUnavailable(reason=f"it names itself '{found.get('issuer')}'")
                self._endpoints = {name: _checked(found.get(name), name) for name in _ENDPOINTS}
                self._endpoints_until_s = now_s + _KNOWN_FOR_S
            return self._endpoints

    async def _key_of(self, key_id: str | None) -> jwt.PyJWK:
        endpoints = await self._discover()
        async with self._reading:
            now_s = self._clock.monotonic_s()
            if key_id not in self._keys and now_s - self._keys_read_at_s >= _KEYS_EVERY_S:
                found = await self._ask("GET", endpoints["jwks_uri"])
                usable = jwt.PyJWKSet.from_dict(dict(found)).keys
                self._keys = {key.key_id: key for key in usable}
                self._keys_read_at_s = now_s
        if key_id not in self._keys:
            raise SignInRefused(reason="the ID token is signed with an unknown key")
        return self._keys[key_id]

    async def _ask(self, method: str, url: str, **content: Any) -> Mapping[str, Any]:
        """Ask the service, and read its answer: a JSON object of limited size."""
        headers = {"accept": "application/json"}
        try:
            async with self._http.stream(method, url, headers=headers, **content) as reply:
                body = bytearray()
                async for chunk in reply.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise SignInUnavailable(reason="its answer is too large")
                if 400 <= reply.status_code < 500 and method == "POST":
                    raise SignInRefused(reason=f"the service refused the code ({_error_of(body)})")
                if reply.status_code != 200:
                    raise SignInUnavailable(reason=f"it answered with {reply.status_code}")
        except httpx2.HTTPError as error:
            raise SignInUnavailable(reason=str(error) or type(error).__name__) from error
        return _object(body)


def _object(body: bytes | bytearray) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SignInUnavailable(reason="its answer is no JSON object")
    return found


def _error_of(body: bytes | bytearray) -> str:
    try:
        said = _object(body).get("error")
    except SignInUnavailable:
        said = None
    return said if isinstance(said, str) and said.isascii() and said.isprintable() else "no reason"


def _checked(address: object, name: str) -> str:
    parts = urlsplit(address if isinstance(address, str) else "")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return parts.geturl()
    raise SignInUnavailable(reason=f"its '{name}' is no https address")
