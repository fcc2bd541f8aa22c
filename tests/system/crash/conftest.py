"""
What the crash tests share, and how soon an installation goes on after each of them.

Where the machine is busy with other things, as it is in most test runs, a time says little. So it
is told and not asserted, unless somebody asks: `make soak` runs them with the leases of a real
installation, and fails where one goes on later than is promised.
"""

from collections.abc import Iterator

import pytest

from tests.system.crash.shop import Told

_LEASE_S = 2.0
"""So that tests are quick."""

_RESUMED = "resumed_s"
_FINISHED = "finished_s"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crash")
    group.addoption("--lease-s", type=float, default=_LEASE_S, help="Life of a lease, in seconds.")
    group.addoption(
        "--resume-limit-s",
        type=float,
        help="Fail where an installation goes on later than this many seconds after a repair.",
    )


@pytest.fixture(scope="session")
def lease_s(pytestconfig: pytest.Config) -> float:
    """How long items of a process that died wait, in seconds."""
    found: float = pytestconfig.getoption("--lease-s", default=_LEASE_S)
    return found


@pytest.fixture
def told(record_property: Told) -> Told:
    """Takes what is measured, for the report at the end."""
    return record_property


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    measured = list(_measured(terminalreporter))
    if not measured:
        return
    terminalreporter.section("how soon it goes on after a repair")
    terminalreporter.line(f"{'goes on':>9} {'all done':>9}")
    for name, told in sorted(measured, key=lambda one: -one[1][_RESUMED]):
        finished = f"{told[_FINISHED]:7.1f} s" if _FINISHED in told else f"{'–':>9}"
        terminalreporter.line(f"{told[_RESUMED]:7.1f} s {finished}  {name}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    limit_s = session.config.getoption("--resume-limit-s", default=None)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if limit_s is None or not isinstance(reporter, pytest.TerminalReporter):
        return
    late = [name for name, told in _measured(reporter) if told[_RESUMED] > limit_s]
    if late:
        reporter.line(f"\nlater than {limit_s:g} s after the repair: {', '.join(late)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _measured(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, dict[str, float]]]:
    for report in (*reporter.getreports("passed"), *reporter.getreports("failed")):
        told = dict(report.user_properties)
        if report.when == "call" and _RESUMED in told:
            yield report.location[2], told
