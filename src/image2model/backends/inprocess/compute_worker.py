"""
The process behind `ProcessCompute`: reads calls from its input, writes results to its output.

Started by the path of this file, so it must import nothing but the standard library: where our
package is, it learns from its first message.

It decodes what strangers sent, so it is the one that may fall. The parent starts it without
secrets and without open files, and it gives up here what it does not need: memory, file sizes,
descriptors, core dumps. How long it computes is for the parent to end.

A message to it is a pickle after its length in eight bytes: it trusts the parent. The first is
`(import path, memory limit in bytes or None, niceness)`; every other is a call, `(function,
arguments)`. The parent does not trust it: an answer is data (`core.values.plain_values`), the
tuple of how the call ended, what it returned or raised, and the traceback as text. It goes as the
number of parts and the parts, each after its length: the text, and the byte strings beside it as
they are.
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
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

LENGTH = struct.Struct("!Q")

RETURNED = "returned"
RAISED = "raised"
OUT_OF_MEMORY = "out of memory"

OPENCV_NO_MEMORY = -4
"""The code of a `cv2.error` for a failed allocation (`cv::Error::StsNoMem`)."""

MOST_PARTS = 1_000
"""How many parts an answer may have."""

LARGEST_FILE_BYTES = 2**30
OPEN_FILES = 128

Parts = Sequence[bytes | bytearray | memoryview]


def send(stream: IO[bytes], message: bytes) -> None:
    """Write *message* to *stream* as one frame."""
    stream.write(LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes], limit_bytes: int | None = None) -> bytes:
    """
    Read one frame from *stream*.

    Raises:
        EOFError: The other side went away.
        ValueError: It is longer than *limit_bytes*.
    """
    (length,) = LENGTH.unpack(_read_exactly(stream, LENGTH.size))
    if limit_bytes is not None and length > limit_bytes:
        raise ValueError(f"a message of {length} bytes, and {limit_bytes} are allowed")
    return _read_exactly(stream, length)


def send_parts(stream: IO[bytes], parts: Parts) -> None:
    """Write an answer of *parts* to *stream*."""
    stream.write(LENGTH.pack(len(parts)))
    for part in parts:
        view = memoryview(part).cast("B")
        stream.write(LENGTH.pack(len(view)))
        stream.write(view)
    stream.flush()


def receive_parts(stream: IO[bytes], limit_bytes: int) -> list[bytes]:
    """
    Read an answer from *stream*.

    Raises:
        EOFError: The other side went away.
        ValueError: It is longer than *limit_bytes*, or of too many parts.
    """
    (count,) = LENGTH.unpack(_read_exactly(stream, LENGTH.size))
    if not 1 <= count <= MOST_PARTS:
        raise ValueError(f"an answer of {count} parts")
    parts: list[bytes] = []
    for _ in range(count):
        parts.append(receive(stream, limit_bytes))
        limit_bytes -= len(parts[-1])
    return parts


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
        _limit("RLIMIT_DATA", memory_limit_bytes)
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_FSIZE", LARGEST_FILE_BYTES)
    _limit("RLIMIT_NOFILE", OPEN_FILES)
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(calls, inbox), daemon=True).start()
    while True:
        send_parts(answers, _answer(inbox.get()))


def _listen(calls: IO[bytes], inbox: queue.SimpleQueue[bytes]) -> None:
    # In a thread of its own, so that the end of the parent ends a computation too.
    with suppress(EOFError):
        while True:
            inbox.put(receive(calls))
    os._exit(0)


def _answer(call: bytes) -> Parts:
    from image2model.core.values.plain_values import encode_value  # noqa: PLC0415 - see above

    def written(ending: str, value: object, text: str) -> Parts:
        head, blobs = encode_value((ending, value, text))
        if len(blobs) >= MOST_PARTS:
            raise ValueError(f"an answer of {len(blobs)} byte strings")
        return [head, *blobs]

    try:
        function, args = _load(call)
        return written(RETURNED, function(*args), "")
    except BaseException as error:  # noqa: BLE001 - the parent is to raise it, whatever it is
        ending = OUT_OF_MEMORY if _is_out_of_memory(error) else RAISED
        text = traceback.format_exc()
        if not isinstance(error, Exception):
            # `SystemExit` and its like would end the parent.
            error = RuntimeError(f"{type(error).__name__}: {error}")
        return written(ending, error, text)


def _load(message: bytes) -> Any:
    return pickle.loads(message)  # noqa: S301 - written by our own parent


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


def _limit(name: str, limit: int) -> None:
    """Give up for good what goes beyond *limit*."""
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ModuleNotFoundError:
        return
    # Memory is refused on macOS, where a process may then have as much as the machine gives it.
    with suppress(ValueError, OSError, AttributeError):
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(kind, (limit, limit))


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
