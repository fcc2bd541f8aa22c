"""What is not there on every platform."""

import os
import sys
from contextlib import suppress
from importlib import import_module

if sys.platform != "win32":
    import resource


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


def allow_open_files(wanted: int) -> int:
    """
    Let this process open *wanted* files and connections, or as many as it may.

    Returns:
        How many it may open now.
    """
    if sys.platform == "win32":
        return wanted  # Sockets are no files there.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return wanted if soft == resource.RLIM_INFINITY else soft
    with suppress(OSError, ValueError):  # macOS has a further limit of its own.
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return soft


def has_uvloop() -> bool:
    """Tell whether the faster event loop is installed: there is none for Windows, among others."""
    with suppress(ImportError):
        import_module("uvloop")
        return True
    return False
