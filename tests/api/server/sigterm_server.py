"""A server over fakes in a process of its own, with one job, for the test that stops it."""

import sys
from dataclasses import replace
from pathlib import Path

import anyio

from image2model.api.app import create_api
from image2model.api.server.serve import serve_api
from image2model.backends.inprocess.clock import SystemClock
from image2model.core.ids import OwnerId
from image2model.jobs.access import create_api_key
from tests.harness.rig import Rig


async def main(incoming: Path) -> None:
    """Print URL, job and key once it answers, and `closed` when it was let go properly."""
    rig = Rig(incoming)
    context = replace(rig.context, clock=SystemClock())
    key = await create_api_key(context, name="test")
    job = await rig.submit(OwnerId(f"key:{key.split('_')[1]}"), "cup")

    def on_ready(url: str) -> None:
        print(url, job.id, key, flush=True)  # noqa: T201

    await serve_api(create_api(context), host="127.0.0.1", port=0, on_ready=on_ready)
    print("closed", flush=True)  # noqa: T201


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
