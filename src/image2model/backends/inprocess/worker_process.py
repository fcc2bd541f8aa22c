"""
The parent's end of one computing process.

The process is given nothing that is worth stealing, and what it answers is read as data: see
`compute_worker`.
"""

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any

from image2model.backends.inprocess import compute_worker
from image2model.backends.inprocess.compute_worker import receive_parts, send
from image2model.core.errors import Image2ModelError
from image2model.core.values.plain_values import decode_value

_ANSWER_BYTES = 4 * 2**30
"""The longest answer of a process whose memory is not limited."""


class WorkerDied(Exception):
    """The process ended before it answered."""


class WorkerProcess:
    """
    A computing process, started by its first call.

    `call` blocks and runs in a thread, one at a time; `kill` may come from any other thread at
    any moment, also while the process is being started, and makes `call` end.
    """

    def __init__(
        self,
        *,
        memory_limit_bytes: int | None,
        niceness: int = 0,
        environment: Mapping[str, str],
    ) -> None:
        self._memory_limit_bytes = memory_limit_bytes
        self._environment = environment
        self._niceness = niceness
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    @property
    def usable(self) -> bool:
        """Whether it can take a call: it was not killed and has not died."""
        return not self._killed and (self._process is None or self._process.poll() is None)

    @property
    def started(self) -> bool:
        """Whether it has taken a call before."""
        return self._process is not None

    def call(self, function: Callable[..., object], args: tuple[object, ...]) -> Any:
        """
        Have the process call *function* with *args*.

        Returns:
            What it returned.

        Raises:
            WorkerDied: It ended, ran out of memory, was killed or answered nonsense; nothing can
                be called again.
            Exception: What *function* raised, or what pickle made of the call.
        """
        message = pickle.dumps((function, args), protocol=pickle.HIGHEST_PROTOCOL)
        ending, value, text = self._exchange(message)
        if ending == compute_worker.OUT_OF_MEMORY:
            # Ended and not used again: much of its memory may be gone in pieces.
            self.kill()
            self.wait()
            raise WorkerDied from value
        if ending == compute_worker.RAISED:
            if not isinstance(value, Image2ModelError):
                value.add_note(text)
            raise value
        return value

    def kill(self) -> None:
        """End the process, now. May be called twice."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.kill()

    def wait(self) -> None:
        """Wait until a killed process is gone, and release what it held. May be called twice."""
        with self._lock:
            process = self._process
        if process is None:
            return
        process.wait()
        for pipe in (process.stdin, process.stdout):
            # Closing flushes, and there is nobody left to read.
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def _exchange(self, message: bytes) -> tuple[str, Any, str]:
        try:
            calls, answers = self._start()
            send(calls, message)
            head, *blobs = receive_parts(answers, self._memory_limit_bytes or _ANSWER_BYTES)
            return _checked(decode_value(head, blobs))
        except (OSError, EOFError, ValueError) as error:
            # A ValueError: what it answered is no answer; or it was killed and released while on
            # the way here, so the pipe is closed.
            self.kill()
            self.wait()
            raise WorkerDied from error

    def _start(self) -> tuple[IO[bytes], IO[bytes]]:
        with self._lock:
            if self._killed:
                raise EOFError
            process = self._process or _spawn(self._environment)
            assert process.stdin is not None
            assert process.stdout is not None
            if self._process is None:
                self._process = process
                first = (sys.path, self._memory_limit_bytes, self._niceness)
                send(process.stdin, pickle.dumps(first))
            return process.stdin, process.stdout


def _checked(answer: object) -> tuple[str, Any, str]:
    match answer:
        case (compute_worker.RETURNED, value, str(text)):
            return compute_worker.RETURNED, value, text
        case (compute_worker.RAISED | compute_worker.OUT_OF_MEMORY as ending, value, str(text)):
            if isinstance(value, Exception):
                return ending, value, text
    raise ValueError("a computing process answered with something else")


def _spawn(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # -P: the folder of the script must not become the first place to import from.
    # A process group of its own: Ctrl-C in a terminal is for the parent to handle.
    return subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
        [sys.executable, "-P", compute_worker.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        close_fds=True,
        process_group=0,
    )
