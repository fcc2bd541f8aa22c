"""Signing in where a key is asked for; what is used and may be spent."""

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.conftest import Visit
from tests.e2e.journey import (
    add,
    make,
    open_upload,
    overflow_px,
    pictures,
    serious_faults,
    wait_for_results,
)
from tests.e2e.site import Simulator, Site, make_key, open_site


def test_a_key_opens_a_closed_server(tmp_path: Path, visit: Visit) -> None:
    """Nothing is shown before; afterwards everything, also after a reload, until signing out."""
    with open_site(tmp_path, {"IMAGE2MODEL_SERVE__ACCESS": "keys"}) as site:
        key = make_key(tmp_path)
        page = visit(site)
        page.goto("/history")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        field = page.get_by_label("API key")
        expect(field).to_be_focused()
        assert serious_faults(page) == []
        field.fill("i2m_00000000_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_text("This key is unknown")).to_be_visible()
        field.fill(key)
        page.keyboard.press("Enter")
        expect(page.get_by_text("No jobs yet")).to_be_visible()
        kept = page.evaluate("() => document.cookie + JSON.stringify({ ...localStorage })")
        assert "i2m_" not in kept
        open_upload(page)
        add(page, pictures()[:1])
        make(page, 1)
        wait_for_results(page)
        page.reload()
        wait_for_results(page)
        page.goto("/settings")
        expect(page.get_by_text("Your jobs belong to the key")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_guest_may_sign_in_too(tmp_path: Path, visit: Visit) -> None:
    """Where everybody is let in, a visitor with a key finds where to use it."""
    others_come = {
        "IMAGE2MODEL_SERVE__ACCESS": "sessions",
        "IMAGE2MODEL_SERVE__BEHIND_PROXY": "true",
    }
    with open_site(tmp_path, others_come) as site:
        key = make_key(tmp_path)
        page = visit(site, viewport={"width": 360, "height": 740})
        page.goto("/settings")
        sign_in = page.get_by_role("button", name="Sign in")
        sign_in.click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert serious_faults(page) == []
        assert overflow_px(page) == 0
        page.get_by_role("button", name="Not now").click()
        sign_in.click()
        page.get_by_label("API key").fill(key)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Your jobs belong to the key")).to_be_visible()


def test_a_revoked_key_closes_the_page(tmp_path: Path, visit: Visit) -> None:
    """The next thing it asks for leads back to signing in, on a phone, too."""
    with open_site(tmp_path, {"IMAGE2MODEL_SERVE__ACCESS": "keys"}) as site:
        key = make_key(tmp_path)
        page = visit(site, viewport={"width": 360, "height": 740})
        page.goto("/")
        assert overflow_px(page) == 0
        page.get_by_label("API key").fill(key)
        page.keyboard.press("Enter")
        expect(page.locator("input[name=generator]").first).to_be_visible()
        command = [sys.executable, "-m", "image2model", "keys", "revoke", key]
        environment = {**os.environ, "IMAGE2MODEL_DATA_DIR": str(tmp_path / "data")}
        subprocess.check_output(command, env=environment)
        page.get_by_role("link", name="History").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_use_and_budget_are_told(tmp_path: Path, simulator: Simulator, visit: Visit) -> None:
    """What a job took and cost, and that deleting it gives the space back."""
    environment = {**simulator.environment, "IMAGE2MODEL_BUDGET__DAY_USD": "20"}
    with open_site(tmp_path, environment) as site:
        page = visit(site)
        open_upload(page, generator="Tripo v2.5", provider="fal")
        add(page, pictures()[:2])
        expect(page.get_by_text("$0.60", exact=True)).to_be_visible()
        make(page, 2)
        wait_for_results(page)
        page.goto("/settings")
        expect(page.get_by_text("$0.60 of $20.00 spent in the last 24 hours")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text="fal.ai")).to_contain_text("Ready")
        assert "FAL_KEY" not in page.content()
        page.goto("/history")
        expect(page.get_by_test_id("stored")).to_contain_text("1 job, ")
        expect(page.get_by_test_id("stored")).to_contain_text("KB stored")
        page.get_by_role("button", name="Delete badge and 1 more").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_test_id("stored")).to_have_text("0 jobs, 0 B stored")


def test_budgets_are_told_before_the_click(
    tmp_path: Path, simulator: Simulator, visit: Visit
) -> None:
    """The job's own, what is left of the day's, and where the results stay, as chosen."""
    environment = {**simulator.environment, "IMAGE2MODEL_BUDGET__DAY_USD": "0.70"}
    with open_site(tmp_path, environment) as site:
        page = visit(site)
        open_upload(page, generator="Tripo v2.5", provider="fal")
        add(page, pictures()[:3])
        order = page.get_by_role("region", name="Total")
        expect(order).to_contain_text("Only $0.70 of the day’s budget is left")
        expect(order).to_contain_text("pays for 2 of 3 models")
        page.locator("summary", has_text="Budget and results").click()
        budget = page.get_by_label("Budget of the job")
        start = page.get_by_role("button", name="Make 3 models")
        budget.fill("cheap")
        expect(page.get_by_text("An amount from $0.01 to $1,000,000")).to_be_visible()
        expect(start).to_be_disabled()
        budget.fill("0.10")
        expect(order).to_contain_text("does not pay for one model")
        expect(start).to_be_disabled()
        budget.fill("0.35")
        expect(order).to_contain_text("The budget of $0.35 pays for 1 of 3 models")
        page.get_by_role("radio", name="At the provider").check()
        expect(page.get_by_text("the links work for 24 h at most")).to_be_visible()
        assert serious_faults(page) == []
        job = make(page, 3)
        expect(page.locator("li[data-state=failed]")).to_have_count(2)
        wait_for_results(page)
        expect(page.get_by_text("$0.30 of $0.35")).to_be_visible()
        found = page.request.get(f"/api/v1/jobs/{job}").json()
        assert (found["keep"], found["cost"]["budget_usd"]) == ("links", 0.35)
        page.goto("/")
        add(page, pictures()[:2])
        expect(order).to_contain_text("Only $0.40 of the day’s budget is left")


def test_default_options_are_set_in_the_settings(local_site: Site, visit: Visit) -> None:
    """What is chosen there is chosen on the upload page."""
    page = visit(local_site)
    page.goto("/settings")
    page.get_by_role("combobox", name="Default generator").select_option("local/lathe")
    page.locator("summary", has_text="Options of Lathe").click()
    page.get_by_role("radio", name="Low").check()
    forget = page.get_by_role("button", name="Forget remembered options")
    expect(forget).to_have_css("opacity", "1")
    assert serious_faults(page) == []
    page.get_by_role("link", name="Create").click()
    expect(page.get_by_role("radio", name="Lathe", exact=True)).to_be_checked()
    expect(page.get_by_role("radio", name="Low")).to_be_checked()
