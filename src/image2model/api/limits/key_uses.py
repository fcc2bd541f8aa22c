"""When keys were last used, without a write at each request."""

import logging
from datetime import timedelta

from image2model.core.errors import DatabaseUnavailable
from image2model.jobs.context import Context
from image2model.ports.sessions import ApiKey

_log = logging.getLogger(__name__)

_NOTED_EVERY = timedelta(minutes=1)


class KeyUses:
    """Notes uses of keys: each key's at most once a minute in this process."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._being_noted: set[str] = set()

    def is_due(self, key: ApiKey) -> bool:
        """Tell whether a use of *key* is to be noted now."""
        now, before = self._context.clock.now(), key.last_used_at
        is_old = before is None or now - before >= _NOTED_EVERY
        return is_old and key.id not in self._being_noted

    async def note(self, key: ApiKey) -> None:
        """Note that *key* is used; where that cannot be written, nobody need wait for it."""
        self._being_noted.add(key.id)
        try:
            await self._context.sessions.note_key_use(key.id)
        except DatabaseUnavailable as error:
            _log.warning("the use of key %s could not be noted: %s", key.id, error)
        finally:
            self._being_noted.discard(key.id)
