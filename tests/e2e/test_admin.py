"""The operator's page: see everything, stop it, let it go on, tidy up."""

from playwright.sync_api import expect

from tests.e2e.conftest import Visit
from tests.e2e.journey import overflow_px, serious_faults
from tests.e2e.site import Site


def test_operator_stops_everything_and_lets_it_go_on(local_site: Site, visit: Visit) -> None:
    """On a phone and in the dark, too; what was done is in the log."""
    page = visit(local_site, viewport={"width": 360, "height": 740}, color_scheme="dark")
    # An owner to be seen: the table of owners is the widest part of the page.
    key = page.request.post("/api/v1/keys", data={"name": "office"}).json()["key"]
    known = {"Authorization": f"Bearer {key}"}
    assert page.request.post("/api/v1/jobs?draft=true", headers=known, data={}).ok
    page.goto("/settings")
    page.get_by_role("link", name="Operate").click()
    expect(page.get_by_text("Every part works.")).to_be_visible()
    expect(page.get_by_role("rowheader", name="office")).to_be_attached()
    assert overflow_px(page) == 0
    page.get_by_label("Why").fill("The bill is too high")
    page.get_by_role("button", name="Stop spending").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Stop all spending now?")).to_be_visible()
    dialog.get_by_role("button", name="Stop spending").click()
    expect(page.get_by_role("alert")).to_contain_text("The bill is too high")
    assert serious_faults(page) == []
    page.reload()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Stop spending")).to_be_visible()
    page.get_by_role("button", name="See how much that is").click()
    expect(page.get_by_text("Would be removed:").first).to_be_visible()
    log = page.get_by_role("region", name="Audit log").last
    expect(log.get_by_text("Spending stopped").first).to_be_visible()
    expect(log.get_by_text("Spending allowed").first).to_be_visible()
    assert serious_faults(page) == []
    assert overflow_px(page) == 0
