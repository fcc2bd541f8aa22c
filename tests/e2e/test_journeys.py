"""Whole journeys through the web app, in a real browser with a real server."""

import io
import re
import signal
import zipfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import Visit
from tests.e2e.journey import (
    LONG_MS,
    add,
    card,
    download_model,
    make,
    open_upload,
    open_viewer,
    overflow_px,
    pictures,
    press_on,
    serious_faults,
    wait_for_model,
    wait_for_results,
)
from tests.e2e.site import VIEWS, Simulator, Site, open_site

PHONE = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "has_touch": True,
}


def lit_pixels(page: Page) -> int:
    """Count pixels of the viewer's picture of the model that are not transparent."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save a picture").click()
    with Image.open(download.value.path()) as picture:
        return sum(picture.convert("RGBA").getchannel("A").histogram()[200:])


def test_pictures_become_models_that_can_be_downloaded(local_site: Site, visit: Visit) -> None:
    """Twelve pictures: sent, made, shown, and packed into one ZIP file."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures())
    make(page, 12)
    wait_for_results(page)
    expect(page.get_by_role("heading", name="12 models are ready")).to_be_visible()
    expect(page.locator("li[data-state=succeeded]")).to_have_count(12)

    assert download_model(page, "mug", {"format": "STL"}).name == "mug.stl"
    page.keyboard.press("Escape")
    with page.expect_download(timeout=LONG_MS) as download:
        page.get_by_role("link", name="Download all").click()
    packed = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    models = sorted(name for name in packed.namelist() if name.endswith(".glb"))
    assert models == [f"{path.stem}.glb" for path in pictures()]
    assert all(packed.read(name)[:4] == b"glTF" for name in models)


def test_the_viewer_shows_one_model_after_the_other(local_site: Site, visit: Visit) -> None:
    """The viewer draws something, and the arrow keys go on."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures()[:2])
    make(page, 2)
    wait_for_results(page)
    open_viewer(page, "badge")
    assert lit_pixels(page) > 20_000
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="cactus")).to_be_visible()
    wait_for_model(page)
    assert page.locator("canvas").count() == 1
    page.keyboard.press("g")
    expect(page.get_by_text("100 mm", exact=True)).to_be_visible()
    assert serious_faults(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("canvas")).to_have_count(0)
    expect(page.get_by_role("button", name="Open badge in the viewer")).to_be_focused()


def test_without_webgl_the_preview_is_shown(local_site: Site, visit: Visit) -> None:
    """A browser without WebGL gets a message and the picture of the model."""
    page = visit(local_site)
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    open_upload(page)
    add(page, pictures()[:1])
    make(page, 1)
    wait_for_results(page)
    page.get_by_role("button", name="Open badge in the viewer").click()
    expect(page.get_by_text("This browser has no WebGL")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_alt_text("Model of badge")).to_be_visible()


def test_views_are_grouped_by_their_names(local_site: Site, visit: Visit) -> None:
    """Four views of one object become one model."""
    page = visit(local_site)
    open_upload(page, generator="Hull")
    add(page, sorted(VIEWS.iterdir()))
    expect(page.get_by_text("Needs more views of this object").first).to_be_visible()
    page.get_by_role("button", name="Group them").click()
    make(page, 1)
    wait_for_results(page)
    expect(card(page, "penguin")).to_have_attribute("data-state", "succeeded")


def test_bad_files_are_named_and_left_out(local_site: Site, visit: Visit, tmp_path: Path) -> None:
    """A file that is no picture does not keep the others from being made."""
    notes = tmp_path / "notes.txt"
    notes.write_text("not a picture")
    page = visit(local_site)
    open_upload(page)
    add(page, [notes, *pictures()[:2]])
    expect(page.get_by_text("Not a picture we can read")).to_be_visible()
    make(page, 2)
    wait_for_results(page)
    expect(page.locator("li[data-state=succeeded]")).to_have_count(2)


def test_a_picture_that_the_server_refuses_can_be_left_out(local_site: Site, visit: Visit) -> None:
    """What fails on the way is said at its picture, and the rest can start in its order."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures()[:3])
    page.route(
        "**/items/1/views/front*",
        lambda route: route.fulfill(
            status=422,
            content_type="application/problem+json",
            body='{"code": "picture_damaged", "detail": "The picture cannot be read."}',
        ),
        times=1,
    )
    page.get_by_role("button", name="Make 3 models").click()
    expect(page.get_by_text("The picture cannot be read.")).to_be_visible()
    page.get_by_role("button", name="Start without them").click()
    page.wait_for_url("**/jobs/*")
    wait_for_results(page)
    expect(page.locator("li[data-state=succeeded]")).to_have_count(2)
    openers = page.get_by_role("button", name="in the viewer")
    assert openers.all_inner_texts() == ["badge", "duck"]


