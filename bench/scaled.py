"""Scaled mode: web and worker processes over PostgreSQL and Redis, in front of fal's simulator."""

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.fal_batch import (
    BATCH,
    CROWD,
    CROWD_LATENCY_S,
    GENERATOR,
    JOB_LIMIT,
    SPREAD,
    Setup,
    Watched,
    epoch_s,
    run_batch,
    run_job,
    write_pictures,
)
from image2model import Client
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.system.scaled.installation import Installation, Program, Simulator

BATCH_LATENCY_S = 5.0
QUICK = 400
WORKERS = (1, 2, 4)
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """
    An installation that runs.

    Attributes:
        urls: Its two web processes.
        workers: Its workers, the first of which runs.
    """

    installation: Installation
    simulator: Simulator
    urls: list[str]
    workers: list[Program]

    def setup(self, url: str) -> Setup:
        """Show it as the other benchmarks see a server: through one web process, and a worker."""
        return Setup(
            url=url,
            control_url=self.simulator.control_url,
            server=psutil.Process(self.workers[0].pid),
        )


def main() -> None:
    """Measure all, and print the promise beside each figure."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with _running(folder) as scaled:
            _measure_batch(folder, scaled)
            _measure_crowd(folder, scaled)
            _measure_rate(folder, scaled)


def _measure_batch(folder: Path, scaled: Scaled) -> None:
    files = write_pictures(folder, BATCH)
    scaled.simulator.order("latency", median_s=BATCH_LATENCY_S)
    took_s, _ = run_batch(scaled.setup(scaled.urls[0]), files, keep="keep")
    print(
        f"{BATCH} items, latency {BATCH_LATENCY_S:g} s: upload to last result {took_s:.2f} s  "
        f"(promise: <= {BATCH_LATENCY_S + 1.0:.1f} s)"
    )
    scaled.simulator.order("latency", median_s=BATCH_LATENCY_S, sigma=SPREAD)
    for way, url in zip(
        ("webhooks come to it", "webhooks come elsewhere"), scaled.urls, strict=True
    ):
        _, late_s = run_batch(scaled.setup(url), files, keep="links")
        print(
            f"  done at fal to event at the client, {way}: p50 {statistics.median(late_s):.3f} s, "
            f"worst {late_s[-1]:.3f} s  (promise: p50 < 0.5 s)"
        )


def _measure_crowd(folder: Path, scaled: Scaled) -> None:
    files = write_pictures(folder, CROWD)
    scaled.simulator.order("latency", median_s=CROWD_LATENCY_S)
    known = len(scaled.simulator.told("requests"))
    watched = Watched(scaled.setup(scaled.urls[0]))
    jobs = [
        threading.Thread(
            target=run_job, args=(scaled.urls[number % 2], files[start : start + JOB_LIMIT])
        )
        for number, start in enumerate(range(0, CROWD, JOB_LIMIT))
    ]
    with watched:
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
    ended_s = time.time()
    first_s = min(epoch_s(one["submitted_at"]) for one in scaled.simulator.told("requests")[known:])
    print(
        f"{CROWD} in flight on one worker, latency {CROWD_LATENCY_S:g} s, links: first submission "
        f"to last result {ended_s - first_s:.1f} s  (promise: <= {1.5 * CROWD_LATENCY_S:g} s); "
        f"memory {watched.most_bytes / 1e6:.0f} MB  (promise: < 250 MB); "
        f"most in flight {watched.most_in_flight}"
    )


def _measure_rate(folder: Path, scaled: Scaled) -> None:
    """
    Count items a second with a provider that takes no time.

    All processes share the cores of this machine with the simulator, PostgreSQL and Redis, so the
    share of the cores that each took tells where it stops.
    """
    files = write_pictures(folder, QUICK)
    scaled.simulator.order("latency", median_s=0.0)
    rates: dict[int, float] = {}
    for count in WORKERS:
        for worker in scaled.workers[:count]:
            if not worker.runs:
                worker.start()
                worker.until_ready()
        before = _cpu_s(scaled)
        with Client(scaled.urls[0]) as client:
            job = client.submit(files, generator=GENERATOR, keep="links")
            while job.finished_at is None:
                time.sleep(_LOOK_EVERY_S)  # rarely: a page of 400 items costs more than one item
                job = client.job(job.id)
        assert job.counts.succeeded == QUICK, job.counts
        assert job.started_at is not None
        took_s = (job.finished_at - job.started_at).total_seconds()
        spent = {name: value - before[name] for name, value in _cpu_s(scaled).items()}
        rates[count] = QUICK / took_s
        told = ", ".join(f"{name} {value / took_s:.0%}" for name, value in spent.items())
        print(
            f"{QUICK} items of no latency, {count} workers: {rates[count]:.0f} items/s "
            f"({rates[count] / rates[1]:.2f} x one worker); of a core: {told}"
        )


def _cpu_s(scaled: Scaled) -> dict[str, float]:
    groups = {
        "workers": [worker.pid for worker in scaled.workers if worker.runs],
        "web": [one.pid for one in scaled.installation.programs if one not in scaled.workers],
        "PostgreSQL": [one.pid for one in psutil.process_iter(["name"]) if _is_ours(one)],
        "simulator": [scaled.simulator.pid],
    }
    return {name: sum(map(_cpu_of, pids)) for name, pids in groups.items()}


def _is_ours(process: psutil.Process) -> bool:
    """Tell whether it is a PostgreSQL that this process has started."""
    try:
        parents = [parent.pid for parent in process.parents()]
    except psutil.NoSuchProcess:
        return False
    return process.name() == "postgres" and os.getpid() in parents


def _cpu_of(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0  # A connection of PostgreSQL's that was closed.
    return float(times.user + times.system)


@contextmanager
def _running(folder: Path) -> Iterator[Scaled]:
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer())
        redis = stack.enter_context(RedisServer())
        simulator = stack.enter_context(Simulator(folder, "--concurrency", str(2 * CROWD)))
        settings = {
            **simulator.environment,
            "IMAGE2MODEL_DATABASE_URL": postgres.make_database(),
            "IMAGE2MODEL_QUEUE_URL": redis.url(),
            "IMAGE2MODEL_FAL__CONCURRENCY": str(2 * CROWD),
            "IMAGE2MODEL_LIMITS__ITEMS_PER_JOB": str(JOB_LIMIT),
        }
        installation = stack.enter_context(Installation(folder, settings))
        web, url = installation.add_web()
        public = {"IMAGE2MODEL_PUBLIC_URL": url}
        installation.environment = {**installation.environment, **public}
        other, other_url = installation.add_web()
        workers = [installation.add_worker("--queue", "network") for _ in range(max(WORKERS))]
        for program in (web, other, workers[0]):
            program.start()
        for program in (web, other, workers[0]):
            program.until_ready()
        with Client(url) as client:
            files = write_pictures(folder, 1)
            client.wait(client.submit(files, generator=GENERATOR).id)  # warms everything up
        yield Scaled(
            installation=installation, simulator=simulator, urls=[url, other_url], workers=workers
        )
