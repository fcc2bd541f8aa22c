"""The upload page: whatever pictures come from, what is said of them, what may be chosen."""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from tests.e2e.conftest import Visit
from tests.e2e.journey import (
    add,
    card,
    make,
    open_upload,
    overflow_px,
    pictures,
    serious_faults,
    wait_for_results,
)
from tests.e2e.site import PICTURES, VIEWS, Site, open_site

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


@dataclass(frozen=True, slots=True)
class Web:
    """Some pictures on a web server, and a site whose server may read them."""

    url: str
    site: Site


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, browser: object) -> Iterator[Web]:
    """The example pictures at an address of their own."""
    del browser  # Whatever makes tests of the web app impossible is told by it.
    with serve_folder(PICTURES) as address:
        environment = {"IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS": address}
        folder = tmp_path_factory.mktemp("web")
        with open_site(folder, environment) as site:
            yield Web(f"http://{address}", site)


@contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Serve *folder* within the block; yields host and port."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, directory=str(folder), **named)  # type: ignore[arg-type]

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def tile(page: Page, name: str) -> object:
    return page.locator("li", has=page.get_by_text(name, exact=True))


def names(page: Page) -> list[str]:
    """List the objects in their order."""
    found: list[str] = page.locator("li[draggable] p[title]").evaluate_all(
        "all => all.map((one) => one.title)"
    )
    return found


def paste_text(page: Page, text: str) -> None:
    page.evaluate(
        """(text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData('text/plain', text);
            document.body.dispatchEvent(
                new ClipboardEvent('paste', { clipboardData, bubbles: true }));
        }""",
        text,
    )


# --- pictures by their addresses --------------------------------------------------------------


def test_pictures_come_from_the_web(web: Web, visit: Visit) -> None:
    """Typed or pasted, addresses become pictures like any other."""
    page = visit(web.site)
    open_upload(page)
    page.get_by_role("button", name="From the web").click()
    field = page.get_by_label("Address of a picture")
    expect(field).to_be_focused()
    field.fill("cup")
    field.press("Enter")
    expect(page.get_by_text("This is not a web address")).to_be_visible()
    assert serious_faults(page) == []
    field.fill(f"{web.url}/duck.jpg")
    field.press("Enter")
    expect(page.get_by_text("1024 × 1024")).to_have_count(1)
    paste_text(page, f"{web.url}/mug.png\n{web.url}/vase.jpg")
    expect(page.get_by_text("1024 × 1024")).to_have_count(3)
    assert names(page)[0] == "duck"
    make(page, 3)
    wait_for_results(page)
    expect(card(page, "mug")).to_have_attribute("data-state", "succeeded")


def test_addresses_that_lead_nowhere_are_told(web: Web, visit: Visit) -> None:
    """Each says why at its place, and holds up none of the others."""
    page = visit(web.site)
    open_upload(page)
    paste_text(page, f"{web.url}/duck.jpg {web.url}/nothing.png https://127.0.0.1/private.png")
    failed = page.get_by_test_id("web-picture")
    expect(failed.filter(has_text="it answers 404")).to_be_visible()
    expect(failed.filter(has_text="its address is not public")).to_be_visible()
    expect(page.get_by_text("1024 × 1024")).to_be_visible()
    expect(page.get_by_role("button", name="Make 1 model")).to_be_enabled()
    order = page.get_by_role("region", name="Total")
    expect(order).to_contain_text(
        "2 pictures from the web could not be fetched and will be left out."
    )
    assert serious_faults(page) == []
    # What is not there may come; what is never read is not asked for again.
    private = failed.filter(has_text="its address is not public")
    expect(private.get_by_role("button", name="Try again")).to_have_count(0)
    failed.get_by_role("button", name="Try again").click()
    expect(failed.filter(has_text="it answers 404")).to_be_visible()
    page.get_by_role("button", name="Remove nothing.png").click()
    expect(order).to_contain_text("1 picture from the web could not be fetched")
    make(page, 1)
    wait_for_results(page)
    expect(page.locator("li[data-state=succeeded]")).to_have_count(1)


