"""How long calls to a computing process take: a small one, and one with a large answer."""

import os
import statistics
import time

import anyio

from image2model.backends.inprocess.compute import ProcessCompute

_LIMIT_S = 60.0
_LARGE_BYTES = 50_000_000


def main() -> None:
    """Print the median times."""
    anyio.run(_measure)


async def _measure() -> None:
    compute = ProcessCompute(workers=1)
    try:
        await compute.run(_LIMIT_S, os.getpid)
        small_s = [await _time(compute, 1) for _ in range(300)]
        large_s = [await _time(compute, _LARGE_BYTES) for _ in range(15)]
    finally:
        await compute.aclose()
    print(f"a small call          {statistics.median(small_s) * 1e3:8.2f} ms")
    print(f"an answer of 50 MB    {statistics.median(large_s) * 1e3:8.1f} ms")


async def _time(compute: ProcessCompute, size_bytes: int) -> float:
    started_s = time.perf_counter()
    answer = await compute.run(_LIMIT_S, bytes, size_bytes)
    spent_s = time.perf_counter() - started_s
    assert len(answer) == size_bytes
    return spent_s
