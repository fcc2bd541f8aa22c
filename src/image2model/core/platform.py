"""What is not there on every platform."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module


def usable_cores() -> int:
    """Count the cores that this process may use."""
    # Not on macOS and Windows, where a process is bound to no cores.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def process_lives(process: int) -> bool:
    """Tell whether the process of that number may still be there."""
    if sys.platform == "win32":
        return True  # Asking by signal 0, as below, would end it.
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # It is another user's.
    return True


MOST_DESCRIPTORS = 1_048_576
"""What is enough for anything; some systems set no limit at all."""

_OPEN_MAX = 10_240
"""What macOS grants at most, whatever it says of its hard limit."""


def descriptor_limit() -> int | None:
    """Tell how many files and connections this process may hold; None: that is not limited so."""
    try:
        import resource  # noqa: PLC0415 - not on Windows

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    except (ModuleNotFoundError, OSError):
        return None
    return MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def raise_descriptor_limit() -> int | None:
    """
    Let this process, and those it starts, hold as many files and connections as it may.

    The usual limit is meant for programs that serve one person. Returns what `descriptor_limit`
    does afterwards.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    except (ModuleNotFoundError, OSError):
        return None
    for wanted in _steps(hard if hard != resource.RLIM_INFINITY else MOST_DESCRIPTORS):
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            break
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            break
    return descriptor_limit()


def _steps(hard: int) -> Sequence[int]:
    """List what to ask for: all there is, or what macOS grants."""
    most = min(hard, MOST_DESCRIPTORS)
    return (most, min(most, _OPEN_MAX))


def has_uvloop() -> bool:
    """Tell whether the faster event loop is installed: there is none for Windows, among others."""
    with suppress(ImportError):
        import_module("uvloop")
        return True
    return False
