"""Starts the embedded product's API in a process of its own."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from image2model.api.app import create_api
from image2model.api.server.serve import serve_api
from image2model.bootstrap import open_app
from image2model.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiProcess:
    """A running API: its process id and where it listens on the loopback address."""

    pid: int
    port: int

    def reset_peak(self) -> None:
        """Let `peak_bytes` count from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def peak_bytes(self) -> int:
        """Tell the most memory the process itself had at once, without those it started."""
        return self._status("VmHWM")

    def memory_bytes(self) -> int:
        """Tell how much memory the process has now."""
        return self._status("VmRSS")

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024


@contextmanager
def api_process(data_dir: Path | None = None) -> Iterator[ApiProcess]:
    """
    Run the API while the block lasts; jobs are taken in, but none is worked on.

    Args:
        data_dir: Where its jobs are; None: a folder that is thrown away.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        subprocess.Popen(
            [sys.executable, "-m", "bench.api_process", data_dir or folder],
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline().rpartition(":")[2])
            yield ApiProcess(pid=process.pid, port=port)
        finally:
            process.terminate()


async def serve(data_dir: Path) -> None:
    """Serve on a free port until SIGTERM, after printing the URL."""
    async with open_app(Settings(data_dir=data_dir), works=False) as app:
        await serve_api(
            create_api(app.context),
            host="127.0.0.1",
            port=0,
            on_ready=lambda url: print(url, flush=True),
        )


if __name__ == "__main__":
    anyio.run(serve, Path(sys.argv[1]), backend_options={"use_uvloop": True})
