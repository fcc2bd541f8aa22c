"""How long `image2model serve` takes from the start of its process to its first answer."""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROUNDS = 7


def main() -> None:
    """Start it on a new data folder, then again and again on the same one."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        first_s = ready_s(Path(folder))
        times_s = [ready_s(Path(folder)) for _ in range(ROUNDS)]
    print(f"first start, with a new database: {first_s:.2f} s")
    print(
        f"later starts: median {statistics.median(times_s):.2f} s, "
        f"best {min(times_s):.2f} s  (promise: < 1.5 s)"
    )


def ready_s(data_dir: Path) -> float:
    """Start the server, wait for its first answer, stop it; returns the seconds it took."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("image2model")
    environment = {**os.environ, "IMAGE2MODEL_DATA_DIR": str(data_dir)}
    started_s = time.perf_counter()
    with subprocess.Popen(
        [str(program), "serve", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL
    ) as process:
        while not _answers(port):
            time.sleep(0.005)
        elapsed_s = time.perf_counter() - started_s
        process.terminate()
    return elapsed_s


def _answers(port: int) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/api/v1/health/live"
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False