# --- spreadsheets -----------------------------------------------------------------------------


def test_spreadsheet_names_and_sizes_models(local_site: Site, visit: Visit, tmp_path: Path) -> None:
    """Dropped beside the pictures it is shown before the start, and becomes true."""
    sheet = tmp_path / "objects.csv"
    sheet.write_text("picture;title;height_cm\nmug.png;Goose mug, old;21,5\npot.png;Pot;\n")
    page = visit(local_site)
    open_upload(page)
    add(page, [sheet])
    expect(page.get_by_text("Add the pictures that it names")).to_be_visible()
    add(page, [PICTURES / "mug.png", PICTURES / "duck.jpg"])
    panel = page.get_by_test_id("sheet")
    expect(panel).to_contain_text("Names and describes 1 of 2 objects.")
    expect(panel).to_contain_text("Row 3: there is no picture pot.png here.")
    expect(page.get_by_text("215 mm high")).to_be_visible()
    assert sorted(names(page)) == ["Goose mug, old", "duck"]
    assert serious_faults(page) == []
    job = make(page, 2)
    wait_for_results(page)
    found = page.request.get(f"/api/v1/jobs/{job}").json()["items"]
    named = {item["name"]: item["result"]["facts"]["height_mm"] for item in found}
    assert round(named["Goose mug, old"]) == 215
    assert round(named["duck"]) == 100


def test_spreadsheet_describes_groups_of_views(
    local_site: Site, visit: Visit, tmp_path: Path
) -> None:
    """A row of any of an object's pictures is the object's."""
    sheet = tmp_path / "objects.csv"
    sheet.write_text("picture,title,generator\npenguin_back,Emperor,local/hull\n")
    page = visit(local_site)
    open_upload(page)
    add(page, [*sorted(VIEWS.iterdir()), sheet])
    expect(page.get_by_role("radio", name="Hull", exact=True)).to_be_checked()
    page.get_by_role("button", name="Group them").click()
    make(page, 1)
    wait_for_results(page)
    expect(card(page, "Emperor")).to_have_attribute("data-state", "succeeded")


def test_faults_of_a_spreadsheet_are_told_by_cell(
    local_site: Site, visit: Visit, tmp_path: Path
) -> None:
    """Nothing starts with a sheet that is wrong, until it is corrected or removed."""
    sheet = tmp_path / "objects.csv"
    sheet.write_text("picture,height_mm\nmug.png,tall\n,7\n")
    page = visit(local_site)
    open_upload(page)
    add(page, [PICTURES / "mug.png", sheet])
    panel = page.get_by_test_id("sheet")
    expect(panel).to_contain_text("2 cells are wrong")
    expect(panel).to_contain_text("Row 2, height_mm: is no number: 'tall'")
    start = page.get_by_role("button", name="Make 1 model")
    expect(start).to_be_disabled()
    assert serious_faults(page) == []
    sheet.write_text("picture,height_mm\nmug.png,70\n")
    add(page, [sheet])
    expect(start).to_be_enabled()
    page.get_by_role("button", name="Remove the spreadsheet").click()
    expect(panel).to_have_count(0)
    with page.expect_download() as download:
        add(page, [PICTURES / "duck.jpg"])
        page.get_by_role("button", name="Get one to fill in").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert text.splitlines()[1:] == ["mug.png,,,", "duck.jpg,,,"]


# --- limits, generators, order ----------------------------------------------------------------


def test_limits_are_the_servers(tmp_path: Path, visit: Visit) -> None:
    """They are told before, and each file beyond them says which."""
    environment = {
        "IMAGE2MODEL_LIMITS__ITEMS_PER_JOB": "3",
        "IMAGE2MODEL_LIMITS__PICTURE_BYTES": "100000",
        "IMAGE2MODEL_LIMITS__PICTURE_PIXELS": "900000",
    }
    with open_site(tmp_path, environment) as site:
        page = visit(site)
        open_upload(page)
        expect(page.get_by_text("Up to 3 objects")).to_contain_text(
            "0.1 MB and 0.9 megapixels each"
        )
        add(page, [PICTURES / "teddy.png", PICTURES / "fish.webp"])
        expect(page.get_by_text("Too large: 0.1 MB is the limit.").first).to_be_visible()
        too_many = "Too many pixels: the limit is 0.9 megapixels"
        expect(page.get_by_text(too_many).first).to_be_visible()
        expect(page.get_by_role("button", name="Make models")).to_be_disabled()


