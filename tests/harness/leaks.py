"""
What a test leaves open is blamed on that test, and on no other.

A connection or a file that nobody closed warns when it is collected, and warnings are errors. By
itself that happens at any later moment, in whatever test runs then. So garbage is collected after
every test. What a failed one has left is buried in silence: its traceback kept it alive, past the
clean-up that it did not come to, and that it failed is told already.
"""

import gc
import sys
import warnings
from collections.abc import Iterator

import pytest

_FAILED_BEFORE = pytest.StashKey[int]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Remember how many tests had failed before this one."""
    item.stash[_FAILED_BEFORE] = item.session.testsfailed
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail the test that passed and has left something open."""
    result = yield
    has_failed = item.session.testsfailed > item.stash[_FAILED_BEFORE]
    left = _collect(is_silent=has_failed)
    if left and not has_failed:
        pytest.fail("it left open:\n" + "\n".join(left), pytrace=False)
    return result


def pytest_unconfigure() -> None:
    """Let the last collection see everything again."""
    gc.unfreeze()


def _collect(*, is_silent: bool) -> list[str]:
    """Collect garbage. Returns what it complained of."""
    left: list[str] = []
    for name in ("last_exc", "last_value", "last_traceback"):
        vars(sys).pop(name, None)
    tell = sys.unraisablehook
    sys.unraisablehook = lambda told: left.append(f"{told.exc_value!r} in {told.object!r}")
    try:
        with warnings.catch_warnings():
            if is_silent:
                warnings.simplefilter("ignore")
            gc.collect()
    finally:
        sys.unraisablehook = tell
    # What is there now is not looked at again: else each test would cost a tenth of a second.
    gc.freeze()
    return left
