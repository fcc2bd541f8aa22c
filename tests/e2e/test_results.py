"""What can be done with results: turned, looked into, sorted, adjusted, downloaded."""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from image2model.geometry.formats.reading import read_model
from tests.e2e.conftest import Visit
from tests.e2e.journey import (
    LONG_MS,
    add,
    card,
    download_model,
    make,
    many_pictures,
    open_upload,
    open_viewer,
    pictures,
    press_on,
    serious_faults,
    wait_for_results,
)
from tests.e2e.site import PICTURES, Simulator, Site, open_site

LIKENESS = re.compile(r"(\d+).% like the photo")


def make_local(page: Page, count: int) -> None:
    """Make models of the first *count* example pictures, and wait for them."""
    open_upload(page)
    add(page, pictures()[:count])
    make(page, count)
    wait_for_results(page)


def checked(page: Page) -> Locator:
    """Find the cards whose models have been looked into."""
    return page.locator("[data-checked=true]")


def packed_as(page: Page, told: str) -> Locator:
    """Find what is said of the file with all models."""
    return page.get_by_role("paragraph").filter(has_text=re.compile(f"^{re.escape(told)}$"))


def shape_of(model: Path) -> tuple[int, float]:
    """Return how many faces a model has, and how high it is in millimetres."""
    meshes = read_model(model.read_bytes()).meshes
    heights = np.concatenate([mesh.positions[:, 1] for mesh in meshes])
    return sum(len(mesh.faces) for mesh in meshes), float(np.ptp(heights)) * 1000


def test_twenty_five_pictures_become_one_zip_file(
    local_site: Site, visit: Visit, tmp_path: Path
) -> None:
    """Every picture becomes a model, and every file in the archive is what its manifest says."""
    page = visit(local_site)
    open_upload(page)
    add(page, many_pictures(tmp_path, 25))
    make(page, 25)
    wait_for_results(page)
    expect(page.get_by_role("heading", name="25 models are ready")).to_be_visible()
    with page.expect_download(timeout=LONG_MS) as download:
        page.get_by_role("link", name="Download all").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        files = [file for item in manifest["items"] for file in item["files"]]
        assert sum(file["role"] == "model" for file in files) == 25
        for file in files:
            content = archive.read(file["path"])
            assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_models_come_as_they_are_wanted(local_site: Site, visit: Visit) -> None:
    """A model comes with few faces and another height, says so, and so does the ZIP file."""
    page = visit(local_site)
    make_local(page, 2)
    wanted = {"format": "GLB", "Faces, at most": "3000", "Length of that side": "150"}
    faces, height_mm = shape_of(download_model(page, "badge", wanted))
    assert faces <= 3_000
    assert height_mm == pytest.approx(150, abs=0.5)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status")).to_contain_text("Simplified from")
    assert serious_faults(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    # What was wished of one model is wished of no other, and of none at all after Escape.
    expect(packed_as(page, "GLB")).to_be_visible()
    for name in ("Download cactus", "Download badge"):
        page.get_by_role("button", name=name).click()
        expect(dialog.get_by_label("Faces, at most")).to_have_value("")
        expect(dialog.get_by_label("Length of that side")).to_have_value("")
        dialog.get_by_label("Faces, at most").fill("500")
        dialog.get_by_role("switch").check()
        page.keyboard.press("Escape")

    page.get_by_role("button", name="Choose formats").click()
    expect(dialog.get_by_label("Faces, at most")).to_have_value("")
    dialog.get_by_role("checkbox", name="STL").check()
    dialog.get_by_label("Faces, at most").fill("3000")
    page.keyboard.press("Escape")
    expect(packed_as(page, "GLB")).to_be_visible()
    page.get_by_role("button", name="Choose formats").click()
    dialog.get_by_role("checkbox", name="STL").check()
    dialog.get_by_label("Faces, at most").fill("3000")
    with page.expect_download(timeout=LONG_MS) as download:
        dialog.get_by_role("button", name="Download ZIP").click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("GLB + STL · up to 3,000 faces")).to_be_visible()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {"badge.glb", "badge.stl", "cactus.glb", "cactus.stl"} <= set(archive.namelist())
        table = archive.read("manifest.csv").decode("utf-8-sig")
    assert "simplified from" in table
    page.reload()
    expect(packed_as(page, "GLB + STL")).to_be_visible()


