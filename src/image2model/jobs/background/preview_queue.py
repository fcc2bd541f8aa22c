"""Which previews wait to be drawn by this process, and who draws which now."""

from collections import deque
from weakref import WeakValueDictionary

import anyio

from image2model.core.ids import ArtifactId
from image2model.core.job import Result, ResultFile
from image2model.ports.dispatcher import ItemRef

_MOST_WAITING = 10_000
"""More are drawn when they are asked for."""


class Drawing:
    """
    Remembers what waits, and keeps this process from drawing a preview twice at once.

    What waits is forgotten with the process: a preview that is missing is drawn when it is asked
    for. Another process may draw the same one, which does no harm. Belongs to one event loop.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[ItemRef, ResultFile]] = deque(maxlen=_MOST_WAITING)
        self._filled = anyio.Event()
        self._locks: WeakValueDictionary[ArtifactId, anyio.Lock] = WeakValueDictionary()

    def add(self, ref: ItemRef, result: Result) -> None:
        """Have the preview drawn that *result* of the item *ref* waits for, if it does."""
        self._waiting.extend((ref, file) for file in result.files if file.is_awaited)
        self._filled.set()

    def take(self) -> tuple[ItemRef, ResultFile] | None:
        """Take what has waited longest; None: nothing waits."""
        return self._waiting.popleft() if self._waiting else None

    async def filled(self) -> None:
        """Wait until something waits."""
        while not self._waiting:
            self._filled = anyio.Event()
            await self._filled.wait()

    def lock(self, preview: ArtifactId) -> anyio.Lock:
        """Return the lock to hold while *preview* is drawn."""
        return self._locks.setdefault(preview, anyio.Lock())
