"""A server as a process of ours: it may be stopped, killed, frozen, and started again."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

START_LIMIT_S = 180.0
"""How long a start may take on a busy machine; only what is broken takes this long."""

STOP_LIMIT_S = 120.0
_LOOK_EVERY_S = 0.02

_PORTS = range(10_000, 32_000)
"""Below those that are handed out: from 32768 on Linux, from 49152 elsewhere."""

_NUMBERS = itertools.count(random.SystemRandom().randrange(len(_PORTS)))
"""So that no two servers of a test process get the same port, one after the other."""


class ServerFailed(Exception):
    """The server did not start; says what it wrote."""


class ServerProcess:
    """
    A server on a free port of 127.0.0.1, with a folder of its own that goes with it.

    It keeps its port and its folder over restarts, so clients find it, and its data, again.

    Args:
        name: What its folder is called.
        user: Whose process it is; None: ours.
    """

    def __init__(self, name: str, *, user: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"image2model-{name}-"))
        self.port = free_port()
        self.user = user
        self._process: subprocess.Popen[bytes] | None = None
        if user is not None:
            shutil.chown(self.folder, user, user)

    def command(self) -> Sequence[str]:
        """Say how it is started."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Tell whether it takes requests now."""
        raise NotImplementedError

    @property
    def log(self) -> Path:
        """What it writes."""
        return self.folder / "log"

    def start(self) -> None:
        """
        Start it, and wait until it answers.

        Raises:
            ServerFailed: It does not.
        """
        deadline_s = time.monotonic() + START_LIMIT_S
        self._spawn()
        while not self.answers():
            if time.monotonic() > deadline_s:
                self.stop(signal.SIGKILL)
                raise ServerFailed(self.log.read_text(errors="replace"))
            if not self.runs:
                # A killed one may leave children behind that hold on to its files for a moment.
                self._spawn()
            time.sleep(_LOOK_EVERY_S)

    @property
    def runs(self) -> bool:
        """Whether there is a process, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Send it the signal *by*, and wait until it is gone; may be called twice."""
        if self._process is None:
            return
        self._process.send_signal(by)
        # A frozen process hears of no signal but SIGKILL.
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_LIMIT_S)
        self._process = None

    def kill(self) -> None:
        """Kill it as if the power had gone, and wait until it is gone."""
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Have it answer nothing any more while its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it for good and remove its folder; may be called twice."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal is for pytest, which then closes servers in their turn.
                start_new_session=True,
            )

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None, "it is not running"
        self._process.send_signal(which)


def free_port() -> int:
    """
    Find a port that nobody listens on, and that nobody is given who asks for any.

    Between this and the moment when a server listens, or while one is down, others open
    connections and listen on any free port; one that the system hands out may be theirs by then.
    """
    for port in _candidates():
        with (
            contextlib.suppress(OSError),
            contextlib.closing(socket.create_server(("127.0.0.1", port))),
        ):
            return port
    raise ServerFailed("no port is free")


def _candidates() -> Iterator[int]:
    return (_PORTS[next(_NUMBERS) % len(_PORTS)] for _ in _PORTS)


def unprivileged(*names: str) -> str | None:
    """Name the user for servers that refuse to run as root; None: we are not root."""
    if os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415  not on Windows

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (*names, "nobody") if name in known)
