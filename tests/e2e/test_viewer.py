"""The viewer where something is in its way, and on the whole screen."""

import re

from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import Visit
from tests.e2e.journey import (
    LONG_MS,
    add,
    make,
    open_upload,
    open_viewer,
    pictures,
    serious_faults,
    wait_for_model,
    wait_for_results,
)
from tests.e2e.site import Site

CODE = re.compile(r"/_app/immutable/.*\.js$")


def make_models(page: Page, count: int = 1) -> None:
    """Make models of the first example pictures, and wait for them."""
    open_upload(page)
    add(page, pictures()[:count])
    make(page, count)
    wait_for_results(page)


def on_the_whole_screen(page: Page) -> bool:
    """Tell whether the viewer has the whole screen, and covers it."""
    found: bool = page.evaluate(
        """() => {
            const { fullscreenElement: one } = document;
            if (!one) return false;
            const { width, height } = one.getBoundingClientRect();
            return width === innerWidth && height === innerHeight && !!one.querySelector('canvas');
        }"""
    )
    return found


def test_full_screen_comes_and_goes(local_site: Site, visit: Visit) -> None:
    """By button and by key; Escape leaves it first, and only then closes the viewer."""
    page = visit(local_site)
    make_models(page, 2)
    open_viewer(page, "badge")
    button = page.get_by_role("button", name="Full screen")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert on_the_whole_screen(page)
    assert serious_faults(page) == []
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="cactus")).to_be_visible()
    wait_for_model(page)
    page.get_by_role("button", name="Download cactus").last.click()
    download = page.get_by_role("dialog", name="Download cactus")
    expect(download).to_be_visible()
    page.keyboard.press("Escape")
    expect(download).to_have_count(0)
    assert on_the_whole_screen(page)
    page.keyboard.press("Escape")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert not on_the_whole_screen(page)
    expect(page.locator("dialog[open] canvas")).to_be_visible()

    page.keyboard.press("f")
    expect(button).to_have_attribute("aria-pressed", "true")
    assert on_the_whole_screen(page)
    page.evaluate("() => document.exitFullscreen()")
    expect(button).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("f")
    expect(button).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("f")
    expect(button).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_browser_that_refuses_full_screen_is_told(local_site: Site, visit: Visit) -> None:
    """It says so, and the viewer goes on."""
    page = visit(local_site)
    page.add_init_script("Element.prototype.requestFullscreen = () => Promise.reject(new Error())")
    make_models(page)
    open_viewer(page, "badge")
    page.get_by_role("button", name="Full screen").click()
    expect(page.get_by_role("alert")).to_contain_text("does not allow full screen")
    expect(page.get_by_role("button", name="Full screen")).to_have_attribute(
        "aria-pressed", "false"
    )


def test_where_there_is_no_full_screen_there_is_no_button(local_site: Site, visit: Visit) -> None:
    """As on phones that give it to videos alone."""
    page = visit(local_site)
    page.add_init_script(
        "Object.defineProperty(document, 'fullscreenEnabled', { get: () => false })"
    )
    make_models(page)
    open_viewer(page, "badge")
    expect(page.get_by_role("button", name="Keys")).to_be_visible()
    expect(page.get_by_role("button", name="Full screen")).to_have_count(0)


