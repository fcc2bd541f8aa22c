"""What the service adds to fal.ai: 25 pictures at once, how prompt events are, 1,000 in flight."""

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx2
import psutil

from bench.alpha_pictures import alpha_picture
from image2model import Client
from image2model.wire.jobs import JobOut

GENERATOR = "fal/tripo-v2.5"
BATCH, BATCH_LATENCY_S = 25, 5.0
CROWD, CROWD_LATENCY_S, JOB_LIMIT = 1_000, 10.0, 500
SIDE_PX = 256
SPREAD = 0.2
NOTICED = frozenset({"finishing", "succeeded"})
_LATEST = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """
    A server in front of a simulator, each a process of its own.

    Attributes:
        url: The server's address.
        control_url: The simulator's control API.
        server: The server's process.
    """

    url: str
    control_url: str
    server: psutil.Process

    def told(self, path: str, **query: Any) -> Any:
        """Ask the simulator."""
        return httpx2.get(f"{self.control_url}/{path}", params=query, trust_env=False).json()


def main() -> None:
    """Measure all, and print the promise beside each figure."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        files = write_pictures(Path(folder), BATCH)
        for webhooks in (False, True):
            _measure_batch(Path(folder), files, webhooks=webhooks)
        _measure_crowd(Path(folder))


# --- 25 at once -----------------------------------------------------------------------------------


def _measure_batch(folder: Path, files: Sequence[Path], *, webhooks: bool) -> None:
    way = "webhooks" if webhooks else "polling"
    with _set_up(folder / way, latency_s=BATCH_LATENCY_S, webhooks=webhooks) as setup:
        took_s, _ = run_batch(setup, files, keep="keep")
        linked_s, _ = run_batch(setup, files, keep="links")
        latency = {"median_s": BATCH_LATENCY_S, "sigma": SPREAD}
        httpx2.post(f"{setup.control_url}/latency", json=latency, trust_env=False)
        _, late_s = run_batch(setup, files, keep="links")
    promise_s = 0.1 if webhooks else 0.4
    print(
        f"{len(files)} items, latency {BATCH_LATENCY_S:g} s, {way}: upload to last result "
        f"{took_s:.2f} s kept (previews follow), {linked_s:.2f} s as links  "
        f"(promise: <= {BATCH_LATENCY_S + 0.6:.1f} s)"
    )
    print(
        f"  latencies spread by {SPREAD:.0%}: done at fal to event at the client: "
        f"p50 {statistics.median(late_s):.3f} s, worst {late_s[-1]:.3f} s  "
        f"(promise: p50 < {promise_s:g} s)"
    )


def run_batch(
    setup: Setup, files: Sequence[Path], *, keep: Literal["keep", "links"]
) -> tuple[float, Sequence[float]]:
    """Make all of *files*; returns the seconds it took, and how late each end was heard of."""
    with Client(setup.url) as client:
        client.wait(client.submit(files[:1], generator=GENERATOR).id)  # warms everything up
        started_s = time.time()
        job = client.submit(files, generator=GENERATOR, keep=keep)
        noticed_s: dict[str, float] = {}
        for seen in client.watch(job.id):
            job = seen
            _note(seen, noticed_s)
        took_s = time.time() - started_s
    assert job.counts.succeeded == len(files), job.counts
    ended_s = {one["request_id"]: epoch_s(one["ended_at"]) for one in setup.told("requests")}
    return took_s, sorted(noticed_s[name] - ended_s[name] for name in noticed_s)


def _note(job: JobOut, noticed_s: dict[str, float]) -> None:
    for item in job.items:
        request_id = item.attempts[-1].request_id if item.attempts else None
        if request_id is not None and item.state in NOTICED:
            noticed_s.setdefault(request_id, time.time())


def epoch_s(text: str) -> float:
    """Read a moment of the API, in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


# --- 1,000 in flight ------------------------------------------------------------------------------


