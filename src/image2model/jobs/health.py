"""Say whether the parts that jobs need work, by calling them."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import anyio

from image2model.core.errors import DatabaseUnavailable, Image2ModelError
from image2model.core.generator import RunsOn
from image2model.jobs.context import Context

CHECK_LIMIT_S = 5.0
OK = "ok"
QUEUE = "queue"
"""The one part without which jobs are taken in all the same: they wait."""


async def check_parts(context: Context, *, limit_s: float = CHECK_LIMIT_S) -> Mapping[str, str]:
    """
    Call every part, all at once.

    Args:
        context: The ports.
        limit_s: The longest each part may take, in seconds.

    Returns:
        For each part `ok`, or what is wrong.
    """
    parts: Mapping[str, Callable[[], Awaitable[object]]] = {
        "database": context.store.check,
        "storage": context.artifacts.check,
        "compute": lambda: context.compute.check(limit_s=limit_s),
        "space": context.reserve.check,
    }
    found: dict[str, str] = {}

    async def check(name: str) -> None:
        found[name] = await _outcome(parts[name], limit_s)

    async def check_queue() -> None:
        found[QUEUE] = await _queue_outcome(context, limit_s)

    async with anyio.create_task_group() as group:
        group.start_soon(check_queue)
        for name in parts:
            group.start_soon(check, name)
    found["background"] = _background_outcome(context)
    return {name: found[name] for name in (*parts, "background", QUEUE)}


async def count_waiting(
    context: Context, *, limit_s: float = CHECK_LIMIT_S
) -> Mapping[RunsOn, int]:
    """
    Count the messages that wait in each queue, asking for all of them at once.

    Args:
        context: The ports.
        limit_s: The longest it may take in all, in seconds.

    Returns:
        How many messages wait; a queue that was not told of in time is left out.
    """
    found: dict[RunsOn, int] = {}

    async def count(queue: RunsOn) -> None:
        waiting = await context.dispatcher.waiting(queue)
        if waiting is not None:
            found[queue] = waiting

    with anyio.move_on_after(limit_s):
        async with anyio.create_task_group() as group:
            for queue in RunsOn:
                group.start_soon(count, queue)
    return found


async def measure_now(context: Context) -> None:
    """Tell `Metrics` what is not counted as it happens but looked at."""
    for queue, waiting in (await count_waiting(context)).items():
        context.metrics.queue_seen(queue, waiting)
    with suppress(DatabaseUnavailable):  # The other numbers are needed most when it is away.
        context.metrics.spending_seen(stopped=await context.store.spending_stop() is not None)


def _background_outcome(context: Context) -> str:
    failing = context.chores.failing()
    told = [f"{name} fails again and again ({reason})" for name, reason in failing.items()]
    return "; ".join(told) or OK


async def _queue_outcome(context: Context, limit_s: float) -> str:
    waiting = None
    with anyio.move_on_after(limit_s):
        waiting = await context.dispatcher.waiting(RunsOn.NETWORK)
    return OK if waiting is not None else "cannot be reached; jobs are taken in and wait"


async def _outcome(call: Callable[[], Awaitable[object]], limit_s: float) -> str:
    try:
        with anyio.fail_after(limit_s):
            await call()
    except TimeoutError:
        return f"did not answer within {limit_s:g} s"
    except Image2ModelError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - what is told of must not fail itself
        return f"{type(error).__name__}: {error}"
    return OK