def small_pictures(folder: Path, count: int) -> list[Path]:
    """Write small pictures, each of a colour and a name of its own."""
    from PIL import Image, ImageDraw  # noqa: PLC0415

    found = []
    for place in range(count):
        image = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
        ImageDraw.Draw(image).ellipse((40, 40, 260, 260), fill=(20 * place, 120, 90, 255))
        found.append(folder / f"{chr(97 + place)}.png")
        image.save(found[-1])
    return found


def test_refused_files_take_no_places(tmp_path: Path, visit: Visit) -> None:
    """Nor do pictures that turn out to be damaged: their place goes to one that was left out."""
    notes, damaged = tmp_path / "notes.txt", tmp_path / "damaged.png"
    notes.write_text("not a picture")
    damaged.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    good = small_pictures(tmp_path, 5)
    with open_site(tmp_path, {"IMAGE2MODEL_LIMITS__ITEMS_PER_JOB": "3"}) as site:
        page = visit(site)
        open_upload(page)
        add(page, [notes, damaged, *good])
        expect(page.get_by_text("3 of at most 3 objects")).to_be_visible()
        expect(page.get_by_text("2 pictures were left out: a job has at most 3")).to_be_visible()
        expect(page.get_by_text("The picture is damaged.")).to_be_visible()
        assert serious_faults(page) == []
        page.get_by_role("button", name="Remove a", exact=True).click()
        page.get_by_role("button", name="Add 1 of them").click()
        expect(page.get_by_text("1 picture was left out")).to_be_visible()
        assert [one for one in names(page) if len(one) == 1] == ["b", "c", "d"]
        make(page, 3)
        wait_for_results(page)
        expect(page.locator("li[data-state=succeeded]")).to_have_count(3)


def test_views_are_suggested_only_where_they_are_views(
    local_site: Site, visit: Visit, tmp_path: Path
) -> None:
    """A series of twelve is no turntable of eight, and one picture is all that Puff takes."""
    source = small_pictures(tmp_path, 12)
    for place, path in enumerate(source, 1):
        path.rename(tmp_path / f"vase_{place:02}.png")
    series = sorted(tmp_path.glob("vase_*.png"))
    page = visit(local_site)
    open_upload(page, generator="Hull")
    group = page.get_by_role("button", name="Group them")
    add(page, series)
    expect(page.get_by_text("300 × 300")).to_have_count(12)
    expect(group).to_have_count(0)
    for name in ("05", "06", "07", "08", "09", "10", "11", "12"):
        page.get_by_role("button", name=f"Remove vase_{name}").click()
    expect(group).to_be_visible()
    page.get_by_role("radio", name="Puff", exact=True).check()
    expect(group).to_have_count(0)
    page.get_by_role("radio", name="Hull", exact=True).check()
    group.click()
    expect(page.get_by_text("4 views", exact=True)).to_be_visible()


def test_generators_without_their_key_cannot_be_chosen(local_site: Site, visit: Visit) -> None:
    """They are shown with what to do."""
    page = visit(local_site)
    open_upload(page)
    page.get_by_role("radio", name="fal.ai").check()
    expect(page.get_by_text("Not set up on this server yet.")).to_be_visible()
    expect(page.get_by_text("set FAL_KEY to it")).to_be_visible()
    offered = page.locator("input[name=generator]")
    expect(offered.first).to_be_disabled()
    assert offered.evaluate_all("all => all.every((one) => one.disabled)")
    assert serious_faults(page) == []
    page.goto("/settings")
    makers = page.get_by_role("listitem").filter(has_text="fal.ai")
    expect(makers).to_contain_text("Not set up")


