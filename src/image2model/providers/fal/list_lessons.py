"""
Learn whether the platform's list shows requests that have not ended.

fal does not document it, and on it depends how soon it is certain that a lost submission was not
accepted. So it is asked once, with the first request that is accepted and followed, while all is
well. What was learnt is kept for every process and beyond restarts, and asked again after a day.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import anyio

from image2model.core.errors import JsonValue, ProviderError, StorageError
from image2model.core.job import Handle
from image2model.core.values.hashing import hash_of_text
from image2model.ports.clock import Clock
from image2model.ports.facts import Facts
from image2model.providers.fal.config import FalConfig
from image2model.providers.fal.requests.platform import Platform

_log = logging.getLogger(__name__)

_HOLDS_FOR = timedelta(days=1)
_LESSON_S = 5.0
"""How long a lesson may take: meanwhile nobody looks after the request that it is about."""

_AFTER_FAULT_S = 60.0
"""How long the list is left alone when it could not be read, in seconds."""

_BEFORE = timedelta(minutes=10)
"""How much the clocks of processes may differ."""


class ListLessons:
    """Knows, or finds out, whether the list shows unfinished requests."""

    def __init__(
        self, platform: Platform, facts: Facts | None, config: FalConfig, clock: Clock
    ) -> None:
        """
        Begin without knowing anything.

        Args:
            platform: Has the list.
            facts: Where it is kept; None: this process learns for itself.
            config: How far the list may be behind.
            clock: The time.
        """
        self._platform = platform
        self._facts = facts
        self._config = config
        self._clock = clock
        # Of this list: a gateway or the simulator may show something else.
        self._name = f"fal.list.{hash_of_text(config.api_url)[:16]}"
        self._shows_unfinished: bool | None = None
        self._seen_at: datetime | None = None
        self._is_asking = False
        self._next_at_s = 0.0

    async def shows_unfinished(self) -> bool:
        """Tell whether the list is known to show requests that have not ended."""
        if not self._shows_unfinished:
            # Another process may have learnt it meanwhile.
            await self._recall()
        return bool(self._shows_unfinished)

    async def note(self, item: Mapping[str, JsonValue]) -> None:
        """Learn from *item*, which the list shows."""
        if _is_unfinished(item) and not self._shows_unfinished:
            await self._keep(shows_unfinished=True)

    async def ask_about(self, handle: Handle, *, age_s: float) -> None:
        """
        See whether the list shows *handle*, which has not ended, unless that is known.

        Faults do not matter: another request will do.

        Args:
            handle: The request.
            age_s: How long ago it was accepted at least, in seconds.
        """
        if self._is_asking or anyio.current_time() < self._next_at_s:
            return
        self._is_asking = True
        try:
            if await self._is_known():
                self._next_at_s = anyio.current_time() + _HOLDS_FOR.total_seconds()
                return
            # Shown too late it says nothing; but it is asked at once, for it may be done soon.
            self._next_at_s = anyio.current_time() + self._config.pace.list_lag_s
            with anyio.move_on_after(_LESSON_S):
                await self._ask(handle, is_due=age_s >= self._config.pace.list_lag_s)
        except ProviderError as error:
            self._next_at_s = anyio.current_time() + _AFTER_FAULT_S
            _log.info("cannot look at the list of requests now: %s", error)
        finally:
            self._is_asking = False

    async def _ask(self, handle: Handle, *, is_due: bool) -> None:
        start = datetime.fromisoformat(str(handle.data["prepared_at"])) - _BEFORE
        is_shown = False
        async for item in self._platform.requests(
            str(handle.data["endpoint"]),
            start=start,
            request_id=handle.request_id,
            patience_s=0.0,
        ):
            is_shown |= item.get("request_id") == handle.request_id
            await self.note(item)
        if is_due and not is_shown:
            await self._keep(shows_unfinished=False)

    async def _is_known(self) -> bool:
        if self._seen_at is None:
            await self._recall()
        return self._seen_at is not None and self._clock.now() < self._seen_at + _HOLDS_FOR

    async def _recall(self) -> None:
        if self._facts is None:
            return
        try:
            fact = await self._facts.find_fact(self._name)
        except StorageError as error:
            _log.info("cannot read what is known of the list of requests: %s", error)
            return
        if isinstance(fact, dict):
            self._shows_unfinished = fact.get("shows_unfinished") is True
            self._seen_at = datetime.fromisoformat(str(fact["seen_at"]))

    async def _keep(self, *, shows_unfinished: bool) -> None:
        self._shows_unfinished, self._seen_at = shows_unfinished, self._clock.now()
        if self._facts is None:
            return
        fact = {"shows_unfinished": shows_unfinished, "seen_at": self._seen_at.isoformat()}
        try:
            await self._facts.keep_fact(self._name, fact)
        except StorageError as error:
            _log.info("cannot keep what is known of the list of requests: %s", error)


def _is_unfinished(item: Mapping[str, JsonValue]) -> bool:
    return "ended_at" in item and not (item.get("ended_at") or item.get("status_code"))
