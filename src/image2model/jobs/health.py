"""Say whether the parts that jobs need work, by calling them."""

from collections.abc import Awaitable, Callable, Mapping

import anyio

from image2model.core.errors import Image2ModelError
from image2model.jobs.context import Context

CHECK_LIMIT_S = 5.0
OK = "ok"


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
        "compute": lambda: context.compute.run(limit_s, answer),
    }
    found: dict[str, str] = {}

    async def check(name: str) -> None:
        found[name] = await _outcome(parts[name], limit_s)

    async with anyio.create_task_group() as group:
        for name in parts:
            group.start_soon(check, name)
    return {name: found[name] for name in parts}


async def _outcome(call: Callable[[], Awaitable[object]], limit_s: float) -> str:
    try:
        with anyio.fail_after(limit_s):
            await call()
    except TimeoutError:
        return f"did not answer within {limit_s:g} s"
    except Image2ModelError as error:
        return error.message
    return OK


def answer() -> bool:
    """Answer, to show that a worker process does."""
    return True