def _measure_crowd(folder: Path) -> None:
    files = write_pictures(folder, CROWD)
    more = {"IMAGE2MODEL_LIMITS__ITEMS_PER_JOB": str(JOB_LIMIT)}
    with _set_up(folder / "crowd", latency_s=CROWD_LATENCY_S, environment=more) as setup:
        with Client(setup.url) as client:
            client.wait(client.submit(files[:1], generator=GENERATOR, keep="links").id)
        before_s = _cpu_s(setup.server)
        watched = Watched(setup)
        started_s = time.perf_counter()
        jobs = [
            threading.Thread(target=run_job, args=(setup.url, files[start : start + JOB_LIMIT]))
            for start in range(0, CROWD, JOB_LIMIT)
        ]
        with watched:
            for job in jobs:
                job.start()
            for job in jobs:
                job.join()
        ended_s = time.time()
        took_s = time.perf_counter() - started_s
        first_s = min(epoch_s(one["submitted_at"]) for one in setup.told("requests")[1:])
        cpu_ms = (_cpu_s(setup.server) - before_s) / CROWD * 1000
        accepted = setup.told("ledger")["accepted_per_picture"]
    assert sum(accepted.values()) == CROWD + 1, sum(accepted.values())
    print(
        f"{CROWD} in flight, latency {CROWD_LATENCY_S:g} s, links: first submission to last result "
        f"{ended_s - first_s:.1f} s  (promise: <= {1.5 * CROWD_LATENCY_S:g} s); "
        f"{took_s:.1f} s with the uploads"
    )
    print(
        f"  most in flight {watched.most_in_flight}; memory {watched.most_bytes / 1e6:.0f} MB  "
        f"(promise: < 250 MB); status requests {watched.most_per_s:.0f} a second at most  "
        f"(promise: < 400); CPU {cpu_ms:.1f} ms an item  (promise: < 15 ms)"
    )


def run_job(url: str, files: Sequence[Path]) -> None:
    """Make all of *files* as links, and ask now and then how far it is."""
    with Client(url) as client:
        job = client.submit(files, generator=GENERATOR, keep="links")
        assert client.session is not None
        cookies = {"image2model_session": client.session}
        address = f"{url}/api/v1/jobs/{job.id}"
        with httpx2.Client(cookies=cookies, timeout=60.0, trust_env=False) as http:
            known = job.version
            while True:
                time.sleep(0.25)
                query = {"after_version": _LATEST, "wait_s": 0}
                told = http.get(address, params=query).json()
                if told["state"] == "finished":
                    break
                known = told["version"]
        assert told["counts"]["succeeded"] == len(files), (told["counts"], known)


class Watched:
    """Samples the server and the simulator ten times a second while the block runs."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.most_bytes = 0
        self.most_per_s = 0.0
        self.most_in_flight = 0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        asked, at_s = self._asked()
        while not self._over.wait(0.1):
            self.most_bytes = max(self.most_bytes, self._setup.server.memory_info().rss)
            now_s = time.perf_counter()
            if now_s - at_s >= 1.0:
                before, before_s = asked, at_s
                asked, at_s = self._asked()
                self.most_per_s = max(self.most_per_s, (asked - before) / (at_s - before_s))
                requests = self._setup.told("requests")
                under_way = sum(one["ended_at"] is None for one in requests)
                self.most_in_flight = max(self.most_in_flight, under_way)

    def _asked(self) -> tuple[int, float]:
        calls = self._setup.told("calls", operation="status")
        return calls["count"], time.perf_counter()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


# --- processes ------------------------------------------------------------------------------------


def write_pictures(folder: Path, count: int) -> Sequence[Path]:
    """Write *count* pictures, each different, into *folder*."""
    files = [folder / f"picture-{index:04}.png" for index in range(count)]
    for index, file in enumerate(files):
        if not file.exists():
            file.write_bytes(alpha_picture(index, side_px=SIDE_PX))
    return files


@contextmanager
def _set_up(
    folder: Path,
    *,
    latency_s: float,
    webhooks: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Setup]:
    with ExitStack() as stack:
        simulator = [sys.executable, "-m", "image2model.testing.fal_simulator"]
        simulator += ["--median-s", str(latency_s), "--concurrency", str(2 * CROWD)]
        fal = stack.enter_context(_process(simulator, {}))
        assert fal.stdout is not None
        place = json.loads(fal.stdout.readline())
        lines = [fal.stdout.readline().strip() for _ in range(6)]
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        server = stack.enter_context(
            _process(
                [str(Path(sys.executable).with_name("image2model")), "serve", "--port", str(port)],
                {
                    **dict(line.split("=", 1) for line in lines),
                    "IMAGE2MODEL_DATA_DIR": str(folder),
                    "IMAGE2MODEL_FAL__CONCURRENCY": str(2 * CROWD),
                    **({"IMAGE2MODEL_PUBLIC_URL": url} if webhooks else {}),
                    **(environment or {}),
                },
            )
        )
        assert server.stdout is not None
        server.stdout.readline()
        yield Setup(url=url, control_url=place["control_url"], server=psutil.Process(server.pid))


@contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    base = {"PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        command, env={**base, **environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
