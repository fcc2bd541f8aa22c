"""One browser for all tests of the web app; a server for each kind of job."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.site import Simulator, Site, missing, new_visitor, open_browser
from tests.e2e.site import open_simulator as open_simulator_process
from tests.e2e.site import open_site as open_site_process

REASON = missing()

Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    if REASON:
        pytest.skip(REASON)
    expect.set_options(timeout=20_000)
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def local_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that makes models itself."""
    if REASON:
        pytest.skip(REASON)
    with open_site_process(tmp_path_factory.mktemp("local")) as site:
        yield site


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A provider at which each picture takes about a second, four at a time."""
    if REASON:
        pytest.skip(REASON)
    with open_simulator_process("--median-s", "1.0", "--concurrency", "4") as opened:
        yield opened


@pytest.fixture
def fal_site(tmp_path: Path, simulator: Simulator) -> Iterator[Site]:
    """A server over the simulator."""
    with open_site_process(tmp_path, simulator.environment) as site:
        yield site


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Open a page on a site as a new visitor; what the page complains of fails the test."""
    contexts = []
    complaints: list[str] = []

    def open_page(site: Site, **choices: Any) -> Page:
        context = new_visitor(browser, site, **choices)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((site.url, "blob:", "data:"))
                else complaints.append(f"asked {request.url}")
            ),
        )
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
