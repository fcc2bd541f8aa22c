"""Functions for the compute tests to call: they must be importable in other processes."""

import ctypes
import os
import resource
import signal
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import cv2
import numpy as np

from image2model.core.errors import PictureTooSmall

LONG_S = 120.0
"""Longer than any call takes here."""


class OddError(Exception):
    """An error that only this module knows."""

    def __init__(self, *, number: int) -> None:
        super().__init__(f"number {number} is odd")


def double(value: bytes) -> bytes:
    return value * 2


def process_id() -> int:
    return os.getpid()


def refuse() -> None:
    raise PictureTooSmall(width_px=3, height_px=4, minimum_px=64)


def divide(number: float, by: float) -> float:
    return number / by


def raise_odd_error() -> None:
    raise OddError(number=3)


def leave() -> None:
    raise SystemExit(3)


def die() -> None:
    os._exit(7)


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash_in_native_code() -> None:
    ctypes.string_at(0)


def run_for(marker: str, duration_s: float) -> str:
    """Leave the process's id in the file *marker* and take *duration_s* seconds."""
    written = Path(f"{marker}.new")
    written.write_text(str(os.getpid()), encoding="ascii")
    written.rename(marker)
    time.sleep(duration_s)
    return marker


def burn_for_ever(marker: str) -> None:
    """Leave the process's id in the file *marker* and compute without end."""
    run_for(marker, 0)
    while True:
        pass


def use_memory(size_bytes: int) -> int:
    return len(bytearray(size_bytes))


def use_array_memory(size_bytes: int) -> int:
    return int(np.ones(size_bytes, np.uint8).sum())


def use_opencv_memory(side_px: int) -> int:
    return int(cv2.resize(np.zeros((2, 2, 3), np.uint8), (side_px, side_px)).nbytes)


def threads() -> int:
    """Count the threads that OpenCV and a matrix product bring with them."""
    np.ones((500, 500)) @ np.ones((500, 500))
    cv2.GaussianBlur(np.zeros((2000, 2000), np.uint8), (0, 0), 5)
    return max(cv2.getNumThreads(), len(list(Path("/proc/self/task").iterdir())) - 1)


def shout() -> str:
    sys.stdout.write("not an answer\n")
    sys.stdout.flush()
    return "answer"


def unpicklable() -> object:
    return lambda: None


def environment() -> dict[str, str]:
    return dict(os.environ)


def first_environment() -> str:
    """Read the environment that the process was started with; what it did to it does not count."""
    return Path("/proc/self/environ").read_text(encoding="utf-8")


def open_files() -> dict[int, str]:
    """Name what the process has open, by descriptor."""
    folder = Path("/proc/self/fd")
    names: dict[int, str] = {}
    for one in list(folder.iterdir()):
        # That of the folder itself is gone by now.
        with suppress(OSError):
            names[int(one.name)] = str(one.readlink())
    return names


def limits() -> dict[str, int]:
    kinds = ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_DATA")
    return {kind: resource.getrlimit(getattr(resource, kind))[1] for kind in kinds}


def write_sparse(path: str, size_bytes: int) -> None:
    with Path(path).open("wb") as file:
        file.seek(size_bytes)
        file.write(b"1")


def open_many(path: str, count: int) -> int:
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(Path(path).open("rb"))
    return count


def answer_with(raw: bytes) -> None:
    """Write *raw* where answers go, as a process would that somebody took over."""
    for descriptor, name in open_files().items():
        if descriptor > 2 and name.startswith("pipe:"):
            with suppress(OSError):
                os.write(descriptor, raw)
    time.sleep(LONG_S)


class RunsCode:
    """What, pickled, writes a file where it is read."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self.path),)


def answer_with_code(path: str) -> object:
    return RunsCode(path)
