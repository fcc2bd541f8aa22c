"""
fal's queue as it is spoken: submit, status, result, cancel.

The official client is not used here. Its `submit` goes through a wrapper that sends a POST whose
answer was lost up to ten more times, and each of them may be accepted and charged.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

import anyio

from image2model.core.errors import JsonValue, ProviderUnavailable, SubmissionUncertain
from image2model.core.job import Handle, Submission
from image2model.providers.fal.config import FalConfig
from image2model.providers.fal.requests.errors import INFRASTRUCTURE, refusal_of
from image2model.providers.fal.requests.http import (
    PROVIDER,
    Answer,
    AnswerLost,
    FalHttp,
    NotSent,
    as_object,
)
from image2model.providers.fal.requests.retrying import ask, waits_s

_LONG_NAMESPACES = frozenset({"workflows", "comfy"})
_REQUEST_ID = "x-fal-request-id"


UrlName = Literal["status_url", "response_url", "cancel_url"]
"""What the answer to a submission calls the places where a request is followed."""

_SUFFIXES: Mapping[UrlName, str] = {
    "status_url": "/status",
    "response_url": "",
    "cancel_url": "/cancel",
}


class FalQueue:
    """The queue host."""

    def __init__(self, http: FalHttp, config: FalConfig) -> None:
        self._http = http
        self._config = config

    async def submit(
        self, submission: Submission, *, webhook_url: str | None = None, generator: str
    ) -> Handle:
        """
        Submit, with exactly one POST.

        Args:
            submission: What to send.
            webhook_url: Where fal shall say that it is done; None: nowhere.
            generator: Its name, for messages.

        Raises:
            ProviderUnavailable: Certainly not accepted; may be sent again.
            ProviderRejected, InvalidPictureError, GeneratorRetired: Refused for good.
            ProviderAccountBlocked: The account cannot be used.
            SubmissionUncertain: It may have been accepted.
        """
        try:
            answer = await self._http.send(
                "POST",
                f"{self._config.queue_url}/{submission.endpoint}",
                query={"fal_webhook": webhook_url} if webhook_url else None,
                body=submission.data["input"],
                headers=self._submit_headers(),
                limit_s=self._config.pace.submit_s,
            )
        except NotSent as error:
            raise ProviderUnavailable(provider=PROVIDER, reason=str(error)) from error
        except AnswerLost as error:
            raise SubmissionUncertain(provider=PROVIDER, reason=str(error)) from error
        return self._handle_of(submission, answer, generator=generator)

    def _handle_of(self, submission: Submission, answer: Answer, *, generator: str) -> Handle:
        if 400 <= answer.status < 500 and answer.status != 408:
            raise refusal_of(answer, generator=generator)
        # The id in the header names the request even where the body is cut or is a proxy's page.
        request_id = answer.fields.get("request_id") or answer.headers.get(_REQUEST_ID)
        if isinstance(request_id, str) and request_id and answer.ok:
            return self.handle(submission, request_id, answer.fields)
        seen = "it answers with something unreadable" if answer.ok else f"HTTP {answer.status}"
        raise SubmissionUncertain(provider=PROVIDER, reason=seen)

    def _submit_headers(self) -> Mapping[str, str]:
        headers = {"x-fal-request-timeout": f"{self._config.start_limit_s:g}"}
        if self._config.file_life_s is not None:
            life = {"expiration_duration_seconds": round(self._config.file_life_s)}
            headers["x-fal-object-lifecycle-preference"] = json.dumps(life)
        return headers

    def handle(
        self, submission: Submission, request_id: str, answered: Mapping[str, JsonValue]
    ) -> Handle:
        """Make the handle of an accepted request, with the URLs that came with it."""
        urls: dict[str, JsonValue] = {
            name: url for name in _SUFFIXES if isinstance(url := answered.get(name), str)
        }
        about = {
            "endpoint": submission.endpoint,
            "prepared_at": submission.data["prepared_at"],
            "file_life_s": self._config.file_life_s,
            "pictures": submission.data["pictures"],
        }
        return Handle(request_id=request_id, data={**about, **urls})

    def url(self, handle: Handle, name: UrlName) -> str:
        """
        Tell where *handle* is followed.

        The URL that came with the acceptance, for it is not always what the endpoint's id
        suggests; but made here where it is missing or would lead the key elsewhere.
        """
        url = handle.data.get(name)
        if isinstance(url, str) and self._http.may_see_key(url):
            return url
        endpoint = str(handle.data.get("endpoint", ""))
        made = f"{self._config.queue_url}/{application_of(endpoint)}/requests/{handle.request_id}"
        return f"{made}{_SUFFIXES[name]}"

    async def status(self, handle: Handle) -> Answer:
        """Ask once how far the request is; raises what `FalHttp.send` does."""
        return await self._http.send("GET", self.url(handle, "status_url"), query={"logs": "1"})

    async def result(self, handle: Handle, **more: Any) -> Answer:
        """Fetch the result; raises what `ask` does."""
        url = self.url(handle, "response_url")
        return await ask(self._http, self._config.pace, "GET", url, **more)

    async def cancel(self, handle: Handle) -> bool:
        """
        Ask for the request to be stopped, and see whether it stops.

        fal takes a request out of its queue at once; one that runs is only told to stop, and may
        go on to its end and be charged.

        Returns:
            True: it has stopped, or is not known there. False: it is done, or goes on.

        Raises:
            ProviderUnavailable: No answer came.
            ProviderAccountBlocked: The key is not accepted.
        """
        url = self.url(handle, "cancel_url")
        answer = await ask(self._http, self._config.pace, "PUT", url, patience_s=5.0)
        if answer.status == 404:
            return True
        word = as_object(answer.data).get("status")
        if word == "ALREADY_COMPLETED" or answer.status not in {200, 202}:
            return False
        return await self._stops(handle)

    async def _stops(self, handle: Handle) -> bool:
        give_up_at_s = anyio.current_time() + self._config.pace.stop_s
        for wait_s in waits_s(self._config.pace):
            try:
                answer = await self.status(handle)
            except (NotSent, AnswerLost):
                pass
            else:
                if answer.status == 404:
                    return True
                if answer.ok and answer.fields.get("status") == "COMPLETED":
                    return str(answer.fields.get("error_type")) in INFRASTRUCTURE
            if anyio.current_time() + wait_s > give_up_at_s:
                break
            await anyio.sleep(wait_s)
        return False


def application_of(endpoint: str) -> str:
    """Tell the part of an endpoint's id under which its requests are followed."""
    segments = endpoint.split("/")
    return "/".join(segments[: 3 if segments[0] in _LONG_NAMESPACES else 2])