def test_code_that_cannot_be_loaded_is_told(local_site: Site, visit: Visit) -> None:
    """As after an update of the server: another try, the page anew, or the file."""
    page = visit(local_site)
    missing = True
    refused: list[str] = []

    def answer(route: Route) -> None:
        if missing and "WebGLRenderer" in (body := route.fetch()).text():
            refused.append(route.request.url)
            route.fulfill(status=404, body="")
        elif missing:
            route.fulfill(response=body)
        else:
            route.continue_()

    page.route(CODE, answer)
    make_models(page)
    page.get_by_role("button", name="Open badge in the viewer").click()
    dialog = page.get_by_role("dialog", name="3D view of badge")
    expect(dialog.get_by_role("alert")).to_contain_text("The viewer could not be loaded")
    expect(dialog.get_by_alt_text("Model of badge")).to_be_visible()
    assert refused
    assert serious_faults(page) == []
    dialog.get_by_role("button", name="Download").click()
    expect(page.get_by_role("dialog", name="Download badge")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Open badge in the viewer")).to_be_focused()
    page.get_by_role("button", name="Open badge in the viewer").click()
    missing = False
    dialog.get_by_role("button", name="Try again").click(timeout=LONG_MS)
    wait_for_model(page)


def test_a_lost_graphics_card_is_told(local_site: Site, visit: Visit) -> None:
    """The model can be shown again, or downloaded."""
    page = visit(local_site)
    make_models(page)
    open_viewer(page, "badge")
    lose = """() => document.querySelector('dialog[open] canvas').getContext('webgl2')
        .getExtension('WEBGL_lose_context').loseContext()"""
    page.evaluate(lose)
    stage = page.get_by_test_id("stage")
    expect(stage).to_have_attribute("data-status", "lost")
    expect(stage.get_by_role("alert")).to_contain_text("stopped showing the model")
    expect(stage.get_by_role("button", name="Download")).to_be_visible()
    expect(stage.get_by_alt_text("Model of badge")).to_be_visible()
    assert serious_faults(page) == []
    stage.get_by_role("button", name="Try again").click(timeout=LONG_MS)
    wait_for_model(page)
    expect(stage.get_by_role("alert")).to_have_count(0)


def test_a_model_that_does_not_come_is_asked_for_again(local_site: Site, visit: Visit) -> None:
    """What is passing can be tried again at once."""
    page = visit(local_site)
    make_models(page)
    page.route("**/model.glb*", lambda route: route.abort(), times=1)
    page.get_by_role("button", name="Open badge in the viewer").click()
    stage = page.get_by_test_id("stage")
    expect(stage).to_have_attribute("data-status", "failed", timeout=LONG_MS)
    expect(stage.get_by_role("alert")).to_contain_text("does not answer")
    stage.get_by_role("button", name="Try again").click(timeout=LONG_MS)
    wait_for_model(page)


def test_the_name_is_typed_while_news_come(fal_site: Site, visit: Visit) -> None:
    """Whatever happens to the job, the field keeps the focus and what was typed."""
    page = visit(fal_site)
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures()[:8])
    make(page, 8)
    page.get_by_role("button", name="Rename").click()
    field = page.get_by_role("textbox", name="Name of the job")
    expect(field).to_be_focused()
    page.keyboard.type("Kitchen")
    done = page.locator("li[data-state=succeeded]")
    expect(done.first).to_be_visible(timeout=LONG_MS)
    expect(field).to_be_focused()
    job = page.url.rpartition("/")[2]
    page.request.patch(f"/api/v1/jobs/{job}", data={"name": "Somebody else’s name"})
    page.keyboard.type(" shelf")
    wait_for_results(page)
    expect(field).to_be_focused()
    expect(field).to_have_value("Kitchen shelf")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Kitchen shelf")).to_be_visible()
    expect(page.get_by_role("button", name="Rename")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("Nonsense")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Kitchen shelf")).to_be_visible()


def test_pages_show_small_pictures_and_keep_them(local_site: Site, visit: Visit) -> None:
    """No page loads a whole picture to show it small, nor asks for what it has."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures())
    sizes: dict[str, int] = {}
    page.on(
        "requestfinished",
        lambda request: (
            sizes.update({request.url: request.sizes()["responseBodySize"]})
            if request.resource_type == "image" and "/views/" in request.url
            else None
        ),
    )
    make(page, 12)
    wait_for_results(page)
    page.goto("/history")
    row = page.get_by_role("listitem").filter(has_text="badge and 11 more").locator("img")
    expect(row).to_have_count(4)
    for place in range(4):
        expect(row.nth(place)).to_have_js_property("complete", True)
        assert row.nth(place).evaluate("one => one.naturalWidth") == 160
    # What came out of the browser's own memory has no size here.
    assert len(sizes) >= 16
    assert all("thumb.webp?v=" in url for url in sizes)
    assert max(sizes.values()) < 40_000
    page.reload()
    expect(row).to_have_count(4)
    for place in range(4):
        expect(row.nth(place)).to_have_js_property("naturalWidth", 160)
    sent = page.evaluate(
        """() => performance.getEntriesByType('resource')
            .filter(({ name }) => name.includes('/thumb.webp'))
            .map(({ transferSize }) => transferSize)"""
    )
    assert sent == [0, 0, 0, 0]
