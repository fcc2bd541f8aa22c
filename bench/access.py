"""How long it takes to find out who calls and whether they may: part of every request."""

import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import anyio

from image2model.bootstrap import open_app
from image2model.jobs.access import (
    create_api_key,
    identify_key,
    identify_session,
    new_owner,
    open_key_session,
    open_session,
)
from image2model.settings import Settings

CALLS = 1_000


def main() -> None:
    """Identify a key, a browser, and a browser that signed in, in SQLite, one after the other."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        anyio.run(_measure, Path(folder))


async def _measure(folder: Path) -> None:
    async with open_app(Settings(data_dir=folder), works=False) as app:
        context = app.context
        key = await create_api_key(context, name="bench")
        browser = await open_session(context, new_owner())
        signed_in, _ = await open_key_session(context, key)
        await _time("API key", partial(identify_key, context, key))
        await _time("browser", partial(identify_session, context, browser))
        await _time("browser, signed in", partial(identify_session, context, signed_in))


async def _time(name: str, call: Callable[[], Awaitable[object]]) -> None:
    taken_ms = []
    computed_s = time.process_time()
    for _ in range(CALLS):
        began_s = time.perf_counter()
        await call()
        taken_ms.append((time.perf_counter() - began_s) * 1_000)
    computed_ms = (time.process_time() - computed_s) * 1_000 / CALLS
    median_ms = statistics.median(taken_ms)
    print(f"{name}: median {median_ms:.2f} ms, of which computing {computed_ms:.2f} ms")
