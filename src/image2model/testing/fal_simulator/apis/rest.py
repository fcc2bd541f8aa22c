"""The REST host: upload tokens, upload URLs, and the keys that webhooks are signed with."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from image2model.testing.fal_simulator.apis.routes import Handler, Route
from image2model.testing.fal_simulator.exchange import Call, Reply, json_reply
from image2model.testing.fal_simulator.files import read_lifecycle
from image2model.testing.fal_simulator.world import World


class RestApi:
    """Speaks for the REST host."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._routes: Mapping[tuple[str, str], tuple[str, Handler]] = {
            ("POST", "storage/auth/token"): ("upload_token", self._issue_token),
            ("POST", "storage/upload/initiate"): ("initiate", self._initiate),
            ("POST", "storage/upload/initiate-multipart"): ("initiate", self._initiate),
            ("GET", ".well-known/jwks.json"): ("jwks", self._keys),
        }

    def find(self, method: str, segments: Sequence[str]) -> Route | None:
        """Return where a path of the REST host leads."""
        found = self._routes.get((method, "/".join(segments)))
        return None if found is None else Route(operation=found[0], handle=found[1])

    async def _issue_token(self, call: Call) -> Reply:
        await call.read()
        self._world.authenticate(call)
        token = uuid.uuid4().hex
        self._world.files.tokens.add(token)
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        return json_reply(
            {
                "token": token,
                "token_type": "Bearer",
                "base_url": self._world.cdn_url,
                "expires_at": expires_at.isoformat(),
            }
        )

    async def _initiate(self, call: Call) -> Reply:
        wanted: Any = await call.read_json()
        self._world.authenticate(call)
        wanted = wanted if isinstance(wanted, dict) else {}
        files = self._world.files
        stored = files.add(
            name=str(wanted.get("file_name", "upload.bin")),
            content_type=str(wanted.get("content_type", "application/octet-stream")),
            lifecycle=read_lifecycle(call.headers),
        )
        answer = {"upload_url": files.open_upload(stored), "file_url": files.url(stored)}
        return json_reply(answer)

    async def _keys(self, _call: Call) -> Reply:
        headers = {"cache-control": "public, max-age=86400"}
        return json_reply(self._world.signer.key_set(), headers=headers)
