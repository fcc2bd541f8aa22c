"""
Upload pictures, each attempt's under a URL of its own.

The official client's uploads cannot be pointed at a gateway or a simulator (its hosts are
constants and its scheme is https), and its `upload_image` makes a JPEG, which loses the alpha
channel of a cut-out. So the same two ways are gone here: a token and a direct upload to the
content network, and, where that fails, an upload URL that fal hands out.

Nothing is remembered between attempts. A picture that was uploaded before could be named again,
but the URL is what tells one attempt from another in fal's list of requests when an answer was
lost: with a shared URL that search would find the wrong one, or two.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from image2model.core.errors import Image2ModelError, ProviderUnavailable
from image2model.core.generator import View
from image2model.core.ids import new_hex_id
from image2model.geometry.pictures.png import drop_deep
from image2model.ports.clock import Clock
from image2model.ports.provider import WorkPicture
from image2model.providers.fal.config import FalConfig
from image2model.providers.fal.requests.errors import account_problem, input_problem
from image2model.providers.fal.requests.http import PROVIDER, Answer, FalHttp
from image2model.providers.fal.requests.retrying import ask

_STORAGE = {"storage_type": "fal-cdn-v3"}
_TOKEN_LIFE_S = 600.0
"""Tokens are used for this long, in seconds, whatever they say; they last an hour or more."""

_UPLOAD_LIMIT_S = 300.0
_REFUSALS = frozenset({400, 413, 415, 422})
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/avif": "avif"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    authorization: str
    ends_at_s: float


class Uploads:
    """Brings pictures to fal."""

    def __init__(self, http: FalHttp, config: FalConfig, clock: Clock) -> None:
        self._http = http
        self._config = config
        self._clock = clock
        self._token: _Token | None = None
        self._one_asks = anyio.Lock()

    async def upload(self, pictures: Sequence[WorkPicture]) -> Mapping[View, str]:
        """
        Upload *pictures*, all at once, each as the bytes it is, but for heights of 16 bits.

        Returns:
            The URL of each view; views with the same bytes share one.

        Raises:
            ProviderUnavailable: Not now.
            ProviderAccountBlocked: The key is not accepted.
            ProviderRejected: fal refuses a file.
        """
        different = {picture.sha256: picture for picture in pictures}
        if len(different) == 1:
            [(digest, picture)] = different.items()
            urls: Mapping[str, str] = {digest: await self._bring(picture)}
        else:
            urls = await self._bring_all(different)
        return {picture.view: urls[picture.sha256] for picture in pictures}

    async def _bring_all(self, pictures: Mapping[str, WorkPicture]) -> Mapping[str, str]:
        urls: dict[str, str] = {}

        async def bring(digest: str, picture: WorkPicture) -> None:
            urls[digest] = await self._bring(picture)

        failures: list[Image2ModelError] = []
        try:
            async with anyio.create_task_group() as group:
                for digest, picture in pictures.items():
                    group.start_soon(bring, digest, picture)
        except* Image2ModelError as errors:
            failures = [e for e in errors.exceptions if isinstance(e, Image2ModelError)]
        if failures:
            raise failures[0]
        return urls

    async def _bring(self, picture: WorkPicture) -> str:
        content = drop_deep(await picture.read())  # nothing but what is to be seen
        name = f"{new_hex_id()}.{_EXTENSIONS.get(picture.media_type, 'bin')}"
        try:
            return await self._bring_directly(name, picture.media_type, content)
        except ProviderUnavailable:
            return await self._bring_to_upload_url(name, picture.media_type, content)

    async def _bring_directly(self, name: str, media_type: str, content: bytes) -> str:
        answer = await self._post_file(name, media_type, content)
        if answer.status == 401:
            # A token that has run out is no fault of the key.
            self._token = None
            answer = await self._post_file(name, media_type, content)
        return _url_in(answer, "access_url")

    async def _post_file(self, name: str, media_type: str, content: bytes) -> Answer:
        token = await self._fresh_token()
        try:
            return await self._ask(
                "POST",
                f"{self._config.cdn_url}/files/upload",
                content=content,
                headers={
                    "authorization": token.authorization,
                    "content-type": media_type,
                    "x-fal-file-name": name,
                    **self._life(),
                },
                keyed=False,
                limit_s=_UPLOAD_LIMIT_S,
            )
        except Image2ModelError:
            self._token = None
            raise

    async def _fresh_token(self) -> _Token:
        async with self._one_asks:
            if self._token is None or self._token.ends_at_s < self._clock.monotonic_s():
                url = f"{self._config.rest_url}/storage/auth/token"
                answer = await self._ask("POST", url, query=_STORAGE, body={})
                if not answer.ok:
                    raise _failure(answer)
                fields = answer.fields
                self._token = _Token(
                    authorization=f"{fields.get('token_type', 'Bearer')} {fields.get('token', '')}",
                    ends_at_s=self._clock.monotonic_s() + _TOKEN_LIFE_S,
                )
            return self._token

    async def _bring_to_upload_url(self, name: str, media_type: str, content: bytes) -> str:
        answer = await self._ask(
            "POST",
            f"{self._config.rest_url}/storage/upload/initiate",
            query=_STORAGE,
            body={"file_name": name, "content_type": media_type},
            headers=self._life(),
        )
        file_url, upload_url = _url_in(answer, "file_url"), _url_in(answer, "upload_url")
        put = await self._ask(
            "PUT",
            upload_url,
            content=content,
            headers={"content-type": media_type},
            keyed=False,
            limit_s=_UPLOAD_LIMIT_S,
        )
        if not put.ok:
            raise _failure(put)
        return file_url

    def _life(self) -> Mapping[str, str]:
        life = json.dumps({"expiration_duration_seconds": round(self._config.picture_life_s)})
        # The content network reads the first, the upload interface the second.
        return {"x-fal-object-lifecycle": life, "x-fal-object-lifecycle-preference": life}

    async def _ask(self, method: str, url: str, **more: Any) -> Answer:
        patience_s = self._config.pace.patience_s / 2
        return await ask(self._http, self._config.pace, method, url, patience_s=patience_s, **more)


def _url_in(answer: Answer, name: str) -> str:
    url = answer.fields.get(name)
    if answer.ok and isinstance(url, str) and url:
        return url
    raise _failure(answer)


def _failure(answer: Answer) -> Image2ModelError:
    if answer.status in _REFUSALS:
        return input_problem(answer)
    reason = f"the upload was answered with HTTP {answer.status}"
    return account_problem(answer) or ProviderUnavailable(provider=PROVIDER, reason=reason)
