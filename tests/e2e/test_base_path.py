"""The web app below a path of another site: nothing of it is asked for, or kept, beside it."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visit
from tests.e2e.journey import add, make, open_viewer, pictures, wait_for_results
from tests.e2e.site import Site, open_site


@pytest.fixture
def site(tmp_path: Path, browser: object) -> Iterator[Site]:
    del browser  # Whatever makes tests of the web app impossible is told by it.
    with open_site(tmp_path, {"IMAGE2MODEL_SERVE__BASE_PATH": "/3d"}) as site:
        yield site


def test_a_journey_below_a_path(site: Site, visit: Visit) -> None:
    """Upload, follow, look at the model, reload, go to the history and back."""
    page = visit(site)
    beside: list[str] = []

    def note(url: str) -> None:
        if url.startswith(site.url) and not f"{urlsplit(url).path}/".startswith("/3d/"):
            beside.append(url)

    page.on("request", lambda request: note(request.url))
    page.goto("/3d")
    page.get_by_role("radio", name="Puff", exact=True).check()
    add(page, pictures()[:2])
    job = make(page, 2)
    wait_for_results(page)
    assert urlsplit(page.url).path == f"/3d/jobs/{job}"
    open_viewer(page, pictures()[0].stem)
    page.keyboard.press("Escape")
    page.reload()
    wait_for_results(page)
    page.get_by_role("link", name="History").click()
    page.wait_for_url("**/3d/history")
    page.get_by_role("listitem").get_by_role("link").first.click()
    wait_for_results(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all").click()
    assert download.value.suggested_filename.endswith(".zip")
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("link", name="API reference")).to_have_attribute("href", "/3d/api/docs")
    assert beside == []
    (cookie,) = page.context.cookies()
    assert cookie["path"] == "/3d"
