"""An OpenID provider of ours, over real HTTP: it signs in whom the test names."""

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import anyio
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

CLIENT_ID, CLIENT_SECRET = "image2model", "a-secret"


class Provider:
    """
    Signs people in, or tells what it is told to.

    Attributes:
        url: Where it is; it is its own issuer.
        claims: What it says of whoever signs in, besides what each token has.
        forged: Whether tokens are signed with a key that is not its own.
        refused: How many codes it refused.
    """

    def __init__(self) -> None:
        self.url = ""
        self.claims: dict[str, Any] = {"email": "Ann@Example.org", "email_verified": True}
        self.forged = False
        self.refused = 0
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._codes: dict[str, dict[str, str]] = {}
        self.app = FastAPI()
        self.app.add_api_route("/.well-known/openid-configuration", self._discovery)
        self.app.add_api_route("/keys", self._keys)
        self.app.add_api_route("/token", self._token, methods=["POST"])

    def sign_in(self, address: str) -> str:
        """Have a person sign in at *address*, as a browser would; tell where it is sent back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.url}/authorize?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def _discovery(self) -> dict[str, str]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }

    def _keys(self) -> dict[str, Any]:
        public: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(
            self._key.public_key(), as_dict=True
        )
        return {"keys": [public | {"kid": "one", "use": "sig", "alg": "ES256"}]}

    async def _token(self, request: Request) -> JSONResponse:
        form = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        asked = self._codes.pop(form.get("code", ""), None)  # A code is good for once.
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        fits = (
            asked is not None
            and asked["code_challenge"] == challenge
            and asked["redirect_uri"] == form["redirect_uri"]
            and (form["client_id"], form["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)
        )
        if asked is None or not fits:
            self.refused += 1
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "248289761001",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        }
        key = ec.generate_private_key(ec.SECP256R1()) if self.forged else self._key
        token = jwt.encode(claims | self.claims, key, "ES256", headers={"kid": "one"})
        return JSONResponse({"id_token": token, "token_type": "Bearer", "access_token": "none"})


@asynccontextmanager
async def openid_provider() -> AsyncIterator[Provider]:
    """Run a provider on a free port."""
    provider = Provider()
    config = uvicorn.Config(provider.app, host="127.0.0.1", port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[assignment]  # signals are the test's
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        while not server.started:  # noqa: ASYNC110 - uvicorn sets no event
            await anyio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        provider.url = f"http://127.0.0.1:{port}"
        yield provider
        server.should_exit = True