def test_objects_are_put_in_order_with_the_keyboard(local_site: Site, visit: Visit) -> None:
    """The button that moves keeps the focus, and what happened is said."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures()[:3])
    assert names(page) == ["badge", "cactus", "duck"]
    earlier = page.get_by_role("button", name="Move duck earlier")
    earlier.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("duck is now 2 of 3.")).to_be_attached()
    expect(earlier).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("duck is now 1 of 3.")).to_be_attached()
    assert names(page) == ["duck", "badge", "cactus"]
    expect(page.get_by_role("button", name="Move duck later")).to_be_focused()


def test_examples_are_one_key_away(local_site: Site, visit: Visit) -> None:
    """Whoever has no pictures sees models within a minute, without a mouse."""
    page = visit(local_site)
    page.goto("/")
    examples = page.get_by_role("button", name="or all four")
    examples.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Make 4 models")).to_be_enabled()
    page.get_by_role("button", name="Make 4 models").focus()
    page.keyboard.press("Enter")
    wait_for_results(page)
    expect(page.locator("li[data-state=succeeded]")).to_have_count(4)


def test_hints_are_given_before_the_start(local_site: Site, visit: Visit, tmp_path: Path) -> None:
    """Cut off, blurred, small: each at its picture; sharp ones have none."""
    from PIL import Image, ImageFilter  # noqa: PLC0415

    with Image.open(PICTURES / "cactus.jpg") as picture:
        picture.crop((400, 0, 1024, 1024)).save(tmp_path / "half.png")
        picture.filter(ImageFilter.GaussianBlur(12)).save(tmp_path / "soft.png")
        picture.resize((200, 200)).save(tmp_path / "stamp.png")
    page = visit(local_site)
    open_upload(page)
    add(page, [*sorted(tmp_path.glob("*.png")), *pictures()])
    told = {
        "half": "The object is cut off at the edge",
        "soft": "Looks blurred",
        "stamp": "Small picture",
    }
    for name, hint in told.items():
        expect(page.locator("li[draggable]").filter(has_text=name)).to_contain_text(hint)
    expect(page.get_by_text("1024 × 1024")).to_have_count(13)
    expect(page.locator("li[draggable] p.text-warn")).to_have_count(3)


# --- sending ----------------------------------------------------------------------------------


def refuse(page: Page, status: int, code: str, told: str) -> re.Pattern[str]:
    """Have the server refuse the second and the third picture; returns what is refused."""
    addresses = re.compile(r"/items/[12]/views/front")
    body = json.dumps({"code": code, "detail": told})
    page.route(
        addresses,
        lambda route: route.fulfill(
            status=status, content_type="application/problem+json", body=body
        ),
    )
    return addresses


def test_one_picture_is_sent_again(local_site: Site, visit: Visit) -> None:
    """What failed on the way is retried at its place, and then the job starts by itself."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures()[:3])
    refused = refuse(page, 409, "wrong_state", "The draft is busy.")
    page.get_by_role("button", name="Make 3 models").click()
    expect(page.get_by_text("The draft is busy.")).to_have_count(2)
    assert serious_faults(page) == []
    page.unroute(refused)
    page.get_by_role("button", name="Send again: cactus").click()
    expect(page.get_by_text("The draft is busy.")).to_have_count(1)
    page.get_by_role("button", name="Send again: duck").click()
    page.wait_for_url("**/jobs/*")
    wait_for_results(page)
    expect(page.locator("li[data-state=succeeded]")).to_have_count(3)