def test_numbers_are_typed_as_they_are(local_site: Site, visit: Visit) -> None:
    """Nothing is written over while it is typed, and nothing wrong is left out in silence."""
    page = visit(local_site)
    make_local(page, 1)
    page.get_by_role("button", name="Download badge").click()
    dialog = page.get_by_role("dialog")
    side = dialog.get_by_label("Length of that side")
    for typed in ("1.05", "0.50", "12.", "150.0"):
        side.fill("")
        side.press_sequentially(typed)
        expect(side).to_have_value(typed)
    faces = dialog.get_by_label("Faces, at most")
    faces.fill("3000")
    faces.press("Home")
    faces.press_sequentially("12")
    expect(faces).to_have_value("123000")
    faces.fill("many")
    expect(dialog.get_by_role("button", name="Download", exact=True)).to_be_disabled()
    dialog.get_by_role("button", name="Reset").click()
    expect(faces).to_have_value("")
    expect(side).to_have_value("")
    expect(dialog.get_by_role("button", name="Download", exact=True)).to_be_enabled()


def test_a_wish_that_cannot_be_met_is_refused_in_words(local_site: Site, visit: Visit) -> None:
    """A number that makes no sense is told at its field; a file that cannot be, in the dialog."""
    page = visit(local_site)
    make_local(page, 1)
    page.get_by_role("button", name="Download badge").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Faces, at most").fill("many")
    expect(dialog.get_by_text("A number from 12 to")).to_be_visible()
    dialog.get_by_label("Faces, at most").fill("")
    expect(dialog.get_by_text("A number from 12 to")).to_have_count(0)
    dialog.get_by_label("File, at most").fill("0.001")
    dialog.get_by_role("button", name="Download", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("cannot be met")
    dialog.get_by_role("button", name="Reset").click()
    expect(dialog.get_by_label("File, at most")).to_have_value("")


def test_a_card_turns_under_the_pointer(local_site: Site, visit: Visit) -> None:
    """Moving over a card turns its model, leaving it brings the preview back; keys do the same."""
    page = visit(local_site)
    make_local(page, 2)
    turning = card(page, "badge").locator("[data-turning]")
    expect(turning).to_have_attribute("data-turning", "false")
    seen = {turn_to(page, turning, across) for across in (0.2, 0.5, 0.8)}
    assert len(seen) == 3
    page.mouse.move(1, 1)
    expect(turning).to_have_attribute("data-turning", "false")
    page.get_by_role("button", name="Open badge in the viewer").focus()
    page.keyboard.press("ArrowLeft")
    expect(turning).to_have_attribute("data-turning", "true")
    before = position_of(turning)
    page.keyboard.press("ArrowLeft")
    assert position_of(turning) != before
    page.keyboard.press("Tab")
    expect(turning).to_have_attribute("data-turning", "false")


def test_a_card_that_is_sorted_away_stops_turning(local_site: Site, visit: Visit) -> None:
    """Nothing tells a card that another one took its place under the pointer."""
    page = visit(local_site)
    open_upload(page)
    add(page, [PICTURES / "mug.png", PICTURES / "badge.png"])
    make(page, 2)
    wait_for_results(page)
    turning = card(page, "mug").locator("[data-turning]")
    turn_to(page, turning, 0.8)
    page.get_by_label("Sort").select_option("name")
    expect(card(page, "badge").locator("[data-turning=true]")).to_be_visible()
    expect(turning).to_have_attribute("data-turning", "false")


def test_who_wants_less_motion_turns_by_keys_only(local_site: Site, visit: Visit) -> None:
    """With reduced motion the pointer moves nothing, and the keys still do."""
    page = visit(local_site, reduced_motion="reduce")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    make_local(page, 1)
    turning = card(page, "badge").locator("[data-turning]")
    page.get_by_role("button", name="Open badge in the viewer").hover()
    expect(checked(page)).to_have_count(1, timeout=LONG_MS)
    assert not [url for url in asked if "sprite" in url]
    page.get_by_role("button", name="Open badge in the viewer").focus()
    page.keyboard.press("ArrowRight")
    expect(turning).to_have_attribute("data-turning", "true")


def turn_to(page: Page, turning: Locator, across: float) -> str:
    """Move the pointer over a card; returns which picture is shown."""
    box = turning.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] / 2, steps=3)
    expect(turning).to_have_attribute("data-turning", "true")
    return position_of(turning)


def position_of(turning: Locator) -> str:
    """Tell which picture of the sprite is shown."""
    position: str = turning.evaluate("one => one.style.backgroundPosition")
    return position


