"""A server of ours on a small disk of its own, which can be filled, and whose limits can change."""

import functools
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import Self

import pytest

from tests.servers.process import STOP_LIMIT_S

SIZE_MB = 48
FAKETIME = Path(__file__).parents[2] / ".tools" / "faketime"


class SmallDiskServer:
    """
    `image2model serve` in a mount namespace of its own, where its data folder is a small disk.

    Args:
        folder: An empty folder: the data folder, as the server sees it.
        port: Where it listens.
        environment: Its settings.
        log: Where its output goes.
    """

    def __init__(
        self, folder: Path, *, port: int, environment: Mapping[str, str], log: Path
    ) -> None:
        self._inside = folder
        self._log = log
        mount = f"mount -t tmpfs -o size={SIZE_MB}m,mode=0700 tmpfs {quote(str(folder))}"
        serve = f"exec {quote(sys.executable)} -m image2model serve --port {port}"
        self._clock = folder.parent / "clock"
        self._clock.write_text("+0s\n")
        given = {"IMAGE2MODEL_DATA_DIR": str(folder), **environment}
        if FAKETIME.exists():
            given |= {
                "LD_PRELOAD": str(FAKETIME.resolve()),
                "FAKETIME_TIMESTAMP_FILE": str(self._clock),
                "FAKETIME_CACHE_DURATION": "1",
                "DONT_FAKE_MONOTONIC": "1",
            }
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["unshare", "--map-root-user", "--mount", "sh", "-c", f"{mount} && {serve}"],
                env={**os.environ, **given},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def said(self) -> str:
        """What it wrote."""
        return self._log.read_text(errors="replace")

    @property
    def folder(self) -> Path:
        """Its data folder, as seen from outside."""
        return Path(f"/proc/{self.pid}/root{self._inside}")

    @contextmanager
    def full(self, *, but_bytes: int = 0) -> Iterator[None]:
        """Leave nothing free on its disk, or no more than *but_bytes*."""
        self.fill()
        if but_bytes:
            os.truncate(self._filling, self._filling.stat().st_size - but_bytes)
        try:
            yield
        finally:
            self._filling.unlink()

    def fill(self) -> None:
        """Take all that is free on its disk, or was freed since."""
        with suppress(OSError), self._filling.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(64 * 1024))

    @property
    def _filling(self) -> Path:
        return self.folder / "filling"

    @contextmanager
    def read_only(self, *names: str) -> Iterator[None]:
        """Put a read-only disk over each of these folders of its data folder."""
        folders = [str(self._inside / name) for name in names]
        for folder in folders:
            self._inside_it("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder)
        try:
            yield
        finally:
            for folder in folders:
                self._inside_it("umount", "--lazy", folder)

    def _inside_it(self, *command: str) -> None:
        enter = ["nsenter", "--target", str(self.pid), "--user", "--preserve-credentials"]
        subprocess.run([*enter, "--mount", *command], check=True)

    @contextmanager
    def clock_ahead(self, ahead_s: float) -> Iterator[None]:
        """Have its clock jump by *ahead_s* seconds, and back again; skips without faketime."""
        if not FAKETIME.exists():
            pytest.skip("faketime is not installed; run: make set-up")
        self._clock.write_text(f"{ahead_s:+.0f}s\n")
        try:
            yield
        finally:
            self._clock.write_text("+0s\n")

    @contextmanager
    def without_descriptors(self) -> Iterator[None]:
        """Let it open nothing more."""
        before = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            yield
        finally:
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, before)

    def kill_children(self) -> int:
        """Kill what computes for it; returns how many processes that were."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/children")
        children = [pid for thread in threads for pid in thread.read_text().split()]
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        return len(children)


@functools.cache
def why_not() -> str:
    """Say why there can be no such server on this machine; "": there can."""
    if sys.platform != "linux":
        return "only Linux gives a process a disk of its own"
    tried = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if tried.returncode == 0 else f"no disk can be mounted here: {tried.stderr.strip()}"


def skip_without_small_disks() -> None:
    """Skip the test where there can be no such server."""
    if reason := why_not():
        pytest.skip(reason)