def test_what_is_refused_for_good_is_not_offered_again(local_site: Site, visit: Visit) -> None:
    """There is advice in place of the button, and the refused ones stay marked."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures()[:3])
    refused = refuse(page, 422, "picture_damaged", "The picture cannot be read.")
    page.get_by_role("button", name="Make 3 models").click()
    expect(page.get_by_text("The picture cannot be read.")).to_have_count(2)
    expect(page.get_by_text("Sending it again would not help.")).to_have_count(2)
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)
    assert serious_faults(page) == []
    page.unroute(refused)
    page.get_by_role("region", name="Total").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("The picture cannot be read.")).to_have_count(2)
    expect(page.get_by_text("1 of at most 25 objects")).to_be_visible()
    make(page, 1)
    wait_for_results(page)
    expect(page.locator("li[data-state=succeeded]")).to_have_count(1)


# --- what is not sent yet ---------------------------------------------------------------------


def kept(page: Page) -> None:
    """Wait until leaving the page would lose nothing."""
    page.wait_for_function(
        "() => { const event = new Event('beforeunload', { cancelable: true });"
        " window.dispatchEvent(event); return !event.defaultPrevented; }"
    )


def test_a_reload_keeps_the_pictures(local_site: Site, visit: Visit) -> None:
    """Their order, groups and sides are as they were, and so is the spreadsheet."""
    page = visit(local_site)
    open_upload(page, generator="Hull")
    add(page, [*sorted(VIEWS.iterdir()), *pictures()[:2]])
    page.get_by_role("button", name="Group them").click()
    page.get_by_role("button", name="Move duck earlier").or_(
        page.get_by_role("button", name="Move cactus earlier")
    ).first.click()
    before = names(page)
    assert len(before) == 3
    kept(page)
    page.reload()
    expect(page.locator("li[draggable]")).to_have_count(3)
    assert names(page) == before
    expect(page.get_by_text("4 views", exact=True)).to_be_visible()
    expect(page.get_by_text("6 pictures that you had not sent yet")).to_be_attached()
    page.get_by_role("radio", name="Hull", exact=True).check()
    for name in ("badge", "cactus"):
        page.get_by_role("button", name=f"Remove {name}", exact=True).click()
    make(page, 1)
    wait_for_results(page)
    expect(card(page, "penguin")).to_have_attribute("data-state", "succeeded")
    page.goto("/")
    expect(page.get_by_text("Drop pictures or a folder here")).to_be_visible()
    expect(page.locator("li[draggable]")).to_have_count(0)


def test_a_closed_tab_keeps_the_pictures(local_site: Site, visit: Visit) -> None:
    """The next tab has them; one beside it that is open begins with none."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures()[:2])
    kept(page)
    beside = page.context.new_page()
    open_upload(beside)
    beside.get_by_role("button", name="or all four").click()
    expect(beside.locator("li[draggable]")).to_have_count(4)
    page.close()
    later = beside.context.new_page()
    open_upload(later)
    expect(later.locator("li[draggable]")).to_have_count(2)
    assert names(later) == ["badge", "cactus"]


def test_what_cannot_be_kept_is_asked_about(local_site: Site, visit: Visit) -> None:
    """Without a database of its own the page asks before its pictures are lost."""
    page = visit(local_site)
    page.add_init_script("indexedDB.open = () => { throw new Error('forbidden'); };")
    open_upload(page)
    add(page, pictures()[:1])
    expect(page.get_by_text("1024 × 1024")).to_have_count(1)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    with page.expect_event("dialog"):
        page.close(run_before_unload=True)
    expect(page.get_by_text("1024 × 1024")).to_have_count(1)
    assert asked == ["beforeunload"]


