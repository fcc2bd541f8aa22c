"""
Find out whether a submission without an answer was accepted.

fal keeps no key of ours, but it lists an account's requests with their inputs, and every input
names pictures under URLs that no other attempt has. Found is found. Not found is harder, for the
list may be behind, and it is not documented whether it shows requests that have not ended. So
"it was not accepted" is said in two cases alone:

- the list is known to show requests that have not ended (see `list_lessons`), and is as old as it
  may be behind;
- the request would have ended by now: fal drops what has not started within the start limit that
  every submission carries, and what has started takes its generator's time. That is counted from
  the beginning of the search, for another process, whose clock may be wrong, has noted when the
  submission was prepared; only where that is long past, too, even by clocks that differ, nothing
  is waited for.

Until one of them holds the search goes on; it costs nothing and can be broken off.
"""

import logging
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

import anyio

from image2model.core.errors import (
    JsonValue,
    ProviderUnavailable,
    SubmissionUncertain,
)
from image2model.core.job import Handle, Submission
from image2model.ports.clock import Clock
from image2model.providers.fal.config import FalConfig
from image2model.providers.fal.list_lessons import ListLessons
from image2model.providers.fal.requests.http import PROVIDER
from image2model.providers.fal.requests.platform import Platform
from image2model.providers.fal.requests.queue import FalQueue
from image2model.providers.fal.requests.retrying import waits_s

_log = logging.getLogger(__name__)

_CLOCKS_DIFFER = timedelta(minutes=10)
"""No more than this, we trust."""

_OF_INPUT = ("endpoint", "prepared_at", "file_life_s", "pictures")
"""What a handle says of the input, and not of the request."""

_TIMES_TYPICAL = 4.0
"""Longer than this many typical times nothing has been seen to run."""


class Reconciler:
    """Searches the platform's list of requests."""

    def __init__(
        self,
        queue: FalQueue,
        platform: Platform,
        lessons: ListLessons,
        config: FalConfig,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._platform = platform
        self._lessons = lessons
        self._config = config
        self._clock = clock

    async def find(self, submission: Submission, *, typical_s: float) -> Handle | None:
        """
        Search for *submission*.

        Args:
            submission: As it was written down.
            typical_s: What a run takes as a rule, in seconds.

        Returns:
            Its handle, or None: it certainly was not accepted.

        Raises:
            SubmissionUncertain: The list cannot be read.
            ProviderAccountBlocked: The key is not accepted.
        """
        prepared_at = datetime.fromisoformat(str(submission.data["prepared_at"]))
        began_s, ends_s = anyio.current_time(), self._ends_s(typical_s)
        for wait_s in waits_s(self._config.pace):
            try:
                handle = await self._look(submission, since=prepared_at - _CLOCKS_DIFFER)
            except ProviderUnavailable as error:
                raise SubmissionUncertain(provider=PROVIDER, reason=error.clause) from error
            if handle is not None:
                return handle
            # Counted from here on for want of the moment of the POST, which was before.
            waited_s = anyio.current_time() - began_s
            lag_s = self._config.pace.list_lag_s
            if waited_s >= lag_s and (
                waited_s >= ends_s
                or self._is_long_past(prepared_at, ends_s)
                or await self._lessons.shows_unfinished()
            ):
                return None
            # The list is looked at just when it cannot be behind any more.
            left_s = lag_s - waited_s
            await anyio.sleep(min(wait_s, left_s) if left_s > 0 else wait_s)
        return None

    async def limit_s(self, submission: Submission, *, typical_s: float) -> float:
        """Tell how long `find` takes at most from now on, in seconds."""
        prepared_at = datetime.fromisoformat(str(submission.data["prepared_at"]))
        ends_s = self._ends_s(typical_s)
        is_soon = self._is_long_past(prepared_at, ends_s) or await self._lessons.shows_unfinished()
        return self._config.pace.list_lag_s if is_soon else ends_s

    def _is_long_past(self, prepared_at: datetime, ends_s: float) -> bool:
        return self._clock.now() >= prepared_at + timedelta(seconds=ends_s) + _CLOCKS_DIFFER

    def _ends_s(self, typical_s: float) -> float:
        """Tell how long a request may take from its submission to its end, in seconds."""
        return min(self._config.start_limit_s + _TIMES_TYPICAL * typical_s, self._config.limit_s)

    async def _look(self, submission: Submission, *, since: datetime) -> Handle | None:
        wanted = set(submission.data["pictures"])
        found: str | None = None
        async for item in self._platform.requests(submission.endpoint, start=since):
            await self._lessons.note(item)
            if wanted & set(_strings(item.get("json_input"))):
                found = str(item.get("request_id"))
        return None if found is None else self._queue.handle(submission, found, {})

    async def find_retried(self, handle: Handle, *, known: Collection[str]) -> Handle | None:
        """
        Search for a request that fal made of *handle* by itself, after that had broken down.

        Args:
            handle: As it was accepted.
            known: The ids of requests that are not meant.

        Returns:
            The handle of one that runs or has ended well, *handle* itself if the list says that it
            has not broken down; None: the list shows none for as long as it may be behind.

        Raises:
            ProviderError: The list cannot be read.
        """
        wanted = {url for url in handle.data.get("pictures", ()) if isinstance(url, str)}
        since = datetime.fromisoformat(str(handle.data["prepared_at"])) - _CLOCKS_DIFFER
        ends_s = anyio.current_time() + self._config.pace.list_lag_s
        for wait_s in waits_s(self._config.pace):
            found = await self._look_for_retried(handle, wanted, since=since, known=known)
            if found is not None:
                return found
            if not wanted or anyio.current_time() + wait_s > ends_s:
                return None
            await anyio.sleep(wait_s)
        return None

    async def _look_for_retried(
        self, handle: Handle, wanted: set[str], *, since: datetime, known: Collection[str]
    ) -> Handle | None:
        async for item in self._platform.requests(str(handle.data["endpoint"]), start=since):
            request_id, status = str(item.get("request_id")), item.get("status_code")
            if isinstance(status, int) and status >= 400:
                continue
            if request_id == handle.request_id and status is not None and item.get("json_output"):
                # What broke down was on the way to its result.
                return handle
            if request_id in known:
                continue
            if wanted & set(_strings(item.get("json_input"))):
                kept = {name: handle.data[name] for name in _OF_INPUT if name in handle.data}
                return Handle(request_id=request_id, data=kept)
        return None


def _strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
