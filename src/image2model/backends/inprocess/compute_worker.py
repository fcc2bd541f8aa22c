"""
The process behind `ProcessCompute`: reads calls from its input, writes results to its output.

Started by the path of this file, so it must import nothing but the standard library: where our
package is, it learns from its first message. A message is a pickle after its length in eight
bytes. The first is `(import path, memory limit in bytes or None, niceness)`; every other is a
call, `(function, arguments)`, and is answered by an `Answer`.
"""

import faulthandler
import os
import pickle
import queue
import signal
import struct
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

LENGTH = struct.Struct("!Q")

RETURNED = "returned"
RAISED = "raised"
OUT_OF_MEMORY = "out of memory"

OPENCV_NO_MEMORY = -4
"""The code of a `cv2.error` for a failed allocation (`cv::Error::StsNoMem`)."""

Answer = tuple[str, Any, str]
"""How the call ended, what it returned or raised, and the traceback as text."""


def send(stream: IO[bytes], message: bytes) -> None:
    """Write *message* to *stream* as one frame."""
    stream.write(LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """
    Read one frame from *stream*.

    Raises:
        EOFError: The other side went away.
    """
    (length,) = LENGTH.unpack(_read_exactly(stream, LENGTH.size))
    return _read_exactly(stream, length)


def main() -> None:
    """Serve calls until the parent closes the input, or is no more."""
    # The parent decides when to stop: a signal to the whole group or container must not end a
    # computation first and make it look like a crash.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    faulthandler.enable()
    _offer_to_the_memory_killer()
    _compute_with_one_thread()
    calls, answers = _take_streams()
    sys.path[:], memory_limit_bytes, niceness = _load(receive(calls))
    if hasattr(os, "nice"):  # Not on Windows.
        os.nice(niceness)
    if memory_limit_bytes is not None:
        _limit_memory(memory_limit_bytes)
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(calls, inbox), daemon=True).start()
    while True:
        send(answers, _answer(inbox.get()))


def _listen(calls: IO[bytes], inbox: queue.SimpleQueue[bytes]) -> None:
    # In a thread of its own, so that the end of the parent ends a computation too.
    with suppress(EOFError):
        while True:
            inbox.put(receive(calls))
    os._exit(0)


def _answer(call: bytes) -> bytes:
    try:
        function, args = _load(call)
        return _dump((RETURNED, function(*args), ""))
    except BaseException as error:  # noqa: BLE001 - the parent is to raise it, whatever it is
        ending = OUT_OF_MEMORY if _is_out_of_memory(error) else RAISED
        text = traceback.format_exc()
        if _travels(error):
            return _dump((ending, error, text))
        return _dump((ending, RuntimeError(f"{type(error).__name__}: {error}"), text))


def _travels(error: BaseException) -> bool:
    # `SystemExit` and its like would end the parent; and there are exceptions
    # whose constructors pickle cannot call.
    if not isinstance(error, Exception):
        return False
    try:
        _load(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - any code may run in there
        return False
    return True


def _load(message: bytes) -> Any:
    return pickle.loads(message)  # noqa: S301 - written by our own parent


def _dump(answer: Answer) -> bytes:
    return pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or (
        type(error).__module__ == "cv2" and getattr(error, "code", None) == OPENCV_NO_MEMORY
    )


def _take_streams() -> tuple[IO[bytes], IO[bytes]]:
    # What functions print goes to the standard error, so that it cannot end up in an answer.
    calls, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return os.fdopen(calls, "rb"), os.fdopen(answers, "wb")


def _limit_memory(limit_bytes: int) -> None:
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ModuleNotFoundError:
        return
    # Refused on macOS, where a process may then have as much as the machine gives it.
    with suppress(ValueError, OSError, AttributeError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            limit_bytes = min(limit_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def _compute_with_one_thread() -> None:
    # As many processes run as there are cores; threads inside them would only compete. The
    # libraries look when they are loaded, which is later.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.putenv(f"{library}_NUM_THREADS", "1")
    os.putenv("OPENCV_FOR_THREADS_NUM", "1")


def _offer_to_the_memory_killer() -> None:
    # Where memory runs out, the kernel should end a computation and not the server.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def _read_exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


if __name__ == "__main__":
    main()