def test_a_reload_changes_nothing(fal_site: Site, visit: Visit) -> None:
    """A page that is reloaded in the middle goes on where it was."""
    page = visit(fal_site)
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures())
    make(page, 12)
    expect(page.locator("li[data-state=succeeded]").first).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Cancel job")).to_be_visible()
    wait_for_results(page)
    expect(page.get_by_role("heading", name="12 models are ready")).to_be_visible()


def lose_pictures(route: Route) -> None:
    """Let no picture come; what is sent goes through."""
    if route.request.resource_type == "image":
        route.abort()
    else:
        route.continue_()


def test_a_page_heals_after_the_server_was_killed(fal_site: Site, visit: Visit) -> None:
    """A killed server is noticed, and its successor, without anybody pressing a key."""
    page = visit(fal_site)
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures()[:6])
    # As if the server had gone before it could send them.
    page.route("**/views/front*", lose_pictures)
    page.route("**/thumb.webp*", lose_pictures)
    make(page, 6)
    expect(page.locator("li[data-state=generating]").first).to_be_visible()
    fal_site.stop(signal.SIGKILL)
    expect(page.get_by_text("Connection lost")).to_be_visible()
    progress = page.get_by_role("region", name="Progress of the whole job")
    expect(progress).to_contain_text("time left unknown")
    expect(progress).not_to_contain_text(re.compile("left$|almost"))
    expect(page.locator("[data-stale=true]")).to_have_count(2)
    assert serious_faults(page) == []
    expect(page.locator("li[data-state] img")).to_have_count(0)
    page.unroute_all()
    fal_site.start()
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    # Pictures that could not be had meanwhile come now.
    expect(page.locator("li[data-state] img").first).to_be_visible()
    wait_for_results(page)
    expect(page.get_by_role("heading", name="6 models are ready")).to_be_visible()


def test_a_server_that_never_answers_is_away_too(fal_site: Site, visit: Visit) -> None:
    """One that is stopped or cut off refuses nothing: silence is noticed all the same."""
    page = visit(fal_site)
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures()[:6])
    make(page, 6)
    expect(page.locator("li[data-state=generating]").first).to_be_visible()
    fal_site.send(signal.SIGSTOP)
    try:
        progress = page.get_by_role("region", name="Progress of the whole job")
        expect(progress).to_contain_text("time left unknown", timeout=LONG_MS)
        expect(page.get_by_text("Connection lost")).to_be_visible()
    finally:
        fal_site.send(signal.SIGCONT)
    wait_for_results(page)
    expect(page.get_by_role("heading", name="6 models are ready")).to_be_visible()


def test_a_failed_item_is_retried(fal_site: Site, simulator: Simulator, visit: Visit) -> None:
    """One item of three fails, says why, and succeeds when it is tried again."""
    fault = {"on": "run", "action": "infrastructure_error", "times": 1}
    simulator.control("/faults", {**fault, "options": {"error_type": "client_cancelled"}})
    page = visit(fal_site)
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures()[:3])
    make(page, 3)
    failed = page.locator("li[data-state=failed]")
    expect(failed).to_have_count(1, timeout=LONG_MS)
    expect(failed).to_contain_text("broken off")
    wait_for_results(page)
    page.get_by_role("button", name="Retry 1 failed").click()
    expect(page.get_by_role("heading", name="3 models are ready")).to_be_visible(timeout=LONG_MS)


