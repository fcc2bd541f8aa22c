"""Limits of the platform: as many files and connections as may be, on every system."""

import subprocess
import sys

import pytest

LOW = """
import resource
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
"""

MACOS = """
import resource
real = resource.setrlimit
def refuse(kind, limits):
    if limits[0] > 10_240: raise ValueError("current limit exceeds maximum limit")
    real(kind, limits)
resource.setrlimit = refuse
resource.getrlimit = lambda kind, _get=resource.getrlimit: (_get(kind)[0], resource.RLIM_INFINITY)
real = lambda kind, limits, _set=real, _get=resource.getrlimit: _set(kind, (limits[0], 20_000))
"""

WINDOWS = "import sys; sys.modules['resource'] = None\n"

RAISE = "from image2model.core.platform import raise_descriptor_limit as r; print(r())"


def limit_after(preparation: str) -> str:
    """Raise the limit in a process of its own after *preparation*; returns what it says then."""
    run = [sys.executable, "-c", preparation + RAISE]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_low_limit_is_raised_to_the_hard_one() -> None:
    import resource  # noqa: PLC0415 - not on Windows

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 1_048_576
    assert limit_after(LOW) == str(most if hard == resource.RLIM_INFINITY else min(hard, most))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_what_macos_grants_is_taken() -> None:
    assert limit_after(LOW + MACOS) == "10240"


def test_windows_has_no_such_limit() -> None:
    assert limit_after(WINDOWS) == "None"