def test_removing_all_asks_first(local_site: Site, visit: Visit) -> None:
    """One press does not throw away what somebody put together."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures()[:3])
    page.get_by_role("button", name="Remove all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Remove all 3 pictures?")
    page.keyboard.press("Escape")
    expect(page.locator("li[draggable]")).to_have_count(3)
    page.get_by_role("button", name="Remove all").click()
    dialog.get_by_role("button", name="Remove all").click()
    expect(page.locator("li[draggable]")).to_have_count(0)


def test_options_stay_open_while_they_are_set(local_site: Site, visit: Visit) -> None:
    """Setting the last one back closes nothing, nor does looking at another generator."""
    page = visit(local_site)
    open_upload(page, generator="Puff")
    panel = page.locator("details", has_text="Options")
    panel.locator("summary").click()
    for level in ("Low", "Medium", "Low"):
        panel.get_by_role("radio", name=level).check()
    panel.get_by_role("button", name="Reset").click()
    expect(panel.get_by_role("radio", name="Low")).to_be_visible()
    page.get_by_role("radio", name="Lathe", exact=True).check()
    expect(panel.get_by_role("radio", name="Low")).to_be_visible()
    page.get_by_role("radio", name="Puff", exact=True).check()
    panel.locator("summary").click()
    expect(panel.get_by_role("radio", name="Low")).to_be_hidden()


def test_an_address_being_typed_outlives_the_first_picture(local_site: Site, visit: Visit) -> None:
    """The field moves when the page fills; what stands in it, and the focus, move with it."""
    page = visit(local_site)
    open_upload(page)
    page.get_by_role("button", name="From the web").click()
    page.keyboard.type("https://example.com/cu")
    add(page, pictures()[:1])
    expect(page.locator("li[draggable]")).to_have_count(1)
    field = page.get_by_label("Address of a picture")
    expect(field).to_be_focused()
    page.keyboard.type("p.jpg")
    expect(field).to_have_value("https://example.com/cup.jpg")


def test_an_order_goes_on_while_its_page_is_left(local_site: Site, visit: Visit) -> None:
    """Who comes back finds it on its way, and nothing is sent or made twice."""
    page = visit(local_site)
    open_upload(page)
    add(page, pictures()[:2])
    held: list[Route] = []
    looking_away = True

    def hold(route: Route) -> None:
        if looking_away:
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile(r"/items/\d/views/front"), hold)
    page.get_by_role("button", name="Make 2 models").click()
    expect(page.get_by_text("Sending pictures")).to_be_visible()
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    page.get_by_role("link", name="Create").click()
    expect(page.get_by_text("Sending pictures")).to_be_visible()
    expect(page.get_by_role("button", name="Make 2 models")).to_have_count(0)
    looking_away = False
    for route in held:
        route.continue_()
    page.wait_for_url("**/jobs/*")
    wait_for_results(page)
    assert len(page.request.get("/api/v1/jobs").json()["jobs"]) == 1


def test_page_heals_when_the_server_comes_back(tmp_path: Path, visit: Visit) -> None:
    """Pictures stay, sending goes on, and nobody has to load the page again."""
    with open_site(tmp_path) as site:
        page = visit(site)
        open_upload(page)
        add(page, pictures()[:2])
        # Each page's code comes as a "node" when the first page has been there for a moment.
        page.wait_for_function(
            "() => performance.getEntriesByType('resource')"
            ".filter(({ name }) => name.includes('/nodes/')).length >= 5"
        )
        site.stop()
        page.get_by_role("button", name="Make 2 models").click()
        expect(page.get_by_text("The server does not answer. Is it running?")).to_be_visible()
        assert serious_faults(page) == []
        page.get_by_role("link", name="History").click()
        expect(page.get_by_text("Retrying automatically")).to_be_visible()
        site.start()
        expect(page.get_by_text("No jobs yet")).to_be_visible()
        page.get_by_role("link", name="Create").click()
        expect(page.locator("li[draggable]")).to_have_count(2)
        make(page, 2)
        wait_for_results(page)


def test_upload_on_a_phone(local_site: Site, visit: Visit, tmp_path: Path) -> None:
    """At 360 px all of it has room: the field, the sheet, its faults, groups, failed addresses."""
    sheet = tmp_path / "a-spreadsheet-with-quite-a-long-name-from-the-museum.csv"
    sheet.write_text("picture,height_mm\nmug.png,tall\n" + "x.png,wide\n" * 9)
    page = visit(local_site, **PHONE)
    open_upload(page, generator="Hull")
    page.get_by_role("button", name="From the web").click()
    assert overflow_px(page) == 0
    add(page, [*sorted(VIEWS.iterdir()), *pictures()[:2], sheet])
    page.get_by_role("button", name="Group them").click()
    paste_text(page, "https://localhost/a-picture-with-quite-a-long-name-of-many-words.png")
    expect(page.get_by_text("its address is not public")).to_be_visible()
    expect(page.get_by_test_id("sheet")).to_contain_text("and 13 more")
    assert overflow_px(page) == 0
    assert serious_faults(page) == []