def test_models_in_sight_are_looked_into_a_few_at_a_time(local_site: Site, visit: Visit) -> None:
    """What is out of sight is left alone until somebody wants the worst first."""
    page = visit(local_site, viewport={"width": 800, "height": 640})
    open_now: set[Request] = set()
    most = 0
    asked: list[str] = []

    def begin(request: Request) -> None:
        nonlocal most
        if request.url.endswith(("/inspect", "/fidelity")):
            open_now.add(request)
            asked.append(request.url)
            most = max(most, len(open_now))

    def end(request: Request) -> None:
        open_now.discard(request)

    page.on("request", begin)
    page.on("requestfinished", end)
    make_local(page, 12)
    page.get_by_role("heading", name="What’s next").scroll_into_view_if_needed()
    expect(card(page, "vase").locator("[data-checked=true]")).to_be_visible(timeout=LONG_MS)
    inspected = sum(url.endswith("/inspect") for url in asked)
    assert inspected < 12
    page.get_by_label("Sort").select_option("worst")
    expect(checked(page)).to_have_count(12, timeout=LONG_MS)
    expect(page.get_by_text("Looking at")).to_have_count(0)
    likeness = [int(found) for found in LIKENESS.findall(page.locator("main").inner_text())]
    assert len(likeness) == 12
    assert likeness == sorted(likeness)
    assert most <= 2


def test_a_verdict_says_why(local_site: Site, visit: Visit) -> None:
    """The badges of a card open and tell what they mean; the viewer tells the same."""
    page = visit(local_site)
    make_local(page, 1)
    expect(checked(page)).to_have_count(1, timeout=LONG_MS)
    badges = card(page, "badge").get_by_role("button", expanded=False)
    badges.filter(has_text="like the photo").click()
    expect(page.get_by_text("Outlines overlap by")).to_be_visible()
    assert serious_faults(page) == []
    page.keyboard.press("Escape")
    badges.filter(has_text=re.compile("rintable|Repairable")).click()
    expect(page.locator("[popover]:popover-open")).to_contain_text("rint")
    page.keyboard.press("Escape")
    open_viewer(page, "badge")
    facts = page.get_by_role("complementary", name="Facts")
    expect(facts).to_contain_text("Outlines overlap by")
    expect(facts).to_contain_text("Printing")


def test_previews_may_come_after_the_models(local_site: Site, visit: Visit) -> None:
    """A model that is not drawn yet shows its photo, says so, and gets its preview then."""
    page = visit(local_site)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/preview.webp*", hold)
    make_local(page, 1)
    badge = card(page, "badge")
    expect(badge.get_by_text("Photo", exact=True)).to_be_visible()
    expect(badge.get_by_alt_text("Picture of badge")).to_be_visible()
    assert serious_faults(page) == []
    for route in held:
        route.continue_()
    expect(badge.get_by_alt_text("Model of badge")).to_be_visible()
    expect(badge.get_by_text("Photo", exact=True)).to_have_count(0)


@pytest.fixture
def linking_site(tmp_path: Path, simulator: Simulator) -> Iterator[Site]:
    """A server that keeps no results, over the simulator."""
    environment = {**simulator.environment, "IMAGE2MODEL_KEEP": "links"}
    with open_site(tmp_path, environment) as site:
        yield site


def make_linked(page: Page) -> None:
    """Make a model that stays with its provider."""
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures()[:1])
    make(page, 1)
    wait_for_results(page)
    expect(page.get_by_text("The provider holds them")).to_be_visible()


def test_what_only_the_provider_has_is_seen(linking_site: Site, visit: Visit) -> None:
    """The card shows the model, though nobody keeps a preview, and the viewer opens it."""
    page = visit(linking_site)
    make_linked(page)
    badge = card(page, "badge")
    expect(badge.get_by_text("Photo", exact=True)).to_have_count(0, timeout=LONG_MS)
    expect(badge.get_by_role("button", name="like the photo")).to_be_visible(timeout=LONG_MS)
    open_viewer(page, "badge")


def test_a_result_that_the_provider_removed_is_called_expired(
    linking_site: Site, simulator: Simulator, visit: Visit
) -> None:
    """Card, download and viewer say that the model is gone, each in its place."""
    page = visit(linking_site)
    make_linked(page)
    simulator.control("/expire", {})
    page.reload()
    expect(card(page, "badge").get_by_role("button", name="Expired")).to_be_visible(timeout=90_000)
    page.get_by_role("button", name="Download badge").click()
    page.get_by_role("dialog").get_by_role("button", name="Download", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("not there any more")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Open badge in the viewer").click()
    expect(page.get_by_test_id("stage")).to_have_attribute("data-status", "failed")
    assert serious_faults(page) == []


def test_the_keyboard_downloads_and_looks_around(local_site: Site, visit: Visit) -> None:
    """A model is adjusted and downloaded, and its facts read, without a mouse."""
    page = visit(local_site)
    make_local(page, 2)
    press_on(page, "Download cactus")
    dialog = page.get_by_role("dialog", name="Download cactus")
    expect(dialog).to_be_visible()
    dialog.get_by_role("radio", name="GLB").focus()
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("radio", name="STL")).to_be_checked()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "cactus.stl"
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Download cactus")).to_be_focused()