def test_what_would_be_refused_again_is_not_offered_again(
    fal_site: Site, simulator: Simulator, visit: Visit
) -> None:
    """A content filter says the same the next time: there is advice in place of the button."""
    simulator.control("/faults", {"on": "run", "action": "model_refuses", "times": 1})
    page = visit(fal_site)
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures()[:3])
    make(page, 3)
    wait_for_results(page)
    failed = page.locator("li[data-state=failed]")
    expect(failed).to_have_count(1)
    expect(failed).to_contain_text("content filter")
    expect(failed).to_contain_text("It would be refused again.")
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    assert serious_faults(page) == []


def test_a_lost_item_is_made_again_for_its_price(
    tmp_path: Path, simulator: Simulator, visit: Visit
) -> None:
    """It is fetched again first, for nothing; what costs money is a button of its own."""
    simulator.control("/faults", {"on": "run", "action": "mesh_html", "times": 1})
    hasty = {**simulator.environment, "IMAGE2MODEL_COLLECT_S": "1"}
    with open_site(tmp_path, hasty) as site:
        page = visit(site)
        open_upload(page, generator="Tripo v2.5", provider="fal")
        add(page, pictures()[:2])
        make(page, 2)
        failed = page.locator("li[data-state=failed]")
        again = failed.get_by_role("button", name=re.compile("again for"))
        expect(again).to_have_text("Make again for $0.30", timeout=LONG_MS)
        expect(failed).to_contain_text("It is paid for")
        assert serious_faults(page) == []
        failed.get_by_role("button", name="Fetch again, free").click()
        expect(failed).to_have_count(0)
        expect(again).to_be_visible(timeout=LONG_MS)
        assert len(simulator.control("/ledger")["submits"]) == 2
        again.click()
        heading = page.get_by_role("heading", name="2 models are ready")
        expect(heading).to_be_visible(timeout=LONG_MS)
        assert len(simulator.control("/ledger")["submits"]) == 3


def test_an_uncertain_item_is_decided_by_a_person(
    fal_site: Site, simulator: Simulator, visit: Visit
) -> None:
    """An answer that was lost on the way is shown as such; giving up ends the item."""
    simulator.control("/faults", {"on": "submit", "action": "reset_after", "times": 1})
    simulator.control("/faults", {"on": "requests", "action": "reply"})
    page = visit(fal_site)
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures()[:2])
    make(page, 2)
    uncertain = page.locator("li[data-state=uncertain]")
    expect(uncertain).to_contain_text("may be charged twice", timeout=LONG_MS)
    assert serious_faults(page) == []
    # The other one is there, and nothing pretends to go on.
    expect(page.get_by_role("heading", name="Your model is ready")).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_role("navigation", name="Progress")).to_contain_text("Results")
    expect(page.locator("[aria-current=step]")).to_contain_text("Results")
    expect(page.get_by_role("link", name="Download all")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page).to_have_title(re.compile("^Needs a decision"))
    assert serious_faults(page) == []
    note = page.get_by_test_id("decisions")
    expect(note).to_contain_text("needs a decision")
    note.get_by_role("button", name="Show it").click()
    expect(uncertain.get_by_role("button").first).to_be_focused()
    uncertain.get_by_role("button", name="Give up").click()
    expect(page.locator("li[data-state=failed]")).to_have_count(1)
    expect(note).to_have_count(0)
    wait_for_results(page)


