"""Calls about the same thing that are written in one transaction."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from image2model.backends.sql.connections.transaction import Transaction

MOST_TOGETHER = 50
"""How many calls are written together at most: a call does not wait long for its batch."""

Work = Callable[[Transaction, Sequence[Any]], Sequence[Any]]
Write = Callable[[Work, Sequence[Any]], Awaitable[Sequence[Any]]]


@dataclass(slots=True)
class _Call:
    """One argument that waits to be written, and what came of it."""

    argument: Any
    is_done: bool = False
    answer: Any = None
    error: Exception | None = None


@dataclass(slots=True)
class _Queue:
    """The calls of one work about one thing."""

    waiting: deque[_Call] = field(default_factory=deque)
    turn: anyio.Lock = field(default_factory=anyio.Lock)
    users: int = 0


class Together:
    """
    Has calls about the same thing written together: those that come while one is being written.

    Each would wait for the lock of that thing anyway; so they wait once, and exchange with the
    database what one of them does.

    Args:
        write: Does a work with several arguments in a transaction of its own.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._queues: dict[tuple[Work, str], _Queue] = {}

    async def do(self, work: Work, about: str, argument: Any) -> Any:
        """Do *work* with *argument* and with those of others that wait; see `Database`."""
        queue = self._queues.setdefault((work, about), _Queue())
        call = _Call(argument)
        queue.waiting.append(call)
        queue.users += 1
        try:
            # Whoever asked must learn what was written, and somebody else may be writing it.
            with anyio.CancelScope(shield=True):
                async with queue.turn:
                    if not call.is_done:
                        count = min(MOST_TOGETHER, len(queue.waiting))
                        await self._do(work, [queue.waiting.popleft() for _ in range(count)])
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[work, about]
        if call.error is not None:
            raise call.error
        return call.answer

    async def _do(self, work: Work, calls: Sequence[_Call]) -> None:
        try:
            answers = await self._write(work, [call.argument for call in calls])
        except Exception as error:  # noqa: BLE001  everybody whose call it was must hear of it
            if len(calls) > 1:
                for call in calls:
                    await self._do(work, [call])
                return
            calls[0].error = error
        else:
            for call, answer in zip(calls, answers, strict=True):
                call.answer = answer
        for call in calls:
            call.is_done = True
