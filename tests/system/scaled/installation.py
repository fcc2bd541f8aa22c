"""The product as processes of this machine, as an operator starts them."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import psutil

from tests.servers.process import free_port

START_LIMIT_S = 300.0
"""How long a start may take on a busy machine; only what is broken takes this long."""

END_LIMIT_S = 120.0
_LOOK_EVERY_S = 0.02


class Program:
    """
    A process of the product, which can be started, told to end, killed, and started again.

    Args:
        arguments: Of `image2model`.
        environment: Its settings.
        log: Where it writes.
    """

    command = str(Path(sys.executable).with_name("image2model"))

    def __init__(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], log: Path
    ) -> None:
        self._command = [self.command, *arguments]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._begin = 0
        # A worker of no particular queue has a process for each of the usual two.
        self._processes = 2 if arguments[0] == "worker" and "--queue" not in arguments else 1
        self.log = log

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "it was never started"
        return self._process.pid

    @contextmanager
    def changed(self, **changes: str) -> Iterator[None]:
        """Kill it, and have it started with *changes* of its settings while the block lasts."""
        before = self._environment
        self.kill()
        self._environment = {**before, **changes}
        try:
            yield
        finally:
            self.kill()
            self._environment = before

    def start(self) -> None:
        """Start it, without waiting."""
        with self.log.open("ab") as log:
            self._begin = log.tell()
            self._process = subprocess.Popen(
                self._command,
                env=dict(self._environment),
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def until_ready(self) -> None:
        """Wait until it says that it is ready."""
        deadline_s = time.monotonic() + START_LIMIT_S
        while self.log.read_bytes().count(b" is ready", self._begin) < self._processes:
            assert self.runs, self.log.read_text()
            assert time.monotonic() < deadline_s, self.log.read_text()
            time.sleep(_LOOK_EVERY_S)

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None, "it was never started"
        self._process.send_signal(number)

    def until_ended(self) -> int:
        """Wait until it is gone. Returns its exit code."""
        assert self._process is not None, "it was never started"
        return self._process.wait(END_LIMIT_S)

    def kill(self) -> None:
        """Kill it and its children, as if the power had gone; without a process nothing happens."""
        if self.runs:
            family = psutil.Process(self.pid)
            for process in [*family.children(recursive=True), family]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self.until_ended()


class Simulator:
    """fal's simulator as a process of its own, which outlives all that is killed."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "image2model.testing.fal_simulator", *options]
        self._log = folder / "simulator.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline_s = time.monotonic() + START_LIMIT_S
        while len(self._log.read_text().splitlines()) < 7:
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline_s, self._log.read_text()
            time.sleep(_LOOK_EVERY_S)
        lines = self._log.read_text().splitlines()
        self.environment = dict(line.split("=", 1) for line in lines[1:7])
        found = re.search(r'"control_url": "([^"]+)"', lines[0])
        assert found is not None
        self.control_url = found[1]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def told(self, path: str, **query: Any) -> Any:
        """Ask its control API."""
        url = f"{self.control_url}/{path}"
        return httpx2.get(url, params=query, trust_env=False, timeout=END_LIMIT_S).json()

    def order(self, path: str, **order: Any) -> None:
        """Tell its control API to do something."""
        url = f"{self.control_url}/{path}"
        httpx2.post(url, json=order, trust_env=False, timeout=END_LIMIT_S).raise_for_status()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait(END_LIMIT_S)


class Installation:
    """
    Web and worker processes over one database, one queue and one folder of files.

    Args:
        folder: Where files and logs are.
        settings: The environment of all of its processes, beside `PATH` and the folder.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        data = {"IMAGE2MODEL_DATA_DIR": str(folder / "data")}
        self.environment: Mapping[str, str] = {**kept, **data, **settings}
        self.folder = folder
        self.programs: list[Program] = []

    def add_worker(self, *arguments: str, **changes: str) -> Program:
        """Add a worker; *changes* are settings of its own. It is not started yet."""
        return self.add("worker", *arguments, changes=changes)

    def add_web(self, **changes: str) -> tuple[Program, str]:
        """Add a web process, which keeps its address over restarts. Returns it and its URL."""
        port = free_port()
        return self.add("serve", "--port", str(port), changes=changes), f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Start whatever does not run, and wait until all of it is ready."""
        started = [program for program in self.programs if not program.runs]
        for program in started:
            program.start()
        for program in started:
            program.until_ready()

    def run(self, *arguments: str) -> str:
        """Run a command of the product to its good end. Returns what it says."""
        done = subprocess.run(
            [Program.command, *arguments],
            env=dict(self.environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=START_LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{self.logs()}"
        return done.stdout

    def logs(self) -> str:
        """Read what all have written, for a test that fails."""
        return "\n".join(f"== {one.log.name}\n{one.log.read_text()}" for one in self.programs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for program in self.programs:
            program.kill()

    def add(self, *arguments: str, changes: Mapping[str, str] | None = None) -> Program:
        """Add a process by its arguments; *changes* are settings of its own. It is not started."""
        log = self.folder / f"{arguments[0]}-{len(self.programs)}.log"
        program = Program(arguments, environment={**self.environment, **(changes or {})}, log=log)
        self.programs.append(program)
        return program