def test_a_job_is_cancelled(fal_site: Site, visit: Visit) -> None:
    """Cancelling asks first, ends what is not done, counts it, and can be taken back."""
    page = visit(fal_site)
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures())
    make(page, 12)
    page.get_by_role("button", name="Cancel job").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Cancel “badge and 11 more”?")
    expect(dialog).to_contain_text("will not be made")
    dialog.get_by_role("button", name="Cancel job").click()
    cancelled = page.locator("li[data-state=cancelled]")
    expect(cancelled.first).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_role("navigation", name="Progress")).to_contain_text("Results")
    expect(page.get_by_role("button", name="Cancel job")).to_have_count(0, timeout=LONG_MS)
    count = cancelled.count()
    expect(page.get_by_role("definition").filter(has_text=re.compile(f"^{count}$"))).to_be_visible()
    expect(page.get_by_role("term").filter(has_text="Cancelled")).to_be_visible()
    assert serious_faults(page) == []
    first = cancelled.first.get_by_role("button", name="Make it")
    first.click()
    expect(cancelled).to_have_count(count - 1)
    page.get_by_role("button", name=f"Make {count - 1} cancelled").click()
    expect(page.get_by_role("heading", name="12 models are ready")).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_role("term").filter(has_text="Cancelled")).to_have_count(0)


def test_without_events_the_page_asks(fal_site: Site, visit: Visit) -> None:
    """Where event streams do not come through, long polls bring the news."""
    page = visit(fal_site)
    page.route("**/events*", lambda route: route.abort())
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures()[:3])
    make(page, 3)
    wait_for_results(page)
    expect(page.get_by_role("heading", name="3 models are ready")).to_be_visible()


def test_a_phone_is_enough(local_site: Site, visit: Visit) -> None:
    """At 360 px nothing is cut off, and a model can be looked at."""
    page = visit(local_site, **PHONE)
    open_upload(page)
    assert overflow_px(page) == 0
    add(page, pictures()[:3])
    assert overflow_px(page) == 0
    make(page, 3)
    wait_for_results(page)
    assert overflow_px(page) == 0
    open_viewer(page, "cactus")
    assert lit_pixels(page) > 5_000
    for path in ("/history", "/settings"):
        page.goto(path)
        assert overflow_px(page) == 0


def test_the_keyboard_is_enough(local_site: Site, visit: Visit) -> None:
    """From the pictures to a closed viewer without a mouse."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures()[:2])
    press_on(page, "Make 2 models")
    page.wait_for_url("**/jobs/*")
    wait_for_results(page)
    press_on(page, "Open badge in the viewer")
    wait_for_model(page)
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("+")
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="Clay")).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_history_finds_stars_and_deletes(local_site: Site, visit: Visit) -> None:
    """A job is found by its name, starred, and gone when it is deleted."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures()[:1])
    make(page, 1)
    wait_for_results(page)
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Name of the job").fill("Kitchen shelf")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Kitchen shelf")).to_be_visible()
    page.get_by_role("link", name="History").click()
    page.get_by_role("searchbox").fill("kitchen")
    page.get_by_role("button", name=re.compile("^Star: keep")).click()
    expect(page.get_by_role("button", name="Remove the star")).to_be_visible()
    assert serious_faults(page) == []
    page.get_by_role("button", name="Delete Kitchen shelf").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete “Kitchen shelf”?")
    expect(dialog).to_contain_text(re.compile(r"1 object with 1 model, [\d.]+ [KM]B in all"))
    expect(dialog).to_contain_text("This cannot be undone.")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing matches")).to_be_visible()


def test_choices_are_remembered(local_site: Site, visit: Visit) -> None:
    """Generator, options and theme are as they were left."""
    page = visit(local_site, color_scheme="light")
    open_upload(page, generator="Lathe")
    page.locator("summary", has_text="Options").click()
    page.get_by_role("radio", name="Low").check()
    page.get_by_role("button", name="Theme: System").click()
    page.get_by_role("button", name="Theme: Light").click()
    page.reload()
    expect(page.get_by_role("radio", name="Lathe", exact=True)).to_be_checked()
    expect(page.get_by_role("radio", name="Low")).to_be_checked()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_every_page_is_accessible(local_site: Site, visit: Visit) -> None:
    """Axe finds nothing serious, in either theme."""
    for scheme in ("light", "dark"):
        page = visit(local_site, color_scheme=scheme)
        for path in ("/", "/history", "/settings", "/nowhere", f"/jobs/{'0' * 32}"):
            page.goto(path, wait_until="networkidle")
            assert serious_faults(page) == [], f"{path} in {scheme}"
