"""What one owner's load does to another: at a maker's places, in uploads, and to memory."""

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil

from tests.harness.rig import disc_png
from tests.system.scaled.installation import Installation, Simulator

GENERATOR = "fal/tripo-v2.5"
CROWDS = (25, 40)
LATENCY_S, PLACES = 3.0, 2
HOSTILE, HOSTILE_SIDE_PX = 8, 7_000
MODEL_BYTES, CONVERSIONS = 300_000_000, 8
_LIMIT_S = 900.0


def main() -> None:
    """Measure all three."""
    for jobs in CROWDS:
        with _installed(latency_s=LATENCY_S) as setup:
            print(f"one item behind {jobs} of another owner: {measure_wait_s(setup, jobs):.1f} s")
    with _installed() as setup:
        alone_s, beside_s, ready_s = measure_uploads(setup)
        print(
            f"uploads of others: {statistics.median(alone_s):.2f} s alone; while {HOSTILE} "
            f"pictures of 49 megapixels come: median {statistics.median(beside_s):.2f} s, worst "
            f"{max(beside_s):.2f} s; readiness at worst {max(ready_s):.2f} s"
        )
        print(f"  most memory of server and children: {setup.most_bytes / 1e9:.2f} GB")
    with _installed(mesh_bytes=MODEL_BYTES) as setup:
        took_s = measure_conversions(setup)
        print(
            f"{CONVERSIONS} conversions of a model of {MODEL_BYTES / 1e6:.0f} MB: {took_s:.0f} s; "
            f"server {setup.most_server_bytes / 1e9:.2f} GB, with its children "
            f"{setup.most_bytes / 1e9:.2f} GB"
        )


@dataclass(slots=True)
class Setup:
    """A server in front of the simulator, and the most memory it was seen to hold."""

    url: str
    simulator: Simulator
    server: psutil.Process
    most_server_bytes: int = 0
    most_bytes: int = 0

    def watch(self, stop: threading.Event) -> None:
        """Note how much memory is held until *stop*."""
        while not stop.wait(0.05):
            with suppress(psutil.NoSuchProcess):
                own = self.server.memory_info().rss
                others = sum(one.memory_info().rss for one in self.server.children(recursive=True))
                self.most_server_bytes = max(self.most_server_bytes, own)
                self.most_bytes = max(self.most_bytes, own + others)

    def visitor(self) -> httpx2.Client:
        """Come as somebody else, with a session."""
        http = httpx2.Client(base_url=f"{self.url}/api/v1/", timeout=_LIMIT_S, trust_env=False)
        http.post("jobs", params={"draft": True}, json={}).raise_for_status()
        return http


@contextmanager
def _installed(*, latency_s: float = 0.1, mesh_bytes: int = 2_000) -> Iterator[Setup]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        options = ("--median-s", f"{latency_s}", "--mesh-bytes", f"{mesh_bytes}")
        with Simulator(folder, *options) as simulator:
            settings = {
                **simulator.environment,
                "IMAGE2MODEL_FAL__CONCURRENCY": str(PLACES),
                "IMAGE2MODEL_COMPUTE__WORKERS": "2",
            }
            with Installation(folder, settings) as installation:
                web, url = installation.add_web()
                installation.start()
                setup = Setup(url=url, simulator=simulator, server=psutil.Process(web.pid))
                stop = threading.Event()
                watching = threading.Thread(target=setup.watch, args=[stop])
                watching.start()
                try:
                    yield setup
                finally:
                    stop.set()
                    watching.join()


def measure_wait_s(setup: Setup, jobs: int) -> float:
    """Tell how long one item takes that comes behind *jobs* jobs of another owner."""
    anna, ben = setup.visitor(), setup.visitor()
    for number in range(jobs):
        _submit(anna, f"cup-{number}")
    began_s = time.monotonic()
    _await(ben, _submit(ben, "only"))
    return time.monotonic() - began_s


def measure_uploads(setup: Setup) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    """Tell how long uploads take alone and beside hostile pictures, and readiness beside them."""
    anna, ben = setup.visitor(), setup.visitor()
    picture = _hostile_picture()
    alone_s = [_upload_s(ben, disc_png(f"alone-{number}")) for number in range(10)]
    beside_s: list[float] = []
    ready_s: list[float] = []
    with ThreadPoolExecutor(HOSTILE) as pool:
        hostile = [pool.submit(_upload_s, anna, picture, place) for place in range(HOSTILE)]
        time.sleep(0.5)
        while not all(one.done() for one in hostile):
            beside_s.append(_upload_s(ben, disc_png(f"beside-{len(beside_s)}")))
            began_s = time.monotonic()
            reply = httpx2.get(f"{setup.url}/api/v1/health/ready", trust_env=False, timeout=60.0)
            ready_s.append(time.monotonic() - began_s)
            if reply.status_code != 200:
                print(f"  not ready: {reply.text}")
    return alone_s, beside_s, ready_s


def measure_conversions(setup: Setup) -> float:
    """Tell how long several conversions of one large model take, asked for at once."""
    anna = setup.visitor()
    job = _submit(anna, "large")
    _await(anna, job)
    setup.most_bytes = setup.most_server_bytes = 0

    def convert(number: int) -> None:
        query = {"height_mm": 50 + number}
        path = f"jobs/{job}/items/0/model.stl"
        with anna.stream("GET", path, params=query) as reply:
            size = sum(len(chunk) for chunk in reply.iter_bytes())
        if reply.status_code != 200:
            print(f"  {reply.status_code} after {size} bytes")

    began_s = time.monotonic()
    with ThreadPoolExecutor(CONVERSIONS) as pool:
        list(pool.map(convert, range(CONVERSIONS)))
    return time.monotonic() - began_s


def _hostile_picture() -> bytes:
    """Make a picture of 16 bits that is small as a file and large in memory."""
    import cv2  # noqa: PLC0415 - heavy, and only needed here

    pixels = np.zeros((HOSTILE_SIDE_PX, HOSTILE_SIDE_PX, 4), np.uint16)
    pixels[1_000:6_000, 1_000:6_000] = 30_000
    pixels[500:, :, 3] = 65_535
    return bytes(cv2.imencode(".png", pixels)[1])


def _upload_s(http: httpx2.Client, picture: bytes, place: int = 0) -> float:
    draft = http.get("jobs").json()["jobs"][0]["id"]
    began_s = time.monotonic()
    http.put(f"jobs/{draft}/items/{place}/views/front", content=picture).raise_for_status()
    return time.monotonic() - began_s


def _submit(http: httpx2.Client, name: str) -> str:
    files = [("files", (f"{name}.png", disc_png(name), "image/png"))]
    reply = http.post("jobs", data={"generator": GENERATOR}, files=files)
    reply.raise_for_status()
    job: str = reply.json()["id"]
    return job


def _await(http: httpx2.Client, job: str) -> dict[str, Any]:
    while (found := http.get(f"jobs/{job}").json())["state"] != "finished":
        time.sleep(0.1)
    assert found["counts"]["succeeded"] == 1, found
    result: dict[str, Any] = found
    return result


if __name__ == "__main__":
    main()
