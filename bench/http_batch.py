"""What the service adds to the computation: 25 pictures over HTTP against the bare engine."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import cv2

from bench.alpha_pictures import alpha_pictures
from image2model import Client
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.computations import examine_model
from image2model.providers.local.engine import make_model

PICTURES, ROUNDS, CORES = 25, 3, 2


def main() -> None:
    """Run both ways in turn; print each round and the ratio of the best ones."""
    print(f"{PICTURES} pictures of 1024 px with alpha, local/puff, {CORES} cores")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        files = _write(Path(folder), alpha_pictures(PICTURES))
        with _server(Path(folder) / "data") as url, _pool() as pool:
            list(pool.map(_make, files[:CORES]))
            rounds = [(_bare(pool, files), _over_http(url, files, n)) for n in range(ROUNDS)]
    for bare_s, http_s in rounds:
        print(f"bare {bare_s:.2f} s, over HTTP {http_s:.2f} s, ratio {http_s / bare_s:.2f}")
    ratio = min(http_s for _, http_s in rounds) / min(bare_s for bare_s, _ in rounds)
    print(f"best of both: ratio {ratio:.2f}  (promise: <= 1.6)")


def _write(folder: Path, pictures: Sequence[bytes]) -> Sequence[Path]:
    files = [folder / f"picture-{index:02}.png" for index in range(len(pictures))]
    for file, data in zip(files, pictures, strict=True):
        file.write_bytes(data)
    return files


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(CORES, mp_context=get_context("spawn"))


def _make(file: Path) -> int:
    """Do what the service does for one picture: model, facts, preview."""
    cv2.setNumThreads(1)
    views = {"front": file.read_bytes()}
    model = make_model("local/puff", views, {}, name=file.stem, limits=PictureLimits())
    return len(examine_model(model.glb).facts)


def _bare(pool: ProcessPoolExecutor, files: Sequence[Path]) -> float:
    started_s = time.perf_counter()
    list(pool.map(_make, files))
    return time.perf_counter() - started_s


def _over_http(url: str, files: Sequence[Path], turn: int) -> float:
    with Client(url) as client:
        started_s = time.perf_counter()
        job = client.submit(files, generator="local/puff", name=f"round {turn}")
        job = client.wait(job.id)
        elapsed_s = time.perf_counter() - started_s
    assert job.counts.succeeded == len(files), job.counts
    return elapsed_s


@contextmanager
def _server(data_dir: Path) -> Iterator[str]:
    program = Path(sys.executable).with_name("image2model")
    environment = {"PATH": "/usr/bin:/bin", "IMAGE2MODEL_DATA_DIR": str(data_dir)}
    command = [str(program), "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield next(word for word in line.split() if word.startswith("http"))
        process.terminate()
