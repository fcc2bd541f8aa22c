"""
Find out whether a submission without an answer was accepted.

fal keeps no key of ours, but it lists an account's requests with their inputs, and every input
names pictures under URLs that no other attempt has. Found is found. Not found is harder, for the
list may be behind, and it is not documented whether it shows requests that have not ended. So
"it was not accepted" is said in two cases alone:

- the list has been seen to show a request that had not ended, and is as old as it may be behind;
- the request would have ended by now: fal drops what has not started within the start limit that
  every submission carries, and what has started takes its generator's time. That is counted from
  the beginning of the search, for another process, whose clock may be wrong, has noted when the
  submission was prepared; only where that is long past, too, even by clocks that differ, nothing
  is waited for.

Until one of them holds the search goes on; it costs nothing and can be broken off.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import anyio

from image2model.core.errors import (
    JsonValue,
    ProviderError,
    ProviderUnavailable,
    SubmissionUncertain,
)
from image2model.core.job import Handle, Submission
from image2model.ports.clock import Clock
from image2model.providers.fal.asking import waits_s
from image2model.providers.fal.config import FalConfig
from image2model.providers.fal.http import PROVIDER
from image2model.providers.fal.platform import Platform
from image2model.providers.fal.queue import FalQueue

_log = logging.getLogger(__name__)

_CLOCKS_DIFFER = timedelta(minutes=10)
"""No more than this, we trust."""

_MOST_LESSONS = 3
_TIMES_TYPICAL = 4.0
"""Longer than this many typical times nothing has been seen to run."""


class Reconciler:
    """Searches the platform's list of requests."""

    def __init__(
        self, queue: FalQueue, platform: Platform, config: FalConfig, clock: Clock
    ) -> None:
        self._queue = queue
        self._platform = platform
        self._config = config
        self._clock = clock
        self._lists_unfinished = False
        self._lessons = 0

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
            if waited_s >= self._config.pace.list_lag_s and (
                self._lists_unfinished
                or waited_s >= ends_s
                or self._clock.now() >= prepared_at + timedelta(seconds=ends_s) + _CLOCKS_DIFFER
            ):
                return None
            await anyio.sleep(wait_s)
        return None

    def _ends_s(self, typical_s: float) -> float:
        """Tell how long a request may take from its submission to its end, in seconds."""
        return min(self._config.start_limit_s + _TIMES_TYPICAL * typical_s, self._config.limit_s)

    async def _look(self, submission: Submission, *, since: datetime) -> Handle | None:
        wanted = set(submission.data["pictures"])
        found: str | None = None
        async for item in self._platform.requests(submission.endpoint, start=since):
            self._learn(item)
            if wanted & set(_strings(item.get("json_input"))):
                found = str(item.get("request_id"))
        return None if found is None else self._queue.handle(submission, found, {})

    async def learn_from(self, handle: Handle) -> None:
        """
        See whether the list shows *handle*, which has not ended.

        Asked while all is well, at most a few times in a process, so that the answer is there
        when it is needed; faults do not matter.
        """
        if self._lists_unfinished or self._lessons >= _MOST_LESSONS:
            return
        self._lessons += 1
        start = datetime.fromisoformat(str(handle.data["prepared_at"])) - _CLOCKS_DIFFER
        try:
            async for item in self._platform.requests(
                str(handle.data["endpoint"]),
                start=start,
                request_id=handle.request_id,
                patience_s=0.0,
            ):
                self._learn(item)
        except ProviderError as error:
            _log.info("cannot look at the list of requests now: %s", error)

    def _learn(self, item: Mapping[str, JsonValue]) -> None:
        has_ended = item.get("ended_at") or item.get("status_code")
        self._lists_unfinished |= "ended_at" in item and not has_ended


def _strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
